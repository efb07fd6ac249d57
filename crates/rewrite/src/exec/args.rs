use crate::{Array, Error};
use sordino_graph::ir::{Graph, Node};

/// A node with its float operands.
pub(super) struct Args<'a> {
    pub(super) graph: &'a Graph,
    pub(super) node: &'a Node,
    /// `None` for operands left out and for those that are not floats.
    pub(super) operands: Vec<Option<Array>>,
}

impl<'a> Args<'a> {
    pub(super) fn opt(&self, i: usize) -> Option<&Array> {
        self.operands.get(i).and_then(Option::as_ref)
    }

    pub(super) fn array(&self, i: usize) -> Result<Array, Error> {
        let why = || self.unsupported(&format!("operand {i} is no float value"));
        self.opt(i).cloned().ok_or_else(why)
    }

    /// An operand that must not depend on the network's input.
    pub(super) fn constant(&self, i: usize) -> Result<Array, Error> {
        let array = self.array(i)?;
        if array.lead() == 1 {
            return Ok(array);
        }
        let why = format!("operand {i} depends on the network's input; only constants can be here");
        Err(self.unsupported(&why))
    }

    /// Shape of the first result, for one sample.
    pub(super) fn out(&self) -> &'a [usize] {
        &self.graph.value(self.node.outputs[0]).shape
    }

    pub(super) fn unsupported(&self, why: &str) -> Error {
        Error::Unsupported { node: self.node.name.clone(), why: why.to_owned() }
    }
}
