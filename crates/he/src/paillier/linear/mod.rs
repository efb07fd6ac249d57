//! Convolutions of encrypted inputs with a server's weights.
//!
//! A dot product is a product of powers: the ciphertext of x_i to the power w_i. Of each input the powers 1, 3, 5, ...
//! are made once, and of its inverse where there are negative weights; then every weight of every output is a few digits
//! of the non-adjacent form, one product each, into one product per bit position, and Horner's rule over positions. So a
//! weight costs one product, or a little more for long weights, and a weight of zero nothing. How many multiples pay
//! depends on the weights; [`Linear::new`] counts.
//!
//! *Security*: running time, and access to memory on the server, depend on the weights. They are the server's own
//! secret; the client sees when each part of a layer is done, which tells it about how many weights are not zero and how
//! large the largest is. Nothing else depends on weights; results must be re-randomised before they are sent
//! ([`Computed::release`]), which the types see to.
//!
//! *Source*: simultaneous exponentiation with interleaved windows, Moeller, "Algorithms for multi-exponentiation", SAC
//! 2001; tables are shared by all outputs that read an input.

mod bands;
mod digits;
mod layout;
mod schedule;
mod table;
mod tiles;

pub use layout::Layout;

use rayon::prelude::*;
use sordino_kernels::bigint::{LANES, Limbs, Modulus, Scratch};

use super::{Ciphertexts, Computed, PublicKey};
use crate::Error;
use bands::{TableRows, bands};
use digits::Term;
use layout::Tap;
use schedule::{Machine, Operand, Step};
use table::Table;

/// A convolution's weights, prepared.
pub struct Linear {
    layout: Layout,
    /// For each output channel.
    terms: Vec<Vec<Term>>,
    /// Odd multiples of an input, from 1 on.
    multiples: usize,
    /// Whether there are negative digits.
    negates: bool,
    positions: usize,
}

/// What a layer takes, in products and squares of eight ciphertexts at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Products of eight, those of inversions and joining included.
    pub products: u64,
    /// Squares of eight.
    pub squares: u64,
}

impl Cost {
    /// In products of one, of which a square takes three quarters.
    pub fn total(&self) -> u64 {
        LANES as u64 * (4 * self.products + 3 * self.squares) / 4
    }
}

/// Widest digits that are tried: 64 multiples.
const WIDEST: u32 = 8;
/// Multiples that may be in memory at once, in residues of up to a kilobyte. Half of it takes a few percent more products of the
/// largest layers, twice of it saves a few.
const MAX_MULTIPLES: usize = 1 << 18;

impl Linear {
    /// Prepares the weights: `cout` x `cin / groups` x kernel, row-major.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there is not a weight for each tap.
    pub fn new(layout: &Layout, weights: &[i32]) -> Result<Self, Error> {
        let shape = layout.shape();
        if weights.len() != shape.kernel_len() {
            return Err(Error::Misuse(format!(
                "{} weights for a kernel of {}",
                weights.len(),
                shape.kernel_len()
            )));
        }
        let [kh, kw] = shape.kernel.map(|k| k as usize);
        let tap = |i: usize| Tap {
            channel: (i / (kh * kw)) as u32,
            ky: (i / kw % kh) as u32,
            kx: (i % kw) as u32,
        };
        let new = |width: u32| {
            let kernels = weights.chunks_exact(shape.taps());
            let terms = kernels
                .map(|kernel| {
                    digits::terms(width, kernel.iter().enumerate().map(|(i, w)| (tap(i), *w)))
                })
                .collect();
            Self::of(layout, terms)
        };
        let fits = |linear: &Self| linear.in_memory() <= MAX_MULTIPLES;
        let wider = (3..=WIDEST).map(new).filter(fits);
        // The first of equals is the narrowest.
        let best = std::iter::once(new(2)).chain(wider).min_by_key(Self::estimate);
        best.ok_or_else(|| Error::Misuse("no form of the weights".into()))
    }

    fn of(layout: &Layout, terms: Vec<Vec<Term>>) -> Self {
        let all = || terms.iter().flatten();
        let (multiples, positions) = (
            all().map(|term| usize::from(term.multiple) + 1).max().unwrap_or(1),
            all().map(|term| usize::from(term.position) + 1).max().unwrap_or(0),
        );
        let negates = all().any(|term| term.negative);
        Self { layout: layout.clone(), terms, multiples, negates, positions }
    }

    /// Products of all results and tables, about.
    fn estimate(&self) -> u64 {
        let (_, rows, pieces) = self.layout.results_by_channel();
        let fold = |terms: &Vec<Term>| {
            let top = terms.iter().map(|term| usize::from(term.position)).max().unwrap_or(0);
            terms.len() + 2 * top
        };
        let channels: usize = self.terms.iter().map(fold).sum();
        let tables = table::cost(self);
        (channels * rows * pieces / LANES) as u64
            + (tables.products + tables.squares) * self.layout.line()[1] as u64
    }

