pub(crate) mod masked;
mod tile;

use crate::machine::{Machine, Sink};
use crate::tiles::Run;
use crate::{Error, Labels, Offsets, Prime, Program};
use rayon::prelude::*;
use sordino_kernels::hash::Tmmo;
use sordino_kernels::{Block, digits};
use std::iter::repeat_n;
use tile::Tile;
use zeroize::Zeroize;

/// Seeds of one circuit, wiped on drop. Everything the garbler draws follows from them.
pub(crate) struct Seeds {
    pub(crate) labels: Block,
    pub(crate) offsets: Block,
}

impl Seeds {
    pub(crate) fn new(seed: &[u8; 32]) -> Self {
        let half = |at: usize| {
            let mut bytes = [0; 16];
            bytes.copy_from_slice(&seed[at..at + 16]);
            Block(u128::from_le_bytes(bytes))
        };
        Self { labels: half(0), offsets: half(16) }
    }
}

impl Drop for Seeds {
    fn drop(&mut self) {
        self.labels.zeroize();
        self.offsets.zeroize();
    }
}

/// The party that makes a circuit: its tensors are zero labels.
///
/// Deterministic in its seed, so a circuit's input labels can be made again later. A seed is used
/// for one circuit only.
pub struct Garbler<S> {
    seeds: Seeds,
    hash: Tmmo,
    offsets: Offsets,
    next: u64,
    rows: Vec<Block>,
    sink: S,
}

impl<S: Sink> Garbler<S> {
    /// A garbler with a secret uniform seed that sends its tables to `sink`. `id` is public and
    /// different for every circuit: the evaluator gives the same.
    pub fn new(seed: &[u8; 32], id: Block, sink: S) -> Self {
        let seeds = Seeds::new(seed);
        let offsets = Offsets::new(seeds.offsets);
        Self { seeds, hash: Tmmo::new(id), offsets, next: 0, rows: Vec::new(), sink }
    }

    /// Fresh zero labels: those of the circuit's input, drawn before anything else.
    pub fn input(&mut self, prime: Prime, len: usize) -> Labels {
        let labels = fresh(self.seeds.labels, self.next, prime, len);
        self.next += len as u64;
        labels
    }

    /// Active labels of `values[i % values.len()]` in element `i`: for a peer that obliviously
    /// chooses one of several. Giving out two labels of one element gives the offset away.
    pub fn labels_of(&self, zero: &Labels, values: &[u8]) -> Labels {
        let p = zero.prime();
        let mut labels = zero.scale(1);
        let each: Vec<u8> = values.iter().copied().cycle().take(zero.len()).collect();
        digits::add_each(p.radix(), labels.digits_mut(), &each, self.offsets.get(p));
        labels
    }

    /// Adds values known to the garbler alone, given modulo the labels' prime, over and over.
    pub fn add_residues(&self, x: &mut Labels, residues: &[u8]) {
        let p = x.prime();
        let negated: Vec<u8> = residues.iter().map(|&v| p.minus(v)).cycle().take(x.len()).collect();
        digits::add_each(p.radix(), x.digits_mut(), &negated, self.offsets.get(p));
    }

    /// Ends garbling.
    pub fn finish(self) -> S {
        self.sink
    }
}

/// Zero labels number `first`, `first + 1`, … of a circuit.
pub(crate) fn fresh(seed: Block, first: u64, prime: Prime, len: usize) -> Labels {
    let mut labels = Labels::zero(prime, len);
    digits::sample(prime.radix(), seed, first, labels.digits_mut());
    labels
}

impl<S: Sink> Machine for Garbler<S> {
    fn run(&mut self, program: &Program, inputs: &[&Labels]) -> Result<Vec<Labels>, Error> {
        let run = Run::new(program, inputs, &self.hash, self.next);
        self.next += run.gates();
        let (seed, offsets) = (self.seeds.labels, &self.offsets);
        let mut results = Vec::new();
        for group in run.groups() {
            let size = group.len() * run.rows;
            let room = self.sink.room(size)?;
            let in_place = room.is_some();
            let mut rest = match room {
                Some(room) => room,
                None => {
                    self.rows.resize(size.max(self.rows.len()), Block::ZERO);
                    &mut self.rows[..size]
                }
            };
            let mut work = Vec::new();
            for range in Run::tiles(group) {
                let (rows, tail) = rest.split_at_mut(range.len() * run.rows);
                rest = tail;
                work.push((range, rows));
            }
            let garbled: Vec<_> = work
                .into_par_iter()
                .map(|(range, rows)| Tile::new(&run, seed, offsets, range, rows).garble())
                .collect();
            results.extend(garbled);
            if !in_place {
                self.sink.put(&self.rows[..size])?;
            }
        }
        Ok(run.collect(results.into_iter()))
    }

    fn add_constants(&self, x: &mut Labels, values: &[i128], repeat: usize) {
        let p = x.prime();
        let residues: Vec<u8> = values.iter().map(|&v| p.reduce(v)).collect();
        let each: Vec<u8> = residues.iter().flat_map(|&v| repeat_n(v, repeat)).collect();
        self.add_residues(x, &each);
    }
}
