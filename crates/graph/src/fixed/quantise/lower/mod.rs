//! From real operators to integer ones, in the order of the network.

mod activation;
mod affine;
mod arithmetic;
mod curve;
mod gate;
mod mask;
mod matrix;
mod movement;
mod plan;
mod pool;
mod quantised;
mod window;

use super::builder::{Builder, Draft, RealLinear};
use super::form::Form;
use super::range::{Range, bits, frac_for};
use super::{Calibration, Lowered, QuantiseOptions};
use crate::Error;
use crate::fixed::{EdgeId, Finish, FixedModel, FixedOp, Rearrange};
use crate::ir::{Graph, Node, Op, Tensor, ValueId};
use gate::{Gains, Gate};
use plan::Plan;
use std::collections::HashMap;
use std::rc::Rc;

/// The value that is revealed, and what the data owner applies to it.
pub(super) fn revealed(g: &Graph) -> Result<(ValueId, Finish), Error> {
    let plan = Plan::new(g)?;
    Ok((plan.output, plan.finish))
}

/// State of lowering one graph.
pub(super) struct Lower<'a> {
    g: &'a Graph,
    calibration: &'a Calibration,
    plan: Plan,
    b: Builder<'a>,
    forms: Vec<Option<Form>>,
    /// Scale and zero point of integer values; their forms stand for the dequantised reals.
    steps: Vec<Option<(f64, f64)>>,
    /// Normalised values that a rectifier waits for.
    gates: HashMap<ValueId, Gate>,
    /// Factors and offsets per channel, of values that only linear layers read.
    gains: HashMap<ValueId, Rc<Gains>>,
}

impl<'a> Lower<'a> {
    pub(super) fn new(
        g: &'a Graph,
        calibration: &'a Calibration,
        options: &'a QuantiseOptions,
    ) -> Result<Self, Error> {
        let n = g.values.len();
        Ok(Self {
            g,
            calibration,
            plan: Plan::new(g)?,
            b: Builder::new(options),
            forms: vec![None; n],
            steps: vec![None; n],
            gates: HashMap::new(),
            gains: HashMap::new(),
        })
    }

    /// Lowers the whole graph to integers in rings.
    pub(super) fn run(mut self) -> Result<FixedModel, Error> {
        let (input, output, finish) = self.layers()?;
        super::rings::finish(self.b, &self.g.name, input, output, finish)
    }

    /// Lowers the whole graph and leaves it at that.
    pub(super) fn lowered(mut self) -> Result<Lowered, Error> {
        let (input, output, finish) = self.layers()?;
        let Builder { edges, nodes, weights, curves, .. } = self.b;
        let curves = curves.unwrap_or_default();
        Ok(Lowered { edges, nodes, weights, curves, input, output, finish })
    }

    fn layers(&mut self) -> Result<(EdgeId, EdgeId, Finish), Error> {
        let input = self.input()?;
        let g = self.g;
        for (i, node) in g.nodes.iter().enumerate() {
            if !self.plan.skip[i] {
                self.node(i, node)?;
            }
        }
        let (output, finish) = self.output()?;
        Ok((input, output, finish))
    }

    fn input(&mut self) -> Result<EdgeId, Error> {
        let &[id] = &self.g.inputs[..] else {
            return Err(Error::Unsupported {
                node: self.g.name.clone(),
                op: "graph".into(),
                why: format!("it has {} inputs", self.g.inputs.len()),
                hint: "export the network with one input".into(),
            });
        };
        let range = self.range(id)?;
        let act_bits = self.b.options.act_bits;
        // Raw pixels and other integers are exact without fraction bits.
        let whole = self.calibration.is_integral(id) && bits(range.magnitude()) <= act_bits;
        let frac = if whole { 0 } else { frac_for(range.magnitude(), act_bits) };
        let shape = self.shape(id)?;
        let name = self.g.value(id).name.clone();
        let edge = self.b.new_edge(Draft { name, shape, frac, divisor: 1, range });
        self.forms[id.0] = Some(Form::of(edge));
        Ok(edge)
    }

