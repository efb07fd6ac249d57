use super::Circuit;
use super::circuit::Step;
use super::views::Views;
use crate::evaluator::Linear;
use crate::walk::{Progress, walk};
use crate::{Error, Evaluator, Layer};
use rayon::prelude::*;
use sordino_garble::{Base, Labels, Machine, convolve};
use sordino_graph::fixed::semantics::{Next, fill_value, index_map, windows};
use sordino_graph::fixed::{Function, PoolShape, Rearrange, WeightId};

/// Garbler or evaluator of a circuit: the same walk over the same steps.
struct Party<'a, M> {
    circuit: &'a Circuit,
    machine: &'a mut M,
}

/// Runs a circuit from its input's labels to its output's.
pub(super) fn run<M: Machine>(
    circuit: &Circuit,
    machine: &mut M,
    input: Vec<Labels>,
    progress: &mut dyn Progress,
) -> Result<Vec<Labels>, Error> {
    let mut party = Party { circuit, machine };
    let output = walk(&circuit.graph, &mut party, Views::new(input), progress)?;
    let primes = circuit.output().primes();
    Ok(output.into_inner().into_iter().filter(|x| primes.contains(&x.prime())).collect())
}

impl<M: Machine> Party<'_, M> {
    fn base(&self, l: &Layer<'_>) -> &Base {
        &self.circuit.bases[l.node.output.0 as usize]
    }

    fn step(&self, l: &Layer<'_>) -> &Step {
        &self.circuit.steps[l.index as usize]
    }

    fn gadget(&mut self, l: &Layer<'_>, x: &Views) -> Result<Views, Error> {
        let Step::Gadget { from, program } = &self.circuit.steps[l.index as usize] else {
            return Err(mismatch(l));
        };
        Ok(Views::new(self.machine.run(program, &x.in_moduli(from.primes()))?))
    }
}

/// The plan is made from the graph that is walked.
fn mismatch(l: &Layer<'_>) -> Error {
    Error::Config(format!("layer '{}' is not the one that was planned", l.node.name))
}

