//! Linear layers: on lattice ciphertexts or on correlated transfers, as the session agreed.

pub(crate) mod lattice;

use super::transfer::{self, Task};
use super::{CotPool, Settings};
use crate::session::LinearChoice;
use crate::{Clock, Error, Layer};
use sordino_graph::fixed::{FixedGraph, FixedOp, Weights, semantics};
use sordino_he::{ClientKeys, ServerKeys};
use sordino_ot::cost::Costs;
use sordino_secret::{Party, Ring, SecretRng, Share};
use sordino_wire::{Lane, Meter, Phase};

/// What a session's parties derive from the graph.
pub(crate) enum Plans {
    Lattice(lattice::Plans),
    Transfer(transfer::Plans),
}

/// One party's secret side of the linear layers.
pub(crate) enum LinearSide<'a> {
    LatticeClient {
        plans: &'a lattice::Plans,
        keys: &'a [ClientKeys],
    },
    LatticeServer {
        plans: &'a lattice::Plans,
        keys: &'a [ServerKeys],
        kernels: &'a lattice::Kernels,
    },
    TransferClient {
        plans: &'a transfer::Plans,
    },
    TransferServer {
        plans: &'a transfer::Plans,
        weights: &'a Weights,
    },
}

/// What a layer works with.
pub(crate) struct Tools<'a> {
    pub lane: &'a mut Lane,
    pub clock: &'a mut Clock,
    pub pool: &'a mut CotPool,
    pub rng: &'a mut SecretRng,
    /// To which the messages that depend on the operand belong.
    pub phase: Phase,
}

impl Plans {
    /// For a graph all of whose layers must have a meaning on shares.
    pub(crate) fn new(graph: &FixedGraph, settings: &Settings) -> Result<Self, Error> {
        Ok(match settings.linear {
            LinearChoice::Lattice => Self::Lattice(lattice::Plans::new(graph)?),
            LinearChoice::Transfer => {
                super::support::on_shares(graph)?;
                Self::Transfer(transfer::Plans::new(graph, settings.supply.into())?)
            }
        })
    }

    /// Client: makes keys and sends the public ones.
    pub(crate) fn send_keys(
        &self,
        lane: &mut Lane,
        rng: &mut SecretRng,
    ) -> Result<Vec<ClientKeys>, Error> {
        match self {
            Self::Lattice(plans) => plans.send_keys(lane, rng),
            Self::Transfer(_) => Ok(Vec::new()),
        }
    }

    /// Messages of the keys.
    pub(crate) fn cost_setup(&self, m: &mut Meter) {
        if let Self::Lattice(plans) = self {
            plans.cost_setup(m);
        }
    }

    /// Messages of one layer, those that depend on the operand in `phase`. `supplies` have the
    /// server and the client as sender.
    pub(crate) fn cost(
        &self,
        m: &mut Meter,
        supplies: &mut Option<[Costs; 2]>,
        phase: Phase,
        l: &Layer<'_>,
    ) -> Result<(), Error> {
        match self {
            Self::Lattice(plans) => {
                m.set(phase, Some(l.index));
                plans.cost(m, l)
            }
            Self::Transfer(plans) => {
                for task in plans.layer(l)?.tasks() {
                    m.set(Phase::Offline, Some(l.index));
                    task.needs().cost(m, supplies);
                    m.set(phase, Some(l.index));
                    task.cost(m);
                }
                Ok(())
            }
        }
    }

    /// The client's side.
    pub(crate) fn client<'a>(&'a self, keys: &'a [ClientKeys]) -> LinearSide<'a> {
        match self {
            Self::Lattice(plans) => LinearSide::LatticeClient { plans, keys },
            Self::Transfer(plans) => LinearSide::TransferClient { plans },
        }
    }
}

impl LinearSide<'_> {
    /// This party's share of `W x + bias`, `bias` given per output element at the server.
    pub(crate) fn run<P: Party>(
        &self,
        tools: &mut Tools<'_>,
        l: &Layer<'_>,
        x: &Share<P>,
        bias: Option<Vec<u64>>,
    ) -> Result<Vec<u64>, Error> {
        let bias = bias.unwrap_or_default();
        match self {
            Self::LatticeClient { plans, keys } => {
                plans.client(tools.lane, keys, l, x.expose(), tools.rng)
            }
            Self::LatticeServer { plans, keys, kernels } => {
                plans.server(tools.lane, (keys, kernels), l, x.expose(), &bias, tools.rng)
            }
            Self::TransferClient { plans } => {
                let plan = plans.layer(l)?;
                let (x, mut sums) = (plan.elements(x.expose()), plan.sums());
                for task in plan.tasks() {
                    let cots = tools.draw::<P>(l, &task)?;
                    task.send(tools.lane, cots.send, &x, &mut sums)?;
                }
                Ok(plan.result::<P>(sums))
            }
            Self::TransferServer { plans, weights } => {
                let missing = || Error::Config(format!("layer '{}' has no kernel", l.node.name));
                let FixedOp::Linear { conv, weights: id, .. } = &l.node.op else {
                    return Err(missing());
                };
                let layer = weights.layers.get(id.0 as usize).ok_or_else(missing)?;
                let plan = plans.layer(l)?;
                let (w, mut sums) = (plan.weights(&layer.kernel), plan.sums());
                for task in plan.tasks() {
                    let cots = tools.draw::<P>(l, &task)?;
                    task.recv(tools.lane, cots.recv, &w, &mut sums)?;
                }
                let ring = Ring::new(l.output().ring);
                let own = semantics::linear(conv, &layer.kernel, &[], x.expose(), ring.bits());
                let mut y = plan.result::<P>(sums);
                for (i, (y, own)) in y.iter_mut().zip(own).enumerate() {
                    let bias = bias.get(i).copied().unwrap_or_default();
                    *y = ring.reduce(y.wrapping_add(own).wrapping_add(bias));
                }
                Ok(y)
            }
        }
    }
}

impl Tools<'_> {
    /// Makes a task's transfers; the messages count as the layer's offline phase.
    fn draw<P: Party>(&mut self, l: &Layer<'_>, task: &Task) -> Result<super::Cots, Error> {
        self.enter(Phase::Offline, l);
        let cots = self.pool.take::<P>(self.lane, task.needs())?;
        self.enter(self.phase, l);
        Ok(cots)
    }

    fn enter(&mut self, phase: Phase, l: &Layer<'_>) {
        self.lane.meter_mut().set(phase, Some(l.index));
        self.clock.enter(phase, Some(l.index));
    }
}
