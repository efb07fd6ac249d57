//! Functions of one value as tables, for backends where any table costs the same.
//!
//! A function of a function, and a sum or product of two functions of the same value (`x *
//! sigmoid(x)` in whatever nodes the exporter wrote it), is one function of that value.

use super::super::builder::Draft;
use super::super::curve::Curve;
use super::{Form, Lower, Range, frac_for};
use crate::Error;
use crate::fixed::{FixedOp, Function};
use crate::float::scalar;
use crate::ir::{Binary, Node, Op, Unary};
use std::collections::HashMap;

/// Points at which a function is tried for its range.
const POINTS: u32 = 512;

impl Lower<'_> {
    /// From now on functions of one value become tables.
    pub(in super::super) fn tables(mut self) -> Self {
        self.b.curves = Some(HashMap::new());
        // Tables and maxima are put in order later.
        self.plan.partner.fill(None);
        self
    }

    /// A form as a function of the edge it depends on; none unless functions become tables.
    pub(super) fn curve(&self, f: Form) -> Option<Curve> {
        let curves = self.b.curves.as_ref()?;
        let polynomial = move |v: f64| (f.square * v + f.scale) * v + f.offset;
        Some(match curves.get(&f.edge) {
            Some(inner) => {
                let g = inner.f.clone();
                Curve::new(inner.base, move |v| polynomial(g(v)))
            }
            None => Curve::new(f.edge, polynomial),
        })
    }

    /// Lowers a node that is a function of one value, where that is cheaper than what the node
    /// says. False leaves it to the usual rules.
    pub(super) fn function_of_one(&mut self, n: &Node) -> Result<bool, Error> {
        if self.b.curves.is_none() {
            return Ok(false);
        }
        let y = match &n.op {
            Op::Unary(Unary::Neg) => None,
            Op::Unary(f @ (Unary::Relu | Unary::Clip { .. })) => {
                let x = self.operand(n, 0)?;
                let (lo, hi) = match *f {
                    Unary::Clip { lo, hi } => (f64::from(lo), f64::from(hi)),
                    _ => (0.0, f64::INFINITY),
                };
                if x.square == 0.0 && x.offset == 0.0 && x.scale > 0.0 && !self.is_curve(x) {
                    // A positive factor commutes with bounds.
                    let curve = match f {
                        Unary::Relu => Curve::relu(x.edge),
                        _ => Curve::clip(x.edge, lo / x.scale, hi / x.scale),
                    };
                    let y = self.tabulate(&n.name, curve)?;
                    self.set(n.outputs[0], Form { edge: y.edge, ..x });
                    return Ok(true);
                }
                self.composed(x, move |v| v.max(lo).min(hi))
            }
            Op::Unary(f) => {
                let f = f.clone();
                self.composed(self.operand(n, 0)?, move |v| f64::from(scalar(&f, v as f32)))
            }
            Op::PRelu => match self.floats(n, 1)? {
                [first, rest @ ..] if rest.iter().all(|s| s == first) => {
                    let slope = f64::from(*first);
                    let leaky = move |v: f64| if v >= 0.0 { v } else { slope * v };
                    self.composed(self.operand(n, 0)?, leaky)
                }
                _ => None,
            },
            Op::Binary(f) => self.binary_of_one(n, *f)?,
            _ => None,
        };
        let Some(curve) = y else { return Ok(false) };
        let y = self.tabulate(&n.name, curve)?;
        self.set(n.outputs[0], y);
        Ok(true)
    }

    fn is_curve(&self, f: Form) -> bool {
        self.b.curves.as_ref().is_some_and(|c| c.contains_key(&f.edge))
    }

    fn composed(&self, x: Form, f: impl Fn(f64) -> f64 + Send + Sync + 'static) -> Option<Curve> {
        let inner = self.curve(x)?;
        Some(Curve::new(inner.base, move |v| f((inner.f)(v))))
    }

    fn binary_of_one(&self, n: &Node, f: Binary) -> Result<Option<Curve>, Error> {
        let constant = |i: usize| -> Result<Option<f64>, Error> {
            let Some(t) = self.constant(n, i) else { return Ok(None) };
            let v = t.as_f32()?;
            Ok(v.first().filter(|c| v.iter().all(|x| x == *c)).map(|&c| f64::from(c)))
        };
        Ok(match (self.constant(n, 0).is_some(), self.constant(n, 1).is_some()) {
            (true, true) => None,
            (false, true) => match constant(1)? {
                Some(2.0) if f == Binary::Pow => None,
                Some(c) if matches!(f, Binary::Pow | Binary::Max | Binary::Min) => {
                    self.composed(self.operand(n, 0)?, move |v| apply(f, v, c))
                }
                _ => None,
            },
            (true, false) => match constant(0)? {
                Some(c) if !matches!(f, Binary::Add | Binary::Sub | Binary::Mul) => {
                    self.composed(self.operand(n, 1)?, move |v| apply(f, c, v))
                }
                _ => None,
            },
            (false, false) => {
                let (a, b) = (self.operand(n, 0)?, self.operand(n, 1)?);
                let symbolic = match f {
                    Binary::Add | Binary::Sub => a.edge == b.edge,
                    Binary::Mul => a.mul(b).is_some(),
                    _ => false,
                };
                match (self.curve(a), self.curve(b)) {
                    (Some(x), Some(y)) if x.base == y.base && !symbolic => {
                        Some(Curve::new(x.base, move |v| apply(f, (x.f)(v), (y.f)(v))))
                    }
                    _ => None,
                }
            }
        })
    }

    /// The function's values on an edge of their own. Its node is an identity that stands for a
    /// table.
    pub(super) fn tabulate(&mut self, name: &str, curve: Curve) -> Result<Form, Error> {
        let base = curve.base;
        let from = self.b.edge(base).clone();
        let range = image(&curve, from.range).ok_or_else(|| Error::Unsupported {
            node: name.into(),
            op: "table".into(),
            why: "the function is not finite on its operand's calibrated range".into(),
            hint: "calibrate on typical inputs, or bound the operand".into(),
        })?;
        let frac = frac_for(range.magnitude(), self.b.options.act_bits);
        let out = Draft { name: name.into(), frac, divisor: 1, range, ..from };
        let op = FixedOp::Activate { shift: 0, function: Function::Identity, flips: None };
        let edge = self.b.node(name, op, vec![base], out);
        if let Some(curves) = &mut self.b.curves {
            curves.insert(edge, curve);
        }
        Ok(Form::of(edge))
    }
}

fn apply(f: Binary, a: f64, b: f64) -> f64 {
    match f {
        Binary::Add => a + b,
        Binary::Sub => a - b,
        Binary::Mul => a * b,
        Binary::Div => a / b,
        Binary::Pow => a.powf(b),
        Binary::Max => a.max(b),
        Binary::Min => a.min(b),
    }
}

/// The interval of a function's values on an interval; none where one is not finite.
fn image(curve: &Curve, over: Range) -> Option<Range> {
    let at = |i: u32| over.lo + (over.hi - over.lo) * f64::from(i) / f64::from(POINTS);
    let values = (0..=POINTS).map(|i| (curve.f)(at(i)));
    let of = |v: f64| v.is_finite().then(|| Range::new(v, v));
    values.map(of).reduce(|a, b| Some(a?.union(b?)))?
}
