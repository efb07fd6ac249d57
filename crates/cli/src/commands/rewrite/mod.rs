//! `sordino rewrite`: networks that are cheaper to run privately, one file for each family of tools.

use anyhow::Result;
use clap::{Args, Subcommand};

/// Make a network cheaper to run privately
#[derive(Debug, Args)]
pub(super) struct Rewrite {
    #[command(subcommand)]
    tool: Tool,
}

#[derive(Debug, Subcommand)]
enum Tool {}

impl Rewrite {
    pub(super) fn run(&self) -> Result<()> {
        match self.tool {}
    }
}
