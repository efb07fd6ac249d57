//! The steps of a graph that need the peer, without values: which layers are linear, and what
//! correlations every tile of the others uses up, in the order of a run.

use super::Tiles;
use super::evaluator::activation;
use super::nonlinear::{garbled::GarbledTable, product, tournament::Tournament};
use super::stock::Part;
use super::support::garbled_only;
use crate::evaluator::Linear;
use crate::walk::{Progress, walk_batch};
use crate::{Error, Evaluator, Layer};
use sordino_graph::fixed::semantics::{self, Tournament as Bracket};
use sordino_graph::fixed::{FixedGraph, Function, PoolShape, Rearrange, WeightId};
use sordino_secret::Ring;
use sordino_wire::Meter;

/// What is done at every step.
pub(crate) trait Visitor {
    /// A layer begins.
    fn begin(&mut self, _l: &Layer<'_>) {}

    /// A linear layer.
    fn linear(&mut self, l: &Layer<'_>) -> Result<(), Error>;

    /// A tile: what it uses up, and its messages.
    fn tile(
        &mut self,
        l: &Layer<'_>,
        parts: &[Part],
        online: &dyn Fn(&mut Meter),
    ) -> Result<(), Error>;
}

/// Shows every step of a run on so many images to the visitor.
pub(crate) fn outline<V: Visitor>(
    graph: &FixedGraph,
    images: usize,
    tiles: Tiles,
    visitor: &mut V,
    progress: &mut dyn Progress,
) -> Result<(), Error> {
    walk_batch(graph, images, &mut Outline { tiles, visitor }, (), progress)
}

struct Outline<'a, V> {
    tiles: Tiles,
    visitor: &'a mut V,
}

impl<V: Visitor> Outline<'_, V> {
    fn tiled(
        &mut self,
        l: &Layer<'_>,
        n: usize,
        parts: impl Fn(usize) -> Vec<Part>,
        cost: impl Fn(&mut Meter, usize),
    ) -> Result<(), Error> {
        for tile in self.tiles.split(n, &parts) {
            let n = tile.len();
            self.visitor.tile(l, &parts(n), &|m| cost(m, n))?;
        }
        Ok(())
    }

    fn play(
        &mut self,
        l: &Layer<'_>,
        bracket: &Bracket,
        planes: usize,
        step: &Tournament,
    ) -> Result<(), Error> {
        for level in &bracket.levels {
            let n = planes * level.pairs.len();
            self.tiled(l, n, |n| step.parts(n), |m, n| step.cost(m, n))?;
        }
        Ok(())
    }
}

impl<V: Visitor> Evaluator for Outline<'_, V> {
    type Tensor = ();

    fn begin(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        self.visitor.begin(l);
        Ok(())
    }

    fn linear(&mut self, l: &Layer<'_>, _: Linear<'_>, _: &()) -> Result<(), Error> {
        self.visitor.linear(l)
    }

    fn add_const(&mut self, _: &Layer<'_>, _: WeightId, _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn activate(&mut self, l: &Layer<'_>, shift: u32, f: Function, _: &()) -> Result<(), Error> {
        let step = activation(l, shift, f, self.tiles);
        self.tiled(l, l.output_len(), |n| step.parts(n), |m, n| step.cost(m, n))
    }

    fn sum_pool(&mut self, _: &Layer<'_>, _: &PoolShape, _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn max_pool(&mut self, l: &Layer<'_>, pool: &PoolShape, _: &()) -> Result<(), Error> {
        let step = Tournament::new(Ring::new(l.input(0).ring), None, self.tiles.radix);
        let bracket = Bracket::new(&semantics::windows(pool));
        self.play(l, &bracket, l.images * pool.channels as usize, &step)
    }

    fn add(&mut self, _: &Layer<'_>, _: [u32; 2], _: bool, _: &(), _: &()) -> Result<(), Error> {
        Ok(())
    }

    fn mul(&mut self, l: &Layer<'_>, _: &(), _: &()) -> Result<(), Error> {
        let ring = Ring::new(l.output().ring);
        let square = l.node.inputs[0] == l.node.inputs[1];
        let parts = |n| product::parts(n, ring, square);
        self.tiled(l, l.output_len(), parts, |m, n| product::cost(m, n, ring, square))
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
        self.play(l, &Bracket::single(l.input(0).len() as u32), l.images, &step)
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
        self.tiled(l, l.output_len(), |n| step.parts(n), |m, n| step.cost(m, n))
    }

    fn rescale(&mut self, l: &Layer<'_>, _: u64, _: u64, _: Function, _: &()) -> Result<(), Error> {
        Err(garbled_only(l.node))
    }
}
