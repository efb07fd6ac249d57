use super::affine::{PerChannel, per_channel, rescale};
use super::links::{Links, constant_f32, is_linear, result_shape, sweep};
use crate::Error;
use crate::ir::{Binary, Graph, Op};

/// Folds adding, subtracting, multiplying or dividing by a constant per channel into the
/// convolution or dense layer before it.
///
/// # Errors
/// Only when the graph was inconsistent before.
pub fn fold_arithmetic(graph: &mut Graph) -> Result<bool, Error> {
    let mut links = Links::new(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Op::Binary(f) = graph.nodes[i].op else { continue };
        for operand in 0..2 {
            let source = links.sole_source(graph, i, operand);
            let Some(source) = source.filter(|&s| is_linear(&graph.nodes[s].op)) else { continue };
            let Some(by) = coefficients(graph, i, source, f, operand) else { continue };
            if rescale(graph, source, &by)? {
                links.absorb(graph, source, i);
                changed = true;
                break;
            }
        }
    }
    sweep(graph);
    Ok(changed)
}

/// The operation as `scale * x + shift` per channel of `x`, its operand number `operand`.
fn coefficients(
    graph: &Graph,
    node: usize,
    source: usize,
    f: Binary,
    operand: usize,
) -> Option<PerChannel> {
    let shape = result_shape(graph, source);
    if result_shape(graph, node) != shape {
        return None;
    }
    let constant = constant_f32(graph, node, 1 - operand)?;
    let channels = *shape.get(1)?;
    let c = per_channel(constant, channels, 1, shape.len())?;
    let fill = |v: f32| vec![v; channels];
    let map = |f: fn(f32) -> f32| c.iter().map(|&v| f(v)).collect::<Vec<f32>>();
    let (scale, shift) = match (f, operand) {
        (Binary::Add, _) => (fill(1.0), c),
        (Binary::Sub, 0) => (fill(1.0), map(|v| -v)),
        (Binary::Sub, _) => (fill(-1.0), c),
        (Binary::Mul, _) => (c, fill(0.0)),
        (Binary::Div, 0) if !c.contains(&0.0) => (map(|v| 1.0 / v), fill(0.0)),
        _ => return None,
    };
    Some(PerChannel { scale, shift })
}
