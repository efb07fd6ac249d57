//! Convolutions of encrypted inputs with a server's weights.
//!
//! A dot product is a product of powers: the ciphertext of x_i to the power w_i. Weights are cut into signed digits, and
//! for each digit the ciphertexts that have it (inverted where it is negative) are multiplied into one bucket. Then
//! buckets are folded by running products. So a weight costs about one product, and a weight of zero nothing. Which
//! digits are best depends on the weights; [`Linear::new`] counts.
//!
//! *Security*: running time, and access to memory on the server, depend on the weights. They are the server's own
//! secret; the client sees the time of the whole layer, which tells it about how many weights are not zero and how
//! large the largest is. Nothing else depends on weights; results must be re-randomised before they are sent
//! ([`Computed::release`]), which the types see to.
//!
//! *Source*: the bucket method is Pippenger's, as in Bernstein, Doumen, Lange, Oosterwijk, "Faster batch forgery
//! identification", INDOCRYPT 2012, section 4.

mod digits;
mod layout;
mod schedule;

pub use layout::Layout;

use rayon::prelude::*;
use sordino_kernels::bigint::{LANES, Limbs, Modulus, Scratch};

use super::{Ciphertexts, Computed, PublicKey, batch};
use crate::Error;
use digits::{Digits, Term};
use layout::Tap;
use schedule::{EXTRA, Machine, Operand, Step};

/// A convolution's weights, prepared.
pub struct Linear {
    layout: Layout,
    digits: Digits,
    /// For each output channel.
    terms: Vec<Vec<Term>>,
}

/// What a layer takes, in products and squares of eight ciphertexts at once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Products of eight, those of shifts and inversions included.
    pub products: u64,
    /// Squares of eight.
    pub squares: u64,
}

/// Widest digits that are tried: their buckets fill the second-level cache.
const WIDEST: usize = 8;

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
        let largest = weights.iter().map(|w| w.unsigned_abs()).max().unwrap_or(0);
        let terms = |digits: Digits| -> Vec<Vec<Term>> {
            let kernels = weights.chunks_exact(shape.taps());
            kernels
                .map(|kernel| {
                    digits.terms(kernel.iter().enumerate().map(|(i, weight)| (tap(i), *weight)))
                })
                .collect()
        };
        let best = (1..=WIDEST)
            .map(|width| Digits::new(width, largest))
            .min_by_key(|digits| estimate(*digits, &terms(*digits)));
        let digits = best.unwrap_or(Digits::new(1, largest));
        Ok(Self { layout: layout.clone(), digits, terms: terms(digits) })
    }

    /// The layout.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn negates(&self) -> bool {
        self.terms.iter().flatten().any(|term| term.negative)
    }

    /// What [`Self::apply`] takes, exactly, but for the inversions' few products per core.
    ///
    /// *Cost*: some nanoseconds per weight and output.
    pub fn cost(&self) -> Cost {
        let (bits, reach) = self.layout.shifts();
        let inputs = self.layout.inputs();
        let results = self.layout.results();
        let groups = (0..results).into_par_iter().step_by(LANES).map(|first| {
            let mut counter = Cost::default();
            schedule::run(&self.layout, self.digits, &self.terms, first, results, &mut counter);
            counter
        });
        let mut cost = groups.reduce(Cost::default, |a, b| Cost {
            products: a.products + b.products,
            squares: a.squares + b.squares,
        });
        cost.squares += (inputs.div_ceil(LANES) * bits * reach) as u64;
        if self.negates() {
            cost.products += 3 * (inputs * (reach + 1)).div_ceil(LANES) as u64;
        }
        cost
    }

    /// The convolution of encrypted inputs, in the layout's order.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are not as many ciphertexts as the layout says.
    pub fn apply(&self, inputs: &Ciphertexts) -> Result<Computed, Error> {
        self.run(inputs.key(), inputs.residues())
    }

    /// The same of computed ciphertexts.
    ///
    /// # Errors
    /// As [`Self::apply`].
    pub fn apply_to_computed(&self, inputs: &Computed) -> Result<Computed, Error> {
        self.run(inputs.key(), inputs.residues())
    }

    fn run(&self, key: &PublicKey, inputs: &[u64]) -> Result<Computed, Error> {
        let modulus = &key.0.modulus;
        let count = inputs.len() / modulus.limbs();
        if count != self.layout.inputs() {
            return Err(Error::Misuse(format!(
                "{count} ciphertexts for a layer of {}",
                self.layout.inputs()
            )));
        }
        let shifted = self.shifted(modulus, inputs);
        let inverse = if self.negates() {
            let what = "Paillier ciphertext: not invertible";
            let inverse = batch::invert(modulus, &key.0.square, &shifted);
            inverse.ok_or(Error::PeerMisbehaved { what })?
        } else {
            Vec::new()
        };
        let (limbs, results) = (modulus.limbs(), self.layout.results());
        let mut out = vec![0; results * limbs];
        out.par_chunks_mut(LANES * limbs).enumerate().for_each_init(
            || Registers::new(modulus, self, &shifted, &inverse),
            |registers, (i, out)| {
                registers.clear();
                let (digits, first) = (self.digits, i * LANES);
                let end =
                    schedule::run(&self.layout, digits, &self.terms, first, results, registers);
                for (lane, residue) in out.chunks_exact_mut(limbs).enumerate() {
                    match end {
                        Some(end) => modulus.scatter(&registers.values[end], lane, residue),
                        None => residue.copy_from_slice(modulus.one()),
                    }
                }
            },
        );
        Ok(Computed::new(key, out))
    }

    /// For each input the ciphertexts shifted by 0, 1, ... slots.
    fn shifted(&self, modulus: &Modulus, inputs: &[u64]) -> Vec<u64> {
        let (bits, reach) = self.layout.shifts();
        if reach == 0 {
            return inputs.to_vec();
        }
        let (limbs, count) = (modulus.limbs(), self.layout.inputs());
        let mut out = vec![0; inputs.len() * (reach + 1)];
        out.par_chunks_mut(LANES * limbs * (reach + 1)).enumerate().for_each_init(
            || (modulus.scratch(), vec![Limbs::default(); limbs]),
            |(scratch, group), (i, out)| {
                modulus.gather(inputs, batch::lanes(i, count), group);
                for shift in 0..=reach {
                    if shift > 0 {
                        modulus.square_assign(scratch, group, bits);
                    }
                    let places = out.chunks_exact_mut(limbs).skip(shift).step_by(reach + 1);
                    for (lane, residue) in places.enumerate() {
                        modulus.scatter(group, lane, residue);
                    }
                }
            },
        );
        out
    }
}

