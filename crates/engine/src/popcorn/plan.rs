use super::blind::Blinding;
use super::support::refuse;
use crate::Error;
use crate::session::{BackendChoice, LinearChoice, PaillierBits, PopcornMode, Reveal, Wish};
use sordino_graph::fixed::semantics::{Tournament, windows};
use sordino_graph::fixed::{ConvShape, FixedGraph, FixedNode, FixedOp, Function, PoolShape};
use sordino_he::paillier::{Packing, Strength};

/// Values that the exchanges of an inference are about, at most: hours of a core.
const MAX_VALUES: usize = 1 << 24;
/// Weights that the server sorts.
const MAX_WEIGHTS: usize = 1 << 25;
/// Ciphertexts of an edge, each of some 2 KiB as it is computed with.
const MAX_EDGE: usize = 1 << 22;

/// What both parties derive from the graph and the wish.
pub(super) struct Plan {
    pub(super) graph: FixedGraph,
    pub(super) mode: PopcornMode,
    pub(super) strength: Strength,
    layers: Vec<Vec<Step>>,
}

/// One exchange about `values` integers of magnitude at most 2^(bits - 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Split at `shift` bits.
    Truncate { values: usize, bits: u32, shift: u32 },
    /// Whether each is positive.
    Compare { values: usize, bits: u32 },
    /// max(v, 0).
    Rectify { values: usize, bits: u32 },
}

/// How values lie in packed ciphertexts.
pub(super) struct Packed {
    pub(super) packing: Packing,
    pub(super) slots: usize,
    pub(super) count: usize,
}

impl Plan {
    /// # Errors
    /// [`Error::Config`] for a wish that is not this backend's or a graph that is too large, [`Error::Unsupported`] for a
    /// layer that it cannot run.
    pub(super) fn new(graph: &FixedGraph, wish: &Wish) -> Result<Self, Error> {
        let BackendChoice::Popcorn(mode) = wish.backend else {
            return Err(Error::Config("the wish is not for the popcorn backend".into()));
        };
        let strength = match wish.linear {
            LinearChoice::Paillier(PaillierBits::N2048) => Strength::Bits112,
            LinearChoice::Paillier(PaillierBits::N3072) => Strength::Bits128,
            _ => {
                return Err(Error::Config(
                    "the popcorn backend has Paillier's encryption only: choose the size of its key".into(),
                ));
            }
        };
        if wish.reveal != Reveal::Logits {
            return Err(Error::Config(
                "the popcorn backend reveals the scores; the data owner finds the best class"
                    .into(),
            ));
        }
        let layers: Vec<Vec<Step>> =
            graph.nodes.iter().map(|node| steps(graph, node)).collect::<Result<_, _>>()?;
        let values: usize =
            layers.iter().flatten().map(Step::values).fold(0, usize::saturating_add);
        let weights: usize = graph.nodes.iter().map(kernel_len).fold(0, usize::saturating_add);
        let widest = graph.edges.iter().map(|edge| edge.len()).max().unwrap_or(0);
        if values > MAX_VALUES || weights > MAX_WEIGHTS || widest > MAX_EDGE {
            return Err(Error::Config(format!(
                "{values} values to ask the client for, {weights} weights and an edge of {widest} elements are too many \
                 for the popcorn backend (at most {MAX_VALUES}, {MAX_WEIGHTS} and {MAX_EDGE}); use --backend twoparty"
            )));
        }
        Ok(Self { graph: graph.clone(), mode, strength, layers })
    }

    /// The exchanges of a layer, in order.
    pub(super) fn steps(&self, layer: u32) -> &[Step] {
        self.layers.get(layer as usize).map_or(&[], |steps| steps)
    }

    /// How values of so many bits are masked together.
    pub(super) fn packed(&self, values: usize, bits: u32) -> Result<Packed, Error> {
        let packing = Packing::new(self.strength, bits)?;
        let slots = packing.slots().min(values).max(1);
        Ok(Packed { packing, slots, count: values.div_ceil(slots) })
    }

