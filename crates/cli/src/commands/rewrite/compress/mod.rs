//! Tools that compress weights without training.

mod findings;

use super::files::{Target, failed};
use crate::commands::args::{self, ModelArgs};
use crate::commands::output;
use crate::commands::quantise::QuantiseArgs;
use crate::data::Labels;
use crate::model::Model;
use anyhow::Result;
use clap::{Args, ValueEnum};
use findings::Findings;
use sordino_graph::ir::Tensor;
use sordino_graph::onnx::export;
use sordino_rewrite::compress::{Adapted, Method, Scale, Scope, Settings, adapt, compress};
use std::path::PathBuf;

/// What every tool needs.
#[derive(Debug, Args)]
struct Common {
    #[command(flatten)]
    model: ModelArgs,
    #[command(flatten)]
    target: Target,
    /// Leave these layers as they are
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    except: Vec<String>,
    /// Bits of the integers that a layer's weights are, times one power of two
    #[arg(long, value_name = "BITS", default_value_t = 8)]
    grid_bits: u32,
    /// Do not use the samples of --calibrate to choose weights and biases that change results least
    #[arg(long)]
    no_adapting: bool,
    /// Compare accuracy before and after on these inputs
    #[arg(long, value_name = "PATH")]
    data: Option<PathBuf>,
    /// Labels, where they are not beside the data
    #[arg(long, value_name = "FILE", requires = "data")]
    labels: Option<PathBuf>,
    /// Use only the first N of the data
    #[arg(long, value_name = "N", default_value_t = 500)]
    limit: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quantise: QuantiseArgs,
}

/// Set the weights of least magnitude to zero
#[derive(Debug, Args)]
pub(super) struct Prune {
    /// Share of the weights that become zero
    #[arg(long, value_name = "0..1")]
    sparsity: f64,
    /// Whether every layer loses that share, or layers that bear it lose more
    #[arg(long, value_enum, default_value = "layer")]
    scope: ScopeArg,
    /// Leave other weights the floats they are, as for training on
    #[arg(long, conflicts_with = "grid_bits")]
    keep_floats: bool,
    #[command(flatten)]
    common: Common,
}

/// Let each layer have a few different weights only
#[derive(Debug, Args)]
pub(super) struct Cluster {
    /// How many; zero counts where there are zeros
    #[arg(long, value_name = "N", default_value_t = 16)]
    values: usize,
    #[command(flatten)]
    common: Common,
}

/// Make weights zero or one of two opposite values
#[derive(Debug, Args)]
pub(super) struct Ternary {
    #[command(flatten)]
    per: Per,
    #[command(flatten)]
    common: Common,
}

/// Make weights one of two opposite values
#[derive(Debug, Args)]
pub(super) struct Binary {
    #[command(flatten)]
    per: Per,
    #[command(flatten)]
    common: Common,
}

/// Make weights integers of few bits
#[derive(Debug, Args)]
pub(super) struct Quantize {
    /// Signed bits of a weight
    #[arg(long, value_name = "BITS")]
    bits: u32,
    #[command(flatten)]
    per: Per,
    #[command(flatten)]
    common: Common,
}

#[derive(Debug, Args)]
struct Per {
    /// What shares a scale: a whole layer, for the fewest bits, or an output channel, which is more
    /// accurate
    #[arg(long, value_enum, default_value = "channel")]
    per: PerArg,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum PerArg {
    Layer,
    Channel,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScopeArg {
    Layer,
    Network,
}

impl Per {
    fn scale(&self) -> Scale {
        match self.per {
            PerArg::Layer => Scale::Layer,
            PerArg::Channel => Scale::Channel,
        }
    }
}

impl Prune {
    pub(super) fn run(&self) -> Result<()> {
        let scope = match self.scope {
            ScopeArg::Layer => Scope::Layer,
            ScopeArg::Network => Scope::Network,
        };
        let (sparsity, keep_floats) = (self.sparsity, self.keep_floats);
        self.common.run(Method::Prune { sparsity, scope, keep_floats })
    }
}

impl Cluster {
    pub(super) fn run(&self) -> Result<()> {
        self.common.run(Method::Cluster { values: self.values })
    }
}

impl Ternary {
    pub(super) fn run(&self) -> Result<()> {
        self.common.run(Method::Ternary(self.per.scale()))
    }
}

impl Binary {
    pub(super) fn run(&self) -> Result<()> {
        self.common.run(Method::Binary(self.per.scale()))
    }
}

impl Quantize {
    pub(super) fn run(&self) -> Result<()> {
        let (bits, scale) = (self.bits, self.per.scale());
        self.common.run(Method::Quantise { bits, scale })
    }
}

impl Common {
    fn run(&self, method: Method) -> Result<()> {
        self.quantise.check([])?;
        let act_bits = self.quantise.act_bits()?;
        self.target.check()?;
        let before = self.model.load()?;
        let mut graph = before.graph.clone();
        let settings = Settings { except: self.except.clone(), grid_bits: self.grid_bits, method };
        let books = compress(&mut graph, &settings).map_err(failed)?;
        let samples = self.samples(&before)?;
        let adapted = match &samples[..] {
            [] => Adapted::default(),
            samples => adapt(&mut graph, &before.graph, samples, &books).map_err(failed)?,
        };
        let bytes = export(&graph)?;
        let (prepare, classes) = (before.prepare.clone(), before.classes.clone());
        let after = Model { name: before.name.clone(), graph, prepare, classes };
        self.target.write(&self.model.model, &bytes)?;
        let findings = Findings::new(self, [&before, &after], act_bits, adapted, bytes.len())?;
        if self.json { output::json(&findings) } else { findings.print() }
    }

    /// What weights and biases adapt to.
    fn samples(&self, model: &Model) -> Result<Vec<Tensor>> {
        let Some(path) = self.quantise.calibrate.as_ref().filter(|_| !self.no_adapting) else {
            return Ok(Vec::new());
        };
        let first = args::open(path, Labels::Ignored, model)?.take(self.quantise.first());
        first.map(|sample| model.tensor(&sample?.input)).collect()
    }
}
