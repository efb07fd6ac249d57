use super::ask::Asker;
use super::messages::WORKING;
use super::server::Kernels;
use crate::evaluator::Linear;
use crate::{Error, Evaluator, Layer};
use sordino_graph::fixed::semantics::{Next, Tournament, fill_value, index_map, windows, wrap};
use sordino_graph::fixed::{
    FixedOp, Function, LayerWeights, PoolShape, Rearrange, WeightId, Weights,
};
use sordino_he::paillier::Computed;
use sordino_wire::{Phase, Public};

/// The server's walk over encrypted tensors, a ciphertext per element.
pub(super) struct Server<'a> {
    pub(super) asker: Asker<'a>,
    pub(super) kernels: &'a Kernels,
    pub(super) weights: &'a Weights,
}

/// The plan is made from the graph that is walked.
fn mismatch(l: &Layer<'_>) -> Error {
    Error::Config(format!("layer '{}' is not the one that was planned", l.node.name))
}

/// Elements with these numbers; for none, `fill`.
fn gather(x: &Computed, fill: &Computed, index: &[Option<usize>]) -> Result<Computed, Error> {
    let end = x.len();
    let index: Vec<usize> = index.iter().map(|i| i.unwrap_or(end)).collect();
    Ok(Computed::chain(&[x, fill])?.select(&index)?)
}

impl Server<'_> {
    /// A convolution, with the signs of life that are planned.
    fn kernel(&mut self, l: &Layer<'_>, x: &Computed) -> Result<Computed, Error> {
        let kernels: &Kernels = self.kernels;
        let plan = self.asker.plan;
        let all = plan.signs_of_life(l.index) + 1;
        let (mut signs, mut given) = (plan.signs(l.index).iter(), 0);
        let mut sign = || -> Result<(), Error> {
            if signs.next() == Some(&true) {
                given += 1;
                self.asker.lane.send(WORKING, Public::new(&[]))?;
                self.asker.lane.flush()?;
                self.asker.observer.part(given, all);
            }
            Ok(())
        };
        let blocks = kernels.layer(l.index).iter();
        let parts = blocks.map(|(inputs, block)| {
            if *inputs == (0..x.len()) {
                return block.apply_in_parts(x, &mut sign);
            }
            block.apply_in_parts(&x.range(inputs.clone())?, &mut sign)
        });
        let parts = parts.collect::<Result<Vec<_>, _>>()?;
        if parts.is_empty() {
            return Err(mismatch(l));
        }
        Ok(Computed::chain(&parts.iter().collect::<Vec<_>>())?)
    }

    /// For each value 1 where the owner's signs want min(t, 0) instead of max(t, 0).
    fn flips(&self, l: &Layer<'_>) -> Result<Option<Vec<u64>>, Error> {
        let FixedOp::Activate { flips: Some(id), .. } = &l.node.op else { return Ok(None) };
        let flips = &self.secret(l, *id)?.bias;
        let plane = (l.input(0).len() / flips.len().max(1)).max(1);
        let each = flips.iter().flat_map(|flip| std::iter::repeat_n(*flip as u64, plane));
        Ok(Some(each.collect()))
    }

    /// What is added to a layer's results, which its ring may know by another number.
    fn layer_bias(&self, l: &Layer<'_>, id: WeightId) -> Result<Vec<i128>, Error> {
        let ring = l.output().ring;
        let bias = self.secret(l, id)?.bias.iter();
        Ok(bias.map(|b| wrap(*b as u64, ring).into()).collect())
    }

    fn secret(&self, l: &Layer<'_>, id: WeightId) -> Result<&LayerWeights, Error> {
        self.weights.layers.get(id.0 as usize).ok_or_else(|| mismatch(l))
    }
}

