use super::fit::{principal, products, rows};
use super::{Form, Observed, Site, apply, fit};
use crate::Error;
use sordino_graph::ir::{Graph, Node, Op, Tensor, Value, ValueId, Window};
use std::sync::Arc;

/// A convolution without its names.
pub(super) struct Conv {
    pub(super) window: Window,
    pub(super) groups: usize,
    /// `[outputs, inputs of a group, k, k]`.
    pub(super) shape: [usize; 4],
    pub(super) weights: Vec<f32>,
    pub(super) bias: Option<Vec<f32>>,
}

impl Conv {
    pub(super) fn op(&self) -> Op {
        Op::Conv { window: self.window.clone(), groups: self.groups }
    }

    pub(super) fn apply(&self, x: &Tensor) -> Result<Tensor, Error> {
        let weights = Tensor::f32(self.shape.to_vec(), self.weights.clone())?;
        match &self.bias {
            None => apply(&self.op(), &[x, &weights]),
            Some(bias) => {
                let bias = Tensor::f32(vec![bias.len()], bias.clone())?;
                apply(&self.op(), &[x, &weights, &bias])
            }
        }
    }
}

/// The layers of a form.
pub(super) struct Parts {
    pub(super) first: Conv,
    /// For each channel that the last layer reads, the first's.
    pub(super) shuffle: Option<Vec<usize>>,
    pub(super) last: Conv,
    /// For each channel of the result, that of the first layer's, then the last's: both are results.
    pub(super) joined: Option<Vec<usize>>,
}

impl Parts {
    /// A form's layers, the first one fitted to a convolution.
    pub(super) fn of(site: &Site, form: Form, observed: &Observed) -> Result<Self, Error> {
        let [kh, kw] = site.kernel();
        let (cin, cout, taps) = (site.cin, site.cout, kh * kw);
        let whole = site.window.clone();
        let last = |window: Window, groups: usize, inputs: usize| {
            let shape = [cout, inputs, window.kernel[0], window.kernel[1]];
            let weights = vec![0.0; shape.iter().product()];
            Conv { window, groups, shape, weights, bias: None }
        };
        let parts = |first, last| Self { first, shuffle: None, last, joined: None };
        let w = &site.weights;
        Ok(match form {
            Form::Separable => {
                // Of each channel's kernels for all results, what they have most in common.
                let of = |c: usize| rows(cout, taps, |o, t| w[(o * cin + c) * taps + t]);
                let weights = (0..cin).flat_map(|c| fit::right(&of(c), 1)).collect();
                let shape = [cin, 1, kh, kw];
                let first = Conv { window: whole, groups: cin, shape, weights, bias: None };
                parts(first, last(point(), 1, cin))
            }
            Form::LowRank { rank } => {
                let components = principal(&observed.results, cout, rank)?;
                let kernel = rows(cout, cin * taps, |o, i| w[o * cin * taps + i]);
                let weights = products(&components, &kernel);
                let shape = [rank, cin, kh, kw];
                let first = Conv { window: whole, groups: 1, shape, weights, bias: None };
                parts(first, last(point(), 1, rank))
            }
            Form::Crossed { rank } => {
                let [across, down] = axes(&whole);
                let kernel = rows(cout * kh, cin * kw, |row, column| {
                    let ((o, y), (c, x)) = ((row / kh, row % kh), (column / kw, column % kw));
                    w[((o * cin + c) * kh + y) * kw + x]
                });
                let weights = fit::right(&kernel, rank);
                let shape = [rank, cin, 1, kw];
                let first = Conv { window: across, groups: 1, shape, weights, bias: None };
                parts(first, last(down, 1, rank))
            }
            Form::XOperator { groups } => {
                let (own, inputs) = (cout / groups, cin / groups);
                let shuffle: Vec<usize> =
                    (0..cout).map(|o| o % groups * own + o / groups).collect();
                let mut weights = vec![0.0; cout * inputs];
                for (o, &from) in shuffle.iter().enumerate() {
                    let first = from / own * inputs;
                    let kernel = rows(taps, inputs, |t, i| w[(o * cin + first + i) * taps + t]);
                    let into = &mut weights[from * inputs..(from + 1) * inputs];
                    into.iter_mut().zip(fit::right(&kernel, 1)).for_each(|(w, v)| *w = v);
                }
                let shape = [cout, inputs, 1, 1];
                let first = Conv { window: point(), groups, shape, weights, bias: None };
                let last = match taps {
                    1 => last(whole, groups, own),
                    _ => last(whole, cout, 1),
                };
                Self { shuffle: Some(shuffle), ..parts(first, last) }
            }
            Form::Ghost => {
                let half = cout / 2;
                let pairs = fit::pairs(&observed.results, cout)?;
                let kernel = |o: &usize| w[o * cin * taps..(o + 1) * cin * taps].iter().copied();
                let weights = pairs.iter().flat_map(|(kept, _)| kernel(kept)).collect();
                let shape = [half, cin, kh, kw];
                let first = Conv { window: whole, groups: 1, shape, weights, bias: None };
                let cheap = Conv {
                    window: around(),
                    groups: half,
                    shape: [half, 1, 3, 3],
                    weights: vec![0.0; half * 9],
                    bias: None,
                };
                let mut joined = vec![0; cout];
                for (i, (kept, made)) in pairs.into_iter().enumerate() {
                    (joined[kept], joined[made]) = (i, half + i);
                }
                Self { joined: Some(joined), ..parts(first, cheap) }
            }
        })
    }
}

