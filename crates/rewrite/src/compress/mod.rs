//! Compression of weights without retraining: pruning, shared weights, few bits.
//!
//! Whatever a tool makes of a layer's weights are integers of at most 16 bits times one power of
//! two (but for pruning alone, which may keep floats). Three things follow:
//!
//! * [`sordino_graph::onnx::export`] writes them as `INT8` or `INT16` with their scales;
//! * [`sordino_graph::fixed::quantise`] takes the very same integers wherever it may use as many
//!   bits, and tells backends when they are fewer, unless a factor of the network that is no power
//!   of two, such as the divisor of a 7x7 mean, has to go into the kernel: then they are rounded
//!   again;
//! * a weight of zero is zero in every backend. On Paillier's encryption it costs nothing, and a
//!   layer on transfers sends in proportion to the bits of its weights.
//!
//! Tools can follow each other: a weight that is zero stays zero. Fold normalisations
//! ([`sordino_graph::passes::simplify`]) before: what they multiply weights by would spoil the
//! integers after.
//!
//! *Security*: the client of a private inference learns the bits of each layer's weights and of sums
//! of weights in 3x3 filters, as it does of every network. Nothing tells where zeros are; that sums are
//! small may tell that there are many.

mod adapt;
mod cluster;
mod grid;
mod layers;
mod levels;
mod prune;
mod refit;
mod report;

pub(crate) use refit::{TAPS, least_squares, stride_over};

pub use adapt::{Adapted, adapt};
pub use prune::Scope;
pub use report::{LayerSummary, summary};

use crate::Error;
use grid::Grid;
use layers::{Codebook, Layer, Values};
use levels::Levels;
use sordino_graph::ir::{Graph, ValueId};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// Bits that the integers of a layer may have.
pub const GRID_BITS: RangeInclusive<u32> = 2..=16;

/// What is done to weights.
#[derive(Clone, Debug, PartialEq)]
pub enum Method {
    /// Weights of least magnitude become zero (Han, Pool, Tran, Dally, "Learning both weights and
    /// connections for efficient neural networks", NIPS 2015).
    Prune {
        /// Share of the weights that are zero afterwards, 0 to 1; those that were zero before
        /// count.
        sparsity: f64,
        /// Of what the share is.
        scope: Scope,
        /// Whether other weights stay the floats they are.
        keep_floats: bool,
    },
    /// At most so many different weights per layer, zero among them where it was: exact k-means in
    /// one dimension.
    Cluster {
        /// 2 to 256.
        values: usize,
    },
    /// Zero and two opposite values (Li, Zhang, Liu, "Ternary weight networks", 2016): the scale
    /// and threshold of least squared error.
    Ternary(Scale),
    /// Signs times the mean magnitude (Rastegari, Ordonez, Redmon, Farhadi, "XNOR-Net", ECCV 2016,
    /// section 3.1). Zeros stay.
    Binary(Scale),
    /// Integers of this many signed bits, symmetric, at the scale of least squared error: that may
    /// clip the largest.
    Quantise {
        /// 2 to 16.
        bits: u32,
        /// What shares a scale.
        scale: Scale,
    },
}

/// What shares a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// A layer, a power of two: integers have just the bits asked for.
    Layer,
    /// An output channel: scales are small integers themselves, times the layer's power of two. The
    /// products of both have [`Settings::grid_bits`].
    Channel,
}

/// A tool and what it works on.
#[derive(Clone, Debug, PartialEq)]
pub struct Settings {
    /// The tool.
    pub method: Method,
    /// Names of layers to leave as they are.
    pub except: Vec<String>,
    /// Bits of a layer's integers: see [`GRID_BITS`]. The fixed-point network keeps them all if its
    /// weights may have as many bits, 8 unless told otherwise.
    pub grid_bits: u32,
}

impl Settings {
    /// A tool for all layers, with integers of 8 bits.
    pub fn new(method: Method) -> Self {
        Self { method, except: Vec::new(), grid_bits: 8 }
    }

    fn validate(&self) -> Result<(), Error> {
        let wrong = |text: String| Err(Error::Config(text));
        if !GRID_BITS.contains(&self.grid_bits) {
            return wrong(format!("grid_bits = {}, must be between 2 and 16", self.grid_bits));
        }
        match self.method {
            Method::Prune { sparsity, .. } if !(0.0..=1.0).contains(&sparsity) => {
                wrong(format!("sparsity = {sparsity}, must be between 0 and 1"))
            }
            Method::Cluster { values } if !(2..=256).contains(&values) => {
                wrong(format!("values = {values}, must be between 2 and 256"))
            }
            Method::Quantise { bits, .. } if !(2..=self.grid_bits).contains(&bits) => {
                wrong(format!(
                    "bits = {bits}, must be between 2 and the {} bits of a layer's integers",
                    self.grid_bits
                ))
            }
            _ => Ok(()),
        }
    }
}

/// What the weights of compressed layers may be.
#[derive(Clone, Debug, Default)]
pub struct Codebooks(BTreeMap<ValueId, Codebook>);

/// Compresses the weights of a graph's linear layers, each to the nearest value that it may have,
/// which [`adapt`] improves on. Biases stay.
///
/// # Errors
/// [`Error::Config`] for settings out of range, names that no layer has, or a network without
/// weights; [`Error::Data`] when a weight is not a number.
///
/// *Cost*: some passes over the weights, seconds for millions of them.
pub fn compress(graph: &mut Graph, settings: &Settings) -> Result<Codebooks, Error> {
    settings.validate()?;
    let mut layers = layers::find(graph, &settings.except)?;
    if let Method::Prune { sparsity, scope, .. } = settings.method {
        prune::prune(&mut layers, sparsity, scope);
    }
    let mut books = Codebooks::default();
    for layer in &mut layers {
        let zeros = layer.weights.iter().map(|w| *w == 0.0).collect();
        let book = Codebook { values: values(layer, settings), zeros };
        for i in 0..layer.weights.len() {
            layer.weights[i] = book.nearest(i, layer.channel(i), layer.weights[i]);
        }
        books.0.insert(layer.value, book);
    }
    layers::put(graph, layers)?;
    Ok(books)
}

fn values(layer: &Layer, settings: &Settings) -> Values {
    let bits = settings.grid_bits;
    let levels = |levels: Levels, scale| Values::Levels(levels, levels.scales(layer, scale, bits));
    match settings.method {
        Method::Prune { keep_floats: true, .. } => Values::Any,
        Method::Prune { .. } => Values::Grid(Grid::holding(grid::largest(&layer.weights), bits)),
        Method::Cluster { values } => Values::Of(cluster::values(&layer.weights, values, bits)),
        Method::Ternary(scale) => levels(Levels::Up(1), scale),
        Method::Binary(scale) => levels(Levels::Signs, scale),
        Method::Quantise { bits, scale } => levels(Levels::Up((1 << (bits - 1)) - 1), scale),
    }
}