impl Evaluator for Server<'_> {
    type Tensor = Computed;

    fn begin(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        self.asker.lane.meter_mut().set(Phase::Online, Some(l.index));
        self.asker.observer.layer(l.index as usize, l.graph.nodes.len(), &l.node.name);
        Ok(())
    }

    fn linear(&mut self, l: &Layer<'_>, op: Linear<'_>, x: &Computed) -> Result<Computed, Error> {
        let y = self.kernel(l, x)?;
        let bias = self.layer_bias(l, op.weights)?;
        if bias.is_empty() {
            return Ok(y);
        }
        let plane = l.output().len() / bias.len();
        let all: Vec<i128> = bias.iter().flat_map(|b| std::iter::repeat_n(*b, plane)).collect();
        self.asker.add_plain(&y, &all)
    }

    fn add_const(&mut self, l: &Layer<'_>, c: WeightId, x: &Computed) -> Result<Computed, Error> {
        self.asker.add_plain(x, &self.layer_bias(l, c)?)
    }

    fn activate(
        &mut self,
        l: &Layer<'_>,
        _: u32,
        _: Function,
        x: &Computed,
    ) -> Result<Computed, Error> {
        match self.asker.plan.exchanges(l.index) {
            [] => Ok(x.range(0..x.len())?),
            [exchange] => {
                let flips = self.flips(l)?;
                self.asker.run(exchange, x, flips.as_deref())
            }
            _ => Err(mismatch(l)),
        }
    }

    fn sum_pool(&mut self, l: &Layer<'_>, _: &PoolShape, x: &Computed) -> Result<Computed, Error> {
        self.kernel(l, x)
    }

    fn max_pool(
        &mut self,
        l: &Layer<'_>,
        pool: &PoolShape,
        x: &Computed,
    ) -> Result<Computed, Error> {
        let bracket = Tournament::new(&windows(pool));
        let channels = pool.channels as usize;
        let zero = self.asker.constants(&[0])?;
        // Place `at[i]` of every channel's plane.
        let pick = |x: &Computed, plane: usize, at: &[Option<u32>]| {
            let places = (0..channels)
                .flat_map(|c| at.iter().map(move |a| a.map(|a| c * plane + a as usize)));
            gather(x, &zero, &places.collect::<Vec<_>>())
        };
        let leaves: Vec<Option<u32>> = bracket.leaves.iter().copied().map(Some).collect();
        let mut values = pick(x, (pool.h * pool.w) as usize, &leaves)?;
        let mut size = leaves.len();
        let exchanges = self.asker.plan.exchanges(l.index);
        for (level, exchange) in bracket.levels.iter().zip(exchanges) {
            let side = |i: usize| level.pairs.iter().map(|p| Some(p[i])).collect::<Vec<_>>();
            let (a, b) = (pick(&values, size, &side(0))?, pick(&values, size, &side(1))?);
            let difference = self.asker.subtract(&a, &b)?;
            let best = self.asker.run(exchange, &difference, None)?.add(&b)?;
            let (pairs, won) = (level.pairs.len(), best.len());
            let next = (0..channels).flat_map(|c| {
                level.next.iter().map(move |n| match *n {
                    Next::Pair(i) => c * pairs + i as usize,
                    Next::Pass(i) => won + c * size + i as usize,
                })
            });
            values = Computed::chain(&[&best, &values])?.select(&next.collect::<Vec<_>>())?;
            size = level.next.len();
        }
        pick(&values, size, &bracket.winner)
    }

    fn add(
        &mut self,
        _: &Layer<'_>,
        shl: [u32; 2],
        subtract: bool,
        a: &Computed,
        b: &Computed,
    ) -> Result<Computed, Error> {
        let (a, b) = (a.shift(shl[0] as usize), b.shift(shl[1] as usize));
        if subtract { self.asker.subtract(&a, &b) } else { Ok(a.add(&b)?) }
    }

    fn mul(&mut self, l: &Layer<'_>, _: &Computed, _: &Computed) -> Result<Computed, Error> {
        Err(mismatch(l))
    }

    fn concat(
        &mut self,
        l: &Layer<'_>,
        axis: u32,
        shl: &[u32],
        xs: &[&Computed],
    ) -> Result<Computed, Error> {
        let outer: usize = l.output().shape[..axis as usize].iter().map(|&d| d as usize).product();
        let parts: Vec<Computed> = xs.iter().zip(shl).map(|(x, s)| x.shift(*s as usize)).collect();
        let mut index = Vec::with_capacity(l.output().len());
        for i in 0..outer {
            let mut first = 0;
            for part in &parts {
                let inner = part.len() / outer;
                index.extend((i * inner..(i + 1) * inner).map(|at| first + at));
                first += part.len();
            }
        }
        Ok(Computed::chain(&parts.iter().collect::<Vec<_>>())?.select(&index)?)
    }

    fn rearrange(&mut self, l: &Layer<'_>, r: &Rearrange, x: &Computed) -> Result<Computed, Error> {
        let index: Vec<Option<usize>> = match r {
            Rearrange::Reshape => (0..x.len()).map(Some).collect(),
            _ => index_map(r, &l.input(0).shape, &l.output().shape)
                .into_iter()
                .map(|i| i.map(|i| i as usize))
                .collect(),
        };
        let fill = self.asker.constants(&[i128::from(fill_value(r))])?;
        gather(x, &fill, &index)
    }

    fn arg_max(&mut self, l: &Layer<'_>, _: &Computed) -> Result<Computed, Error> {
        Err(mismatch(l))
    }

    fn lookup(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: i64,
        _: &[i64],
        _: &Computed,
    ) -> Result<Computed, Error> {
        Err(mismatch(l))
    }

    fn rescale(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: u64,
        _: Function,
        _: &Computed,
    ) -> Result<Computed, Error> {
        Err(mismatch(l))
    }
}
