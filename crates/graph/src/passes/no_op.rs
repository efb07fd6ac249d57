use crate::Error;
use crate::ir::{Binary, Graph, Node, Op, Unary, ValueId};

/// Removes operators that return their operand unchanged.
///
/// # Errors
/// Never; the signature is that of every pass.
pub fn remove_no_ops(graph: &mut Graph) -> Result<bool, Error> {
    let mut stands_for: Vec<ValueId> = (0..graph.values.len()).map(ValueId).collect();
    let mut nodes = Vec::with_capacity(graph.nodes.len());
    let before = graph.nodes.len();
    for mut node in std::mem::take(&mut graph.nodes) {
        node.inputs.iter_mut().flatten().for_each(|id| *id = stands_for[id.0]);
        match same(graph, &node) {
            Some(id) => stands_for[node.outputs[0].0] = id,
            None => nodes.push(node),
        }
    }
    graph.nodes = nodes;
    graph.outputs.iter_mut().for_each(|id| *id = stands_for[id.0]);
    Ok(graph.nodes.len() < before)
}

/// The operand that a node returns as it is.
fn same(graph: &Graph, node: &Node) -> Option<ValueId> {
    let first = (*node.inputs.first()?)?;
    let (x, y) = (graph.value(first), graph.value(*node.outputs.first()?));
    if node.outputs.len() != 1 {
        return None;
    }
    let unchanged = x.shape == y.shape && x.dtype == y.dtype;
    match &node.op {
        Op::Reshape { .. } | Op::Cast { .. } | Op::Expand { .. } if unchanged => Some(first),
        Op::Transpose { perm } if perm.iter().copied().eq(0..perm.len()) => Some(first),
        Op::Pad { pads, .. } if pads.iter().all(|&p| p == (0, 0)) => Some(first),
        Op::Slice { steps, .. } if unchanged && steps.iter().all(|&s| s == 1) => Some(first),
        Op::Tile { .. } if unchanged => Some(first),
        Op::Concat { .. } if node.inputs.len() == 1 => Some(first),
        Op::Unary(Unary::Clip { lo: f32::NEG_INFINITY, hi: f32::INFINITY }) => Some(first),
        Op::Binary(f) => neutral(graph, node, *f),
        _ => None,
    }
}

/// `x + 0`, `x - 0`, `x * 1`, `x / 1`.
fn neutral(graph: &Graph, node: &Node, f: Binary) -> Option<ValueId> {
    let y = &graph.value(node.outputs[0]).shape;
    let (want, either) = match f {
        Binary::Add => (0.0, true),
        Binary::Mul => (1.0, true),
        Binary::Sub => (0.0, false),
        Binary::Div => (1.0, false),
        _ => return None,
    };
    let operand = |i: usize| node.inputs.get(i).copied().flatten();
    [(0, 1), (1, 0)].into_iter().take(if either { 2 } else { 1 }).find_map(|(x, c)| {
        let constant = graph.constant(operand(c)?)?.as_f32().ok()?;
        let id = operand(x)?;
        (constant.iter().all(|&v| v == want) && graph.value(id).shape == *y).then_some(id)
    })
}
