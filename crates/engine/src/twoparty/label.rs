use sordino_graph::fixed::{Edge, EdgeId, Finish, FixedGraph, FixedNode, FixedOp};

/// The graph that reveals only the index of the largest output.
pub fn with_label(graph: &FixedGraph) -> FixedGraph {
    let mut graph = graph.clone();
    if graph.nodes.last().is_some_and(|n| n.op == FixedOp::ArgMax && n.output == graph.output) {
        return graph;
    }
    let classes = graph.edges[graph.output.0 as usize].len() as u64;
    let ring = (64 - classes.leading_zeros() + 1).max(2);
    let output = EdgeId(graph.edges.len() as u32);
    graph.edges.push(Edge {
        name: "label".into(),
        shape: vec![1],
        frac: 0,
        divisor: 1,
        ring,
        lo: 0,
        hi: classes as i64 - 1,
    });
    graph.nodes.push(FixedNode {
        name: "label".into(),
        op: FixedOp::ArgMax,
        inputs: vec![graph.output],
        output,
    });
    graph.output = output;
    graph.finish = Finish::None;
    graph
}
