use super::links::Links;
use crate::Error;
use crate::ir::{Graph, Op};

/// Merges a transposition into a transposition before it, and a reshape into a reshape.
///
/// # Errors
/// Never; the signature is that of every pass.
pub fn merge_movements(graph: &mut Graph) -> Result<bool, Error> {
    let links = Links::new(graph);
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        let Some(input) = graph.nodes[i].inputs.first().copied().flatten() else { continue };
        let Some(source) = links.source(input) else { continue };
        let merged = match (&graph.nodes[source].op, &graph.nodes[i].op) {
            (Op::Transpose { perm: inner }, Op::Transpose { perm: outer }) => {
                Op::Transpose { perm: outer.iter().map(|&p| inner[p]).collect() }
            }
            (Op::Reshape { .. }, Op::Reshape { shape }) => Op::Reshape { shape: shape.clone() },
            _ => continue,
        };
        graph.nodes[i].op = merged;
        graph.nodes[i].inputs = graph.nodes[source].inputs.clone();
        changed = true;
    }
    Ok(changed)
}
