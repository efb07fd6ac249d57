//! What parties compute, counted in units whose time is proportional to their number.
//!
//! Counts stand beside the cost functions of messages and, like them, follow from public numbers. How long a unit
//! takes is a machine's affair and not known here.

mod memory;
#[cfg(test)]
mod tests;
mod unit;

pub use memory::Memory;
pub(crate) use memory::{Held, Passing, WEIGHT};
pub(crate) use unit::paillier;
pub use unit::{RANDOMISING, Stage, Unit};

use sordino_wire::{Meter, Phase, Role};
use std::collections::BTreeMap;
use std::ops::AddAssign;

/// What each party computes in some part of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Work {
    client: BTreeMap<(Stage, Unit), u64>,
    server: BTreeMap<(Stage, Unit), u64>,
}

impl Work {
    /// Adds so many units to what a party does in a stage.
    pub fn add(&mut self, party: Role, stage: Stage, unit: Unit, amount: u64) {
        let amounts = match party {
            Role::Client => &mut self.client,
            Role::Server => &mut self.server,
        };
        if amount > 0 {
            *amounts.entry((stage, unit)).or_default() += amount;
        }
    }

    /// A party's units, by stage.
    pub fn of(&self, party: Role) -> impl Iterator<Item = (Stage, Unit, u64)> + '_ {
        let amounts = match party {
            Role::Client => &self.client,
            Role::Server => &self.server,
        };
        amounts.iter().map(|((stage, unit), amount)| (*stage, *unit, *amount))
    }

    /// How many of one unit a party has.
    pub fn amount(&self, party: Role, unit: Unit) -> u64 {
        self.of(party).filter(|(_, other, _)| *other == unit).map(|(_, _, amount)| amount).sum()
    }
}

impl AddAssign<&Self> for Work {
    fn add_assign(&mut self, other: &Self) {
        for party in [Role::Client, Role::Server] {
            other.of(party).for_each(|(stage, unit, n)| self.add(party, stage, unit, n));
        }
    }
}

/// Work by phase and layer, as a [`Meter`](sordino_wire::Meter) has messages.
#[derive(Clone, Debug)]
pub struct WorkLog {
    at: (Phase, Option<u32>),
    works: BTreeMap<(Phase, Option<u32>), Work>,
    pub(crate) held: Held,
}

impl Default for WorkLog {
    fn default() -> Self {
        Self { at: (Phase::Setup, None), works: BTreeMap::new(), held: Held::default() }
    }
}

impl WorkLog {
    /// Says what work from now on belongs to.
    fn set(&mut self, phase: Phase, layer: Option<u32>) {
        self.at = (phase, layer);
    }

    /// Adds so many units to a party's, in the stage in which they mostly are.
    pub(crate) fn add(&mut self, party: Role, unit: Unit, amount: usize) {
        self.add_in(unit.stage(), party, unit, amount);
    }

    /// The same to both parties'.
    pub(crate) fn add_both(&mut self, unit: Unit, amount: usize) {
        self.add(Role::Client, unit, amount);
        self.add(Role::Server, unit, amount);
    }

    /// So many units of a party's in another stage.
    pub(crate) fn add_in(&mut self, stage: Stage, party: Role, unit: Unit, amount: usize) {
        self.works.entry(self.at).or_default().add(party, stage, unit, amount as u64);
    }

    /// What was counted so far, per phase and layer.
    pub fn works(&self) -> &BTreeMap<(Phase, Option<u32>), Work> {
        &self.works
    }

    /// What each party's process holds at most.
    pub fn memory(&self) -> Memory {
        self.held.memory()
    }

    /// The sum over all phases and layers.
    pub fn total(&self) -> Work {
        let mut total = Work::default();
        self.works.values().for_each(|work| total += work);
        total
    }
}

/// Messages and work of a session.
pub(crate) struct Account {
    pub(crate) meter: Meter,
    pub(crate) work: WorkLog,
}

impl Account {
    pub(crate) fn new(role: Role) -> Self {
        Self { meter: Meter::new(role), work: WorkLog::default() }
    }

    /// Says what messages and work from now on belong to.
    pub(crate) fn set(&mut self, phase: Phase, layer: Option<u32>) {
        self.meter.set(phase, layer);
        self.work.set(phase, layer);
    }
}
