//! Predicted time: processor seconds of each party, and wall seconds over a link.
//!
//! Processor seconds are linear in the work that cost models count ([`Work`]), by a machine's [`Profile`]. Wall
//! seconds of a layer add up its stages: where both parties compute at once the slower one counts, where they answer
//! each other both do; then one-way delays times half the round trip, and bytes over the rate. Tables of a circuit are sent
//! while the next are made, so that the times of its layers add up to more than that of the circuit. A session begins with a
//! greeting; connecting before that (a round trip for TCP, one for TLS) is not counted.

#[cfg(test)]
mod tests;
mod wall;

use crate::{Cost, GarbledPlan, Plan, Profile};
use serde::Serialize;
use sordino_engine::work::{Unit, Work};
use sordino_engine::{Network, Role};
use std::iter::Sum;
use std::ops::{Add, AddAssign};

/// Processor seconds of each party.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Seconds {
    /// The data owner's.
    pub client: f64,
    /// The model owner's.
    pub server: f64,
}

impl Seconds {
    /// Of both parties.
    pub fn total(self) -> f64 {
        self.client + self.server
    }
}

impl Add for Seconds {
    type Output = Self;

    fn add(self, o: Self) -> Self {
        Self { client: self.client + o.client, server: self.server + o.server }
    }
}

/// How long some part of a session takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Span {
    /// Processor seconds.
    pub processor: Seconds,
    /// Seconds from beginning to end.
    pub wall: f64,
}

impl AddAssign for Span {
    fn add_assign(&mut self, o: Self) {
        self.processor = self.processor + o.processor;
        self.wall += o.wall;
    }
}

impl Sum for Span {
    fn sum<I: Iterator<Item = Self>>(all: I) -> Self {
        all.fold(Self::default(), |mut sum, span| {
            sum += span;
            sum
        })
    }
}

impl Span {
    /// Of work and messages.
    pub fn of(work: &Work, cost: &Cost, profile: &Profile, link: &Network) -> Self {
        let work = &with_messages(work, cost);
        let [client, server] = [Role::Client, Role::Server].map(|p| profile.processor(work, p));
        Self { processor: Seconds { client, server }, wall: wall::wall(work, cost, profile, link) }
    }
}

/// Work together with that of sending and receiving.
pub(crate) fn with_messages(work: &Work, cost: &Cost) -> Work {
    let mut work = work.clone();
    let mut add = |party, unit: Unit, n| work.add(party, unit.stage(), unit, n);
    for (sender, bytes) in [(Role::Client, cost.up), (Role::Server, cost.down)] {
        add(sender, Unit::ByteSent, bytes);
        add(sender.peer(), Unit::ByteReceived, bytes);
        add(sender, Unit::Message, cost.messages);
    }
    work
}

/// How long a layer takes in one inference.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct LayerTime {
    /// Name of the layer.
    pub name: String,
    /// Without the input.
    pub offline: Span,
    /// With it.
    pub online: Span,
}

/// How long a session with one inference takes, on a machine and over a link.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Timing {
    /// Once per session, from the greeting on: the parties are connected.
    pub setup: Span,
    /// Per inference, without the input.
    pub offline: Span,
    /// Per inference, with the input: what its owner waits for where the rest was prepared before.
    pub online: Span,
    /// By layer; what belongs to none is in the sums only.
    pub layers: Vec<LayerTime>,
}

impl Timing {
    /// One inference, set-up left out.
    pub fn inference(&self) -> Span {
        [self.offline, self.online].into_iter().sum()
    }

    /// A session with one inference.
    pub fn session(&self) -> Span {
        [self.setup, self.offline, self.online].into_iter().sum()
    }
}

impl Plan {
    /// Predicts the time on this machine, which both parties have one of, over this link.
    pub fn time(&self, profile: &Profile, link: &Network) -> Timing {
        let span = |work: &Work, cost: &Cost| Span::of(work, cost, profile, link);
        let layers: Vec<LayerTime> = self
            .layers
            .iter()
            .map(|l| LayerTime {
                name: l.name.clone(),
                offline: span(&l.offline_work, &l.offline),
                online: span(&l.online_work, &l.online),
            })
            .collect();
        let frame = span(&self.frame_work, &self.frame);
        let mut setup = span(&self.setup_work, &self.setup);
        setup.wall += wall::greeting(Role::Client, link);
        Timing {
            setup,
            offline: layers.iter().map(|l| l.offline).sum(),
            online: layers.iter().map(|l| l.online).chain([frame]).sum(),
            layers,
        }
    }
}

impl GarbledPlan {
    /// Predicts the time on this machine, which both parties have one of, over this link.
    pub fn time(&self, profile: &Profile, link: &Network) -> Timing {
        let span = |work: &Work, cost: &Cost| Span::of(work, cost, profile, link);
        // Bytes and rounds are those of a circuit: layers have only what is computed.
        let layers = self.layers.iter().map(|l| LayerTime {
            name: l.name.clone(),
            offline: span(&l.offline_work, &Cost { up: l.bytes, ..Cost::default() }),
            online: span(&l.online_work, &Cost::default()),
        });
        let mut setup = span(&self.setup_work, &self.setup);
        setup.wall += wall::greeting(Role::Server, link);
        let offline = Span {
            wall: wall::of_tables(&self.making, &self.offline, profile, link),
            ..span(&self.offline_work, &self.offline)
        };
        Timing {
            setup,
            offline,
            online: span(&self.online_work, &self.online),
            layers: layers.collect(),
        }
    }
}
