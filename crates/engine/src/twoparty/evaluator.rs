use super::linear::{self, LinearSide};
use super::nonlinear::{activate::Activation, garbled::GarbledTable, product, tournament};
use super::prepared::{Owner, Prepared};
use super::stock::{Part, Stock};
use super::support::garbled_only;
use super::{CotPool, Tiles};
use crate::evaluator::Linear;
use crate::{Clock, Error, Evaluator, Layer};
use sordino_graph::fixed::semantics::{self, Next, Tournament as Bracket};
use sordino_graph::fixed::{FixedOp, Function, PoolShape, Rearrange, WeightId, Weights};
use sordino_secret::{Bits, Party, Ring, SecretRng, Share};
use sordino_store::Entry;
use sordino_wire::{Lane, Phase, Role};

/// One party of a two-party run.
pub(crate) struct TwoParty<'a, P: Party> {
    pub lane: &'a mut Lane,
    pub clock: &'a mut Clock,
    pub source: Source<'a>,
    /// The owner's integers; `None` at the client.
    pub weights: Option<&'a Weights>,
    pub rng: &'a mut SecretRng,
    pub tiles: Tiles,
    pub party: std::marker::PhantomData<P>,
}

/// Where correlations and linear layers come from.
pub(crate) enum Source<'a> {
    /// Made on the way.
    Live { pool: &'a mut CotPool, linear: LinearSide<'a> },
    /// Made before.
    Prepared(Prepared),
}

impl Source<'_> {
    /// The entry that was used up, if there was one.
    pub(crate) fn into_entry(self) -> Option<Entry> {
        match self {
            Self::Live { .. } => None,
            Self::Prepared(prepared) => Some(prepared.0),
        }
    }
}

fn ring_of(edge: &sordino_graph::fixed::Edge) -> Ring {
    Ring::new(edge.ring)
}

impl<P: Party> TwoParty<'_, P> {
    /// Runs `f` on tiles of at most `tiles.elements` of `n` elements; each draws its transfers
    /// first, in the offline phase.
    fn tiled(
        &mut self,
        l: &Layer<'_>,
        n: usize,
        parts: impl Fn(usize) -> Vec<Part>,
        mut f: impl FnMut(&mut Lane, std::ops::Range<usize>, &mut Stock) -> Result<Vec<u64>, Error>,
    ) -> Result<Vec<u64>, Error> {
        let mut out = Vec::with_capacity(n);
        for tile in self.tiles.split(n, &parts) {
            let mut stock = self.draw(l, &parts(tile.len()))?;
            out.extend(f(self.lane, tile, &mut stock)?);
        }
        Ok(out)
    }

    /// Makes a tile's correlations; the messages count as the layer's offline phase.
    fn draw(&mut self, l: &Layer<'_>, parts: &[Part]) -> Result<Stock, Error> {
        match &mut self.source {
            Source::Prepared(prepared) => prepared.stock::<P>(parts),
            Source::Live { pool, .. } => {
                self.lane.meter_mut().set(Phase::Offline, Some(l.index));
                self.clock.enter(Phase::Offline, Some(l.index));
                let stock = Stock::draw::<P>(self.lane, pool, parts)?;
                self.enter(Phase::Online, l);
                Ok(stock)
            }
        }
    }

    /// From now on bytes and time belong to this phase of the layer.
    fn enter(&mut self, phase: Phase, l: &Layer<'_>) {
        self.lane.meter_mut().set(phase, Some(l.index));
        self.clock.enter(phase, Some(l.index));
    }

    /// The owner's signs of an activation, one bit per element.
    fn flips(&self, l: &Layer<'_>) -> Result<Option<Bits>, Error> {
        let FixedOp::Activate { flips: Some(id), .. } = l.node.op else { return Ok(None) };
        let Some(flips) = self.constant(id)? else { return Ok(None) };
        Ok(Some(Bits::collect(repeated(spread(flips, l.output().len()), l.images).into_iter())))
    }

    fn constant(&self, id: WeightId) -> Result<Option<&[i64]>, Error> {
        match self.weights {
            None => Ok(None),
            Some(w) => w
                .layers
                .get(id.0 as usize)
                .map(|l| Some(l.bias.as_slice()))
                .ok_or_else(|| Error::Config(format!("no weights number {}", id.0))),
        }
    }
}

