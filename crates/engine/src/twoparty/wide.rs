use sordino_graph::fixed::FixedModel;

/// The same network in rings of 64 bits, which leave garbled tables on shares room for their
/// statistical argument: for networks quantised with `graph::fixed::residue` in strict style.
///
/// The values of every edge stay as they are; only their shares grow.
pub fn in_wide_rings(mut model: FixedModel) -> FixedModel {
    for edge in &mut model.graph.edges {
        edge.ring = 64;
    }
    model
}
