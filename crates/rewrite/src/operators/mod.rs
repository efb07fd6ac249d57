//! Convolutions replaced by cheaper ones of the same shape.
//!
//! "Efficient ML Models for Practical Secure Inference" (Ganesan et al., 2022) replaces the heavy convolutions of a network by
//! an X-operator, a drop-in of fewer products. We could not read how the paper defines it; [`Form::XOperator`] is our own
//! definition (grouped 1x1, channel shuffle, depthwise kxk, as in ShuffleNet, Zhang et al., CVPR 2018), one of a family:
//! depthwise-separable (MobileNet, Howard et al., 2017), low rank by channels (Zhang, Zou, He, Sun, 2016; FFConv, Kim et al.,
//! 2021) and by axes (Jaderberg, Vedaldi, Zisserman, BMVC 2014), and Ghost (Han et al., CVPR 2020).
//!
//! What a replacement saves depends on the protocol. On transfers bytes grow with products, so every form pays. On ciphertexts
//! they grow with inputs and results, which a drop-in of the same shape does not change, and each further layer within it
//! shares and rounds its own results: measure a form by a planner's cost, never by products alone.
//!
//! A form starts from the convolution that it replaces: the first layer by singular vectors of its kernel, or principal
//! components of its results; the last one by least squares on what the first gives for samples.

mod build;
mod draw;
mod fit;
mod form;

pub use draw::draw;
pub use form::{Form, Site, sites};

use crate::Error;
use build::{Parts, build};
use sordino_graph::float;
use sordino_graph::ir::{Graph, Op, Tensor};

/// Operands of a convolution on samples, and its results.
pub struct Observed {
    operands: Vec<Tensor>,
    results: Vec<Tensor>,
}

/// Watches convolutions while samples run through the network, in the order of `sites`.
///
/// # Errors
/// [`Error::Data`] without a sample, [`Error::Graph`] when one does not fit the graph.
///
/// *Cost*: one run of the network per sample, and memory for all that is observed.
pub fn observe(graph: &Graph, sites: &[Site], samples: &[Tensor]) -> Result<Vec<Observed>, Error> {
    if samples.is_empty() {
        let why = "there is no sample to fit replacements to; give at least one";
        return Err(Error::Data(why.into()));
    }
    let empty = || Observed { operands: Vec::new(), results: Vec::new() };
    let mut observed: Vec<Observed> = sites.iter().map(|_| empty()).collect();
    for sample in samples {
        float::run_with(graph, std::slice::from_ref(sample), |id, tensor| {
            for (site, seen) in sites.iter().zip(&mut observed) {
                if site.operand == id {
                    seen.operands.push(tensor.clone());
                }
                if site.result == id {
                    seen.results.push(tensor.clone());
                }
            }
        })?;
    }
    Ok(observed)
}

/// Puts a form where a convolution is. Returns the square of what is now wrong on the samples, relative to the variance of
/// what the convolution gives: 0 is an equal layer, 1 one that says nothing. Sites stay valid; what is no longer read stays too, until
/// [`sordino_graph::passes::remove_dead`].
///
/// # Errors
/// [`Error::Config`] for a form that the site cannot have.
///
/// *Cost*: a decomposition of the kernel, and least squares for the last layer.
pub fn replace(
    graph: &mut Graph,
    site: &Site,
    form: Form,
    observed: &Observed,
) -> Result<f64, Error> {
    form.check(site)?;
    let found = |n: &&sordino_graph::ir::Node| n.name == site.node && n.outputs == [site.result];
    if !graph.nodes.iter().any(|n| found(&n)) {
        return Err(Error::Config(format!("'{}' is not of this graph", site.node)));
    }
    let mut parts = Parts::of(site, form, observed)?;
    let error = parts.fit(observed)?;
    build(graph, site, parts)?;
    Ok(error)
}

/// The float result of a node on one operand.
fn apply(op: &Op, operands: &[&Tensor]) -> Result<Tensor, Error> {
    let operands: Vec<Option<&Tensor>> = operands.iter().map(|t| Some(*t)).collect();
    let results = float::eval(op, &operands)?;
    results.into_iter().next().ok_or_else(|| Error::Config("a node without a result".into()))
}