impl<P: Party> Evaluator for TwoParty<'_, P> {
    type Tensor = Share<P>;

    fn begin(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        self.enter(Phase::Online, l);
        Ok(())
    }

    fn linear(&mut self, l: &Layer<'_>, op: Linear<'_>, x: &Share<P>) -> Result<Share<P>, Error> {
        let ring = ring_of(l.output());
        let bias = self.constant(op.weights)?;
        let bias = bias.map(|b| repeated(spread(b, l.output().len()), l.images));
        let x = x.reduced(ring);
        let words = match &mut self.source {
            Source::Live { pool, linear } => {
                let mut tools = linear::Tools {
                    lane: self.lane,
                    clock: self.clock,
                    pool,
                    rng: self.rng,
                    phase: Phase::Online,
                };
                linear.run(&mut tools, l, &x, bias)?
            }
            Source::Prepared(prepared) => {
                let kernel = self.weights.and_then(|w| w.layers.get(op.weights.0 as usize));
                let kernel = kernel.map(|layer| layer.kernel.as_slice());
                let owner = kernel.zip(bias).map(|(kernel, bias)| Owner { kernel, bias });
                prepared.layer::<P>(self.lane, l, &op, &x, owner)?
            }
        };
        Ok(Share::from_protocol(words, ring))
    }

    fn add_const(&mut self, l: &Layer<'_>, c: WeightId, x: &Share<P>) -> Result<Share<P>, Error> {
        let y = x.reduced(ring_of(l.output()));
        match self.constant(c)? {
            Some(c) => {
                let c = c.iter().map(|&v| v as u64).collect();
                Ok(y.add_own(&repeated(c, l.images))?)
            }
            None => Ok(y),
        }
    }

    fn activate(
        &mut self,
        l: &Layer<'_>,
        shift: u32,
        f: Function,
        x: &Share<P>,
    ) -> Result<Share<P>, Error> {
        let step = activation(l, shift, f, self.tiles);
        let x = x.reduced(ring_of(l.input(0)));
        let flips = self.flips(l)?;
        let words = self.tiled(
            l,
            x.len(),
            |n| step.parts(n),
            |lane, tile, stock| {
                let flips = flips.as_ref().map(|f| f.slice(tile.start, tile.len()));
                step.run::<P>(lane, &x.expose()[tile], flips.as_ref(), stock)
            },
        )?;
        Ok(Share::from_protocol(words, ring_of(l.output())))
    }

    fn sum_pool(
        &mut self,
        l: &Layer<'_>,
        pool: &PoolShape,
        x: &Share<P>,
    ) -> Result<Share<P>, Error> {
        let ring = ring_of(l.output());
        let sums = |x: &[u64]| semantics::sum_pool(pool, x, ring.bits());
        Ok(Share::from_protocol(each_image(l, x.expose()).flat_map(sums).collect(), ring))
    }

    fn max_pool(
        &mut self,
        l: &Layer<'_>,
        pool: &PoolShape,
        x: &Share<P>,
    ) -> Result<Share<P>, Error> {
        let ring = ring_of(l.input(0));
        let bracket = Bracket::new(&semantics::windows(pool));
        let step = tournament::Tournament::new(ring, None, self.tiles.radix);
        let planes = Planes { bracket: &bracket, count: l.images * pool.channels as usize };
        let start = planes.start(x.reduced(ring).expose());
        let (best, _) = self.play(l, &planes, &step, start, Vec::new())?;
        Ok(Share::from_protocol(best, ring_of(l.output())))
    }

    fn add(
        &mut self,
        l: &Layer<'_>,
        shl: [u32; 2],
        subtract: bool,
        a: &Share<P>,
        b: &Share<P>,
    ) -> Result<Share<P>, Error> {
        let ring = ring_of(l.output());
        let (a, b) = (a.shl(shl[0], ring), b.shl(shl[1], ring));
        Ok(if subtract { a.sub(&b)? } else { a.add(&b)? })
    }

    fn mul(&mut self, l: &Layer<'_>, a: &Share<P>, b: &Share<P>) -> Result<Share<P>, Error> {
        let ring = ring_of(l.output());
        let square = l.node.inputs[0] == l.node.inputs[1];
        let (a, b) = (a.reduced(ring), b.reduced(ring));
        let words = self.tiled(
            l,
            a.len(),
            |n| product::parts(n, ring, square),
            |lane, tile, stock| {
                let other = (!square).then(|| &b.expose()[tile.clone()]);
                product::product::<P>(lane, &a.expose()[tile.clone()], other, ring, stock)
            },
        )?;
        Ok(Share::from_protocol(words, ring))
    }

    fn concat(
        &mut self,
        l: &Layer<'_>,
        axis: u32,
        shl: &[u32],
        xs: &[&Share<P>],
    ) -> Result<Share<P>, Error> {
        let ring = ring_of(l.output());
        let shapes: Vec<&[u32]> = (0..xs.len()).map(|i| l.input(i).shape.as_slice()).collect();
        let mut images: Vec<_> = xs.iter().map(|x| each_image(l, x.expose())).collect();
        let mut out = Vec::with_capacity(l.output_len());
        for _ in 0..l.images {
            let words: Vec<&[u64]> = images.iter_mut().filter_map(Iterator::next).collect();
            out.extend(semantics::concat(axis, shl, &shapes, &words, ring.bits()));
        }
        Ok(Share::from_protocol(out, ring))
    }

    fn rearrange(&mut self, l: &Layer<'_>, r: &Rearrange, x: &Share<P>) -> Result<Share<P>, Error> {
        let ring = ring_of(l.output());
        if matches!(r, Rearrange::Reshape) {
            return Ok(x.reduced(ring));
        }
        let one = semantics::index_map(r, &l.input(0).shape, &l.output().shape);
        let len = l.input(0).len() as u32;
        let index: Vec<_> = (0..l.images as u32)
            .flat_map(|n| one.iter().map(move |i| i.map(|i| i + n * len)))
            .collect();
        Ok(x.gather(&index, semantics::fill_value(r) as u64).reduced(ring))
    }

    fn arg_max(&mut self, l: &Layer<'_>, x: &Share<P>) -> Result<Share<P>, Error> {
        let (ring, index_ring) = (ring_of(l.input(0)), ring_of(l.output()));
        let scores = l.input(0).len();
        let bracket = Bracket::single(scores as u32);
        let step = tournament::Tournament::new(ring, Some(index_ring), self.tiles.radix);
        let planes = Planes { bracket: &bracket, count: l.images };
        // Positions are public; the server holds them as its share.
        let own = |i: u64| if P::ROLE == Role::Server { i } else { 0 };
        let index = repeated((0..scores as u64).map(own).collect(), l.images);
        let (_, best) = self.play(l, &planes, &step, x.reduced(ring).expose().to_vec(), index)?;
        Ok(Share::from_protocol(best, index_ring))
    }

    fn lookup(
        &mut self,
        l: &Layer<'_>,
        divisor: u64,
        first: i64,
        values: &[i64],
        x: &Share<P>,
    ) -> Result<Share<P>, Error> {
        let step = GarbledTable::new(l, divisor, first, values)?;
        let x = x.reduced(ring_of(l.input(0)));
        let mut words = Vec::with_capacity(x.len());
        for tile in self.tiles.split(x.len(), |n| step.parts(n)) {
            let mut stock = self.draw(l, &step.parts(tile.len()))?;
            words.extend(step.run::<P>(self.lane, &x.expose()[tile], &mut stock, self.rng)?);
        }
        Ok(Share::from_protocol(words, ring_of(l.output())))
    }

    fn rescale(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: u64,
        _: Function,
        _: &Share<P>,
    ) -> Result<Share<P>, Error> {
        Err(garbled_only(l.node))
    }
}

