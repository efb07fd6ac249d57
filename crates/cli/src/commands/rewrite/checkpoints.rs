//! Training to its end, with the state kept in a file.

use super::files::failed;
use super::training::Report;
use crate::exit::{Exit, Failure};
use anyhow::Result;
use clap::Args;
use sordino_rewrite::train::Trainer;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Where the state of a training is kept.
#[derive(Debug, Args)]
pub(super) struct Checkpoints {
    /// Keep the state in FILE after every pass and every minute
    #[arg(long, value_name = "FILE")]
    checkpoint: Option<PathBuf>,
    /// Go on from the checkpoint, if there is one
    #[arg(long, requires = "checkpoint")]
    resume: bool,
}

/// Time between checkpoints.
const KEEP_EVERY: Duration = Duration::from_secs(60);

impl Checkpoints {
    /// Does all steps that are left.
    pub(super) fn run(&self, trainer: &mut Trainer<'_>) -> Result<()> {
        self.go_on(trainer)?;
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
        Ok(())
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
            // A place that cannot be written is known now, not after the first pass.
            return trainer.save(file).map_err(failed);
        }
        if trainer.resume(file).map_err(failed)? {
            let at = trainer.progress();
            eprintln!("resumed at step {} of {}", at.step, at.steps);
        }
        Ok(())
    }
}
