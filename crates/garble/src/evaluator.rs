mod masked;
mod tile;

use crate::machine::{Machine, Source};
use crate::tiles::Run;
use crate::{Error, Labels, Program};
use rayon::prelude::*;
use sordino_kernels::Block;
use sordino_kernels::hash::Tmmo;
use tile::evaluate;

/// The party that evaluates a circuit: its tensors are active labels.
///
/// What it computes on depends on colours only, which are uniform: memory addresses and time show
/// nothing of the values.
pub struct Evaluator<S> {
    source: S,
    hash: Tmmo,
    next: u64,
}

impl<S: Source> Evaluator<S> {
    /// An evaluator of the circuit `id`, which takes `inputs` labels in all and whose tables come
    /// from `source`.
    pub fn new(source: S, id: Block, inputs: usize) -> Self {
        Self { source, hash: Tmmo::new(id), next: inputs as u64 }
    }

    /// Ends evaluation.
    pub fn finish(self) -> S {
        self.source
    }
}

impl<S: Source> Machine for Evaluator<S> {
    fn run(&mut self, program: &Program, inputs: &[&Labels]) -> Result<Vec<Labels>, Error> {
        let run = Run::new(program, inputs, &self.hash, self.next);
        self.next += run.gates();
        let mut results = Vec::new();
        for group in run.groups() {
            let start = group.start;
            let rows = self.source.take(group.len() * run.rows)?;
            let tiles: Vec<_> = Run::tiles(group)
                .into_par_iter()
                .map(|range| {
                    let at = (range.start - start) * run.rows;
                    let rows = &rows[at..at + range.len() * run.rows];
                    evaluate(&run, range, rows)
                })
                .collect();
            results.extend(tiles);
        }
        Ok(run.collect(results.into_iter()))
    }

    fn add_constants(&self, _: &mut Labels, _: &[i128], _: usize) {}
}