    /// Residues of the tables that are in memory at once, at most.
    fn in_memory(&self) -> usize {
        let each = (1 + usize::from(self.negates)) * self.multiples;
        TableRows::new(&self.layout).held() * self.layout.inputs_of_row() * each
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// What [`Self::apply`] takes, exactly, but for the inversions' few products per core and row.
    ///
    /// *Cost*: some nanoseconds per weight and output.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for band in bands(&self.layout) {
            let groups = (0..band.len().div_ceil(LANES)).into_par_iter().map(|group| {
                let mut counter = Cost::default();
                let results = band.group(group);
                schedule::run(&self.layout, self.positions, &self.terms, results, &mut counter);
                counter
            });
            let band = groups.reduce(Cost::default, |a, b| a.and(b, 1));
            cost = cost.and(band, 1);
        }
        if self.positions == 0 {
            return cost;
        }
        if let Some(packing) = self.layout.packing() {
            let (slots, joined) = self.layout.joined();
            let join = Cost {
                products: joined as u64,
                squares: ((joined - 1) * slots * packing.slot_bits()) as u64,
            };
            cost = cost.and(join, self.layout.results().div_ceil(LANES) as u64);
        }
        let made =
            TableRows::new(&self.layout).bands.iter().map(|band| band.made.len()).sum::<usize>();
        cost.and(table::cost(self), made as u64)
    }

    /// The convolution of encrypted inputs: `each` takes the results part by part, in the order of [`Layout::parts`].
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are not as many ciphertexts as the layout says; what `each` returns.
    pub fn apply<E: From<Error>>(
        &self,
        inputs: &Ciphertexts,
        each: impl FnMut(Computed) -> Result<(), E>,
    ) -> Result<(), E> {
        self.run(inputs.key(), inputs.residues(), each)
    }

    /// The convolution of computed ciphertexts, in the layout's order.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are not as many ciphertexts as the layout says.
    pub fn apply_to_computed(&self, inputs: &Computed) -> Result<Computed, Error> {
        self.apply_in_parts(inputs, || Ok(()))
    }

    /// The same, with a call after each of [`Layout::parts`].
    ///
    /// # Errors
    /// As [`Self::apply_to_computed`]; what `done` returns.
    pub fn apply_in_parts<E: From<Error>>(
        &self,
        inputs: &Computed,
        mut done: impl FnMut() -> Result<(), E>,
    ) -> Result<Computed, E> {
        let limbs = inputs.key().0.modulus.limbs();
        let mut out = vec![0; self.layout.results() * limbs];
        let mut parts = self.layout.parts().into_iter();
        self.run(inputs.key(), inputs.residues(), |results| {
            let places = parts.next().into_iter().flatten();
            for (place, residue) in places.zip(results.residues().chunks_exact(limbs)) {
                out[place * limbs..(place + 1) * limbs].copy_from_slice(residue);
            }
            done()
        })?;
        Ok(Computed::new(inputs.key(), out))
    }

    fn run<E: From<Error>>(
        &self,
        key: &PublicKey,
        inputs: &[u64],
        mut each: impl FnMut(Computed) -> Result<(), E>,
    ) -> Result<(), E> {
        let (modulus, layout) = (&key.0.modulus, &self.layout);
        let limbs = modulus.limbs();
        let count = inputs.len() / limbs;
        if count != layout.inputs() {
            let expected = layout.inputs();
            return Err(
                Error::Misuse(format!("{count} ciphertexts for a layer of {expected}")).into()
            );
        }
        let mut tables: Vec<Option<Table>> =
            std::iter::repeat_with(|| None).take(layout.line()[1]).collect();
        let mut joined = Vec::new();
        for (band, rows) in bands(layout).zip(TableRows::new(layout).bands) {
            for row in rows.made.iter().filter(|_| self.positions > 0) {
                tables[*row] = Some(Table::new(self, key, inputs, *row)?);
            }
            let mut out = vec![0; band.len() * limbs];
            out.par_chunks_mut(LANES * limbs).enumerate().for_each_init(
                || Registers::new(modulus, self, &tables),
                |registers, (i, out)| self.group(modulus, registers, band.group(i), out),
            );
            for row in rows.dropped {
                tables[row] = None;
            }
            if layout.packing().is_some() {
                joined.push((band, out));
            } else {
                each(Computed::new(key, out))?;
            }
        }
        let Some(packing) = layout.packing() else { return Ok(()) };
        let mut all = vec![0; layout.separate() * limbs];
        for (band, out) in joined {
            let own = band.of_channel(0).len() * limbs;
            for (channel, out) in out.chunks_exact(own).enumerate() {
                let results = band.of_channel(channel);
                all[results.start * limbs..results.end * limbs].copy_from_slice(out);
            }
        }
        let (slots, joined) = layout.joined();
        each(packing.join_packed(slots, joined, &Computed::new(key, all))?)
    }

    /// Up to eight results.
    fn group(
        &self,
        modulus: &Modulus,
        registers: &mut Registers<'_>,
        results: [Option<usize>; LANES],
        out: &mut [u64],
    ) {
        registers.set.fill(false);
        let end = schedule::run(&self.layout, self.positions, &self.terms, results, registers);
        for (lane, residue) in out.chunks_exact_mut(modulus.limbs()).enumerate() {
            match end {
                Some(end) => modulus.scatter(&registers.values[end], lane, residue),
                None => residue.copy_from_slice(modulus.one()),
            }
        }
    }
}

