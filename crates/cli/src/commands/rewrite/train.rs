use super::checkpoints::Checkpoints;
use super::files::{Target, failed};
use super::training::{Recipe, Sources};
use anyhow::Result;
use clap::Args;
use sordino_rewrite::train::{Distillation, Settings, Trainer};

/// Train a network on labelled data: further from where it is, or anew
#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    target: Target,
    /// Forget what the network has learnt
    #[arg(long)]
    anew: bool,
    /// Learn from the network's own scores before training as well as from labels, with this weight
    #[arg(long, value_name = "0..1", conflicts_with = "anew")]
    distil: Option<f32>,
    /// What scores are divided by before they are compared
    #[arg(long, value_name = "X", default_value_t = 4.0)]
    temperature: f32,
    #[command(flatten)]
    checkpoints: Checkpoints,
    #[command(flatten)]
    recipe: Recipe,
}

impl Train {
    pub(super) fn run(&self) -> Result<()> {
        self.target.check()?;
        let loaded = self.sources.load()?;
        let mut network = loaded.network.clone();
        let teacher = self.distil.map(|_| network.clone());
        let distillation =
            self.distil.map(|weight| Distillation { temperature: self.temperature, weight });
        if self.anew {
            network.initialise(self.recipe.seed).map_err(failed)?;
        }
        let settings = Settings { distillation, ..self.recipe.settings(&loaded) };
        let mut trainer =
            Trainer::new(network, teacher, &loaded.train, settings).map_err(failed)?;
        self.checkpoints.run(&mut trainer)?;
        let network = trainer.into_network();
        // First of all: nothing that fails below loses what was trained.
        self.target.write(self.sources.file(), &network.to_onnx().map_err(failed)?)?;
        loaded.print(&network)
    }
}
