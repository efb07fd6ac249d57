//! What a session will send: the protocol's messages replayed on a meter, layer by layer.

use super::outline::{Visitor, outline};
use super::stock::{Part, draws};
use super::work::held;
use super::{LinearPlan, Needs, Settings, Tiles, linear, prepared};
use crate::request::{REQUEST_LEN, STATUS_LEN};
use crate::session::SupplyChoice;
use crate::walk::Silent;
use crate::work::{Account, Passing, Unit, WorkLog};
use crate::{Error, Layer};
use sordino_graph::fixed::{FixedGraph, FixedOp};
use sordino_ot::cost::Costs;
use sordino_secret::{Ring, Share};
use sordino_wire::{Dir, Meter, Phase, Role};

/// Predicts the bytes, messages and rounds of a session after its handshake, request by request:
/// inferences, preparations, and inferences on prepared material. The set-up belongs to the first
/// request that needs it. Equal to what either party's lane meters, layer by layer.
pub struct CostModel<'a> {
    graph: &'a FixedGraph,
    settings: Settings,
    tiles: Tiles,
    costs: LayerCosts,
}

/// Which of a run's messages are sent.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// All of them.
    Live,
    /// Those that do not depend on the input.
    Prepare,
    /// The others.
    Prepared,
}

struct LayerCosts {
    mode: Mode,
    linear: linear::Plans,
    account: Account,
    /// Extensions with the server and the client as sender, once they are set up.
    supplies: Option<[Costs; 2]>,
}

impl<'a> CostModel<'a> {
    /// A session as seen by `role`.
    pub fn new(graph: &'a FixedGraph, settings: &Settings, role: Role) -> Result<Self, Error> {
        Ok(Self::on(linear::Plans::new(graph, settings)?, graph, settings, role))
    }

    /// A session whose linear layers are planned already.
    pub(crate) fn on(
        linear: linear::Plans,
        graph: &'a FixedGraph,
        settings: &Settings,
        role: Role,
    ) -> Self {
        let tiles = Tiles::new(settings.supply.into(), settings.truncation);
        let account = Account::new(role);
        let costs = LayerCosts { mode: Mode::Live, linear, account, supplies: None };
        Self { graph, settings: *settings, tiles, costs }
    }

