//! Linear layers: each on lattice ciphertexts, on correlated transfers or on Paillier's encryption, as the session agreed.

pub(crate) mod lattice;
mod method;
mod paillier;

pub use method::{LinearPlan, Method};

use super::transfer::{self, Rate, Task};
use super::{CotPool, Settings};
use crate::session::LinearChoice;
use crate::work::{Account, Unit, WEIGHT};
use crate::{Clock, Error, Layer};
use lattice::{Kernels, Keys};
use sordino_graph::fixed::{FixedGraph, FixedOp, Weights, semantics};
use sordino_he::paillier::{PublicKey, SecretKey};
use sordino_he::{ClientKeys, ServerKeys};
use sordino_ot::cost::Costs;
use sordino_secret::{Party, Ring, SecretRng, Share};
use sordino_wire::{Lane, Meter, Phase, Role};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What a session's parties derive from the graph and their settings.
pub(crate) struct Plans {
    /// Parameters and layouts for every layer, unless all run on transfers.
    lattice: Option<Arc<lattice::Plans>>,
    /// Of which sets of parameters keys are made.
    wanted: Vec<bool>,
    /// The layers that run on transfers.
    transfer: BTreeMap<u32, transfer::Plan>,
    /// Layouts for every layer, if they run on Paillier's encryption.
    paillier: Option<paillier::Plans>,
}

/// The client's keys for all kinds of ciphertexts that its layers use.
pub(crate) struct Secrets {
    lattice: Keys<ClientKeys>,
    paillier: Option<SecretKey>,
}

/// What the server has of the client's, and its weights in the form that needs no lattice.
pub(crate) struct Received {
    lattice: Keys<ServerKeys>,
    paillier: Option<(PublicKey, paillier::Kernels)>,
}

