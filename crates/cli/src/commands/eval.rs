use super::args::{self, ModelArgs, ProtocolArgs, QuantiseArgs};
use super::output;
use super::runner::{Backend, Runner};
use crate::data::Sample;
use crate::exit::{Exit, Failure};
use crate::predict::best;
use crate::report::{Report, Watch, seconds};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use sordino_wire::Network;
use std::path::PathBuf;
use std::time::Instant;

/// Measure accuracy on labelled data
#[derive(Debug, Args)]
pub(super) struct Eval {
    #[command(flatten)]
    model: ModelArgs,
    /// MNIST idx (.gz too), CIFAR binary, a folder with one folder per class or with labels.csv
    #[arg(long, value_name = "PATH")]
    data: PathBuf,
    /// Labels, where they are not beside the data: an idx1 file, or one class per line
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Use only the first N samples
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// How to run the network; several may be compared
    #[arg(long, value_enum, value_delimiter = ',', default_value = "float,clear")]
    backend: Vec<Backend>,
    /// Simulate a network between the parties: lan, wan, or 20ms,100mbit
    #[arg(long, value_name = "lan|wan|RTT,BW")]
    network: Option<Network>,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quantise: QuantiseArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
}

#[derive(Serialize)]
struct Score {
    backend: &'static str,
    samples: usize,
    correct: usize,
    accuracy: f64,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Report>,
}

impl Eval {
    pub(super) fn run(&self) -> Result<()> {
        let model = self.model.load()?;
        // Without calibration samples, the first of the data themselves show the ranges.
        let mut first = Vec::new();
        if self.quantise.calibrate.is_none() && self.backend.iter().any(|b| *b != Backend::Float) {
            eprintln!("note: no --calibrate given; ranges are taken from the first 64 samples");
            for sample in args::open(&self.data, self.labels.as_deref(), &model)?.take(64) {
                first.push(sample?.input);
            }
        }
        let mut scores = Vec::new();
        for &backend in &self.backend {
            let mut runner =
                Runner::new(backend, &model, &self.quantise, &self.protocol, self.network, &first)?;
            let score = self.score(backend, &mut runner, &model)?;
            scores.push(Score { report: runner.finish()?, ..score });
        }
        if self.json {
            return output::json(&scores);
        }
        for s in &scores {
            output::line(format!(
                "{:<9} {:.2} %  ({} of {}, {})",
                s.backend,
                s.accuracy,
                s.correct,
                s.samples,
                seconds(s.seconds)
            ))?;
            if let Some(report) = &s.report {
                output::line(format!("\n{}", report.table()))?;
            }
        }
        Ok(())
    }

    fn score(
        &self,
        backend: Backend,
        runner: &mut Runner<'_>,
        model: &crate::model::Model,
    ) -> Result<Score> {
        let meaning = runner.scores();
        let start = Instant::now();
        let (mut watch, mut total) = (Watch::new(true), Watch::new(self.json));
        let (mut samples, mut correct) = (0usize, 0usize);
        let data = args::open(&self.data, self.labels.as_deref(), model)?;
        for sample in data.take(self.limit.unwrap_or(usize::MAX)) {
            let Sample { name, input, label } = sample?;
            let label = label.ok_or_else(|| {
                let path = self.data.display();
                Failure::new(
                    Exit::Usage,
                    format!("{path}: {name} has no label; give --labels FILE"),
                )
            })?;
            let out = runner.infer(&input, &mut watch)?;
            samples += 1;
            correct += usize::from(best(&out.values, meaning) == Some(label));
            let so_far = 100.0 * correct as f64 / samples as f64;
            let limit = self.limit.unwrap_or(samples).max(samples) as u64;
            total.step(samples as u64, limit, &format!("{so_far:.2} %"));
        }
        total.stop();
        let accuracy = 100.0 * correct as f64 / samples.max(1) as f64;
        let backend = match backend {
            Backend::Float => "float",
            Backend::Clear => "clear",
            Backend::Twoparty => "twoparty",
        };
        let seconds = start.elapsed().as_secs_f64();
        Ok(Score { backend, samples, correct, accuracy, seconds, report: None })
    }
}
