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
    /// A form's layers, all weights 0.
    pub(super) fn shaped(site: &Site, form: Form) -> Self {
        let [kh, kw] = site.kernel();
        let (cin, cout) = (site.cin, site.cout);
        let whole = site.window.clone();
        let conv = |window: Window, groups: usize, [outputs, inputs]: [usize; 2]| {
            let shape = [outputs, inputs, window.kernel[0], window.kernel[1]];
            let weights = vec![0.0; shape.iter().product()];
            Conv { window, groups, shape, weights, bias: None }
        };
        let parts = |first, last| Self { first, shuffle: None, last, joined: None };
        match form {
            Form::Separable => parts(conv(whole, cin, [cin, 1]), conv(point(), 1, [cout, cin])),
            Form::LowRank { rank } => {
                parts(conv(whole, 1, [rank, cin]), conv(point(), 1, [cout, rank]))
            }
            Form::Crossed { rank } => {
                let [across, down] = axes(&whole);
                parts(conv(across, 1, [rank, cin]), conv(down, 1, [cout, rank]))
            }
            Form::XOperator { groups } => {
                let own = cout / groups;
                let shuffle = (0..cout).map(|o| o % groups * own + o / groups).collect();
                let last = match kh * kw {
                    1 => conv(whole, groups, [cout, own]),
                    _ => conv(whole, cout, [cout, 1]),
                };
                let first = conv(point(), groups, [cout, cin / groups]);
                Self { shuffle: Some(shuffle), ..parts(first, last) }
            }
            Form::Ghost => {
                let half = cout / 2;
                let (first, last) = (conv(whole, 1, [half, cin]), conv(around(), half, [half, 1]));
                Self { joined: Some((0..cout).collect()), ..parts(first, last) }
            }
        }
    }

    /// The same, the first layer fitted to the convolution.
    pub(super) fn of(site: &Site, form: Form, observed: &Observed) -> Result<Self, Error> {
        let mut parts = Self::shaped(site, form);
        let [kh, kw] = site.kernel();
        let (cin, cout, taps) = (site.cin, site.cout, kh * kw);
        let w = &site.weights;
        parts.first.weights = match form {
            Form::Separable => {
                // Of each channel's kernels for all results, what they have most in common.
                let of = |c: usize| rows(cout, taps, |o, t| w[(o * cin + c) * taps + t]);
                (0..cin).flat_map(|c| fit::right(&of(c), 1)).collect()
            }
            Form::LowRank { rank } => {
                let components = principal(&observed.results, cout, rank)?;
                products(&components, &rows(cout, cin * taps, |o, i| w[o * cin * taps + i]))
            }
            Form::Crossed { rank } => {
                let kernel = rows(cout * kh, cin * kw, |row, column| {
                    let ((o, y), (c, x)) = ((row / kh, row % kh), (column / kw, column % kw));
                    w[((o * cin + c) * kh + y) * kw + x]
                });
                fit::right(&kernel, rank)
            }
            Form::XOperator { groups } => {
                let (own, inputs) = (cout / groups, cin / groups);
                let mut weights = vec![0.0; cout * inputs];
                for (o, &from) in parts.shuffle.iter().flatten().enumerate() {
                    let first = from / own * inputs;
                    let kernel = rows(taps, inputs, |t, i| w[(o * cin + first + i) * taps + t]);
                    let into = &mut weights[from * inputs..(from + 1) * inputs];
                    into.iter_mut().zip(fit::right(&kernel, 1)).for_each(|(w, v)| *w = v);
                }
                weights
            }
            Form::Ghost => {
                let pairs = fit::pairs(&observed.results, cout)?;
                let kernel = |o: &usize| w[o * cin * taps..(o + 1) * cin * taps].iter().copied();
                let weights = pairs.iter().flat_map(|(kept, _)| kernel(kept)).collect();
                let mut joined = vec![0; cout];
                for (i, (kept, made)) in pairs.into_iter().enumerate() {
                    (joined[kept], joined[made]) = (i, cout / 2 + i);
                }
                parts.joined = Some(joined);
                weights
            }
        };
        Ok(parts)
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