    /// The same session before its first request, with other settings: what is known of ciphertexts is kept, so this
    /// is quick after a model on lattice ciphertexts.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn with_settings(&self, settings: &Settings) -> Result<Self, Error> {
        let linear = self.costs.linear.with_settings(self.graph, settings)?;
        Ok(Self::on(linear, self.graph, settings, self.costs.account.meter.role()))
    }

    /// The same with another supply of transfers.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn on_supply(&self, supply: SupplyChoice) -> Result<Self, Error> {
        self.with_settings(&Settings { supply, ..self.settings })
    }

    /// Adds one inference with nothing prepared: its request, its layers and the reveal.
    pub fn infer(&mut self) -> Result<(), Error> {
        self.infer_batch(1)
    }

    /// The same for so many images at once.
    ///
    /// # Errors
    /// [`Error::Config`] for more images than fit.
    pub fn infer_batch(&mut self, images: usize) -> Result<(), Error> {
        self.request();
        self.setup();
        self.layers(Mode::Live, images)?;
        self.reveal(images);
        Ok(())
    }

    /// Adds the making of material for one inference.
    ///
    /// # Errors
    /// As [`ClientSession::prepare`](super::ClientSession::prepare) for a graph that cannot be
    /// prepared.
    pub fn prepare(&mut self) -> Result<(), Error> {
        self.prepare_batch(1)
    }

    /// The same for so many images at once.
    ///
    /// # Errors
    /// As [`CostModel::prepare`] and [`CostModel::infer_batch`].
    pub fn prepare_batch(&mut self, images: usize) -> Result<(), Error> {
        self.request();
        self.costs.account.meter.message(Dir::Down, STATUS_LEN);
        self.setup();
        self.layers(Mode::Prepare, images)?;
        self.costs.account.set(Phase::Offline, None);
        self.costs.account.meter.message(Dir::Down, STATUS_LEN);
        Ok(())
    }

    /// Adds one inference on prepared material.
    pub fn infer_prepared(&mut self) -> Result<(), Error> {
        self.infer_batch_prepared(1)
    }

    /// The same for so many images at once.
    ///
    /// # Errors
    /// As [`CostModel::prepare_batch`].
    pub fn infer_batch_prepared(&mut self, images: usize) -> Result<(), Error> {
        self.request();
        self.costs.account.meter.message(Dir::Down, STATUS_LEN);
        self.layers(Mode::Prepared, images)?;
        self.reveal(images);
        Ok(())
    }

    /// How every linear layer is computed.
    pub(crate) fn methods(&self) -> impl Iterator<Item = (u32, String)> {
        let layers = 0..self.graph.nodes.len() as u32;
        layers.filter_map(|layer| Some((layer, self.linear(layer)?.method.to_string())))
    }

    /// How a linear layer is computed; `None` for another layer.
    pub fn linear(&self, layer: u32) -> Option<LinearPlan> {
        let node = self.graph.nodes.get(layer as usize)?;
        let linear = matches!(node.op, FixedOp::Linear { .. });
        self.costs.linear.layer(layer).ok().filter(|_| linear)
    }

    /// What was predicted so far.
    pub fn meter(&self) -> &Meter {
        &self.costs.account.meter
    }

    /// What both parties compute for what was predicted so far.
    pub fn work(&self) -> &WorkLog {
        &self.costs.account.work
    }

    /// Correlated transfers made so far, in both directions.
    pub fn transfers(&self) -> u64 {
        self.costs.supplies.iter().flatten().map(Costs::made).sum()
    }

    fn request(&mut self) {
        self.costs.account.set(Phase::Setup, None);
        self.costs.account.meter.message(Dir::Up, REQUEST_LEN);
    }

    fn setup(&mut self) {
        let LayerCosts { account, linear, supplies, .. } = &mut self.costs;
        supplies.get_or_insert_with(|| {
            account.set(Phase::Setup, None);
            let supply = self.settings.supply.into();
            let both =
                [Role::Server, Role::Client].map(|r| Costs::setup(&mut account.meter, supply, r));
            account.work.add_both(Unit::Session, 1);
            account.work.add_both(Unit::Base, 1);
            linear.cost_setup(account, self.graph);
            both
        });
    }

    fn layers(&mut self, mode: Mode, images: usize) -> Result<(), Error> {
        self.costs.linear.fit(images)?;
        let shares = super::batch::shares(self.graph).saturating_mul(images);
        self.costs.account.work.held.pass_both(Passing::Values, shares);
        if mode != Mode::Live {
            prepared::check(self.graph)?;
        }
        self.costs.mode = mode;
        outline(self.graph, images, self.tiles, &mut self.costs, &mut Silent)
    }

    fn reveal(&mut self, images: usize) {
        let out = &self.graph.edges[self.graph.output.0 as usize];
        let ring = Ring::new(out.ring);
        let len = Share::<sordino_secret::Server>::open_len(images * out.len(), ring);
        self.costs.account.set(Phase::Online, None);
        self.costs.account.meter.message(Dir::Down, len);
    }
}

impl Visitor for LayerCosts {
    fn linear(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        let phase = match self.mode {
            Mode::Prepared => {
                self.account.set(Phase::Online, Some(l.index));
                self.account.meter.message(Dir::Up, prepared::opening_len(l));
                return Ok(());
            }
            Mode::Prepare => Phase::Offline,
            Mode::Live => Phase::Online,
        };
        self.linear.cost(&mut self.account, &mut self.supplies, phase, l)
    }

    fn tile(
        &mut self,
        l: &Layer<'_>,
        parts: &[Part],
        online: &dyn Fn(&mut Meter),
    ) -> Result<(), Error> {
        if self.mode != Mode::Prepared {
            self.account.set(Phase::Offline, Some(l.index));
            for draw in draws(parts) {
                let needs: Needs = draw.iter().map(|(_, part)| part.needs()).sum();
                needs.cost(&mut self.account, &mut self.supplies);
            }
            parts.iter().for_each(|part| part.hashing(&mut self.account.work));
            held(&mut self.account.work, parts);
        }
        if self.mode != Mode::Prepare {
            self.account.set(Phase::Online, Some(l.index));
            online(&mut self.account.meter);
            parts.iter().for_each(|part| part.using(&mut self.account.work));
        }
        Ok(())
    }
}
