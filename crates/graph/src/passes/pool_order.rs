use super::links::{Links, sweep};
use crate::Error;
use crate::ir::{Graph, Op, Unary, Window};

/// Moves a max-pooling before the ReLU (or Clip) it follows: both orders give the same, and a
/// protocol then clips the maxima only.
///
/// # Errors
/// Never; the signature is that of every pass.
pub fn pool_before_relu(graph: &mut Graph) -> Result<bool, Error> {
    let links = Links::new(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Op::MaxPool { window } = &graph.nodes[i].op else { continue };
        let Some(source) = links.sole_source(graph, i, 0) else { continue };
        let monotone =
            matches!(graph.nodes[source].op, Op::Unary(Unary::Relu | Unary::Clip { .. }));
        if !monotone || !always_sees_input(window) {
            continue;
        }
        // The value between the two changes meaning: it becomes the pooled, unclipped one.
        let between = graph.nodes[source].outputs[0];
        let after = graph.nodes[i].outputs[0];
        graph.values[between.0].shape = graph.value(after).shape.clone();
        let pooled = format!("{}/pooled", graph.value(between).name);
        graph.values[between.0].name = pooled;
        let x = graph.nodes[source].inputs[0];
        let mut pool = graph.nodes[i].clone();
        let mut relu = graph.nodes[source].clone();
        (pool.inputs, pool.outputs) = (vec![x], vec![between]);
        (relu.inputs, relu.outputs) = (vec![Some(between)], vec![after]);
        graph.nodes[source] = pool;
        graph.nodes[i] = relu;
        changed = true;
    }
    sweep(graph);
    Ok(changed)
}

/// No window lies in the padding alone, where the maximum would be minus infinity.
fn always_sees_input(w: &Window) -> bool {
    (0..w.kernel.len())
        .all(|i| w.dilation[i] == 1 && w.pads[i].0 < w.kernel[i] && w.pads[i].1 < w.kernel[i])
}
