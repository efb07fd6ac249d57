use super::links::constant_f32;
use crate::Error;
use crate::ir::{Graph, Op};

/// Turns products of a matrix with a constant matrix into dense layers, which can take a bias.
///
/// # Errors
/// Never; the signature is that of every pass.
pub fn products_to_gemm(graph: &mut Graph) -> Result<bool, Error> {
    let mut changed = false;
    for i in 0..graph.nodes.len() {
        if graph.nodes[i].op != Op::MatMul {
            continue;
        }
        let left = graph.nodes[i].inputs[0].map_or(0, |id| graph.value(id).shape.len());
        if left == 2 && constant_f32(graph, i, 1).is_some_and(|w| w.shape().len() == 2) {
            graph.nodes[i].op = Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false };
            changed = true;
        }
    }
    Ok(changed)
}
