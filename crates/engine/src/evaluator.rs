use crate::Error;
use sordino_graph::fixed::{
    ConvShape, Edge, FixedGraph, FixedNode, Function, PoolShape, Rearrange, WeightId,
};

/// One layer of a graph as an evaluator sees it.
#[derive(Clone, Copy)]
pub struct Layer<'a> {
    /// Position in the graph, the layer number of meters and reports.
    pub index: u32,
    /// The graph.
    pub graph: &'a FixedGraph,
    /// The node.
    pub node: &'a FixedNode,
    /// Images that are computed at once; edges describe one of them.
    pub images: usize,
}

impl<'a> Layer<'a> {
    /// Operand `i`'s edge.
    pub fn input(&self, i: usize) -> &'a Edge {
        &self.graph.edges[self.node.inputs[i].0 as usize]
    }

    /// The result's edge.
    pub fn output(&self) -> &'a Edge {
        &self.graph.edges[self.node.output.0 as usize]
    }

    /// Elements of operand `i`, of all images.
    pub(crate) fn input_len(&self, i: usize) -> usize {
        self.images * self.input(i).len()
    }

    /// Elements of the result, of all images.
    pub(crate) fn output_len(&self) -> usize {
        self.images * self.output().len()
    }
}

/// A linear layer's public description.
#[derive(Clone, Copy)]
pub struct Linear<'a> {
    /// Geometry.
    pub conv: &'a ConvShape,
    /// Kernel and bias at the model owner.
    pub weights: WeightId,
    /// Public bound on the bits of a kernel entry.
    pub weight_bits: u32,
}

/// One party's view of a protocol: how to do each layer on its kind of tensor.
///
/// The meaning of every method is that of the `FixedOp` of the same name; see
/// [`sordino_graph::fixed::FixedOp`].
pub trait Evaluator {
    /// What flows along an edge: words, one party's shares, or nothing for a cost model.
    type Tensor;

    /// Called before each layer.
    fn begin(&mut self, layer: &Layer<'_>) -> Result<(), Error>;

    /// Convolution or product with the owner's kernel, plus bias.
    fn linear(
        &mut self,
        l: &Layer<'_>,
        op: Linear<'_>,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Sum with the owner's constant.
    fn add_const(
        &mut self,
        l: &Layer<'_>,
        c: WeightId,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Rescale and function, fused.
    fn activate(
        &mut self,
        l: &Layer<'_>,
        shift: u32,
        f: Function,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Sum over windows.
    fn sum_pool(
        &mut self,
        l: &Layer<'_>,
        pool: &PoolShape,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Maximum over windows.
    fn max_pool(
        &mut self,
        l: &Layer<'_>,
        pool: &PoolShape,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Sum or difference of two tensors after alignment.
    fn add(
        &mut self,
        l: &Layer<'_>,
        shl: [u32; 2],
        subtract: bool,
        a: &Self::Tensor,
        b: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Element-wise product.
    fn mul(
        &mut self,
        l: &Layer<'_>,
        a: &Self::Tensor,
        b: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Joins along an axis after alignment.
    fn concat(
        &mut self,
        l: &Layer<'_>,
        axis: u32,
        shl: &[u32],
        xs: &[&Self::Tensor],
    ) -> Result<Self::Tensor, Error>;

    /// Movement of elements.
    fn rearrange(
        &mut self,
        l: &Layer<'_>,
        r: &Rearrange,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Index of the largest element.
    fn arg_max(&mut self, l: &Layer<'_>, x: &Self::Tensor) -> Result<Self::Tensor, Error>;

    /// A table of the value's top digit.
    fn lookup(
        &mut self,
        l: &Layer<'_>,
        divisor: u64,
        first: i64,
        values: &[i64],
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;

    /// Division in residues and function, fused.
    fn rescale(
        &mut self,
        l: &Layer<'_>,
        modulus: u64,
        divisor: u64,
        f: Function,
        x: &Self::Tensor,
    ) -> Result<Self::Tensor, Error>;
}