/// One party's secret side of the linear layers.
pub(crate) enum LinearSide<'a> {
    Client { plans: &'a Plans, keys: &'a Secrets },
    Server { plans: &'a Plans, keys: &'a Received, kernels: &'a Kernels, weights: &'a Weights },
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
        match settings.linear {
            LinearChoice::Transfer => {
                super::support::on_shares(graph)?;
                let transfer = on_transfers(graph, settings);
                let transfer = transfer.map(|(i, plan)| Ok((i, plan?)));
                let transfer = transfer.collect::<Result<_, Error>>()?;
                Ok(Self { lattice: None, wanted: Vec::new(), transfer, paillier: None })
            }
            LinearChoice::Paillier(bits) => {
                super::support::on_shares(graph)?;
                let paillier = Some(paillier::Plans::new(graph, bits)?);
                Ok(Self { lattice: None, wanted: Vec::new(), transfer: BTreeMap::new(), paillier })
            }
            _ => Self::with(Arc::new(lattice::Plans::new(graph)?), graph, settings),
        }
    }

    /// For the same graph and other settings.
    pub(crate) fn with_settings(
        &self,
        graph: &FixedGraph,
        settings: &Settings,
    ) -> Result<Self, Error> {
        match &self.lattice {
            Some(lattice) => Self::with(Arc::clone(lattice), graph, settings),
            None => Self::new(graph, settings),
        }
    }

    /// The same from layouts that are there already.
    pub(crate) fn with(
        lattice: Arc<lattice::Plans>,
        graph: &FixedGraph,
        settings: &Settings,
    ) -> Result<Self, Error> {
        let transfer = match settings.linear {
            LinearChoice::Transfer | LinearChoice::Paillier(_) => {
                return Self::new(graph, settings);
            }
            LinearChoice::Lattice => BTreeMap::new(),
            LinearChoice::Cheapest => cheaper(&lattice, graph, settings)?,
        };
        let mut wanted = vec![false; lattice.sets()];
        for (_, set) in lattice.layers().filter(|(i, _)| !transfer.contains_key(i)) {
            wanted[set] = true;
        }
        Ok(Self { lattice: Some(lattice), wanted, transfer, paillier: None })
    }

    /// How a layer is run.
    pub(crate) fn layer(&self, layer: u32) -> Result<LinearPlan, Error> {
        if let Some(plans) = &self.paillier {
            let products = plans.products(layer)?;
            return Ok(LinearPlan { method: Method::Paillier, products });
        }
        Ok(match self.transfer.get(&layer) {
            Some(plan) => LinearPlan { method: plan.method(), products: plan.products() },
            None => {
                let products = self.lattice()?.products(layer)?;
                LinearPlan { method: Method::Lattice, products }
            }
        })
    }

    /// Lays out so many images, or says that they do not fit. How a layer is run does not depend on it.
    pub(crate) fn fit(&self, images: usize) -> Result<(), Error> {
        if !self.transfer.values().all(|plan| plan.fits(images)) {
            return Err(too_many(images, "a layer on transfers takes too much memory"));
        }
        if let Some(plans) = &self.paillier {
            return plans.fit(images);
        }
        self.lattice.as_ref().map_or(Ok(()), |plans| plans.fit(images))
    }

    /// Client: makes keys and sends the public ones.
    pub(crate) fn send_keys(&self, lane: &mut Lane, rng: &mut SecretRng) -> Result<Secrets, Error> {
        let lattice = self.lattice.as_ref().map(|plans| plans.send_keys(lane, rng, &self.wanted));
        let lattice = lattice.transpose()?.unwrap_or_default();
        let paillier = self.paillier.as_ref().map(|plans| plans.send_key(lane, rng)).transpose()?;
        Ok(Secrets { lattice, paillier })
    }

    /// Server: receives the public keys.
    pub(crate) fn receive_keys(
        &self,
        lane: &mut Lane,
        graph: &FixedGraph,
        weights: &Weights,
    ) -> Result<Received, Error> {
        let lattice = self.lattice.as_ref().map(|plans| plans.receive_keys(lane, &self.wanted));
        let lattice = lattice.transpose()?.unwrap_or_default();
        let paillier = self.paillier.as_ref().map(|plans| -> Result<_, Error> {
            let kernels = paillier::Kernels::new(plans, graph, weights)?;
            Ok((plans.receive_key(lane)?, kernels))
        });
        Ok(Received { lattice, paillier: paillier.transpose()? })
    }

    /// Messages and work of the keys.
    pub(crate) fn cost_setup(&self, account: &mut Account, graph: &FixedGraph) {
        account.work.held.keep(Role::Server, WEIGHT * graph.kernel_len());
        if let Some(plans) = &self.lattice {
            plans.kept_kernels(&mut account.work);
        }
        for (set, _) in self.wanted.iter().enumerate().filter(|(_, wanted)| **wanted) {
            if let Some(plans) = &self.lattice {
                plans.key_cost(&mut account.meter, set);
                plans.key_work(&mut account.work, set);
            }
        }
        if let Some(plans) = &self.paillier {
            plans.key_cost(&mut account.meter);
            plans.key_work(&mut account.work);
        }
    }

    /// Messages and work of one layer, those that depend on the operand in `phase`. `supplies` have
    /// the server and the client as sender.
    pub(crate) fn cost(
        &self,
        account: &mut Account,
        supplies: &mut Option<[Costs; 2]>,
        phase: Phase,
        l: &Layer<'_>,
    ) -> Result<(), Error> {
        let Some(plan) = self.transfer.get(&l.index) else {
            account.set(phase, Some(l.index));
            return match &self.paillier {
                Some(plans) => {
                    plans.cost(&mut account.meter, l.index, l.images)?;
                    plans.work(&mut account.work, l)
                }
                None => {
                    let plans = self.lattice()?;
                    plans.cost(&mut account.meter, l.index, l.images)?;
                    plans.work(&mut account.work, l.index, l.images)
                }
            };
        };
        for task in plan.batch(l.images).tasks() {
            account.set(Phase::Offline, Some(l.index));
            task.needs().cost(account, supplies);
            account.set(phase, Some(l.index));
            task.cost(&mut account.meter);
            task.work(&mut account.work);
        }
        account.work.add(Role::Server, Unit::Product, own_products(l));
        Ok(())
    }

    /// The client's side.
    pub(crate) fn client<'a>(&'a self, keys: &'a Secrets) -> LinearSide<'a> {
        LinearSide::Client { plans: self, keys }
    }

    fn lattice(&self) -> Result<&lattice::Plans, Error> {
        let missing = || Error::Config("a linear layer has no plan".into());
        self.lattice.as_deref().ok_or_else(missing)
    }
}

/// Products of the server's own share by the weights.
fn own_products(l: &Layer<'_>) -> usize {
    l.node.op.macs(l.output_len() as u64) as usize
}

/// Every linear layer on transfers.
fn on_transfers<'a>(
    graph: &'a FixedGraph,
    settings: &'a Settings,
) -> impl Iterator<Item = (u32, Result<transfer::Plan, Error>)> + 'a {
    let rate = Rate::new(settings.supply.into());
    graph.nodes.iter().enumerate().filter_map(move |(i, node)| {
        let kernel = transfer::Kernel::of(&node.op)?;
        let bits = graph.edges[node.output.0 as usize].ring;
        let plan = transfer::Plan::new(node, kernel, bits, settings.winograd, rate);
        Some((i as u32, plan))
    })
}

