//! Checks of a graph that may come from a peer: after them, walking it can neither index out of
//! bounds nor overflow nor allocate beyond [`limits`].

pub mod limits;
mod movement;
mod node;
mod table;
mod weights;

use super::{EdgeId, FixedGraph, FixedNode};
use crate::Error;
use limits::Budget;

impl FixedGraph {
    /// Checks every index, shape, ring, scale and attribute, the order and single definition of
    /// edges, and the total size.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a graph that contradicts itself or the operators' rules,
    /// [`Error::Limit`] for one that is too large.
    pub fn validate(&self) -> Result<(), Error> {
        limits::at_most("length of the graph's name", self.name.len(), limits::NAME_BYTES)?;
        limits::at_most("number of edges", self.edges.len(), limits::EDGES)?;
        limits::at_most("number of layers", self.nodes.len(), limits::NODES)?;
        let mut budget = Budget::default();
        for edge in &self.edges {
            node::edge(edge, &mut budget)?;
        }
        let mut defined = vec![false; self.edges.len()];
        define(&mut defined, self.input, "the input")?;
        let mut weights = 0;
        for n in &self.nodes {
            limits::at_most("length of a layer's name", n.name.len(), limits::NAME_BYTES)?;
            self.operands_defined(n, &defined)?;
            // Also bounds the output's index before the node's rules look it up.
            define(&mut defined, n.output, &format!("layer {:?}", n.name))?;
            node::check(self, n, &mut weights, &mut budget).map_err(|e| in_layer(&n.name, e))?;
        }
        if let Some(i) = defined.iter().position(|d| !d) {
            return Err(invalid(format!("no layer writes edge {:?}", self.edges[i].name)));
        }
        if self.output.0 as usize >= self.edges.len() {
            return Err(invalid(format!(
                "the output names edge {} of {}",
                self.output.0,
                self.edges.len()
            )));
        }
        Ok(())
    }

    fn operands_defined(&self, n: &FixedNode, defined: &[bool]) -> Result<(), Error> {
        limits::at_most("number of operands", n.inputs.len(), limits::OPERANDS)?;
        match n.inputs.iter().find(|e| defined.get(e.0 as usize) != Some(&true)) {
            None => Ok(()),
            Some(e) => {
                Err(invalid(format!("layer {:?} reads edge {} before it is written", n.name, e.0)))
            }
        }
    }
}

fn define(defined: &mut [bool], edge: EdgeId, by: &str) -> Result<(), Error> {
    match defined.get_mut(edge.0 as usize) {
        None => Err(invalid(format!("{by} names edge {}, which does not exist", edge.0))),
        Some(true) => {
            Err(invalid(format!("{by} writes edge {}, which is already written", edge.0)))
        }
        Some(d) => {
            *d = true;
            Ok(())
        }
    }
}

fn in_layer(name: &str, e: Error) -> Error {
    match e {
        Error::Invalid(why) => invalid(format!("layer {name:?}: {why}")),
        Error::Limit(why) => Error::Limit(format!("layer {name:?}: {why}")),
        e => e,
    }
}

fn invalid(why: impl Into<String>) -> Error {
    Error::Invalid(why.into())
}

fn ensure(ok: bool, why: impl FnOnce() -> String) -> Result<(), Error> {
    if ok { Ok(()) } else { Err(Error::Invalid(why())) }
}
