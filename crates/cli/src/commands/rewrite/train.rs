use super::files::{failed, write};
use super::training::{Recipe, Report, Sources};
use crate::commands::output;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use clap::Args;
use sordino_rewrite::file;
use sordino_rewrite::train::{Distillation, Settings, Trainer};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Train a network on labelled data: further from where it is, or anew
#[derive(Debug, Args)]
pub(super) struct Train {
    #[command(flatten)]
    sources: Sources,
    /// Where the trained network goes, as ONNX; MODEL.toml is copied beside it
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Overwrite FILE
    #[arg(long)]
    force: bool,
    /// Forget what the network has learnt
    #[arg(long)]
    anew: bool,
    /// Learn from the network's own scores before training as well as from labels, with this weight
    #[arg(long, value_name = "0..1", conflicts_with = "anew")]
    distil: Option<f32>,
    /// What scores are divided by before they are compared
    #[arg(long, value_name = "X", default_value_t = 4.0)]
    temperature: f32,
    /// Keep the state in FILE after every pass and every minute
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, if there is one
    #[arg(long, requires = "checkpoint")]
    resume: bool,
    #[command(flatten)]
    recipe: Recipe,
}

/// Time between checkpoints.
const KEEP_EVERY: Duration = Duration::from_secs(60);

impl Train {
    pub(super) fn run(&self) -> Result<()> {
        if self.out.exists() && !self.force {
            let text = format!("{} exists; --force overwrites it", self.out.display());
            return Err(Failure::new(Exit::Usage, text).into());
        }
        // A place that cannot be written is known now, not after hours of training.
        file::check_writable(&self.out).map_err(failed)?;
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
        self.go_on(&mut trainer)?;
        let (mut report, per_pass) = (Report::new(), trainer.steps_per_epoch());
        let mut kept = Instant::now();
        while !trainer.is_done() {
            let progress = trainer.advance().map_err(failed)?;
            report.step(&progress, per_pass);
            let Some(file) = &self.checkpoint else { continue };
            if progress.step % per_pass == 0 || kept.elapsed() >= KEEP_EVERY {
                trainer.save(file).map_err(failed)?;
                kept = Instant::now();
            }
        }
        report.stop();
        let network = trainer.into_network();
        // First of all: nothing that fails below loses what was trained.
        write(&self.out, &network.to_onnx().map_err(failed)?)?;
        self.sources.copy_settings(&self.out, self.force)?;
        let scores = loaded.scores(&network)?;
        if scores.is_empty() { Ok(()) } else { output::line(loaded.describe(&scores)) }
    }

    fn go_on(&self, trainer: &mut Trainer<'_>) -> Result<()> {
        let Some(file) = &self.checkpoint else { return Ok(()) };
        if !self.resume {
            // Whoever forgets to resume must not lose what was trained.
            if file.exists() {
                let text = format!(
                    "{} exists; give --resume to go on from it, or remove it",
                    file.display()
                );
                return Err(Failure::new(Exit::Usage, text).into());
            }
            // As with --out.
            return trainer.save(file).map_err(failed);
        }
        if trainer.resume(file).map_err(failed)? {
            let at = trainer.progress();
            eprintln!("resumed at step {} of {}", at.step, at.steps);
        }
        Ok(())
    }
}
