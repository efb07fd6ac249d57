use super::args::{self, ModelArgs};
use super::output;
use super::protocol::ProtocolArgs;
use super::quantise::QuantiseArgs;
use super::runner::{Backend, Runner, Settings};
use crate::data::Sample;
use crate::exit::{Exit, Failure};
use crate::predict::best;
use crate::report::{Account, Watch, seconds};
use anyhow::Result;
use clap::Args;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
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
    /// Bits of activations, where they are a setting.
    #[serde(skip_serializing_if = "Option::is_none")]
    act_bits: Option<u32>,
    samples: usize,
    correct: usize,
    accuracy: f64,
    /// Samples that get the class which the float network gives them, where it was run before.
    #[serde(skip_serializing_if = "Option::is_none")]
    same_as_float: Option<usize>,
    seconds: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Account>,
    #[serde(skip)]
    classes: Vec<Option<usize>>,
}

impl Eval {
    pub(super) fn run(&self) -> Result<()> {
        self.quantise.check(self.backend.iter().filter_map(|b| b.integers()))?;
        for b in self.backend.iter().filter(|b| b.private()) {
            b.integers().map(|i| self.protocol.wish(i)).transpose()?;
        }
        let model = self.model.load()?;
        // Without calibration samples, the first of the data themselves show the ranges.
        let mut first = Vec::new();
        if self.quantise.calibrate.is_none() && self.backend.iter().any(|b| *b != Backend::Float) {
            eprintln!("note: no --calibrate given; ranges are taken from the first samples");
            let data = args::open(&self.data, self.labels.as_deref().into(), &model)?;
            for sample in data.take(self.quantise.first()) {
                first.push(sample?.input);
            }
        }
        let settings = Settings {
            quantise: &self.quantise,
            protocol: &self.protocol,
            network: self.network,
            inputs: &first,
        };
        let mut scores: Vec<Score> = Vec::new();
        for &backend in &self.backend {
            let every = match backend.integers() {
                None => vec![None],
                Some(_) => self.quantise.every_act_bits(),
            };
            for act_bits in every {
                let mut runner = Runner::new(backend, &model, act_bits, &settings)?;
                let mut score = self.score(backend, &mut runner, &model)?;
                let float = scores.iter().find(|s| s.backend == Backend::Float.name());
                score.same_as_float = float.map(|f| same(&f.classes, &score.classes));
                score.report = runner.finish()?;
                scores.push(score);
            }
        }
        if self.json { output::json(&scores) } else { print(&scores) }
    }

    /// A sample's input and label.
    fn labelled(&self, sample: Sample) -> Result<(Vec<f32>, usize)> {
        let Sample { name, input, label } = sample;
        let label = label.ok_or_else(|| {
            let path = self.data.display();
            Failure::new(Exit::Usage, format!("{path}: {name} has no label; give --labels FILE"))
        })?;
        Ok((input, label))
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
        let (mut classes, mut correct) = (Vec::new(), 0usize);
        let data = args::open(&self.data, self.labels.as_deref().into(), model)?;
        let mut data = data.take(self.limit.unwrap_or(usize::MAX));
        loop {
            let together = data.by_ref().take(self.protocol.batch());
            let batch = together.map(|s| self.labelled(s?)).collect::<Result<Vec<_>>>()?;
            if batch.is_empty() {
                break;
            }
            let inputs: Vec<&[f32]> = batch.iter().map(|(input, _)| &input[..]).collect();
            let outputs = runner.infer(&inputs, &mut watch)?;
            for ((_, label), out) in batch.iter().zip(&outputs) {
                let class = best(&out.values, meaning);
                classes.push(class);
                correct += usize::from(class == Some(*label));
            }
            let samples = classes.len();
            let so_far = 100.0 * correct as f64 / samples as f64;
            let limit = self.limit.unwrap_or(samples).max(samples) as u64;
            total.step(samples as u64, limit, &format!("{so_far:.2} %"));
        }
        total.stop();
        let samples = classes.len();
        Ok(Score {
            backend: backend.name(),
            act_bits: runner.act_bits(),
            samples,
            correct,
            accuracy: 100.0 * correct as f64 / samples.max(1) as f64,
            same_as_float: None,
            seconds: start.elapsed().as_secs_f64(),
            report: None,
            classes,
        })
    }
}

fn same(a: &[Option<usize>], b: &[Option<usize>]) -> usize {
    a.iter().zip(b).filter(|(a, b)| a == b).count()
}

fn print(scores: &[Score]) -> Result<()> {
    let mut table = Table::new();
    table
        .load_style(NOTHING)
        .set_header(["backend", "bits", "accuracy", "correct", "samples", "as float", "time"]);
    for s in scores {
        table.add_row([
            s.backend.to_owned(),
            s.act_bits.map(|b| b.to_string()).unwrap_or_default(),
            format!("{:.2} %", s.accuracy),
            s.correct.to_string(),
            s.samples.to_string(),
            s.same_as_float.map(|n| n.to_string()).unwrap_or_default(),
            seconds(s.seconds),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    output::line(table)?;
    for s in scores {
        if let Some(report) = &s.report {
            let bits = s.act_bits.map(|b| format!(", {b} bits")).unwrap_or_default();
            output::line(format!("\n{}{bits}:\n{}", s.backend, report.table()))?;
        }
    }
    Ok(())
}