    fn output(&mut self) -> Result<(EdgeId, Finish), Error> {
        let (id, finish) = (self.plan.output, self.plan.finish);
        let name = self.g.value(id).name.clone();
        let f = self.form(id).ok_or_else(|| {
            Error::Invalid(format!("the output '{name}' does not depend on the input"))
        })?;
        let f = self.plain(&name, f)?;
        let edge = self.unit(&name, f)?.edge;
        let shape = self.shape(id)?;
        let edge = self.b.rearrange(&name, Rearrange::Reshape, edge, shape);
        Ok((edge, finish))
    }

    fn node(&mut self, index: usize, n: &Node) -> Result<(), Error> {
        if self.function_of_one(n)? {
            return Ok(());
        }
        self.follow_gains(n)?;
        match &n.op {
            Op::Conv { window, groups } => self.conv(n, window, *groups),
            Op::ConvTranspose { window, groups, output_padding } => {
                self.conv_transpose(n, window, *groups, output_padding)
            }
            Op::QLinearConv { window, groups, lo, hi } => {
                self.qlinear_conv(n, window, *groups, (*lo, *hi))
            }
            Op::Gemm { alpha, beta, trans_a, trans_b } => {
                self.gemm(n, [*alpha, *beta], *trans_a, *trans_b)
            }
            Op::MatMul => self.mat_mul(n),
            Op::BatchNorm { epsilon } => self.batch_norm(index, n, *epsilon),
            Op::Unary(f) => self.unary(index, n, f),
            Op::PRelu => self.prelu(n),
            Op::Binary(f) => self.binary(n, *f),
            Op::MaxPool { window } => self.max_pool(index, n, window),
            Op::AveragePool { window, count_include_pad } => {
                self.average_pool(n, window, *count_include_pad)
            }
            Op::GlobalMaxPool => self.global_max(index, n),
            Op::GlobalAveragePool => self.global_average(n),
            Op::Reduce { kind, axes, .. } => self.reduce(index, n, *kind, axes),
            Op::ArgMax { axis, select_last, .. } => self.arg_max_node(n, *axis, *select_last),
            Op::QuantizeLinear { axis, lo, hi } => self.quantize(n, *axis, (*lo, *hi)),
            Op::DequantizeLinear { .. } => self.dequantize(n),
            Op::Softmax { .. } => Err(refuse(
                n,
                "exponentials inside a network are not computed privately",
                "only a final Softmax is possible: the data owner applies it",
            )),
            Op::InstanceNorm { .. } | Op::LayerNorm { .. } | Op::Lrn { .. } => Err(refuse(
                n,
                "its divisor depends on the data, and square roots and powers are not computed privately",
                "retrain with batch normalisation, which becomes part of the weights",
            )),
            _ => self.movement(n),
        }
    }

    /// The form of a value that depends on the input.
    fn form(&self, id: ValueId) -> Option<Form> {
        self.forms[id.0]
    }

    /// Operand `i`'s form, or an error when it is missing or constant.
    fn operand(&self, n: &Node, i: usize) -> Result<Form, Error> {
        let id = self.id(n, i)?;
        self.form(id).ok_or_else(|| {
            refuse(
                n,
                &format!("operand {i} is a constant here"),
                "export the network with constants folded",
            )
        })
    }

    fn id(&self, n: &Node, i: usize) -> Result<ValueId, Error> {
        n.inputs
            .get(i)
            .copied()
            .flatten()
            .ok_or_else(|| Error::Invalid(format!("node '{}' lacks operand {i}", n.name)))
    }