fn point() -> Window {
    Window { kernel: vec![1; 2], stride: vec![1; 2], dilation: vec![1; 2], pads: vec![(0, 0); 2] }
}

fn around() -> Window {
    Window { kernel: vec![3; 2], pads: vec![(1, 1); 2], ..point() }
}

/// A window along the second axis, and one along the first.
fn axes(window: &Window) -> [Window; 2] {
    let along = |axis: usize| {
        let mut one = point();
        one.kernel[axis] = window.kernel[axis];
        one.stride[axis] = window.stride[axis];
        one.dilation[axis] = window.dilation[axis];
        one.pads[axis] = window.pads[axis];
        one
    };
    [along(1), along(0)]
}

/// Puts the layers where the convolution was.
pub(super) fn build(graph: &mut Graph, site: &Site, parts: Parts) -> Result<(), Error> {
    let Parts { first, shuffle, last, joined } = parts;
    let at = graph.nodes.iter().position(|n| n.outputs == [site.result]);
    let at = at.ok_or_else(|| Error::Config(format!("'{}' is gone", site.node)))?;
    let mut place = Place { graph, name: &site.node, nodes: Vec::new() };
    let shape = |channels: usize, of: [usize; 2]| vec![1, channels, of[0], of[1]];
    let extent = |conv: &Conv, [h, w]: [usize; 2]| {
        let window = &conv.window;
        let size = |i: usize, n: usize| {
            let span = window.dilation[i] * (window.kernel[i] - 1) + 1;
            (n + window.pads[i].0 + window.pads[i].1 - span) / window.stride[i] + 1
        };
        [size(0, h), size(1, w)]
    };
    let between = extent(&first, site.extent);
    let made = place.value("first", shape(first.shape[0], between));
    place.conv("first", &first, site.operand, made)?;
    let read = match shuffle {
        None => made,
        Some(order) => {
            let shuffled = place.value("shuffled", shape(order.len(), between));
            place.gather("shuffled", &order, made, shuffled)?;
            shuffled
        }
    };
    match joined {
        None => place.conv("last", &last, read, site.result)?,
        Some(order) => {
            let more = place.value("last", shape(last.shape[0], site.out));
            place.conv("last", &last, read, more)?;
            let all = place.value("both", shape(order.len(), site.out));
            place.node("both", Op::Concat { axis: 1 }, &[made, more], all);
            place.gather("ordered", &order, all, site.result)?;
        }
    }
    let nodes = place.nodes;
    graph.nodes.splice(at..=at, nodes);
    Ok(())
}

struct Place<'a> {
    graph: &'a mut Graph,
    name: &'a str,
    nodes: Vec<Node>,
}

impl Place<'_> {
    fn push(&mut self, what: &str, shape: Vec<usize>, constant: Option<Tensor>) -> ValueId {
        let dtype = constant.as_ref().map_or(sordino_graph::ir::DType::F32, Tensor::dtype);
        let name = format!("{}@{what}", self.name);
        self.graph.values.push(Value { name, dtype, shape, constant: constant.map(Arc::new) });
        ValueId(self.graph.values.len() - 1)
    }

    fn value(&mut self, what: &str, shape: Vec<usize>) -> ValueId {
        self.push(what, shape, None)
    }

    fn node(&mut self, what: &str, op: Op, inputs: &[ValueId], output: ValueId) {
        let inputs = inputs.iter().copied().map(Some).collect();
        let name = format!("{}@{what}", self.name);
        self.nodes.push(Node { name, op, inputs, outputs: vec![output] });
    }

    fn conv(&mut self, what: &str, conv: &Conv, x: ValueId, y: ValueId) -> Result<(), Error> {
        let weights = Tensor::f32(conv.shape.to_vec(), conv.weights.clone())?;
        let weights = self.push(&format!("{what} weight"), conv.shape.to_vec(), Some(weights));
        let mut inputs = vec![x, weights];
        if let Some(bias) = &conv.bias {
            let tensor = Tensor::f32(vec![bias.len()], bias.clone())?;
            inputs.push(self.push(&format!("{what} bias"), vec![bias.len()], Some(tensor)));
        }
        self.node(what, conv.op(), &inputs, y);
        Ok(())
    }

    fn gather(&mut self, what: &str, order: &[usize], x: ValueId, y: ValueId) -> Result<(), Error> {
        let indices = order.iter().map(|&i| i as i64).collect();
        let indices = Tensor::i64(vec![order.len()], indices)?;
        let indices = self.push(&format!("{what} at"), vec![order.len()], Some(indices));
        self.node(what, Op::Gather { axis: 1 }, &[x, indices], y);
        Ok(())
    }
}
