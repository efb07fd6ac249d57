use crate::Error;
use crate::twoparty::nonlinear::garbled::MAX_BOUND;
use sordino_graph::fixed::{FixedModel, FixedOp};

/// The same network made fit for garbled tables on shares: for networks quantised with
/// `graph::fixed::residue` in strict style, whose weights are to stay private.
///
/// Rings get 64 bits, which leave the tables room for their statistical argument. Ranges of all
/// edges but the input's become one constant: those of the quantiser come from interval arithmetic
/// over the weights, and the graph is public.
///
/// # Errors
/// [`Error::Unsupported`] when an operand of a table can be larger than that constant.
pub fn in_wide_rings(mut model: FixedModel) -> Result<FixedModel, Error> {
    let graph = &mut model.graph;
    for node in &graph.nodes {
        let operand = &graph.edges[node.inputs[0].0 as usize];
        let largest = operand.lo.unsigned_abs().max(operand.hi.unsigned_abs());
        if matches!(node.op, FixedOp::Lookup { .. }) && largest > MAX_BOUND {
            return Err(Error::Unsupported {
                node: node.name.clone(),
                op: "Lookup".into(),
                why: format!("values up to {largest} exceed {MAX_BOUND}"),
                hint: "use fewer weight bits, or --nonlinear ot".into(),
            });
        }
    }
    for (i, edge) in graph.edges.iter_mut().enumerate() {
        edge.ring = 64;
        if i != graph.input.0 as usize {
            (edge.lo, edge.hi) = (-(MAX_BOUND as i64), MAX_BOUND as i64);
        }
    }
    Ok(model)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use sordino_graph::fixed::{Edge, EdgeId, Finish, FixedGraph, FixedNode, Weights};

    fn model(largest: i64) -> FixedModel {
        let edge = |name: &str, hi| Edge {
            name: name.into(),
            shape: vec![1],
            frac: 0,
            divisor: 1,
            ring: 40,
            lo: -5,
            hi,
        };
        let op = FixedOp::Lookup { divisor: 7, first: 0, values: vec![0; 13] };
        let graph = FixedGraph {
            name: "t".into(),
            edges: vec![edge("input", largest), edge("output", 77)],
            nodes: vec![FixedNode {
                name: "n".into(),
                op,
                inputs: vec![EdgeId(0)],
                output: EdgeId(1),
            }],
            input: EdgeId(0),
            output: EdgeId(1),
            finish: Finish::None,
        };
        FixedModel { graph, weights: Weights::default() }
    }

    #[test]
    fn ranges_do_not_show_the_weights() {
        let wide = in_wide_rings(model(9)).unwrap().graph;
        let ends: Vec<_> = wide.edges.iter().map(|e| (e.lo, e.hi, e.ring)).collect();
        let most = MAX_BOUND as i64;
        assert_eq!(ends, [(-5, 9, 64), (-most, most, 64)]);
    }

    #[test]
    fn operands_without_room_are_refused() {
        assert!(in_wide_rings(model(MAX_BOUND as i64)).is_ok());
        assert!(in_wide_rings(model(MAX_BOUND as i64 + 1)).is_err());
    }
}
