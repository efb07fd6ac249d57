use super::links::{add_constant, constant_f32, result_shape};
use crate::Error;
use crate::ir::{Graph, Op, Tensor};

/// `scale * x + shift` with one number per channel each.
pub(super) struct PerChannel {
    pub(super) scale: Vec<f32>,
    pub(super) shift: Vec<f32>,
}

/// Changes a linear layer `y` to `scale * y + shift` per output channel by changing its constants.
/// `Ok(false)`, and nothing changed, when they are not constants.
pub(super) fn rescale(
    graph: &mut Graph,
    node: usize,
    PerChannel { scale, shift }: &PerChannel,
) -> Result<bool, Error> {
    let shape = result_shape(graph, node).to_vec();
    let Some(weight) = constant_f32(graph, node, 1) else { return Ok(false) };
    let Some(&channels) = shape.get(1) else { return Ok(false) };
    if scale.len() != channels || shift.len() != channels {
        return Ok(false);
    }
    let Some(bias) = bias(graph, node, channels)? else { return Ok(false) };
    let op = graph.nodes[node].op.clone();
    let weight_shape = weight.shape().to_vec();
    let channel = channel_of(&op, &weight_shape);
    let (alpha, beta) = match op {
        Op::Gemm { alpha, beta, .. } => (alpha, beta),
        _ => (1.0, 1.0),
    };
    let weight = weight.as_f32()?.iter().enumerate();
    let weight: Vec<f32> = weight.map(|(i, w)| alpha * w * scale[channel(i)]).collect();
    let bias = bias.iter().zip(scale.iter().zip(shift)).map(|(b, (s, t))| beta * b * s + t);
    let bias = bias.collect();
    let name = graph.nodes[node].name.clone();
    let weight = add_constant(graph, &name, Tensor::f32(weight_shape, weight)?);
    let bias = add_constant(graph, &name, Tensor::f32(vec![channels], bias)?);
    let target = &mut graph.nodes[node];
    target.inputs = vec![target.inputs[0], Some(weight), Some(bias)];
    if let Op::Gemm { alpha, beta, .. } = &mut target.op {
        (*alpha, *beta) = (1.0, 1.0);
    }
    Ok(true)
}

/// Output channel of each entry of the weight.
fn channel_of(op: &Op, shape: &[usize]) -> impl Fn(usize) -> usize + use<> {
    let inner: usize = shape[1..].iter().product::<usize>().max(1);
    let (per_group, taps, inputs_per_group) = match op {
        Op::ConvTranspose { groups, .. } => {
            (shape[1], shape[2..].iter().product::<usize>().max(1), shape[0] / groups)
        }
        _ => (0, 1, 1),
    };
    let by_row = matches!(op, Op::Conv { .. } | Op::Gemm { trans_b: true, .. });
    let transposed = matches!(op, Op::ConvTranspose { .. });
    move |i| {
        let row = i / inner;
        match (by_row, transposed) {
            (true, _) => row,
            (_, true) => row / inputs_per_group.max(1) * per_group + i % inner / taps,
            _ => i % inner,
        }
    }
}

/// The bias as one number per channel, zero when there is none.
fn bias(graph: &Graph, node: usize, channels: usize) -> Result<Option<Vec<f32>>, Error> {
    if graph.nodes[node].inputs.get(2).copied().flatten().is_none() {
        return Ok(Some(vec![0.0; channels]));
    }
    let Some(bias) = constant_f32(graph, node, 2) else { return Ok(None) };
    let rank = bias.shape().len();
    Ok(per_channel(bias, channels, rank.saturating_sub(1), rank.max(1)))
}

/// A constant that varies along `axis` of a tensor of `rank` axes only, as one number per channel.
pub(super) fn per_channel(
    constant: &Tensor,
    channels: usize,
    axis: usize,
    rank: usize,
) -> Option<Vec<f32>> {
    let values = constant.as_f32().ok()?;
    let shape = constant.shape();
    let lead = rank.checked_sub(shape.len())?;
    let elsewhere = shape.iter().enumerate().all(|(i, &d)| i + lead == axis || d == 1);
    match values.len() {
        1 if channels > 0 => Some(vec![values[0]; channels]),
        n if n == channels && elsewhere => Some(values.to_vec()),
        _ => None,
    }
}
