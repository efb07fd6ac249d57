use super::LayerOutline;
use super::range::intervals;
use super::support::supported;
use super::wanted::{PoolBase, pool_base, wanted};
use super::weights;
use crate::Error;
use sordino_garble::{Base, Kernel, Prime, Program, gadget};
use sordino_graph::fixed::semantics::{Tournament, windows};
use sordino_graph::fixed::{
    ConvShape, EdgeId, FixedGraph, FixedModel, FixedNode, FixedOp, Function, LayerWeights,
};
use sordino_kernels::ring::Conv2d;

/// What one layer does to labels, besides moving them.
pub(super) enum Step {
    /// Only movement and sums.
    Free,
    Linear {
        kernel: Kernel,
        bias: Vec<i128>,
    },
    AddConst(Vec<i128>),
    /// A gadget on every element.
    Gadget {
        from: Base,
        program: Program,
    },
    MaxPool {
        from: Base,
        bracket: Tournament,
        maximum: Program,
        /// From the small prime of the maxima to the moduli that are needed.
        convert: Option<Program>,
    },
}

/// A network as a garbled circuit: every layer's moduli and gadgets. Garbler and evaluator make
/// it from the same model.
pub struct Circuit {
    pub(super) graph: FixedGraph,
    /// Moduli of every edge.
    pub(super) bases: Vec<Base>,
    pub(super) steps: Vec<Step>,
    fingerprint: [u8; 32],
}

impl Circuit {
    /// The circuit of a network.
    ///
    /// # Errors
    /// [`Error::Unsupported`] for a layer that cannot be garbled, [`Error::Garble`] when a modulus is not
    /// one that labels may have.
    pub fn new(model: &FixedModel) -> Result<Self, Error> {
        model.validate()?;
        model.graph.nodes.iter().try_for_each(supported)?;
        let ranges = intervals(model)?;
        let bases = wanted(&model.graph, &ranges)?;
        let mut steps = Vec::with_capacity(model.graph.nodes.len());
        for node in &model.graph.nodes {
            let to = &bases[node.output.0 as usize];
            let secret = |id: &sordino_graph::fixed::WeightId| &model.weights.layers[id.0 as usize];
            let step = match &node.op {
                FixedOp::Linear { conv, weights, .. } => linear(conv, secret(weights), to),
                FixedOp::AddConst { weights } => {
                    Step::AddConst(secret(weights).bias.iter().copied().map(i128::from).collect())
                }
                FixedOp::Lookup { divisor, first, values } => Step::Gadget {
                    from: Base::factor(divisor * values.len() as u64)?,
                    program: gadget::lookup(*divisor, *first, values, to.primes())?,
                },
                FixedOp::Rescale { modulus, divisor, function } => Step::Gadget {
                    from: Base::factor(*modulus)?,
                    program: gadget::rescale(
                        *modulus,
                        *divisor,
                        *function == Function::Relu,
                        to.primes(),
                    )?,
                },
                FixedOp::MaxPool(pool) => {
                    let range = ranges[node.inputs[0].0 as usize];
                    let bracket = Tournament::new(&windows(pool));
                    match pool_base(range, to)? {
                        PoolBase::Small(q) => Step::MaxPool {
                            from: Base::new([q]),
                            bracket,
                            maximum: gadget::maximum(q),
                            convert: (to.primes() != [q])
                                .then(|| gadget::convert(q, range.lo as i64, to.primes())),
                        },
                        PoolBase::Large(base) => Step::MaxPool {
                            maximum: gadget::relu_maximum(&base)?,
                            from: base,
                            bracket,
                            convert: None,
                        },
                    }
                }
                _ => Step::Free,
            };
            steps.push(step);
        }
        let fingerprint = fingerprint(model)?;
        Ok(Self { graph: model.graph.clone(), bases, steps, fingerprint })
    }

    /// The public graph.
    pub fn graph(&self) -> &FixedGraph {
        &self.graph
    }

    /// Names network, weights and format: circuits of equal fingerprints are interchangeable.
    pub fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    /// Moduli of the input's labels.
    pub fn input(&self) -> &Base {
        &self.bases[self.graph.input.0 as usize]
    }

    /// Moduli of the output's labels.
    pub fn output(&self) -> &Base {
        &self.bases[self.graph.output.0 as usize]
    }

    /// Labels of the input: its elements times its moduli.
    pub fn input_labels(&self) -> usize {
        self.graph.edges[self.graph.input.0 as usize].len() * self.input().primes().len()
    }

    /// Labels of the output.
    pub fn output_labels(&self) -> usize {
        self.graph.edges[self.graph.output.0 as usize].len() * self.output().primes().len()
    }

    /// What every layer takes to compute.
    pub(super) fn layer_work(&self) -> Vec<LayerOutline> {
        let digits = |base: &Base| base.primes().iter().map(|p| p.digits() as u64).sum::<u64>();
        let work = |(node, step): (&FixedNode, &Step)| {
            let edge = |e: EdgeId| self.graph.edges[e.0 as usize].len() as u64;
            let (len, to) = (edge(node.output), digits(&self.bases[node.output.0 as usize]));
            let read: u64 = node.inputs.iter().map(|e| edge(*e)).sum();
            let mut work = LayerOutline { digits: (len + read) * to, ..LayerOutline::default() };
            let mut run = |program: &Program, n: u64| {
                work.rows += n * program.cost().rows as u64;
                work.gates += n * program.cost().gates as u64;
            };
            match step {
                Step::Gadget { program, .. } => run(program, len),
                Step::MaxPool { bracket, maximum, convert, .. } => {
                    let planes = len / bracket.winners().max(1) as u64;
                    run(maximum, planes * bracket.comparisons() as u64);
                    convert.iter().for_each(|convert| run(convert, len));
                }
                Step::Linear { .. } => work.products = node.op.macs(len) * to,
                Step::Free | Step::AddConst(_) => {}
            }
            work
        };
        self.graph.nodes.iter().zip(&self.steps).map(work).collect()
    }

    /// Table rows of 16 bytes.
    pub fn rows(&self) -> u64 {
        self.layer_work().iter().map(|layer| layer.rows).sum()
    }

    /// The smallest entropy of an offset in use, in bits.
    pub fn lambda(&self) -> f64 {
        let used = self.bases.iter().flat_map(|b| b.primes());
        used.map(|p: &Prime| p.lambda()).fold(f64::INFINITY, f64::min)
    }
}

fn linear(conv: &ConvShape, weights: &LayerWeights, to: &Base) -> Step {
    let shape = Conv2d {
        cin: conv.cin as usize,
        h: conv.h as usize,
        w: conv.w as usize,
        cout: conv.cout as usize,
        kh: conv.kernel[0] as usize,
        kw: conv.kernel[1] as usize,
        stride: conv.stride.map(|v| v as usize),
        dilation: conv.dilation.map(|v| v as usize),
        pads: conv.pads.map(|v| v as usize),
        groups: conv.groups as usize,
    };
    Step::Linear {
        kernel: Kernel::new(shape, &weights.kernel, to.primes().iter().copied()),
        bias: weights.bias.iter().copied().map(i128::from).collect(),
    }
}

fn fingerprint(model: &FixedModel) -> Result<[u8; 32], Error> {
    let mut h = blake3::Hasher::new_derive_key("sordino garbled circuit v1");
    let graph = model.graph.to_bytes()?;
    h.update(&(graph.len() as u64).to_le_bytes());
    h.update(&graph);
    // As they are sent, so that a bias that is left out equals one of zeros.
    h.update(&weights::to_bytes(model));
    Ok(*h.finalize().as_bytes())
}
