//! Rectifiers that become polynomials of the second degree, which take one product of secrets and
//! no comparison.
//!
//! Only `twoparty` computes such products, and on its silent transfers a comparison costs so little
//! that the product, with its roundings in wide rings, may well send more: look at the plans of
//! both networks.
//!
//! A rectifier becomes `a x^2 + b x + c` with three trained numbers for its layer, as X^2act in
//! PolyMPCNet (Peng et al., 2022, later PASNet, DAC 2023), which trains `a` as `w / sqrt(n)` for a
//! layer of n elements, so that its derivative, a sum over all of them, does not outrun the others.

mod fit;
mod places;
mod replace;

use crate::{Error, Network, Role};
use fit::fitted;
use places::Places;
use replace::replace;
use sordino_graph::float;
use sordino_graph::ir::{Graph, Node, Tensor, ValueId};
use std::sync::Arc;

/// What polynomials are before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `x`, as in PolyMPCNet.
    Identity,
    /// Nearest to the rectifier, in mean squares over the operands that samples give: as in AutoReP
    /// (Peng et al., ICCV 2023), which takes a normal distribution for them.
    Fitted,
}

/// A rectifier that has become a polynomial.
#[derive(Clone, Debug)]
pub struct Polynomial {
    /// Name of the node.
    pub node: String,
    /// `w`, `b` and `c`: constants to be trained.
    pub coefficients: [ValueId; 3],
    /// `a`, computed from `w`.
    square: ValueId,
}

/// Names of the nodes that rectify all or some of their elements.
///
/// # Errors
/// [`Error::Graph`] for a graph that is not consistent.
pub fn rectifiers(graph: &Graph) -> Result<Vec<String>, Error> {
    Ok(found(graph)?.into_iter().map(|(i, _)| graph.nodes[i].name.clone()).collect())
}

fn found(graph: &Graph) -> Result<Vec<(usize, Places)>, Error> {
    let place = |(i, node)| Places::of(graph, node).transpose().map(|p| p.map(|p| (i, p)));
    graph.nodes.iter().enumerate().filter_map(place).collect()
}

/// Replaces rectifiers by polynomials: those of which `chosen` says so by their names. Where a binary mask has made the
/// identity of some elements, these stay as they are and take no product; a mask by channels leaves whole channels out.
///
/// # Errors
/// [`Error::Config`] when no rectifier is chosen, [`Error::Data`] without samples to fit to,
/// [`Error::Graph`] when they do not fit the graph.
///
/// *Cost*: two runs of the network per sample, for [`Start::Fitted`].
pub fn polynomial_relus(
    graph: &mut Graph,
    chosen: &dyn Fn(&str) -> bool,
    start: Start,
    samples: &[Tensor],
) -> Result<Vec<Polynomial>, Error> {
    let (at, others): (Vec<_>, Vec<_>) =
        found(graph)?.into_iter().partition(|(i, _)| chosen(&graph.nodes[*i].name));
    if at.is_empty() {
        let names: Vec<&str> = others.iter().map(|(i, _)| graph.nodes[*i].name.as_str()).collect();
        let why = format!("no ReLU is chosen; the network has: {}", names.join(", "));
        return Err(Error::Config(why));
    }
    let operands = at.iter().filter_map(|(i, p)| graph.nodes[*i].inputs[0].map(|x| (x, p)));
    let operands: Vec<(ValueId, &Places)> = operands.collect();
    let starts = match start {
        Start::Identity => vec![[0.0, 1.0, 0.0]; at.len()],
        Start::Fitted => fitted(graph, &operands, samples)?,
    };
    let mut done = Vec::with_capacity(at.len());
    for ((relu, places), start) in at.iter().zip(starts).rev() {
        done.push(replace(graph, *relu, places, start)?);
    }
    done.reverse();
    Ok(done)
}

/// Makes constants of what polynomials compute from constants alone, after training.
///
/// # Errors
/// [`Error::Config`] when a polynomial is not of this graph.
pub fn settle(graph: &mut Graph, polynomials: &[Polynomial]) -> Result<(), Error> {
    for p in polynomials {
        let other = || Error::Config(format!("'{}' is no polynomial of this network", p.node));
        let name = format!("{}@a", p.node);
        let is_square = |n: &Node| n.name == name && n.outputs == [p.square];
        let at = graph.nodes.iter().position(is_square).ok_or_else(other)?;
        let node = graph.nodes.remove(at);
        let operands: Vec<_> =
            node.inputs.iter().map(|id| id.and_then(|id| graph.constant(id))).collect();
        let value = float::eval(&node.op, &operands)?.into_iter().next().ok_or_else(other)?;
        graph.values[p.square.0].constant = Some(Arc::new(value));
    }
    sordino_graph::passes::remove_dead(graph);
    Ok(())
}

impl Network {
    /// Lets training change the coefficients of polynomials.
    ///
    /// # Errors
    /// [`Error::Config`] when a polynomial is not of this network.
    pub fn train_polynomials(&mut self, polynomials: &[Polynomial]) -> Result<(), Error> {
        let values = polynomials.iter().flat_map(|p| p.coefficients);
        values.into_iter().try_for_each(|value| self.train_also(value, Role::Coefficient))
    }
}
