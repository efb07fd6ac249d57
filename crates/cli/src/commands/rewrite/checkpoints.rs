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
    /// For the trainings of these numbers, one after the other: each has a file of its own, FILE.NUMBER.
    ///
    /// # Errors
    /// [`Exit::Usage`] if there is one of them already, and nobody said that it is to be gone on from.
    pub(super) fn of_each(&self, numbers: impl Iterator<Item = usize>) -> Result<Vec<Self>> {
        let own = |number: usize| {
            let file = self.checkpoint.as_ref().map(|file| {
                let mut file = file.clone().into_os_string();
                file.push(format!(".{number}"));
                file.into()
            });
            Self { checkpoint: file, resume: self.resume }
        };
        let all: Vec<Self> = numbers.map(own).collect();
        all.iter().try_for_each(Self::check)?;
        Ok(all)
    }

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

    /// Whoever forgets to resume must not lose what was trained.
    fn check(&self) -> Result<(), Failure> {
        let forgotten = self.checkpoint.as_ref().filter(|file| !self.resume && file.exists());
        forgotten.map_or(Ok(()), |file| {
            let file = file.display();
            let text = format!("{file} exists; give --resume to go on from it, or remove it");
            Err(Failure::new(Exit::Usage, text))
        })
    }

    fn go_on(&self, trainer: &mut Trainer<'_>) -> Result<()> {
        self.check()?;
        let Some(file) = &self.checkpoint else { return Ok(()) };
        if !self.resume {
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