impl Cost {
    fn and(self, other: Self, times: u64) -> Self {
        Self {
            products: self.products + other.products * times,
            squares: self.squares + other.squares * times,
        }
    }
}

impl Machine for Cost {
    fn place(&mut self, _: &Step, multiply: bool) {
        self.products += u64::from(multiply);
    }
    fn copy(&mut self, _: usize, _: usize) {}
    fn multiply(&mut self, _: usize, _: usize) {
        self.products += 1;
    }
    fn square(&mut self, _: usize) {
        self.squares += 1;
    }
}

/// Products of positions of one group of results, and the result.
struct Registers<'a> {
    modulus: &'a Modulus,
    scratch: Scratch,
    tables: &'a [Option<Table>],
    rows: usize,
    values: Vec<Vec<Limbs>>,
    /// Which registers hold something; the lanes that hold nothing are 1.
    set: Vec<bool>,
    operand: Vec<Limbs>,
    gathered: Vec<Limbs>,
    line: usize,
}

impl<'a> Registers<'a> {
    fn new(modulus: &'a Modulus, linear: &Linear, tables: &'a [Option<Table>]) -> Self {
        let zeros = vec![Limbs::default(); modulus.limbs()];
        let [line, rows] = linear.layout.line();
        let registers = linear.positions + 1;
        Self {
            modulus,
            scratch: modulus.scratch(),
            tables,
            rows,
            values: vec![zeros.clone(); registers],
            set: vec![false; registers],
            operand: zeros.clone(),
            gathered: zeros,
            line,
        }
    }

    fn residue(&self, operand: &Operand) -> &'a [u64] {
        let row = operand.input / self.line % self.rows;
        self.tables[row].as_ref().expect("a band's rows are made before it").residue(operand)
    }
}

impl Machine for Registers<'_> {
    fn place(&mut self, step: &Step, multiply: bool) {
        let modulus = self.modulus;
        for (lane, operand) in step.lanes.iter().enumerate() {
            let residue = operand.as_ref().map_or(modulus.one(), |operand| self.residue(operand));
            modulus.place(&mut self.operand, lane, residue);
        }
        let active =
            step.lanes.iter().enumerate().filter_map(|(i, x)| Some((i, x.as_ref()?.position)));
        let common = active.clone().next().map(|(_, position)| position);
        let common =
            common.filter(|common| active.clone().all(|(_, position)| position == *common));
        match common {
            Some(position) if !self.set[position] => {
                self.values[position].copy_from_slice(&self.operand);
                self.set[position] = true;
            }
            Some(position) if multiply => {
                modulus.mul_assign(&mut self.scratch, &mut self.values[position], &self.operand);
            }
            _ => {
                for (_, position) in active.clone() {
                    if !self.set[position] {
                        modulus.gather(&[], [None; LANES], &mut self.values[position]);
                        self.set[position] = true;
                    }
                }
                if multiply {
                    for (lane, position) in active.clone() {
                        modulus.copy_lane(&self.values[position], lane, &mut self.gathered);
                    }
                    modulus.mul_assign(&mut self.scratch, &mut self.gathered, &self.operand);
                    active.for_each(|(lane, position)| {
                        modulus.copy_lane(&self.gathered, lane, &mut self.values[position]);
                    });
                } else {
                    active.for_each(|(lane, position)| {
                        modulus.copy_lane(&self.operand, lane, &mut self.values[position]);
                    });
                }
            }
        }
    }

    fn copy(&mut self, to: usize, from: usize) {
        if let Ok([to, from]) = self.values.get_disjoint_mut([to, from]) {
            to.copy_from_slice(from);
        }
    }

    fn multiply(&mut self, to: usize, by: usize) {
        if let Ok([to, by]) = self.values.get_disjoint_mut([to, by]) {
            self.modulus.mul_assign(&mut self.scratch, to, by);
        }
    }

    fn square(&mut self, register: usize) {
        self.modulus.square_assign(&mut self.scratch, &mut self.values[register], 1);
    }
}
