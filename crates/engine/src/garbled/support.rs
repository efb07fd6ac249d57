use crate::{Backend, Error, Threat};
use sordino_graph::fixed::{FixedGraph, FixedNode, FixedOp, Function};

/// The backend on arithmetic garbled circuits.
pub struct GarbledBackend;

impl Backend for GarbledBackend {
    fn name(&self) -> &'static str {
        "garbled"
    }

    fn threat(&self) -> Threat {
        Threat {
            model: "malicious evaluator (the server), honest garbler (the data owner): \
                    privacy of input, activations and output, and authenticity of the output",
            client_learns: "the output and the whole network, weights included",
            server_learns: "nothing about input or output; it knows the network",
        }
    }

    fn supports(&self, graph: &FixedGraph) -> Result<(), Error> {
        graph.validate()?;
        graph.nodes.iter().try_for_each(supported)
    }
}

/// Whether a layer can be garbled, its moduli aside.
pub(super) fn supported(node: &FixedNode) -> Result<(), Error> {
    let refuse = |op: &str, why: &str, hint: &str| {
        Err(Error::Unsupported {
            node: node.name.clone(),
            op: op.into(),
            why: why.into(),
            hint: hint.into(),
        })
    };
    match &node.op {
        FixedOp::Activate { shift: 0, function: Function::Identity, .. } => Ok(()),
        FixedOp::Activate { .. } => refuse(
            "Activate",
            "garbled circuits compute in residues, which have no shifts",
            "quantise the network for the garbled backend (--backend garbled does)",
        ),
        FixedOp::Rescale { function: Function::ReluMax { .. }, .. } => refuse(
            "Rescale",
            "Dash's rectifier has no upper bound",
            "use the strict style, where any activation is a table",
        ),
        FixedOp::Mul => refuse(
            "Mul",
            "products of two secrets are not garbled",
            "use --backend twoparty for this network",
        ),
        FixedOp::ArgMax => refuse(
            "ArgMax",
            "the garbler decodes the scores itself",
            "ask for the scores; the data owner finds the best class",
        ),
        _ => Ok(()),
    }
}
