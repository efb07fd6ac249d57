use super::messages::encode;
use super::{VERSION, Wish};
use crate::Error;
use sordino_graph::fixed::FixedGraph;

/// What material that is stored between sessions belongs to: the network and the settings, and at
/// the server (`weights`) the weights.
pub(crate) fn material_label(
    graph: &FixedGraph,
    wish: &Wish,
    weights: &[u8],
) -> Result<[u8; 32], Error> {
    let mut h = blake3::Hasher::new_derive_key("sordino prepared material v1");
    h.update(&VERSION.to_le_bytes());
    for part in [&graph.to_bytes()?, weights, &encode(wish)?] {
        h.update(&(part.len() as u64).to_le_bytes());
        h.update(part);
    }
    Ok(*h.finalize().as_bytes())
}