    /// Values of an exchange together with its dummies.
    pub(super) fn asked(&self, values: usize) -> usize {
        match self.mode {
            PopcornMode::Affine => values,
            PopcornMode::Paper => values + values.div_ceil(4),
        }
    }

    /// How values of so many bits are blinded.
    pub(super) fn blinding(&self, bits: u32) -> Blinding {
        Blinding::new(self.mode, bits)
    }

    pub(super) fn input_len(&self) -> usize {
        self.graph.edges[self.graph.input.0 as usize].len()
    }

    pub(super) fn output_len(&self) -> usize {
        self.graph.edges[self.graph.output.0 as usize].len()
    }
}

impl Step {
    fn values(&self) -> usize {
        match *self {
            Self::Truncate { values, .. }
            | Self::Compare { values, .. }
            | Self::Rectify { values, .. } => values,
        }
    }
}

fn kernel_len(node: &FixedNode) -> usize {
    match &node.op {
        FixedOp::Linear { conv, .. } => {
            let [kh, kw] = conv.kernel.map(|k| k as usize);
            (conv.cout as usize * (conv.cin / conv.groups) as usize).saturating_mul(kh * kw)
        }
        _ => 0,
    }
}

/// Checks a layer and lists its exchanges.
pub(super) fn steps(graph: &FixedGraph, node: &FixedNode) -> Result<Vec<Step>, Error> {
    let input = &graph.edges[node.inputs[0].0 as usize];
    Ok(match &node.op {
        FixedOp::Activate { shift, function, .. } => {
            let (values, mut bits, mut steps) = (input.len(), input.ring, Vec::new());
            if *shift > 0 {
                steps.push(Step::Truncate { values, bits, shift: *shift });
                steps.push(Step::Compare { values, bits: shift + 1 });
                // Rounded up at the most.
                bits = (bits - shift + 1).min(64);
            }
            match function {
                Function::Identity => {}
                Function::Relu => steps.push(Step::Rectify { values, bits }),
                Function::ReluMax { hi } => {
                    let bits = (bits.max(65 - hi.leading_zeros()) + 1).min(64);
                    steps.push(Step::Rectify { values: 2 * values, bits });
                }
            }
            steps
        }
        FixedOp::MaxPool(pool) => {
            let levels = Tournament::new(&windows(pool)).levels;
            let pairs = levels.iter().map(|level| level.pairs.len() * pool.channels as usize);
            pairs.map(|values| Step::Rectify { values, bits: input.ring }).collect()
        }
        FixedOp::Mul => {
            return Err(refuse(
                node,
                "products of two secrets are not computed on Paillier's encryption alone",
            ));
        }
        FixedOp::ArgMax => {
            return Err(refuse(node, "the data owner finds the best class in the scores itself"));
        }
        FixedOp::Lookup { .. } | FixedOp::Rescale { .. } => {
            return Err(refuse(node, "only the garbled backend computes it"));
        }
        FixedOp::Linear { .. }
        | FixedOp::AddConst { .. }
        | FixedOp::SumPool(_)
        | FixedOp::Add { .. }
        | FixedOp::Concat { .. }
        | FixedOp::Rearrange(_) => Vec::new(),
    })
}

/// A convolution as the encryption names it.
pub(super) fn shape(conv: &ConvShape) -> sordino_he::ConvShape {
    sordino_he::ConvShape {
        cin: conv.cin,
        h: conv.h,
        w: conv.w,
        cout: conv.cout,
        kernel: conv.kernel,
        stride: conv.stride,
        dilation: conv.dilation,
        pads: conv.pads,
        groups: conv.groups,
    }
}

/// The sum over windows as a convolution of each channel with ones.
pub(super) fn sum_shape(pool: &PoolShape) -> sordino_he::ConvShape {
    sordino_he::ConvShape {
        cin: pool.channels,
        h: pool.h,
        w: pool.w,
        cout: pool.channels,
        kernel: pool.kernel,
        stride: pool.stride,
        dilation: pool.dilation,
        pads: pool.pads,
        groups: pool.channels,
    }
}
