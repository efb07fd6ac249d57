//! Rectifiers that may become the identity, one by one.
//!
//! A rectifier with a mask c is `c * max(x, 0) + (1 - c) * x`, which is the parametric rectifier of
//! slope `1 - c`: ONNX's `PRelu`, with one slope per element or per channel. A soft mask is a slope
//! between 0 and 1 and trains like any parameter; a slope of 1 is the identity, one of 0 a
//! rectifier. A masked network is therefore a plain graph from the first step of its search to the
//! file that is written, and nothing but slopes says what it computes.
//!
//! *Security*: binary masks are architecture, which both parties of a private inference know. They
//! say where the network needs its rectifiers, at most a bit for each, and follow from weights and
//! training data; they are the same for every input. Other slopes are weights and stay secret.

mod choose;
mod linearise;

pub use choose::{Choice, choose};
pub use linearise::{Cost, Point, Search, fixed, linearise};

use crate::{Error, Network};
use sordino_graph::ir::{Graph, Op, Tensor, Unary, Value, ValueId};
use std::sync::Arc;

/// What one entry of a mask decides on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Granularity {
    /// One element: a pixel of a channel.
    Element,
    /// All elements of a channel.
    Channel,
}

/// The mask of one layer of rectifiers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    /// Name of the node.
    pub node: String,
    /// Its slopes, `1 - c`.
    pub slope: ValueId,
    /// Number of entries.
    pub entries: usize,
    /// Rectifiers that an entry decides on.
    pub each: usize,
}

/// Gives every rectifier of a graph a mask of ones (it stays a rectifier).
///
/// # Errors
/// [`Error::Unsupported`] for a rectifier on a value without a channel axis.
pub fn mask_relus(graph: &mut Graph, granularity: Granularity) -> Result<Vec<Mask>, Error> {
    let mut masks = Vec::new();
    for i in 0..graph.nodes.len() {
        if graph.nodes[i].op != Op::Unary(Unary::Relu) {
            continue;
        }
        let node = graph.nodes[i].name.clone();
        let shape = graph.value(graph.nodes[i].outputs[0]).shape.clone();
        let slopes = match (granularity, shape.get(1..)) {
            (_, None) => {
                let why = "a rectifier on a value without a channel axis".to_owned();
                return Err(Error::Unsupported { node, why });
            }
            (Granularity::Element, Some(each)) => each.to_vec(),
            (Granularity::Channel, Some(each)) => {
                each.iter().enumerate().map(|(i, &d)| if i == 0 { d } else { 1 }).collect()
            }
        };
        let entries: usize = slopes.iter().product();
        let each = shape.iter().product::<usize>() / entries.max(1);
        let constant = Tensor::f32(slopes.clone(), vec![0.0; entries])?;
        let slope = ValueId(graph.values.len());
        graph.values.push(Value {
            name: format!("{node}@slope"),
            dtype: constant.dtype(),
            shape: slopes,
            constant: Some(Arc::new(constant)),
        });
        graph.nodes[i].op = Op::PRelu;
        graph.nodes[i].inputs.push(Some(slope));
        masks.push(Mask { node, slope, entries, each });
    }
    Ok(masks)
}

/// Rectifiers whose mask is above `threshold`.
///
/// # Errors
/// [`Error::Device`].
pub fn alive(network: &Network, masks: &[Mask], threshold: f32) -> Result<usize, Error> {
    Ok(alive_by_layer(network, masks, threshold)?.iter().sum())
}

/// The same for each layer.
fn alive_by_layer(network: &Network, masks: &[Mask], threshold: f32) -> Result<Vec<usize>, Error> {
    let of = |mask: &Mask| {
        let slopes = network.read(mask.slope)?;
        Ok(mask.each * slopes.iter().filter(|&&s| 1.0 - s > threshold).count())
    };
    masks.iter().map(of).collect()
}

/// Rectifiers that the masks decide on.
pub fn total(masks: &[Mask]) -> usize {
    masks.iter().map(|m| m.entries * m.each).sum()
}

/// Turns layers whose mask is one number into what they are: a rectifier, or nothing.
///
/// # Errors
/// [`Error::Graph`] when the graph is not consistent.
pub fn tidy(graph: &mut Graph) -> Result<(), Error> {
    for i in 0..graph.nodes.len() {
        let slope = match (&graph.nodes[i].op, &graph.nodes[i].inputs[..]) {
            (Op::PRelu, &[Some(_), Some(slope)]) => graph.constant(slope),
            _ => None,
        };
        let Some(slopes) = slope.map(Tensor::as_f32).transpose()? else { continue };
        let uniform = |v: f32| slopes.iter().all(|&s| s == v);
        if uniform(0.0) {
            graph.nodes[i].op = Op::Unary(Unary::Relu);
            graph.nodes[i].inputs.truncate(1);
        } else if uniform(1.0) {
            let shape = graph.value(graph.nodes[i].outputs[0]).shape.clone();
            graph.nodes[i].op = Op::Reshape { shape };
            graph.nodes[i].inputs.truncate(1);
        }
    }
    sordino_graph::passes::remove_no_ops(graph)?;
    sordino_graph::passes::remove_dead(graph);
    Ok(())
}
