//! Measured runs, one after the other.

use super::clock::alone;
use crate::report::Watch;
use anyhow::{Context, Result, anyhow};
use sordino_engine::Role;
use sordino_engine::work::{Unit, Work};
use sordino_plan::Observation;
use sordino_wire::{Lane, memory_pair};
use std::collections::BTreeMap;

/// Units of work of a run.
pub(super) type Amounts = BTreeMap<Unit, f64>;

/// Counts units.
pub(super) fn amounts(units: impl IntoIterator<Item = (Unit, usize)>) -> Amounts {
    let mut amounts = Amounts::new();
    for (unit, n) in units.into_iter().filter(|(_, n)| *n > 0) {
        *amounts.entry(unit).or_default() += n as f64;
    }
    amounts
}

/// What a party does of this work.
pub(super) fn party(work: &Work, role: Role) -> Amounts {
    amounts(work.of(role).map(|(_, unit, n)| (unit, n as usize)))
}

/// What a run gives: parts of it with what was done and how long it took.
pub(super) type Parts = Vec<(String, Amounts, f64)>;

/// Collects what is measured.
pub(super) struct Runs {
    observed: Vec<Observation>,
    repeats: usize,
    /// Size of the runs, of 1.
    pub(super) size: f64,
    watch: Watch,
    done: u64,
    of: u64,
}

impl Runs {
    /// Repeats each of `of` runs so often.
    pub(super) fn new(of: u64, repeats: usize, size: f64) -> Self {
        Self { observed: Vec::new(), repeats, size, watch: Watch::new(false), done: 0, of }
    }

    /// So many, or fewer where runs are to be small; a multiple of 64.
    pub(super) fn scaled(&self, n: usize) -> usize {
        ((n as f64 * self.size) as usize).next_multiple_of(64)
    }

    /// Measures a run; of its repetitions the quickest counts, for others were disturbed.
    pub(super) fn measure(
        &mut self,
        name: &str,
        mut run: impl FnMut() -> Result<Parts>,
    ) -> Result<()> {
        self.watch.step(self.done, self.of, name);
        self.done += 1;
        let mut best: Parts = Vec::new();
        for _ in 0..self.repeats {
            let parts = run().with_context(|| format!("measuring {name}"))?;
            if best.is_empty() {
                best = parts;
                continue;
            }
            for (best, (_, _, seconds)) in best.iter_mut().zip(parts) {
                best.2 = best.2.min(seconds);
            }
        }
        self.observed.extend(best.into_iter().map(|(part, amounts, seconds)| Observation {
            name: format!("{name}, {part}"),
            amounts,
            seconds,
        }));
        Ok(())
    }

    /// What was observed.
    pub(super) fn finish(mut self) -> Vec<Observation> {
        self.watch.stop();
        self.observed
    }
}

/// Runs both parties, each on a thread, over a link in memory; gives what each came to, and its processor seconds.
pub(super) fn both<C: Send, S: Send>(
    client: impl FnOnce(Lane) -> Result<C> + Send,
    server: impl FnOnce(Lane) -> Result<S> + Send,
) -> Result<((C, f64), (S, f64))> {
    let (up, down) = memory_pair();
    on_lanes(move || client(up), move || server(down))
}

/// The same of parties that have their lanes or will have.
pub(super) fn on_lanes<C: Send, S: Send>(
    client: impl FnOnce() -> Result<C> + Send,
    server: impl FnOnce() -> Result<S> + Send,
) -> Result<((C, f64), (S, f64))> {
    std::thread::scope(|scope| {
        let server = scope.spawn(|| alone(server));
        let client = alone(client);
        let server = server.join().map_err(|_| anyhow!("a measured party failed"))?;
        Ok((client?, server?))
    })
}
