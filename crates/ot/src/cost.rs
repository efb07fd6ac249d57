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
    computed: Computed,
}

/// COTs that an iteration of Ferret makes at most, and keeps until they are asked for.
pub const MOST_MADE: usize = ferret::MOST_MADE;

/// What making COTs takes a party to compute: it may make more than are asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Computed {
    /// COTs of SoftSpoken, those that start Ferret among them.
    pub softspoken: u64,
    /// COTs of Ferret's iterations.
    pub iterated: u64,
}

impl Computed {
    /// What came after `before`.
    pub fn since(self, before: Self) -> Self {
        Self {
            softspoken: self.softspoken - before.softspoken,
            iterated: self.iterated - before.iterated,
        }
    }
}

impl Costs {
    /// Replays the set-up in which `sender` is the COT sender.
    pub fn setup(m: &mut Meter, supply: Supply, sender: Role) -> Self {
        match supply {
            Supply::SoftSpoken { k } => softspoken::cost_setup(m, sender, k),
            Supply::Ferret => ferret::cost_setup(m, sender),
        }
        Self {
            supply,
            sender,
            plan: ferret::Plan::default(),
            made: 0,
            computed: Computed::default(),
        }
    }

    /// Replays the making of `n` COTs.
    pub fn extend(&mut self, m: &mut Meter, n: usize) {
        self.made += n as u64;
        match self.supply {
            Supply::SoftSpoken { k } => {
                softspoken::cost_extend(m, self.sender, k, n);
                self.computed.softspoken += n as u64;
            }
            Supply::Ferret => {
                let Self { sender, plan, computed, .. } = self;
                ferret::cost_extend(m, *sender, plan, n, computed);
            }
        }
    }

    /// COTs made so far.
    pub fn made(&self) -> u64 {
        self.made
    }

    /// Where they come from, and who sends.
    pub fn source(&self) -> (Supply, Role) {
        (self.supply, self.sender)
    }

    /// What was computed for them so far.
    pub fn computed(&self) -> Computed {
        self.computed
    }
}