    /// Operand `i` as a float constant.
    fn floats(&self, n: &Node, i: usize) -> Result<&'a [f32], Error> {
        self.tensor(n, i)?.as_f32()
    }

    fn tensor(&self, n: &Node, i: usize) -> Result<&'a Tensor, Error> {
        self.constant(n, i).ok_or_else(|| {
            refuse(
                n,
                &format!("operand {i} depends on the input"),
                "only constants of the network are possible there",
            )
        })
    }

    fn constant(&self, n: &Node, i: usize) -> Option<&'a Tensor> {
        let id = n.inputs.get(i).copied().flatten()?;
        self.g.constant(id)
    }

    fn shape(&self, id: ValueId) -> Result<Vec<u32>, Error> {
        let value = self.g.value(id);
        value
            .shape
            .iter()
            .map(|&d| u32::try_from(d).ok())
            .collect::<Option<_>>()
            .ok_or_else(|| Error::Limit(format!("'{}' has shape {:?}", value.name, value.shape)))
    }

    /// Calibrated real range.
    fn range(&self, id: ValueId) -> Result<Range, Error> {
        let name = || self.g.value(id).name.clone();
        let (lo, hi) = self.calibration.range(id).ok_or_else(|| {
            Error::Config(format!(
                "calibration has no range for '{}'; run it on at least one input",
                name()
            ))
        })?;
        let (lo, hi) = (f64::from(lo), f64::from(hi));
        if !lo.is_finite() || !hi.is_finite() {
            return Err(Error::Invalid(format!(
                "'{}' became NaN or infinite in calibration",
                name()
            )));
        }
        Ok(match self.steps[id.0] {
            Some((scale, zero)) => Range::new(lo, hi).affine(scale, -zero * scale),
            None => Range::new(lo, hi),
        })
    }

    fn set(&mut self, id: ValueId, f: Form) {
        self.forms[id.0] = Some(f);
    }

    /// Emits a linear layer over an operand, absorbing its factor into the kernel. The operand's
    /// offset must be computed already ([`Lower::plain`]).
    fn linear(&mut self, name: &str, f: Form, l: RealLinear<'_>) -> Result<Form, Error> {
        let outputs = l.shape.iter().map(|&d| u64::from(d)).product();
        let x = self.b.operand(f.edge, outputs);
        Ok(Form::of(self.b.linear(name, x, f.scale, l)?))
    }

    fn arg_max(&mut self, name: &str, f: Form, shape: Vec<u32>) -> Result<EdgeId, Error> {
        let f = if f.scale > 0.0 { f } else { self.unit(name, f)? };
        let n = self.b.edge(f.edge).len();
        let range = Range::new(0.0, n as f64 - 1.0);
        let out = Draft { name: name.into(), shape, frac: 0, divisor: 1, range };
        Ok(self.b.node(name, FixedOp::ArgMax, vec![f.edge], out))
    }

    fn arg_max_node(&mut self, n: &Node, axis: usize, select_last: bool) -> Result<(), Error> {
        let x = self.id(n, 0)?;
        let f = self.operand(n, 0)?;
        let shape = &self.g.value(x).shape;
        let whole = shape.iter().enumerate().all(|(a, &d)| a == axis || d == 1);
        if !whole || select_last {
            return Err(refuse(
                n,
                "only the first largest of all elements is computed privately",
                "end the network before ArgMax",
            ));
        }
        let f = self.plain(&n.name, f)?;
        let shape = self.shape(n.outputs[0])?;
        let edge = self.arg_max(&n.name, f, shape)?;
        self.set(n.outputs[0], Form::of(edge));
        Ok(())
    }
}

/// An operator that is not computed privately.
fn refuse(n: &Node, why: &str, hint: &str) -> Error {
    Error::Unsupported {
        node: n.name.clone(),
        op: op_name(&n.op),
        why: why.into(),
        hint: hint.into(),
    }
}

/// The operator's name without its attributes.
fn op_name(op: &Op) -> String {
    let text = format!("{op:?}");
    let text = text.strip_prefix("Unary(").or(text.strip_prefix("Binary(")).unwrap_or(&text);
    text.chars().take_while(char::is_ascii_alphanumeric).collect()
}
