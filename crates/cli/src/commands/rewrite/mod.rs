//! `sordino rewrite`: networks that are cheaper to run privately, one file for each family of
//! tools.

mod checkpoints;
mod compress;
mod files;
mod linearize;
mod operators;
mod polynomial;
mod private;
mod train;
mod training;

use anyhow::Result;
use clap::{Args, Subcommand};

/// Make a network cheaper to run privately
#[derive(Debug, Args)]
pub(super) struct Rewrite {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {
    Train(Box<train::Train>),
    Linearize(Box<linearize::Linearize>),
    Polynomial(Box<polynomial::Polynomial>),
    Operators(Box<operators::Operators>),
    Prune(Box<compress::Prune>),
    Cluster(Box<compress::Cluster>),
    Ternary(Box<compress::Ternary>),
    Binary(Box<compress::Binary>),
    Quantize(Box<compress::Quantize>),
}

impl Rewrite {
    pub(super) fn run(&self) -> Result<()> {
        match &self.tool {
            Tool::Train(c) => c.run(),
            Tool::Linearize(c) => c.run(),
            Tool::Polynomial(c) => c.run(),
            Tool::Operators(c) => c.run(),
            Tool::Prune(c) => c.run(),
            Tool::Cluster(c) => c.run(),
            Tool::Ternary(c) => c.run(),
            Tool::Binary(c) => c.run(),
            Tool::Quantize(c) => c.run(),
        }
    }
}