/// The layers that send fewer bytes on transfers than on ciphertexts. A key is a reason to run a layer on
/// ciphertexts only where another does, so for each set of parameters it is compared with none at all.
fn cheaper(
    lattice: &lattice::Plans,
    graph: &FixedGraph,
    settings: &Settings,
) -> Result<BTreeMap<u32, transfer::Plan>, Error> {
    let rate = Rate::new(settings.supply.into());
    let sets: BTreeMap<u32, usize> = lattice.layers().collect();
    // For each set the bytes with its key and without, if that is possible.
    let mut with = Vec::with_capacity(lattice.sets());
    for set in 0..lattice.sets() {
        with.push(metered(|m| {
            lattice.key_cost(m, set);
            Ok(())
        })?);
    }
    let mut without = vec![Some(0u64); lattice.sets()];
    let mut candidates = Vec::new();
    for (layer, plan) in on_transfers(graph, settings) {
        let Some(&set) = sets.get(&layer) else { continue };
        let ciphertexts = metered(|m| lattice.cost(m, layer, 1))?;
        let Ok(plan) = plan else {
            with[set] += ciphertexts;
            without[set] = None;
            continue;
        };
        let transfers = plan.bytes(rate);
        with[set] += ciphertexts.min(transfers);
        without[set] = without[set].map(|bytes| bytes.saturating_add(transfers));
        candidates.push((layer, set, transfers < ciphertexts, plan));
    }
    let keyless = |set: usize| without[set].is_some_and(|bytes| bytes < with[set]);
    let chosen = candidates.into_iter().filter(|(_, set, cheaper, _)| *cheaper || keyless(*set));
    Ok(chosen.map(|(layer, _, _, plan)| (layer, plan)).collect())
}

fn metered(cost: impl FnOnce(&mut Meter) -> Result<(), Error>) -> Result<u64, Error> {
    let mut m = Meter::new(Role::Client);
    cost(&mut m)?;
    Ok(m.total().bytes())
}

/// A batch that cannot be laid out.
fn too_many(images: usize, why: impl std::fmt::Display) -> Error {
    Error::Config(format!("{images} images at once do not fit: {why}; use a smaller --batch"))
}

impl LinearSide<'_> {
    /// As [`Plans::fit`].
    pub(crate) fn fit(&self, images: usize) -> Result<(), Error> {
        let (Self::Client { plans, .. } | Self::Server { plans, .. }) = self;
        plans.fit(images)
    }

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
            Self::Client { plans, keys } => {
                if let Some(plan) = plans.transfer.get(&l.index) {
                    return tools.send::<P>(l, &plan.batch(l.images), x);
                }
                let (lane, rng) = (&mut *tools.lane, &mut *tools.rng);
                match (&plans.paillier, &keys.paillier) {
                    (Some(plans), Some(key)) => plans.client(lane, key, l, x.expose(), rng),
                    _ => plans.lattice()?.client(lane, &keys.lattice, l, x.expose(), rng),
                }
            }
            Self::Server { plans, keys, kernels, weights } => {
                if let Some(plan) = plans.transfer.get(&l.index) {
                    return tools.receive::<P>(l, &plan.batch(l.images), weights, x, &bias);
                }
                let (lane, rng) = (&mut *tools.lane, &mut *tools.rng);
                match (&plans.paillier, &keys.paillier) {
                    (Some(plans), Some((key, kernels))) => {
                        let own = (key, kernels, *weights);
                        plans.server(lane, own, l, x.expose(), &bias, rng)
                    }
                    _ => {
                        let own = (&keys.lattice, *kernels);
                        plans.lattice()?.server(lane, own, l, x.expose(), &bias, rng)
                    }
                }
            }
        }
    }
}

impl Tools<'_> {
    /// The client's side of a layer on transfers.
    fn send<P: Party>(
        &mut self,
        l: &Layer<'_>,
        plan: &transfer::Plan,
        x: &Share<P>,
    ) -> Result<Vec<u64>, Error> {
        let (x, mut sums) = (plan.elements(x.expose()), plan.sums());
        for task in plan.tasks() {
            let cots = self.draw::<P>(l, &task)?;
            task.send(self.lane, cots.send, &x, &mut sums)?;
        }
        Ok(plan.result::<P>(sums))
    }

    /// The server's side of a layer on transfers.
    fn receive<P: Party>(
        &mut self,
        l: &Layer<'_>,
        plan: &transfer::Plan,
        weights: &Weights,
        x: &Share<P>,
        bias: &[u64],
    ) -> Result<Vec<u64>, Error> {
        let missing = || Error::Config(format!("layer '{}' has no kernel", l.node.name));
        let FixedOp::Linear { conv, weights: id, .. } = &l.node.op else {
            return Err(missing());
        };
        let layer = weights.layers.get(id.0 as usize).ok_or_else(missing)?;
        let (w, mut sums) = (plan.weights(&layer.kernel), plan.sums());
        for task in plan.tasks() {
            let cots = self.draw::<P>(l, &task)?;
            task.recv(self.lane, cots.recv, &w, &mut sums)?;
        }
        let ring = Ring::new(l.output().ring);
        let images = x.expose().chunks(l.input(0).len());
        let own = images.flat_map(|x| semantics::linear(conv, &layer.kernel, &[], x, ring.bits()));
        let mut y = plan.result::<P>(sums);
        for (i, (y, own)) in y.iter_mut().zip(own).enumerate() {
            let bias = bias.get(i).copied().unwrap_or_default();
            *y = ring.reduce(y.wrapping_add(own).wrapping_add(bias));
        }
        Ok(y)
    }

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
