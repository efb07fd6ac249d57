use super::{Layer, Plan, Work, bias, floats, unless_zero};
use sordino_graph::ir::{Graph, Op};

/// `x * matrix + bias`.
struct Dense {
    inputs: usize,
    outputs: usize,
    /// Row-major, a row per input.
    matrix: Vec<f64>,
    bias: Vec<f64>,
}

impl Dense {
    fn of(graph: &Graph, node: usize) -> Option<Self> {
        let Op::Gemm { alpha, beta, trans_a: false, trans_b } = graph.nodes[node].op else {
            return None;
        };
        let (&[rows, columns], values) = floats(graph, node, 1)? else { return None };
        let (inputs, outputs) = if trans_b { (columns, rows) } else { (rows, columns) };
        let weight =
            |i: usize, o: usize| values[if trans_b { o * columns + i } else { i * columns + o }];
        let places = (0..inputs).flat_map(|i| (0..outputs).map(move |o| (i, o)));
        let matrix = places.map(|(i, o)| f64::from(alpha) * f64::from(weight(i, o))).collect();
        let bias = bias(graph, node, outputs)?;
        let bias = bias.into_iter().map(|b| f64::from(beta) * f64::from(b)).collect();
        Some(Self { inputs, outputs, matrix, bias })
    }

    /// A row times the matrix.
    fn times(&self, row: &[f64]) -> Vec<f64> {
        let mut out = vec![0.0; self.outputs];
        for (x, weights) in row.iter().zip(self.matrix.chunks(self.outputs)) {
            out.iter_mut().zip(weights).for_each(|(out, w)| *out += x * w);
        }
        out
    }
}

pub(super) fn composed(graph: &Graph, first: usize, second: usize) -> Option<Plan<'_>> {
    let (a, b) = (Dense::of(graph, first)?, Dense::of(graph, second)?);
    let rows = *graph.value(graph.nodes[second].outputs[0]).shape.first()?;
    let elements = (rows * b.outputs) as u64;
    let work = Work { products: elements * a.inputs as u64, elements };
    let layer = move || {
        let rows = a.matrix.chunks(a.outputs).flat_map(|row| b.times(row));
        let weight = (vec![a.inputs, b.outputs], rows.map(|w| w as f32).collect());
        let bias = b.times(&a.bias).into_iter().zip(&b.bias).map(|(x, y)| (x + y) as f32);
        let op = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };
        Layer { op, weight, bias: unless_zero(bias.collect()) }
    };
    Some(Plan { work, layer: Box::new(layer) })
}
