use crate::ir::{Graph, ValueId};

/// Drops nodes and values that no output depends on, and renumbers the values.
pub fn remove_dead(graph: &mut Graph) {
    let mut used = vec![false; graph.values.len()];
    for &ValueId(i) in graph.outputs.iter().chain(&graph.inputs) {
        used[i] = true;
    }
    let mut kept = Vec::new();
    for node in std::mem::take(&mut graph.nodes).into_iter().rev() {
        if node.outputs.iter().any(|id| used[id.0]) {
            for id in node.inputs.iter().flatten().chain(&node.outputs) {
                used[id.0] = true;
            }
            kept.push(node);
        }
    }
    kept.reverse();
    graph.nodes = kept;
    let mut number = Vec::with_capacity(used.len());
    let mut next = 0;
    for &u in &used {
        number.push(next);
        next += usize::from(u);
    }
    let mut flags = used.iter();
    graph.values.retain(|_| flags.next().copied().unwrap_or(false));
    let renumber = |id: &mut ValueId| id.0 = number[id.0];
    graph.inputs.iter_mut().chain(&mut graph.outputs).for_each(renumber);
    for node in &mut graph.nodes {
        node.inputs.iter_mut().flatten().chain(&mut node.outputs).for_each(renumber);
    }
}
