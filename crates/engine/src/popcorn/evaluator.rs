use super::blind::choice;
use super::exchange::Asker;
use super::plan::Step;
use super::server::Kernels;
use crate::evaluator::Linear;
use crate::{Error, Evaluator, Layer};
use sordino_graph::fixed::semantics::{Next, Tournament, fill_value, index_map, windows};
use sordino_graph::fixed::{FixedOp, Function, PoolShape, Rearrange, WeightId, Weights};
use sordino_he::paillier::Computed;
use sordino_wire::Phase;

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
    fn kernel(&self, l: &Layer<'_>, x: &Computed) -> Result<Computed, Error> {
        let kernel = self.kernels.layer(l.index).ok_or_else(|| mismatch(l))?;
        Ok(kernel.apply_to_computed(x)?)
    }

    /// min(t, 0) = t - max(t, 0) instead of max(t, 0) where the owner's signs say so.
    fn flipped(&self, l: &Layer<'_>, t: &Computed, kept: Computed) -> Result<Computed, Error> {
        let FixedOp::Activate { flips: Some(id), .. } = &l.node.op else { return Ok(kept) };
        let flips = self.layer_bias(l, *id)?;
        let plane = (t.len() / flips.len().max(1)).max(1);
        let second: Vec<u64> =
            flips.iter().flat_map(|flip| std::iter::repeat_n(*flip as u64, plane)).collect();
        let rest = self.asker.subtract(t, &kept)?;
        Ok(Computed::chain(&[&kept, &rest])?.select(&choice(&second))?)
    }

    fn layer_bias(&self, l: &Layer<'_>, id: WeightId) -> Result<Vec<i128>, Error> {
        let layer = self.weights.layers.get(id.0 as usize).ok_or_else(|| mismatch(l))?;
        Ok(layer.bias.iter().copied().map(i128::from).collect())
    }
}

impl Evaluator for Server<'_> {
    type Tensor = Computed;

    fn begin(&mut self, l: &Layer<'_>) -> Result<(), Error> {
        self.asker.lane.meter_mut().set(Phase::Online, Some(l.index));
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
        f: Function,
        x: &Computed,
    ) -> Result<Computed, Error> {
        let plan = self.asker.plan;
        let mut y = x.select(&(0..x.len()).collect::<Vec<_>>())?;
        for step in plan.steps(l.index) {
            match *step {
                Step::Truncate { bits, shift, .. } => y = self.asker.truncate(&y, bits, shift)?,
                // The truncation has done it.
                Step::Compare { .. } => {}
                Step::Rectify { bits, .. } => {
                    let Function::ReluMax { hi } = f else {
                        let kept = self.asker.rectify(&y, bits)?;
                        y = self.flipped(l, &y, kept)?;
                        continue;
                    };
                    // min(max(t, 0), hi) = max(t, 0) - max(t - hi, 0).
                    let n = y.len();
                    let above = self.asker.add_plain(&y, &vec![-i128::from(hi); n])?;
                    let both = self.asker.rectify(&Computed::chain(&[&y, &above])?, bits)?;
                    let part = |from: usize| both.select(&(from..from + n).collect::<Vec<_>>());
                    y = self.asker.subtract(&part(0)?, &part(n)?)?;
                }
            }
        }
        Ok(y)
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
        for level in &bracket.levels {
            let side = |i: usize| level.pairs.iter().map(|p| Some(p[i])).collect::<Vec<_>>();
            let (a, b) = (pick(&values, size, &side(0))?, pick(&values, size, &side(1))?);
            let difference = self.asker.subtract(&a, &b)?;
            let best = self.asker.rectify(&difference, l.input(0).ring)?.add(&b)?;
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