impl<P: Party> TwoParty<'_, P> {
    /// Plays a bracket level by level on every plane at once; indices follow when given.
    fn play(
        &mut self,
        l: &Layer<'_>,
        planes: &Planes<'_>,
        step: &tournament::Tournament,
        mut values: Vec<u64>,
        mut index: Vec<u64>,
    ) -> Result<(Vec<u64>, Vec<u64>), Error> {
        for level in &planes.bracket.levels {
            let [a, b] = planes.pairs(level, &values);
            let [ia, ib] = planes.pairs(level, &index);
            let (mut won, mut won_index) = (Vec::with_capacity(a.len()), Vec::new());
            for tile in self.tiles.split(a.len(), |n| step.parts(n)) {
                let part = |v: &'_ [u64]| v.get(tile.clone()).unwrap_or_default().to_vec();
                let mut stock = self.draw(l, &step.parts(tile.len()))?;
                let values = [&a[tile.clone()], &b[tile.clone()]];
                let index = [&part(&ia)[..], &part(&ib)[..]];
                let (v, i) = step.play::<P>(self.lane, values, index, &mut stock)?;
                won.extend(v);
                won_index.extend(i);
            }
            values = planes.next(level, &values, &won);
            index = planes.next(level, &index, &won_index);
        }
        Ok((planes.winners(&values), planes.winners(&index)))
    }
}

