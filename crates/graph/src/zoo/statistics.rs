use super::weights::Weights;
use crate::ir::{Graph, Op, Tensor, ValueId};
use crate::onnx::parts::floats;
use crate::onnx::proto::ModelProto;
use crate::onnx::{ImportOptions, import};
use crate::{Error, float};
use std::sync::Arc;

/// Pictures that statistics are measured on: two of the usual size, of which the deepest layers see 49 positions each;
/// as many positions of smaller ones.
fn pictures([_, h, w]: [usize; 3]) -> usize {
    let deepest = (h / 32).max(1) * (w / 32).max(1);
    (2 * 49usize).div_ceil(deepest).max(2)
}

/// Sets the running statistics of every batch normalisation to those of its operand on generated
/// pictures, one normalisation after the other.
pub(super) fn measure(model: &mut ModelProto, input: [usize; 3]) -> Result<(), Error> {
    let mut graph = import(model, &ImportOptions::default())?;
    if !graph.nodes.iter().any(|n| matches!(n.op, Op::BatchNorm { .. })) {
        return Ok(());
    }
    let last = last_reads(&graph);
    let count = pictures(input);
    let pictures = (0..count).map(|i| picture(input, i)).collect::<Result<_, _>>()?;
    let mut held: Vec<Option<Vec<Tensor>>> = vec![None; graph.values.len()];
    held[graph.inputs[0].0] = Some(pictures);
    for i in 0..graph.nodes.len() {
        if let (Op::BatchNorm { .. }, &[Some(x), _, _, Some(mean), Some(var)]) =
            (&graph.nodes[i].op, &graph.nodes[i].inputs[..])
        {
            let moments = moments(held[x.0].as_deref().unwrap_or_default())?;
            for (id, values) in [(mean, moments.0), (var, moments.1)] {
                replace(model, &mut graph, id, values)?;
            }
        }
        let node = &graph.nodes[i];
        let run = |sample: usize| {
            let operand = |id: &Option<ValueId>| {
                let id = (*id)?;
                graph.constant(id).or_else(|| Some(&held[id.0].as_ref()?[sample]))
            };
            let operands: Vec<_> = node.inputs.iter().map(operand).collect();
            Ok(float::eval(&node.op, &operands)?.swap_remove(0))
        };
        let results = (0..count).map(run).collect::<Result<_, Error>>()?;
        held[node.outputs[0].0] = Some(results);
        for id in node.inputs.iter().flatten().filter(|id| last[id.0] == i) {
            held[id.0] = None;
        }
    }
    Ok(())
}

/// The last node to read each value.
fn last_reads(graph: &Graph) -> Vec<usize> {
    let mut last = vec![usize::MAX; graph.values.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().flatten().for_each(|id| last[id.0] = i);
    }
    last
}

/// A constant's new value, in the graph and in the file.
fn replace(
    model: &mut ModelProto,
    graph: &mut Graph,
    id: ValueId,
    values: Vec<f32>,
) -> Result<(), Error> {
    let value = &mut graph.values[id.0];
    let stored = model.graph.iter_mut().flat_map(|g| &mut g.initializer);
    for initialiser in stored.filter(|t| t.name() == value.name) {
        *initialiser = floats(&value.name, &[values.len()], &values);
    }
    value.constant = Some(Arc::new(Tensor::f32(vec![values.len()], values)?));
    Ok(())
}

/// Mean and variance of each channel.
fn moments(samples: &[Tensor]) -> Result<(Vec<f32>, Vec<f32>), Error> {
    let channels = samples.first().map_or(0, |s| s.shape()[1]);
    let mut sums = vec![[0f64; 2]; channels];
    let mut count = 0;
    for sample in samples {
        let area: usize = sample.shape()[2..].iter().product();
        count += area;
        for (sum, row) in sums.iter_mut().zip(sample.as_f32()?.chunks(area)) {
            for &v in row {
                sum[0] += f64::from(v);
                sum[1] += f64::from(v) * f64::from(v);
            }
        }
    }
    let n = count.max(1) as f64;
    let mean = sums.iter().map(|s| (s[0] / n) as f32).collect();
    let var = sums.iter().map(|s| (s[1] / n - (s[0] / n).powi(2)).max(0.0) as f32).collect();
    Ok((mean, var))
}

/// Rectangles of random places and shades under noise, normalised: low frequencies prevail, as
/// in photographs.
fn picture([c, h, w]: [usize; 3], number: usize) -> Result<Tensor, Error> {
    let mut random = Weights::new(&format!("picture {number}"));
    let mut values: Vec<f32> = (0..c * h * w).map(|_| 0.2 * random.unit()).collect();
    for _ in 0..24 {
        let [y, x] = [h, w].map(|size| {
            let ends = [random.unit(), random.unit()].map(|u| (0.5 + 0.5 * u) * size as f32);
            ends[0].min(ends[1]) as usize..ends[0].max(ends[1]) as usize
        });
        for plane in values.chunks_mut(h * w) {
            let shade = random.unit();
            for row in plane.chunks_mut(w).skip(y.start).take(y.len()) {
                row[x.clone()].iter_mut().for_each(|v| *v += shade);
            }
        }
    }
    let n = values.len() as f32;
    let mean = values.iter().sum::<f32>() / n;
    let deviation = (values.iter().map(|v| (v - mean).powi(2)).sum::<f32>() / n).sqrt();
    values.iter_mut().for_each(|v| *v = (*v - mean) / deviation);
    Tensor::f32(vec![1, c, h, w], values)
}
