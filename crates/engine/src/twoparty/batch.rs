//! How many images are computed at once.

use sordino_graph::fixed::FixedGraph;

/// Images at once that a server takes unless told otherwise.
pub const MAX_BATCH: usize = 16;
/// Bytes of shares that a party may hold for the images of a batch. What linear layers and correlations
/// take besides is bounded whatever the batch.
const SHARES: usize = 1 << 30;

/// The most images, of at most `wanted`, whose shares fit: at least one. Public, like the graph.
pub(crate) fn most(graph: &FixedGraph, wanted: usize) -> u32 {
    let bytes = shares(graph).max(1);
    u32::try_from((SHARES / bytes).min(wanted).max(1)).unwrap_or(u32::MAX)
}

/// Bytes of shares that a party holds at most for one image.
pub(crate) fn shares(graph: &FixedGraph) -> usize {
    widest(graph).saturating_mul(size_of::<u64>())
}

/// Elements that are alive at once while a layer runs: the tensors that are still to be read, its result,
/// and copies of its operands in its own ring.
fn widest(graph: &FixedGraph) -> usize {
    let len = |e: usize| graph.edges[e].len();
    let mut last = vec![0; graph.edges.len()];
    for (i, node) in graph.nodes.iter().enumerate() {
        node.inputs.iter().for_each(|e| last[e.0 as usize] = i);
    }
    last[graph.output.0 as usize] = usize::MAX;
    let (mut alive, mut widest) = (len(graph.input.0 as usize), 0);
    for (i, node) in graph.nodes.iter().enumerate() {
        alive += len(node.output.0 as usize);
        let copies: usize = node.inputs.iter().map(|e| len(e.0 as usize)).sum();
        widest = widest.max(alive + copies);
        let mut read: Vec<usize> = node.inputs.iter().map(|e| e.0 as usize).collect();
        read.sort_unstable();
        read.dedup();
        alive -= read.into_iter().filter(|e| last[*e] == i).map(len).sum::<usize>();
    }
    widest
}
