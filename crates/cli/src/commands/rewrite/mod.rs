//! `sordino rewrite`: networks that are cheaper to run privately, one file for each family of tools.

mod linearize;
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
}

impl Rewrite {
    pub(super) fn run(&self) -> Result<()> {
        match &self.tool {
            Tool::Train(c) => c.run(),
            Tool::Linearize(c) => c.run(),
        }
    }
}
