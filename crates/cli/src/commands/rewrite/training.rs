//! What the tools that train have in common: samples, recipes, progress, results.

use super::files::failed;
use crate::commands::args::{self, ModelArgs};
use crate::commands::output;
use crate::data::Sample;
use crate::exit::{Exit, Failure};
use crate::image::Channels;
use crate::model::Model;
use crate::report::Watch;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sordino_graph::ir::{Graph, Tensor};
use sordino_graph::passes::pool_before_relu;
use sordino_rewrite::train::{
    Augment, Distillation, Progress, Rule, Samples, Schedule, Score, Settings, evaluate,
};
use sordino_rewrite::{Network, device, unfold_batch_norms};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Samples that values between layers are measured on.
pub(super) const MEASURED: usize = 256;
/// Samples classified at once.
const EVALUATE_BATCH: usize = 32;

/// Network and data.
#[derive(Debug, Args)]
pub(super) struct Sources {
    #[command(flatten)]
    model: ModelArgs,
    /// Training data: MNIST idx (.gz too), CIFAR binary, a folder with one folder per class or with
    /// labels.csv; may be given several times
    #[arg(long, value_name = "PATH", required = true)]
    data: Vec<PathBuf>,
    /// Labels of the training data, where they are not beside it
    #[arg(long, value_name = "FILE")]
    labels: Option<PathBuf>,
    /// Data to measure accuracy on; may be given several times
    #[arg(long, value_name = "PATH")]
    test: Vec<PathBuf>,
    /// Labels of the test data, where they are not beside it
    #[arg(long, value_name = "FILE")]
    test_labels: Option<PathBuf>,
    /// Use only the first N samples of each training PATH
    #[arg(long, value_name = "N")]
    limit: Option<usize>,
    /// Put a batch normalisation after every convolution that has none, as exporters fold them away
    #[arg(long)]
    unfold: bool,
    /// Where to train: cpu, or in a build with the feature cuda a graphics processor, cuda or cuda:N
    #[arg(long, value_name = "DEVICE", default_value = "cpu")]
    device: String,
}

/// A test set by the name of its path.
pub(super) struct Test {
    pub(super) name: String,
    samples: Samples,
}

/// What [`Sources`] name, in memory.
pub(super) struct Loaded {
    pub(super) name: String,
    pub(super) network: Network,
    pub(super) train: Samples,
    pub(super) tests: Vec<Test>,
    /// Whether the channel is the input's last axis.
    channels_last: bool,
    /// A black pixel after preprocessing.
    border: Vec<f32>,
}

impl Sources {
    pub(super) fn load(&self) -> Result<Loaded> {
        let device = device(&self.device).map_err(failed)?;
        let model = self.model.load()?;
        let mut graph = self.model.graph()?;
        let shape = graph.value(graph.inputs[0]).shape.clone();
        let mut train = Samples::new(&shape);
        for path in &self.data {
            self.read(&model, path, self.labels.as_deref(), self.limit, &mut train)?;
        }
        let mut tests = Vec::new();
        for path in &self.test {
            let mut samples = Samples::new(&shape);
            self.read(&model, path, self.test_labels.as_deref(), None, &mut samples)?;
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            tests.push(Test { name, samples });
        }
        if self.unfold {
            self.unfold(&mut graph, &train)?;
        }
        let name = model.name.clone();
        let (channels_last, border) = border(&model, &shape);
        let network = Network::new(graph, &device).map_err(failed)?;
        // Labels that the network has no class for are known now, not after training.
        for test in &tests {
            test.samples.check(&network).map_err(failed).with_context(|| test.name.clone())?;
        }
        Ok(Loaded { name, network, train, tests, channels_last, border })
    }

    /// Another network that takes the same inputs.
    pub(super) fn graph_of(&self, model: &Path) -> Result<Graph> {
        self.model.graph_of(model)
    }

    /// The model's file.
    pub(super) fn file(&self) -> &Path {
        &self.model.model
    }

    fn read(
        &self,
        model: &Model,
        path: &Path,
        labels: Option<&Path>,
        limit: Option<usize>,
        samples: &mut Samples,
    ) -> Result<()> {
        let data = args::open(path, labels.into(), model)?;
        for sample in data.take(limit.unwrap_or(usize::MAX)) {
            let Sample { name, input, label } = sample?;
            let unlabelled = || {
                let text = format!("{}: {name} has no label; give --labels FILE", path.display());
                Failure::new(Exit::Usage, text)
            };
            let label = label.ok_or_else(unlabelled)?;
            let pushed = samples.push(&input, label).map_err(failed);
            pushed.with_context(|| format!("{}: {name}", path.display()))?;
        }
        Ok(())
    }

    fn unfold(&self, graph: &mut Graph, train: &Samples) -> Result<()> {
        let n = unfold_batch_norms(graph, &first(train, MEASURED)?).map_err(failed)?;
        eprintln!("put back {n} batch normalisations");
        Ok(())
    }
}

