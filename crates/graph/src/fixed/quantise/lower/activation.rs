use super::super::builder::{RealLinear, Relu};
use super::affine::pointwise;
use super::plan::is_rectifier;
use super::{Form, Lower, Range, op_name, refuse};
use crate::Error;
use crate::fixed::Rearrange;
use crate::ir::{Node, Unary};

/// A `Clip` whose operand stayed below the bound by this factor in calibration is a `Relu`: the
/// second comparison would cost as much as the first and never fire.
const CLIP_HEADROOM: f64 = 1.25;

impl Lower<'_> {
    pub(super) fn unary(&mut self, index: usize, n: &Node, f: &Unary) -> Result<(), Error> {
        if self.rectify_gate(n)? {
            return Ok(());
        }
        let x = self.operand(n, 0)?;
        let out = n.outputs[0];
        if self.plan.partner[index].is_some() && is_rectifier(n) {
            // The max pool it is paired with does both.
            self.set(out, x);
            return Ok(());
        }
        let range = self.range(out)?;
        let y = match *f {
            Unary::Relu => self.rectify(&n.name, x, f64::INFINITY, range)?,
            Unary::Clip { lo, hi } => self.clip(&n.name, x, f64::from(lo), f64::from(hi), range)?,
            Unary::LeakyRelu { slope } => self.leaky(n, x, &[f64::from(slope)])?,
            Unary::HardSigmoid { alpha, beta } => {
                let x = x.affine(f64::from(alpha), f64::from(beta));
                self.clip(&n.name, x, 0.0, 1.0, range)?
            }
            Unary::HardSwish => {
                let gate =
                    self.clip(&n.name, x.affine(1.0, 3.0), 0.0, 6.0, Range::new(0.0, 6.0))?;
                self.product(&n.name, x, gate, range.affine(6.0, 0.0))?.affine(1.0 / 6.0, 0.0)
            }
            Unary::Neg => x.affine(-1.0, 0.0),
            Unary::Abs => {
                let x = self.positive(&n.name, x)?;
                let r = self.exact_relu(&n.name, x);
                // |x| = relu(x) + (relu(x) - x)
                let inner = Range::new(0.0, self.b.edge(x.edge).range.magnitude());
                let d = self.b.add(&format!("{}/negative", n.name), r.edge, x.edge, true, inner);
                let edge = self.b.add(&n.name, r.edge, d, false, inner);
                Form { edge, ..x }
            }
            _ => {
                return Err(refuse(
                    n,
                    &format!("{} inside a network is not computed privately", op_name(&n.op)),
                    "retrain with Relu, a Clip, HardSigmoid, HardSwish or a polynomial of degree two; a final Sigmoid or Tanh is fine",
                ));
            }
        };
        self.set(out, y);
        Ok(())
    }

    /// `min(max(x, 0), hi)` with a calibrated result.
    pub(super) fn rectify(
        &mut self,
        name: &str,
        x: Form,
        hi: f64,
        range: Range,
    ) -> Result<Form, Error> {
        let mut x = self.positive(name, x)?;
        let top = self.b.edge(x.edge).range.hi * x.scale;
        let bounded = hi.is_finite() && top * CLIP_HEADROOM > hi;
        if bounded && x.secret && x.scale != 1.0 {
            // The bound is public; at a secret factor's scale it would show the factor.
            x = self.unit(name, x)?;
        }
        let relu = if bounded { Relu::Bounded(hi / x.scale) } else { Relu::Unbounded };
        let edge =
            self.b.activate(name, x.edge, relu, range.clipped(hi).affine(1.0 / x.scale, 0.0));
        Ok(Form { edge, ..x })
    }

    /// `relu(x)` of a positive form without rounding.
    pub(super) fn exact_relu(&mut self, name: &str, x: Form) -> Form {
        let range = self.b.edge(x.edge).range.clipped(f64::INFINITY);
        let edge = self.b.exact_relu(&format!("{name}/relu"), x.edge, range);
        Form { edge, ..x }
    }

    /// `min(max(x, lo), hi)` with a calibrated result.
    pub(super) fn clip(
        &mut self,
        name: &str,
        x: Form,
        lo: f64,
        hi: f64,
        range: Range,
    ) -> Result<Form, Error> {
        if lo == f64::NEG_INFINITY && hi == f64::INFINITY {
            return Ok(x);
        }
        if lo == f64::NEG_INFINITY {
            // min(x, hi) = hi - relu(hi - x)
            let r =
                self.rectify(name, x.affine(-1.0, hi), f64::INFINITY, range.affine(-1.0, hi))?;
            return Ok(r.affine(-1.0, hi));
        }
        let r = self.rectify(name, x.affine(1.0, -lo), hi - lo, range.affine(1.0, -lo))?;
        Ok(r.affine(1.0, lo))
    }

    pub(super) fn prelu(&mut self, n: &Node) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let slope = self.tensor(n, 1)?;
        let shape = &self.g.value(n.outputs[0]).shape;
        let slope = super::arithmetic::broadcast(slope, shape)?;
        let y = match super::mask::mask(&slope) {
            Some(rectified) => self.masked(n, x, &rectified)?,
            None => self.leaky(n, x, &slope)?.secret(),
        };
        self.set(n.outputs[0], y);
        Ok(())
    }

    /// `slope * x + (1 - slope) * relu(x)` with one slope or one per element: a grouped linear
    /// layer over `x` and its rectified part, interleaved channel by channel.
    fn leaky(&mut self, n: &Node, x: Form, slope: &[f64]) -> Result<Form, Error> {
        let name = &n.name;
        let range = self.range(n.outputs[0])?;
        let x = self.positive(name, x)?;
        let from = self.b.edge(x.edge).clone();
        let elements = from.len() as u32;
        let channels = match from.shape[..] {
            [1, c, ..] => c,
            _ => elements,
        };
        let per_channel =
            slope.chunks((elements / channels) as usize).all(|c| c.iter().all(|s| *s == c[0]));
        let groups = if slope.len() == 1 {
            1
        } else if per_channel {
            channels
        } else {
            elements
        };
        let run = elements / groups;
        let rectified = from.range.clipped(f64::INFINITY);
        let r = self.b.activate(&format!("{name}/relu"), x.edge, Relu::Unbounded, rectified);
        let u = self.b.narrow(x.edge);
        let rows = vec![groups, 1, run];
        let parts = [u, r].map(|e| self.b.rearrange(name, Rearrange::Reshape, e, rows.clone()));
        let joined =
            self.b.concat(&format!("{name}/parts"), 1, parts.to_vec(), vec![groups, 2, run]);
        let kernel: Vec<f64> = (0..groups)
            .flat_map(|g| {
                let s = slope[if slope.len() == 1 { 0 } else { (g * run) as usize }];
                [s, 1.0 - s]
            })
            .collect();
        let conv = pointwise(2 * groups, groups, groups, [1, run]);
        let l = RealLinear { conv, kernel: &kernel, bias: &[], shape: from.shape, range };
        self.linear(name, Form { edge: joined, ..x }, l)
    }
}
