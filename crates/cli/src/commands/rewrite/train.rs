use super::checkpoints::Checkpoints;
use super::files::{Target, failed};
use super::training::{Recipe, Sources};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use clap::Args;
use sordino_graph::ir::Graph;
use sordino_rewrite::Network;
use sordino_rewrite::train::{Distillation, Settings, Trainer};
use std::path::PathBuf;

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
    /// Learn from the network's own scores before training, or those of --teacher, as well as from labels, with this weight
    #[arg(long, value_name = "0..1")]
    distil: Option<f32>,
    /// Another network to learn from, as ONNX, such as the one that this was made from
    #[arg(long, value_name = "FILE", requires = "distil")]
    teacher: Option<PathBuf>,
    /// What scores are divided by before they are compared
    #[arg(long, value_name = "X", default_value_t = 4.0)]
    temperature: f32,
    #[command(flatten)]
    checkpoints: Checkpoints,
    #[command(flatten)]
    recipe: Recipe,
}

impl Train {
    /// Whose scores are learnt from.
    fn teacher(&self, network: &Network) -> Result<Option<Network>> {
        if self.distil.is_none() {
            return Ok(None);
        }
        let Some(file) = &self.teacher else {
            if self.anew {
                let text = "--distil with --anew needs --teacher: the network itself is forgotten";
                return Err(Failure::new(Exit::Usage, text).into());
            }
            return Ok(Some(network.clone()));
        };
        let graph = self.sources.graph_of(file)?;
        let shape = |g: &Graph| g.value(g.inputs[0]).shape.clone();
        let (own, other) = (shape(network.graph()), shape(&graph));
        let teacher = Network::new(graph, network.device()).map_err(failed)?;
        let (classes, known) = (network.classes(), teacher.classes());
        if own != other || classes != known {
            let text = format!(
                "--teacher {}: takes inputs of {other:?} and knows {known} classes, not {own:?} and {classes}",
                file.display()
            );
            return Err(Failure::new(Exit::Usage, text).into());
        }
        Ok(Some(teacher))
    }

    pub(super) fn run(&self) -> Result<()> {
        self.target.check()?;
        let loaded = self.sources.load()?;
        let mut network = loaded.network.clone();
        let teacher = self.teacher(&network)?;
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