/// Products of a typical result.
fn estimate(digits: Digits, terms: &[Vec<Term>]) -> usize {
    let of = |terms: &Vec<Term>| {
        let mut used = vec![false; digits.buckets()];
        terms.iter().for_each(|term| used[term.bucket] = true);
        let tops = used.chunks(digits.largest).map(|used| {
            let top = used.iter().rposition(|used| *used).map_or(0, |top| top + 1);
            top.saturating_sub(1) + usize::from(top > 0)
        });
        terms.len() + tops.sum::<usize>() + digits.width * (digits.positions - 1)
    };
    terms.iter().map(of).sum()
}

impl Machine for Cost {
    fn place(&mut self, _: &Step, multiply: bool) {
        self.products += u64::from(multiply);
    }
    fn copy(&mut self, _: usize, _: usize) {}
    fn multiply(&mut self, _: usize, _: usize) {
        self.products += 1;
    }
    fn square(&mut self, _: usize, times: usize) {
        self.squares += times as u64;
    }
}

/// Buckets and sums of one group of results.
struct Registers<'a> {
    modulus: &'a Modulus,
    scratch: Scratch,
    /// Shifted inputs per input.
    stride: usize,
    plain: &'a [u64],
    inverse: &'a [u64],
    values: Vec<Vec<Limbs>>,
    /// Which registers hold something; the lanes that hold nothing are 1.
    set: Vec<bool>,
    operand: Vec<Limbs>,
    gathered: Vec<Limbs>,
}

impl<'a> Registers<'a> {
    fn new(modulus: &'a Modulus, linear: &Linear, plain: &'a [u64], inverse: &'a [u64]) -> Self {
        let zeros = vec![Limbs::default(); modulus.limbs()];
        let registers = linear.digits.buckets() + EXTRA;
        Self {
            modulus,
            scratch: modulus.scratch(),
            stride: linear.layout.shifts().1 + 1,
            plain,
            inverse,
            values: vec![zeros.clone(); registers],
            set: vec![false; registers],
            operand: zeros.clone(),
            gathered: zeros,
        }
    }

    fn clear(&mut self) {
        self.set.fill(false);
    }

    fn residue(&self, operand: &Operand) -> &'a [u64] {
        let from = if operand.negative { self.inverse } else { self.plain };
        let at = (operand.input * self.stride + operand.shift) * self.modulus.limbs();
        &from[at..at + self.modulus.limbs()]
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
            step.lanes.iter().enumerate().filter_map(|(i, x)| Some((i, x.as_ref()?.bucket)));
        let common = active.clone().next().map(|(_, bucket)| bucket);
        let common = common.filter(|common| active.clone().all(|(_, bucket)| bucket == *common));
        match common {
            Some(bucket) if !self.set[bucket] => {
                self.values[bucket].copy_from_slice(&self.operand);
                self.set[bucket] = true;
            }
            Some(bucket) if multiply => {
                modulus.mul_assign(&mut self.scratch, &mut self.values[bucket], &self.operand);
            }
            _ => {
                for (_, bucket) in active.clone() {
                    if !self.set[bucket] {
                        modulus.gather(&[], [None; LANES], &mut self.values[bucket]);
                        self.set[bucket] = true;
                    }
                }
                if multiply {
                    for (lane, bucket) in active.clone() {
                        modulus.copy_lane(&self.values[bucket], lane, &mut self.gathered);
                    }
                    modulus.mul_assign(&mut self.scratch, &mut self.gathered, &self.operand);
                    active.for_each(|(lane, bucket)| {
                        modulus.copy_lane(&self.gathered, lane, &mut self.values[bucket]);
                    });
                } else {
                    active.for_each(|(lane, bucket)| {
                        modulus.copy_lane(&self.operand, lane, &mut self.values[bucket]);
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

    fn square(&mut self, register: usize, times: usize) {
        self.modulus.square_assign(&mut self.scratch, &mut self.values[register], times);
    }
}