/// The first so many samples, if there are.
pub(super) fn first(samples: &Samples, most: usize) -> Result<Vec<Tensor>> {
    let one = |i| Ok(Tensor::f32(samples.shape().to_vec(), samples.input(i).to_vec())?);
    (0..samples.len().min(most)).map(one).collect()
}

/// Order of axes, and what moves in where a picture moves: black.
fn border(model: &Model, shape: &[usize]) -> (bool, Vec<f32>) {
    let Some(preprocess) = model.prepare.preprocess() else {
        return (false, Vec::new());
    };
    let count = preprocess.channels().count();
    let (height, width) = preprocess.size();
    let data = vec![0; (height * width) as usize * 3];
    let black = crate::image::Picture::new(height, width, 3, data).ok();
    let input = black.and_then(|p| preprocess.apply(&p).ok()).unwrap_or_default();
    let last = shape.last() == Some(&count) && shape.get(1) != Some(&count);
    let area = (input.len() / count).max(1);
    let at = |c: usize| if last { c } else { c * area };
    let grey = preprocess.channels() == Channels::Grey;
    let channels = if grey { 0..1 } else { 0..count };
    (last, channels.filter_map(|c| input.get(at(c)).copied()).collect())
}

impl Loaded {
    /// Moves max poolings before the rectifiers they follow, as backends do: a rectifier then acts on
    /// maxima only, and giving it up must not undo that, for neither order is the other's where some
    /// of it are identities.
    pub(super) fn pool_first(&mut self) -> Result<()> {
        let mut graph = self.network.to_graph().map_err(failed)?;
        let mut moved = false;
        while pool_before_relu(&mut graph)? {
            moved = true;
        }
        if moved {
            self.network = Network::new(graph, self.network.device()).map_err(failed)?;
        }
        Ok(())
    }

    /// How a network does on every test set.
    pub(super) fn scores(&self, network: &Network) -> Result<Vec<Score>> {
        let scores = self.tests.iter().map(|t| evaluate(network, &t.samples, EVALUATE_BATCH));
        scores.collect::<Result<_, _>>().map_err(failed)
    }

    /// Measures a network on every test set, and prints it.
    pub(super) fn print(&self, network: &Network) -> Result<()> {
        let scores = self.scores(network)?;
        if scores.is_empty() { Ok(()) } else { output::line(self.describe(&scores)) }
    }

    /// The same in words.
    pub(super) fn describe(&self, scores: &[Score]) -> String {
        let of = |(test, s): (&Test, &Score)| {
            format!("{}: {} of {} ({:.2} %)", test.name, s.right, s.total, s.percent())
        };
        self.tests.iter().zip(scores).map(of).collect::<Vec<_>>().join(", ")
    }
}

/// Learning from the original network.
#[derive(Debug, Args)]
pub(super) struct Distil {
    /// Weight of the original network's scores against the labels
    #[arg(long, value_name = "0..1", default_value_t = 0.9)]
    distil: f32,
    /// What scores are divided by before they are compared
    #[arg(long, value_name = "X", default_value_t = 4.0)]
    temperature: f32,
}

impl Distil {
    /// `None` where labels alone count.
    ///
    /// # Errors
    /// [`Exit::Usage`] for a weight that is none.
    pub(super) fn distillation(&self) -> Result<Option<Distillation>, Failure> {
        let Self { distil: weight, temperature } = *self;
        if !(0.0..=1.0).contains(&weight) {
            return Err(Failure::new(Exit::Usage, "--distil is a weight between 0 and 1"));
        }
        Ok((weight > 0.0).then_some(Distillation { temperature, weight }))
    }
}