impl<M: Machine> Evaluator for Party<'_, M> {
    type Tensor = Views;

    fn begin(&mut self, _: &Layer<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn linear(&mut self, l: &Layer<'_>, _: Linear<'_>, x: &Views) -> Result<Views, Error> {
        let Step::Linear { kernel, bias } = self.step(l) else { return Err(mismatch(l)) };
        let x = x.in_moduli(self.base(l).primes());
        let mut y: Vec<Labels> = x.into_par_iter().map(|x| convolve(kernel, x)).collect();
        if !bias.is_empty() {
            let plane = l.output().len() / bias.len();
            y.iter_mut().for_each(|y| self.machine.add_constants(y, bias, plane));
        }
        Ok(Views::new(y))
    }

    fn add_const(&mut self, l: &Layer<'_>, _: WeightId, x: &Views) -> Result<Views, Error> {
        let Step::AddConst(values) = self.step(l) else { return Err(mismatch(l)) };
        Ok(x.map(self.base(l).primes(), |x| {
            let mut y = x.scale(1);
            self.machine.add_constants(&mut y, values, 1);
            y
        }))
    }

    fn activate(&mut self, l: &Layer<'_>, _: u32, _: Function, x: &Views) -> Result<Views, Error> {
        Ok(x.map(self.base(l).primes(), |x| x.scale(1)))
    }

    fn lookup(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: i64,
        _: &[i64],
        x: &Views,
    ) -> Result<Views, Error> {
        self.gadget(l, x)
    }

    fn rescale(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: u64,
        _: Function,
        x: &Views,
    ) -> Result<Views, Error> {
        self.gadget(l, x)
    }

    fn sum_pool(&mut self, l: &Layer<'_>, pool: &PoolShape, x: &Views) -> Result<Views, Error> {
        let windows = windows(pool);
        let plane = (pool.h * pool.w) as usize;
        Ok(x.map(self.base(l).primes(), |x| {
            let mut y = Labels::zero(x.prime(), 0);
            for c in 0..pool.channels as usize {
                y.extend(&x.sums((0..windows.len()).map(|i| windows.get(i)), c * plane));
            }
            y
        }))
    }

    fn max_pool(&mut self, l: &Layer<'_>, pool: &PoolShape, x: &Views) -> Result<Views, Error> {
        let Step::MaxPool { from, bracket, maximum, convert } =
            &self.circuit.steps[l.index as usize]
        else {
            return Err(mismatch(l));
        };
        let channels = pool.channels;
        // Place `at[i]` of every channel's plane, or none.
        let pick = |x: &[Labels], plane: usize, at: &[Option<u32>]| -> Vec<Labels> {
            let index: Vec<Option<u32>> = (0..channels)
                .flat_map(|c| at.iter().map(move |a| a.map(|a| c * plane as u32 + a)))
                .collect();
            x.iter().map(|x| x.gather(index.iter().copied())).collect()
        };
        let x: Vec<Labels> = x.in_moduli(from.primes()).into_iter().map(|x| x.scale(1)).collect();
        let leaves: Vec<Option<u32>> = bracket.leaves.iter().copied().map(Some).collect();
        let mut values = pick(&x, (pool.h * pool.w) as usize, &leaves);
        let mut size = leaves.len();
        for level in &bracket.levels {
            let side = |i: usize| level.pairs.iter().map(|p| Some(p[i])).collect::<Vec<_>>();
            let (a, b) = (pick(&values, size, &side(0)), pick(&values, size, &side(1)));
            let operands: Vec<&Labels> = a.iter().chain(&b).collect();
            let best = self.machine.run(maximum, &operands)?;
            // Winners and those that had no opponent, side by side.
            let pairs = level.pairs.len();
            let joined: Vec<Labels> = best
                .iter()
                .zip(&values)
                .map(|(best, values)| {
                    let mut all = Labels::zero(best.prime(), 0);
                    for c in 0..channels as usize {
                        all.append_part(best, c * pairs, pairs);
                        all.append_part(values, c * size, size);
                    }
                    all
                })
                .collect();
            let next: Vec<Option<u32>> = level
                .next
                .iter()
                .map(|n| match *n {
                    Next::Pair(i) => Some(i),
                    Next::Pass(i) => Some(pairs as u32 + i),
                })
                .collect();
            values = pick(&joined, pairs + size, &next);
            size = next.len();
        }
        let best = pick(&values, size, &bracket.winner);
        match convert {
            Some(program) => {
                Ok(Views::new(self.machine.run(program, &best.iter().collect::<Vec<_>>())?))
            }
            None => Ok(Views::new(best)),
        }
    }

    fn add(
        &mut self,
        l: &Layer<'_>,
        shl: [u32; 2],
        subtract: bool,
        a: &Views,
        b: &Views,
    ) -> Result<Views, Error> {
        let primes = self.base(l).primes();
        let (a, b) = (a.in_moduli(primes), b.in_moduli(primes));
        let shifted = |x: &Labels, shl: u32| x.scale(1 << shl);
        let sum = |(a, b): (&&Labels, &&Labels)| {
            let (a, b) = (shifted(a, shl[0]), shifted(b, shl[1]));
            if subtract { a.sub(&b) } else { a.add(&b) }
        };
        Ok(Views::new(a.iter().zip(&b).map(sum).collect()))
    }

    fn mul(&mut self, l: &Layer<'_>, _: &Views, _: &Views) -> Result<Views, Error> {
        Err(mismatch(l))
    }

    fn concat(
        &mut self,
        l: &Layer<'_>,
        axis: u32,
        shl: &[u32],
        xs: &[&Views],
    ) -> Result<Views, Error> {
        let outer: usize = l.output().shape[..axis as usize].iter().map(|&d| d as usize).product();
        let joined = self.base(l).primes().iter().map(|p| {
            let parts: Vec<Labels> = xs
                .iter()
                .zip(shl)
                .flat_map(|(x, s)| x.in_moduli(&[*p]).into_iter().map(move |x| x.scale(1 << s)))
                .collect();
            let mut y = Labels::zero(*p, 0);
            for i in 0..outer {
                for x in &parts {
                    let inner = x.len() / outer;
                    y.append_part(x, i * inner, inner);
                }
            }
            y
        });
        Ok(Views::new(joined.collect()))
    }

    fn rearrange(&mut self, l: &Layer<'_>, r: &Rearrange, x: &Views) -> Result<Views, Error> {
        let primes = self.base(l).primes();
        if matches!(r, Rearrange::Reshape) {
            return Ok(x.map(primes, |x| x.scale(1)));
        }
        let index = index_map(r, &l.input(0).shape, &l.output().shape);
        let fill = i128::from(fill_value(r));
        let filled: Vec<i128> = index.iter().map(|i| if i.is_none() { fill } else { 0 }).collect();
        Ok(x.map(primes, |x| {
            let mut y = x.gather(index.iter().copied());
            if fill != 0 {
                self.machine.add_constants(&mut y, &filled, 1);
            }
            y
        }))
    }

    fn arg_max(&mut self, l: &Layer<'_>, _: &Views) -> Result<Views, Error> {
        Err(mismatch(l))
    }
}
