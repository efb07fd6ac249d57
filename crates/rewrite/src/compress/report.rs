use sordino_graph::fixed::{FixedModel, FixedOp};
use sordino_graph::ir::Graph;

/// The weights of a linear layer as a private inference has them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// Name of the layer.
    pub name: String,
    /// Which layer of the fixed-point graph it is.
    pub node: usize,
    /// Number of weights.
    pub weights: usize,
    /// How many are zero.
    pub zeros: usize,
    /// How many different ones there are.
    pub distinct: usize,
    /// Signed bits of each.
    pub bits: u32,
    /// Whether they are the graph's weights, not rounded. `None` for layers that the graph has
    /// not, such as factors that became layers.
    pub exact: Option<bool>,
}

/// The layers of a quantised network, in order, beside the float network that it was made from.
pub fn summary(graph: &Graph, fixed: &FixedModel) -> Vec<LayerSummary> {
    let nodes = fixed.graph.nodes.iter().enumerate();
    let of = |(node, n): (usize, &sordino_graph::fixed::FixedNode)| {
        let FixedOp::Linear { weights, weight_bits, weight_frac, .. } = &n.op else { return None };
        let kernel = &fixed.weights.layers[weights.0 as usize].kernel;
        let unit = f64::from(-weight_frac).exp2();
        let values = distinct(kernel.iter().map(|&k| f64::from(k) * unit));
        let weight = graph.nodes.iter().find(|g| g.name == n.name).and_then(|g| graph.weight(g));
        let real = weight.and_then(|w| graph.constant(w.value)?.as_f32().ok());
        Some(LayerSummary {
            name: n.name.clone(),
            node,
            weights: kernel.len(),
            zeros: kernel.iter().filter(|k| **k == 0).count(),
            distinct: values.len(),
            bits: *weight_bits,
            exact: real.map(|real| distinct(real.iter().map(|&w| f64::from(w))) == values),
        })
    };
    nodes.filter_map(of).collect()
}

/// Values in order, each once.
fn distinct(values: impl Iterator<Item = f64>) -> Vec<f64> {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    values
}
