use super::{Layer, Plan, Work, bias, floats, unless_zero};
use sordino_graph::ir::{Graph, Op, Window};

/// A convolution of constant weights `[outputs, inputs of a group, taps...]`.
struct Conv<'a> {
    window: &'a Window,
    groups: usize,
    outputs: usize,
    inputs: usize,
    weights: &'a [f32],
    bias: Vec<f32>,
}

impl<'a> Conv<'a> {
    fn of(graph: &'a Graph, node: usize) -> Option<Self> {
        let Op::Conv { window, groups } = &graph.nodes[node].op else { return None };
        let (shape, weights) = floats(graph, node, 1)?;
        let (&outputs, &inputs) = (shape.first()?, shape.get(1)?);
        let bias = bias(graph, node, outputs)?;
        Some(Self { window, groups: *groups, outputs, inputs, weights, bias })
    }

    fn taps(&self) -> usize {
        self.window.kernel.iter().product()
    }

    /// Whether its result is zero where its operand is, at the same place.
    fn keeps_zeros_in_place(&self) -> bool {
        let w = self.window;
        let ones = |v: &[usize]| v.iter().all(|&x| x == 1);
        let unpadded = w.pads.iter().all(|&p| p == (0, 0));
        ones(&w.kernel) && ones(&w.stride) && unpadded && self.bias.iter().all(|b| *b == 0.0)
    }
}

pub(super) fn composed(graph: &Graph, first: usize, second: usize) -> Option<Plan<'_>> {
    let (a, b) = (Conv::of(graph, first)?, Conv::of(graph, second)?);
    let unpadded = b.window.pads.iter().all(|&p| p == (0, 0));
    if a.groups != b.groups || !(unpadded || a.keeps_zeros_in_place()) {
        return None;
    }
    let window = window(a.window, b.window);
    let shape = &graph.value(graph.nodes[second].outputs[0]).shape;
    let elements = shape.iter().product::<usize>() as u64;
    let taps = window.kernel.iter().product::<usize>();
    let work = Work { products: elements * (a.inputs * taps) as u64, elements };
    let layer = move || {
        let mut shape = vec![b.outputs, a.inputs];
        shape.extend(&window.kernel);
        let weight = (shape, kernel(&a, &b, &window));
        let bias = offsets(&a, &b);
        let groups = a.groups;
        Layer { op: Op::Conv { window, groups }, weight, bias: unless_zero(bias) }
    };
    Some(Plan { work, layer: Box::new(layer) })
}

/// The window that a window of windows sees.
fn window(a: &Window, b: &Window) -> Window {
    let axes = 0..a.kernel.len();
    // Steps of the operand between neighbouring taps, and the last tap's place.
    let dilation: Vec<usize> = axes
        .clone()
        .map(|i| {
            let steps = [(a.kernel[i], a.dilation[i]), (b.kernel[i], b.dilation[i] * a.stride[i])];
            let steps = steps.into_iter().filter(|(kernel, _)| *kernel > 1);
            steps.map(|(_, step)| step).reduce(divisor).unwrap_or(1)
        })
        .collect();
    let last = |i: usize| {
        (a.kernel[i] - 1) * a.dilation[i] + (b.kernel[i] - 1) * b.dilation[i] * a.stride[i]
    };
    let sum = |i: usize| (a.pads[i].0 + b.pads[i].0, a.pads[i].1 + b.pads[i].1);
    Window {
        kernel: axes.clone().map(|i| last(i) / dilation[i] + 1).collect(),
        stride: axes.clone().map(|i| a.stride[i] * b.stride[i]).collect(),
        // One of the two has none.
        pads: axes.map(sum).collect(),
        dilation,
    }
}

/// For each pair of taps of `a` and `b`, the tap of the merged window that sees the same.
fn places(a: &Window, b: &Window, merged: &Window) -> Vec<Vec<usize>> {
    let at = |mut tap: usize, kernel: &[usize]| -> Vec<usize> {
        let mut place = vec![0; kernel.len()];
        for (i, &extent) in kernel.iter().enumerate().rev() {
            place[i] = tap % extent;
            tap /= extent;
        }
        place
    };
    let taps = |w: &Window| 0..w.kernel.iter().product::<usize>();
    let both = |s: usize, t: usize| {
        let (s, t) = (at(s, &a.kernel), at(t, &b.kernel));
        (0..s.len()).fold(0, |place, i| {
            let offset = s[i] * a.dilation[i] + t[i] * b.dilation[i] * a.stride[i];
            place * merged.kernel[i] + offset / merged.dilation[i]
        })
    };
    taps(a).map(|s| taps(b).map(|t| both(s, t)).collect()).collect()
}

fn kernel(a: &Conv, b: &Conv, merged: &Window) -> Vec<f32> {
    let taps = merged.kernel.iter().product::<usize>();
    let places = places(a.window, b.window, merged);
    let mut sums = vec![0f64; b.outputs * a.inputs * taps];
    for (o, rows) in sums.chunks_mut(a.inputs * taps).enumerate() {
        for m in 0..b.inputs {
            // The channel between, in the group that both are in.
            let channel = o / (b.outputs / b.groups) * b.inputs + m;
            for (i, row) in rows.chunks_mut(taps).enumerate() {
                for (s, places) in places.iter().enumerate() {
                    let left = f64::from(a.weights[(channel * a.inputs + i) * a.taps() + s]);
                    for (t, &place) in places.iter().enumerate() {
                        let right = b.weights[(o * b.inputs + m) * b.taps() + t];
                        row[place] += left * f64::from(right);
                    }
                }
            }
        }
    }
    sums.into_iter().map(|w| w as f32).collect()
}

/// What the merged layer adds: where `b` is padded, `a` adds nothing.
fn offsets(a: &Conv, b: &Conv) -> Vec<f32> {
    let of = |o: usize| {
        let group = o / (b.outputs / b.groups) * b.inputs;
        let inner = (0..b.inputs).map(|m| {
            let taps = &b.weights[(o * b.inputs + m) * b.taps()..][..b.taps()];
            f64::from(a.bias[group + m]) * taps.iter().map(|&w| f64::from(w)).sum::<f64>()
        });
        (inner.sum::<f64>() + f64::from(b.bias[o])) as f32
    };
    (0..b.outputs).map(of).collect()
}

fn divisor(a: usize, b: usize) -> usize {
    if b == 0 { a } else { divisor(b, a % b) }
}
