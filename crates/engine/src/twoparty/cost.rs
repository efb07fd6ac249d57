//! What a run will send: the protocol's messages replayed on a meter, layer by layer.

use super::evaluator::activation;
use super::linear;
use super::nonlinear::{garbled::GarbledTable, product, tournament::Tournament};
use super::stock::{Part, draws};
use super::support::garbled_only;
use super::{Needs, Settings, Tiles};
use crate::evaluator::Linear;
use crate::walk::{Silent, walk};
use crate::{Error, Evaluator, Layer};
use sordino_graph::fixed::semantics::{self, Tournament as Bracket};
use sordino_graph::fixed::{FixedGraph, Function, PoolShape, Rearrange, WeightId};
use sordino_ot::cost::Costs;
use sordino_secret::{Ring, Share};
use sordino_wire::{Dir, Meter, Phase, Role};

/// Predicts the bytes, messages and rounds of a session after its handshake: set-up, then
/// inferences one after the other. Equal to what either party's lane meters, layer by layer.
pub struct CostModel<'a> {
    graph: &'a FixedGraph,
    linear: linear::Plans,
    tiles: Tiles,
    meter: Meter,
    server_sends: Costs,
    client_sends: Costs,
}

impl<'a> CostModel<'a> {
    /// A session as seen by `role`, set-up included.
    pub fn new(graph: &'a FixedGraph, settings: &Settings, role: Role) -> Result<Self, Error> {
        let linear = linear::Plans::new(graph)?;
        let mut meter = Meter::new(role);
        meter.set(Phase::Setup, None);
        let supply = settings.supply.into();
        let tiles = Tiles::new(supply, settings.truncation);
        let server_sends = Costs::setup(&mut meter, supply, Role::Server);
        let client_sends = Costs::setup(&mut meter, supply, Role::Client);
        linear.cost_setup(&mut meter);
        Ok(Self { graph, linear, tiles, meter, server_sends, client_sends })
    }

    /// Adds one inference: its request, its layers and the reveal.
    pub fn infer(&mut self) -> Result<(), Error> {
        self.meter.set(Phase::Online, None);
        self.meter.message(Dir::Up, super::REQUEST_LEN);
        let graph = self.graph;
        walk(graph, self, (), &mut Silent)?;
        self.meter.set(Phase::Online, None);
        let out = &graph.edges[graph.output.0 as usize];
        self.meter.message(
            Dir::Down,
            Share::<sordino_secret::Server>::open_len(out.len(), Ring::new(out.ring)),
        );
        Ok(())
    }

    /// What was predicted so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    fn tiled(
        &mut self,
        l: &Layer<'_>,
        n: usize,
        parts: impl Fn(usize) -> Vec<Part>,
        cost: impl Fn(&mut Meter, usize),
    ) {
        for tile in self.tiles.split(n, &parts) {
            self.meter.set(Phase::Offline, Some(l.index));
            for draw in draws(&parts(tile.len())) {
                let needs: Needs = draw.iter().map(|(_, part)| part.needs()).sum();
                self.server_sends.extend(&mut self.meter, needs.server_sends);
                self.client_sends.extend(&mut self.meter, needs.client_sends);
            }
            self.meter.set(Phase::Online, Some(l.index));
            cost(&mut self.meter, tile.len());
        }
    }

    fn play(&mut self, l: &Layer<'_>, bracket: &Bracket, planes: usize, step: &Tournament) {
        for level in &bracket.levels {
            let n = planes * level.pairs.len();
            self.tiled(l, n, |n| step.parts(n), |m, n| step.cost(m, n));
        }
    }
}

impl Evaluator for CostModel<'_> {
    type Tensor = ();

    fn begin(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        self.meter.set(Phase::Online, Some(l.index));
        Ok(())
    }

    fn linear(&mut self, l: &Layer<'_>, _: Linear<'_>, _: &()) -> Result<(), Error> {
        self.linear.cost(&mut self.meter, l)
    }

    fn add_const(&mut self, _: &Layer<'_>, _: WeightId, _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn activate(&mut self, l: &Layer<'_>, shift: u32, f: Function, _: &()) -> Result<(), Error> {
        let step = activation(l, shift, f, self.tiles);
        self.tiled(l, l.output().len(), |n| step.parts(n), |m, n| step.cost(m, n));
        Ok(())
    }

    fn sum_pool(&mut self, _: &Layer<'_>, _: &PoolShape, _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn max_pool(&mut self, l: &Layer<'_>, pool: &PoolShape, _: &()) -> Result<(), Error> {
        let step = Tournament::new(Ring::new(l.input(0).ring), None, self.tiles.radix);
        let bracket = Bracket::new(&semantics::windows(pool));
        self.play(l, &bracket, pool.channels as usize, &step);
        Ok(())
    }

    fn add(&mut self, _: &Layer<'_>, _: [u32; 2], _: bool, _: &(), _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn mul(&mut self, l: &Layer<'_>, _: &(), _: &()) -> Result<(), Error> {
        let ring = Ring::new(l.output().ring);
        let square = l.node.inputs[0] == l.node.inputs[1];
        let parts = |n| product::parts(n, ring, square);
        self.tiled(l, l.output().len(), parts, |m, n| product::cost(m, n, ring, square));
        Ok(())
    }

    fn concat(&mut self, _: &Layer<'_>, _: u32, _: &[u32], _: &[&()]) -> Result<(), Error> {
        Ok(())
    }

    fn rearrange(&mut self, _: &Layer<'_>, _: &Rearrange, _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn arg_max(&mut self, l: &Layer<'_>, _: &()) -> Result<(), Error> {
        let (ring, index) = (Ring::new(l.input(0).ring), Ring::new(l.output().ring));
        let step = Tournament::new(ring, Some(index), self.tiles.radix);
        self.play(l, &Bracket::single(l.input(0).len() as u32), 1, &step);
        Ok(())
    }

    fn lookup(
        &mut self,
        l: &Layer<'_>,
        divisor: u64,
        first: i64,
        values: &[i64],
        _: &(),
    ) -> Result<(), Error> {
        let step = GarbledTable::new(l, divisor, first, values)?;
        self.tiled(l, l.output().len(), |n| step.parts(n), |m, n| step.cost(m, n));
        Ok(())
    }

    fn rescale(&mut self, l: &Layer<'_>, _: u64, _: u64, _: Function, _: &()) -> Result<(), Error> {
        Err(garbled_only(l.node))
    }
}
