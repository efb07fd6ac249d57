use super::args::{self, ModelArgs};
use super::output;
use super::protocol::ProtocolArgs;
use super::quantise::QuantiseArgs;
use super::runner::{Backend, Runner, Settings};
use crate::data::Labels;
use crate::exit::{Exit, Failure};
use crate::predict::Prediction;
use crate::report::{Account, Watch};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use sordino_wire::Network;
use std::path::PathBuf;

/// Run a network on pictures in this process, in the clear or with both parties
#[derive(Debug, Args)]
pub(super) struct Run {
    #[command(flatten)]
    model: ModelArgs,
    /// Pictures (.png, .jpg), or inputs as .npy or .pb
    #[arg(required = true, value_name = "IMAGE")]
    images: Vec<PathBuf>,
    /// How to run it
    #[arg(long, value_enum, default_value = "clear")]
    backend: Backend,
    /// Simulate a network between the parties: lan, wan, or round trip and bandwidth as in
    /// 20ms,100mbit
    #[arg(long, value_name = "lan|wan|RTT,BW")]
    network: Option<Network>,
    /// Show this many classes
    #[arg(long, value_name = "N", default_value_t = 5)]
    top: usize,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quantise: QuantiseArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    predictions: &'a [Prediction],
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<Account>,
}

impl Run {
    pub(super) fn run(&self) -> Result<()> {
        if self.network.is_some() && !self.backend.private() {
            let text = "--network only makes sense with --backend twoparty, garbled or popcorn";
            return Err(Failure::new(Exit::Usage, text).into());
        }
        self.quantise.check(self.backend.integers())?;
        let act_bits = self.quantise.act_bits()?;
        if self.backend.private() {
            self.backend.integers().map(|b| self.protocol.wish(b)).transpose()?;
        }
        let model = self.model.load()?;
        let samples = args::samples(&self.images, |p| args::open(p, Labels::Ignored, &model))?;
        let inputs: Vec<Vec<f32>> = samples.iter().map(|s| s.input.clone()).collect();
        if self.backend != Backend::Float && self.quantise.calibrate.is_none() {
            eprintln!("note: no --calibrate given; ranges are taken from the inputs themselves");
        }
        let settings = Settings {
            quantise: &self.quantise,
            protocol: &self.protocol,
            network: self.network,
            inputs: &inputs,
        };
        let mut runner = Runner::new(self.backend, &model, act_bits, &settings)?;
        let scores = runner.scores();
        let mut watch = Watch::new(self.json);
        let mut predictions = Vec::new();
        for batch in samples.chunks(self.protocol.batch()) {
            let inputs: Vec<&[f32]> = batch.iter().map(|sample| &sample.input[..]).collect();
            for (sample, out) in batch.iter().zip(runner.infer(&inputs, &mut watch)?) {
                let (name, values) = (&sample.name, &out.values);
                let new = Prediction::new(name, values, scores, &model.classes, self.top);
                let new = Prediction { saturated: out.saturated, ..new };
                if !self.json {
                    output::prediction(&new)?;
                }
                predictions.push(new);
            }
        }
        let report = runner.finish()?;
        if self.json {
            return output::json(&Answer { predictions: &predictions, report });
        }
        match report {
            Some(report) => output::line(format!("\n{}", report.table())),
            None => Ok(()),
        }
    }
}
