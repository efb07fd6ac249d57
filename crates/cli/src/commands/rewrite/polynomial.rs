use super::checkpoints::Checkpoints;
use super::files::{Target, failed};
use super::training::{Distil, MEASURED, Recipe, Sources, first};
use crate::exit::{Exit, Failure};
use anyhow::Result;
use clap::{Args, ValueEnum};
use sordino_graph::ir::Graph;
use sordino_graph::onnx::export;
use sordino_graph::passes::fold_batch_norms;
use sordino_rewrite::Network;
use sordino_rewrite::polynomial::{Start, polynomial_relus, rectifiers, settle};
use sordino_rewrite::train::{Settings, Trainer};

/// Replace ReLUs by polynomials of the second degree, which take no comparison
///
/// Each layer gets one polynomial, trained with the weights against the original network. Of layers that `linearize` has
/// masked, only elements that are still rectified do; with --layers, rectifiers and polynomials mix by layer. Products of secrets are computed by `twoparty`
/// only, and may send more there than comparisons do: `sordino plan` tells for both networks.
#[derive(Debug, Args)]
pub(super) struct Polynomial {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    target: Target,
    /// ReLUs to replace, by their names; all unless some are named
    #[arg(long, value_name = "NAME,…", value_delimiter = ',')]
    layers: Vec<String>,
    /// What polynomials are before training
    #[arg(long, value_enum, default_value = "fitted")]
    start: StartArg,
    #[command(flatten)]
    distil: Distil,
    #[command(flatten)]
    checkpoints: Checkpoints,
    #[command(flatten)]
    recipe: Recipe,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StartArg {
    /// Nearest to the ReLU, by the operands of the first samples
    Fitted,
    /// The identity
    Identity,
}

/// Norm that derivatives are scaled down to unless told otherwise: squares let them explode.
const CLIP: f32 = 1.0;

impl Polynomial {
    pub(super) fn run(&self) -> Result<()> {
        self.target.check()?;
        let mut loaded = self.sources.load()?;
        loaded.pool_first()?;
        let original = &loaded.network;
        let mut graph = original.to_graph().map_err(failed)?;
        self.check_names(&graph)?;
        let start = match self.start {
            StartArg::Fitted => Start::Fitted,
            StartArg::Identity => Start::Identity,
        };
        let chosen = |name: &str| self.layers.is_empty() || self.layers.iter().any(|l| l == name);
        let polynomials =
            polynomial_relus(&mut graph, &chosen, start, &first(&loaded.train, MEASURED)?)
                .map_err(failed)?;
        let mut network = Network::new(graph, original.device()).map_err(failed)?;
        network.train_polynomials(&polynomials).map_err(failed)?;
        let distillation = self.distil.distillation()?;
        let recipe = self.recipe.settings(&loaded);
        let clip = recipe.clip.or(Some(CLIP));
        let settings = Settings { distillation, clip, ..recipe };
        let teacher = distillation.map(|_| original.clone());
        let mut trainer =
            Trainer::new(network, teacher, &loaded.train, settings).map_err(failed)?;
        self.checkpoints.run(&mut trainer)?;
        let network = trainer.into_network();
        let mut graph = network.to_graph().map_err(failed)?;
        settle(&mut graph, &polynomials).map_err(failed)?;
        fold_batch_norms(&mut graph)?;
        self.target.write(self.sources.file(), &export(&graph)?)?;
        loaded.print(&network)
    }

    fn check_names(&self, graph: &Graph) -> Result<()> {
        let names = rectifiers(graph).map_err(failed)?;
        match self.layers.iter().find(|layer| !names.contains(layer)) {
            None => Ok(()),
            Some(unknown) => {
                let text = format!("no ReLU '{unknown}'; there are: {}", names.join(", "));
                Err(Failure::new(Exit::Usage, text).into())
            }
        }
    }
}
