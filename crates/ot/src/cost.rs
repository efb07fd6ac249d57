//! Replays the messages of a supply of COTs, to know beforehand exactly what it will cost.

use sordino_wire::{Meter, Role};

use crate::{Supply, ferret, softspoken};

/// The state of one direction's supply as far as message lengths depend on it: the public twin of
/// [`crate::CotSender`] and [`crate::CotReceiver`].
#[derive(Clone, Debug)]
pub struct Costs {
    supply: Supply,
    sender: Role,
    plan: ferret::Plan,
    made: u64,
}

impl Costs {
    /// Replays the set-up in which `sender` is the COT sender.
    pub fn setup(m: &mut Meter, supply: Supply, sender: Role) -> Self {
        match supply {
            Supply::SoftSpoken { k } => softspoken::cost_setup(m, sender, k),
            Supply::Ferret => ferret::cost_setup(m, sender),
        }
        Self { supply, sender, plan: ferret::Plan::default(), made: 0 }
    }

    /// Replays the making of `n` COTs.
    pub fn extend(&mut self, m: &mut Meter, n: usize) {
        self.made += n as u64;
        match self.supply {
            Supply::SoftSpoken { k } => softspoken::cost_extend(m, self.sender, k, n),
            Supply::Ferret => ferret::cost_extend(m, self.sender, &mut self.plan, n),
        }
    }

    /// COTs made so far.
    pub fn made(&self) -> u64 {
        self.made
    }
}