/// A tournament played on `count` planes side by side; an empty vector stays empty.
struct Planes<'a> {
    bracket: &'a Bracket,
    count: usize,
}

impl Planes<'_> {
    fn each<'v>(&self, v: &'v [u64]) -> std::slice::Chunks<'v, u64> {
        v.chunks((v.len() / self.count).max(1))
    }

    fn start(&self, x: &[u64]) -> Vec<u64> {
        let leaves = &self.bracket.leaves;
        self.each(x).flat_map(|p| leaves.iter().map(|&i| p[i as usize])).collect()
    }

    fn pairs(&self, level: &semantics::Level, v: &[u64]) -> [Vec<u64>; 2] {
        [0, 1].map(|side| {
            let of =
                |p: &[u64]| level.pairs.iter().map(|m| p[m[side] as usize]).collect::<Vec<_>>();
            self.each(v).flat_map(of).collect()
        })
    }

    fn next(&self, level: &semantics::Level, v: &[u64], won: &[u64]) -> Vec<u64> {
        let of = |(p, w): (&[u64], &[u64])| {
            let from = |n: &Next| match *n {
                Next::Pair(i) => w[i as usize],
                Next::Pass(i) => p[i as usize],
            };
            level.next.iter().map(from).collect::<Vec<_>>()
        };
        let won = won.chunks(level.pairs.len().max(1)).chain(std::iter::repeat(&[][..]));
        self.each(v).zip(won).flat_map(of).collect()
    }

    fn winners(&self, v: &[u64]) -> Vec<u64> {
        let winner = &self.bracket.winner;
        let of =
            |p: &[u64]| winner.iter().map(|w| w.map_or(0, |i| p[i as usize])).collect::<Vec<_>>();
        self.each(v).flat_map(of).collect()
    }
}

/// The protocol of an activation layer.
pub(crate) fn activation(l: &Layer<'_>, shift: u32, f: Function, tiles: Tiles) -> Activation {
    let rings = [l.input(0), l.output()].map(ring_of);
    let quarter = 1 << rings[0].bits().saturating_sub(2);
    let small = l.input(0).lo >= -quarter && l.input(0).hi <= quarter;
    Activation::new(rings[0], rings[1], shift, f, tiles.truncation, small, tiles.radix)
}

/// The words of each image.
fn each_image<'x>(l: &Layer<'_>, x: &'x [u64]) -> std::slice::Chunks<'x, u64> {
    x.chunks((x.len() / l.images).max(1))
}

/// The same for every image.
fn repeated(one: Vec<u64>, images: usize) -> Vec<u64> {
    if images == 1 { one } else { one.repeat(images) }
}

/// One bias per channel to one per output element.
fn spread(bias: &[i64], n: usize) -> Vec<u64> {
    if bias.is_empty() {
        return vec![0; n];
    }
    let each = n / bias.len();
    bias.iter().flat_map(|&b| std::iter::repeat_n(b as u64, each)).collect()
}
