use super::{ensure, in_layer};
use crate::Error;
use crate::fixed::{FixedGraph, FixedModel, FixedOp, KernelSums, LayerWeights, Weights};

impl FixedModel {
    /// Checks the graph, and that the weights have the counts and bits it declares.
    ///
    /// # Errors
    /// As [`FixedGraph::validate`]. Messages never hold a weight.
    pub fn validate(&self) -> Result<(), Error> {
        self.graph.validate()?;
        check(&self.graph, &self.weights)
    }
}

fn check(graph: &FixedGraph, weights: &Weights) -> Result<(), Error> {
    let mut count = 0;
    for n in &graph.nodes {
        let out = &graph.edges[n.output.0 as usize];
        match &n.op {
            FixedOp::Linear { conv, weights: id, weight_bits, sums, .. } => {
                let taps = conv.cin / conv.groups * conv.kernel[0] * conv.kernel[1];
                let kernel = conv.cout as usize * taps as usize;
                let layer = find(weights, id.0, &n.name)?;
                sizes(layer, kernel, &[0, conv.cout as usize])
                    .and_then(|()| bits(layer, *weight_bits))
                    .and_then(|()| within(layer, *weight_bits, *sums))
                    .map_err(|e| in_layer(&n.name, e))?;
                count += 1;
            }
            FixedOp::AddConst { weights: id } => {
                let layer = find(weights, id.0, &n.name)?;
                sizes(layer, 0, &[out.len()]).map_err(|e| in_layer(&n.name, e))?;
                count += 1;
            }
            FixedOp::Activate { flips: Some(id), .. } => {
                let layer = find(weights, id.0, &n.name)?;
                let channels = match out.shape[..] {
                    [1, c, ..] => c as usize,
                    _ => out.len(),
                };
                sizes(layer, 0, &[out.len(), channels])
                    .and_then(|()| signs(layer))
                    .map_err(|e| in_layer(&n.name, e))?;
                count += 1;
            }
            _ => {}
        }
    }
    ensure(weights.layers.len() == count, || {
        format!("weights of {} layers for a graph that has {count}", weights.layers.len())
    })
}

fn find<'a>(weights: &'a Weights, id: u32, name: &str) -> Result<&'a LayerWeights, Error> {
    weights
        .layers
        .get(id as usize)
        .ok_or_else(|| Error::Invalid(format!("layer {name:?} has no weights")))
}

fn sizes(l: &LayerWeights, kernel: usize, bias: &[usize]) -> Result<(), Error> {
    ensure(l.kernel.len() == kernel, || {
        format!("a kernel of {} entries instead of {kernel}", l.kernel.len())
    })?;
    ensure(bias.contains(&l.bias.len()), || {
        format!("{} bias values instead of {}", l.bias.len(), bias[bias.len() - 1])
    })
}

fn signs(l: &LayerWeights) -> Result<(), Error> {
    ensure(l.bias.iter().all(|b| [0, 1].contains(b)), || "a sign that is neither 0 nor 1".into())
}

fn within(l: &LayerWeights, bits: u32, sums: Option<KernelSums>) -> Result<(), Error> {
    let ok = sums.is_none_or(|bound| KernelSums::of(&l.kernel, bits).within(&bound));
    ensure(ok, || "sums of kernel entries of more bits than the layer declares".into())
}

fn bits(l: &LayerWeights, bits: u32) -> Result<(), Error> {
    let bound = 1i64 << (bits - 1);
    let ok = l.kernel.iter().all(|&k| (-bound..bound).contains(&i64::from(k)));
    ensure(ok, || format!("a kernel entry of more than {bits} bits"))
}
