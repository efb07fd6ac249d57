//! The typed graph: what an ONNX file means once every attribute has been read, every shape is
//! known and every constant has been folded.
//!
//! Nobody downstream of this crate parses ONNX. The importer produces a [`Graph`] whose values
//! all have static shapes (batch size 1), whose nodes are in topological order and whose
//! attributes are checked; the float executor, the passes and the quantiser read only this.

mod op;
mod tensor;
mod weight;

pub use op::*;
pub use tensor::{DType, Tensor, TensorData};
pub use weight::Weight;

use std::sync::Arc;

/// Index of a value (an edge) in [`Graph::values`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ValueId(pub usize);

/// A value flowing along an edge: the graph's input, a constant, or a node's output.
#[derive(Clone, Debug)]
pub struct Value {
    /// Name in the ONNX file, unique in the graph.
    pub name: String,
    /// Element type.
    pub dtype: DType,
    /// Static shape; empty for a scalar.
    pub shape: Vec<usize>,
    /// The value itself when it does not depend on the graph's input.
    pub constant: Option<Arc<Tensor>>,
}

/// One operation.
#[derive(Clone, Debug)]
pub struct Node {
    /// Name in the ONNX file, or one made from the operator and position when it has none.
    pub name: String,
    /// What it does, with its attributes.
    pub op: Op,
    /// Operands; `None` is an optional operand left out.
    pub inputs: Vec<Option<ValueId>>,
    /// Results, at least one.
    pub outputs: Vec<ValueId>,
}

/// A network with static shapes.
#[derive(Clone, Debug)]
pub struct Graph {
    /// Name of the ONNX graph.
    pub name: String,
    /// Operator-set version of the default domain the file declared.
    pub opset: i64,
    /// Inputs that are not constants, in the file's order.
    pub inputs: Vec<ValueId>,
    /// Outputs, in the file's order.
    pub outputs: Vec<ValueId>,
    /// Nodes in topological order.
    pub nodes: Vec<Node>,
    /// Every value, indexed by [`ValueId`].
    pub values: Vec<Value>,
}

impl Graph {
    /// The value behind an id.
    pub fn value(&self, id: ValueId) -> &Value {
        &self.values[id.0]
    }

    /// The constant behind an id, if it is one.
    pub fn constant(&self, id: ValueId) -> Option<&Tensor> {
        self.values[id.0].constant.as_deref()
    }
}