/// How to train.
#[derive(Debug, Args)]
#[command(next_help_heading = "Training")]
pub(super) struct Recipe {
    /// Passes over the data
    #[arg(long, value_name = "N", default_value_t = 10)]
    epochs: u64,
    /// Samples per step
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Samples that a core takes at a time, at most: a step is spread over as many cores as it has such parts. Batch
    /// normalisation takes its statistics over a part
    #[arg(long, value_name = "N", default_value_t = 32)]
    part: usize,
    /// Learning rate at its highest
    #[arg(long, value_name = "X", default_value_t = 0.05)]
    rate: f64,
    /// How weights follow their derivatives
    #[arg(long, value_enum, default_value = "sgd")]
    rule: RuleArg,
    /// Momentum of SGD
    #[arg(long, value_name = "X", default_value_t = 0.9)]
    momentum: f32,
    /// How the learning rate changes
    #[arg(long, value_enum, default_value = "cosine")]
    schedule: ScheduleArg,
    /// Steps until the full learning rate
    #[arg(long, value_name = "STEPS", default_value_t = 0)]
    warmup: u64,
    /// Weight decay
    #[arg(long, value_name = "X", default_value_t = 5e-4)]
    decay: f64,
    /// Label smoothing
    #[arg(long, value_name = "X", default_value_t = 0.0)]
    smoothing: f32,
    /// Scale derivatives down to this norm
    #[arg(long, value_name = "NORM")]
    clip: Option<f32>,
    /// Move pictures by up to this many pixels
    #[arg(long, value_name = "PIXELS", default_value_t = 0)]
    shift: usize,
    /// Mirror every other picture
    #[arg(long)]
    flip: bool,
    /// Keep means and variances of normalisations as they are
    #[arg(long)]
    frozen_statistics: bool,
    /// Where all random choices come from
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(super) seed: u64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum RuleArg {
    Sgd,
    Adam,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ScheduleArg {
    Constant,
    Cosine,
}

impl Recipe {
    pub(super) fn settings(&self, loaded: &Loaded) -> Settings {
        Settings {
            epochs: self.epochs,
            batch: self.batch,
            part: self.part,
            rate: self.rate,
            schedule: match self.schedule {
                ScheduleArg::Constant => Schedule::Constant,
                ScheduleArg::Cosine => Schedule::Cosine { warmup: self.warmup },
            },
            rule: match self.rule {
                RuleArg::Sgd => Rule::Sgd { momentum: self.momentum },
                RuleArg::Adam => Rule::adam(),
            },
            decay: self.decay,
            smoothing: self.smoothing,
            augment: Augment {
                shift: self.shift,
                flip: self.flip,
                channels_last: loaded.channels_last,
                border: loaded.border.clone(),
            },
            frozen_statistics: self.frozen_statistics,
            clip: self.clip,
            seed: self.seed,
            ..Settings::default()
        }
    }
}

/// Shows where a training is: a bar on a terminal, and a line for every pass.
pub(super) struct Report {
    watch: Watch,
    /// When the present training did its first step here, and which one.
    start: Option<(Instant, u64)>,
    last: u64,
}

impl Report {
    pub(super) fn new() -> Self {
        Self { watch: Watch::new(false), start: None, last: 0 }
    }

    /// After a step; `per_pass` of them are a pass over the data.
    pub(super) fn step(&mut self, p: &Progress, per_pass: u64) {
        // A search fine-tunes between its own steps: those are trainings of their own.
        if p.step <= self.last {
            self.start = None;
        }
        self.last = p.step;
        let (start, first) = *self.start.get_or_insert_with(|| (Instant::now(), p.step));
        let what = told(p, left(start.elapsed(), p.step - first, p.steps - p.step));
        self.watch.step(p.step, p.steps, &what);
        if p.step.is_multiple_of(per_pass) || p.step == p.steps {
            let pass = p.step.div_ceil(per_pass);
            self.watch.say(&format!("pass {pass} of {}: {what}", p.steps.div_ceil(per_pass)));
        }
    }

    pub(super) fn stop(&mut self) {
        self.watch.stop();
    }
}

/// Seconds for so many steps more, once some have been timed.
fn left(spent: Duration, done: u64, more: u64) -> Option<f64> {
    (done > 0).then(|| spent.as_secs_f64() / done as f64 * more as f64)
}

fn told(p: &Progress, left: Option<f64>) -> String {
    let seen = format!("loss {:.4}, {:.2} % right", p.loss, 100.0 * p.accuracy);
    match left.filter(|_| p.step < p.steps) {
        Some(left) => format!("{seen}, {} to go", span(left)),
        None => seen,
    }
}

/// A time that is only an estimate.
fn span(seconds: f64) -> String {
    let minutes = (seconds / 60.0).round() as u64;
    match minutes {
        _ if seconds < 90.0 => format!("{seconds:.0} s"),
        0..120 => format!("{minutes} min"),
        _ => format!("{} h {:02} min", minutes / 60, minutes % 60),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_that_of_the_steps_seen() {
        let progress = |step| Progress { step, steps: 10, loss: 0.5, accuracy: 0.25, rate: 0.1 };
        assert_eq!(left(Duration::ZERO, 0, 9), None);
        assert_eq!(told(&progress(1), None), "loss 0.5000, 25.00 % right");
        let seconds = left(Duration::from_secs(30), 4, 5);
        assert_eq!(seconds, Some(37.5));
        assert_eq!(told(&progress(5), seconds), "loss 0.5000, 25.00 % right, 38 s to go");
        assert!(!told(&progress(10), Some(0.0)).contains("to go"));
        let spans = [(0.2, "0 s"), (89.0, "89 s"), (90.0, "2 min"), (3630.0, "61 min")];
        for (seconds, text) in spans.into_iter().chain([(7499.0, "2 h 05 min")]) {
            assert_eq!(span(seconds), text);
        }
    }
}
