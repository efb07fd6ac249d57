use super::files::{copy_settings, failed, write};
use super::private::{Bytes, PROTOCOL, integers, private, roughly};
use super::training::{Distil, Loaded, Recipe, Report, Sources};
use crate::commands::{output, profile};
use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sordino_graph::ir::{Graph, Tensor, ValueId};
use sordino_graph::onnx::export;
use sordino_graph::passes::fold_batch_norms;
use sordino_plan::Profile;
use sordino_rewrite::mask::{
    Choice, Cost, Granularity, Mask, Point, Search, fixed, linearise, mask_relus, tidy, total,
};
use sordino_rewrite::report::{Curve, CurvePoint, LayerLeft};
use sordino_rewrite::train::{Progress, Rule, Samples, Schedule, Settings};
use sordino_rewrite::{Network, Work, file, merge_linear};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

/// Learn which ReLUs may become the identity, which costs nothing privately
///
/// Selective Network Linearization: masks are trained together with the weights under growing
/// pressure; each time a budget is met, the network with so many ReLUs is fine-tuned against the
/// original and written.
#[derive(Debug, Args)]
pub(super) struct Linearize {
    #[command(flatten)]
    sources: Sources,
    /// ReLUs to keep: numbers, or shares such as 12.5%; one network is written for each
    #[arg(long, value_name = "N|X%,…", value_delimiter = ',', required = true)]
    relus: Vec<Budget>,
    /// Folder for the networks, MODEL-relus-N.onnx with a copy of MODEL.toml each, and what is
    /// known of them: MODEL-relus.json, .csv, .html and .svg
    #[arg(short, long, value_name = "FOLDER")]
    out: PathBuf,
    /// What is decided on at once
    #[arg(long, value_enum, default_value = "element")]
    granularity: GranularityArg,
    /// How ReLUs are chosen; `random` and `layers` are there to compare with
    #[arg(long, value_enum, value_delimiter = ',', default_value = "learnt")]
    choice: Vec<ChoiceArg>,
    #[command(flatten)]
    search: SearchArgs,
    #[command(flatten)]
    distil: Distil,
    #[command(flatten)]
    recipe: Recipe,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Search")]
struct SearchArgs {
    /// Most passes over the data to search for
    #[arg(long, value_name = "N", default_value_t = 100)]
    search_epochs: u64,
    /// Learning rate while searching, of Adam
    #[arg(long, value_name = "X", default_value_t = 1e-3)]
    search_rate: f64,
    /// Learning rate of masks as a multiple of that of weights
    #[arg(long, value_name = "X", default_value_t = 1.0)]
    mask_speed: f64,
    /// Pressure on masks at first
    #[arg(long, value_name = "X", default_value_t = 1e-5)]
    pressure: f64,
    /// What it is multiplied by when too few ReLUs were given up
    #[arg(long, value_name = "X", default_value_t = 1.1)]
    growth: f64,
    /// Steps after which that is looked at
    #[arg(long, value_name = "STEPS", default_value_t = 100)]
    interval: u64,
    /// Share of the ReLUs still too many that so many steps must give up
    #[arg(long, value_name = "0..1", default_value_t = 0.05)]
    pace: f64,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum GranularityArg {
    /// Every element on its own
    Element,
    /// Whole channels
    Channel,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum ChoiceArg {
    /// By training masks, all pressed alike, as published
    Learnt,
    /// By training masks, pressed by the private bytes of a ReLU, and by those that are saved when the last one of a layer
    /// goes, as linear layers merge
    Bytes,
    /// At random
    Random,
    /// Whole layers, the last ones stay
    Layers,
}

/// ReLUs to keep.
#[derive(Debug, Clone, Copy)]
enum Budget {
    Number(usize),
    Share(f64),
}

impl FromStr for Budget {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("'{text}' is neither a number nor a share such as 12.5%");
        match text.strip_suffix('%') {
            None => text.parse().map(Self::Number).map_err(|_| wrong()),
            Some(share) => {
                let share: f64 = share.trim().parse().map_err(|_| wrong())?;
                (0.0..=100.0).contains(&share).then_some(Self::Share(share)).ok_or_else(wrong)
            }
        }
    }
}

impl Budget {
    fn of(self, total: usize) -> usize {
        match self {
            Self::Number(n) => n,
            Self::Share(percent) => (total as f64 * percent / 100.0) as usize,
        }
    }
}

impl Linearize {
    pub(super) fn run(&self) -> Result<()> {
        let mut loaded = self.sources.load()?;
        loaded.pool_first()?;
        let original = &loaded.network;
        let mut masked = original.to_graph().map_err(failed)?;
        let granularity = match self.granularity {
            GranularityArg::Element => Granularity::Element,
            GranularityArg::Channel => Granularity::Channel,
        };
        let masks = mask_relus(&mut masked, granularity).map_err(failed)?;
        let all = total(&masks);
        let mut budgets: Vec<usize> = self.relus.iter().map(|b| b.of(all)).collect();
        budgets.sort_unstable_by(|a, b| b.cmp(a));
        budgets.dedup();
        if let Some(budget) = budgets.iter().find(|&&b| b > all) {
            let text = format!("--relus {budget}: the network has {all}");
            return Err(Failure::new(Exit::Usage, text).into());
        }
        let made = std::fs::create_dir_all(&self.out);
        made.with_context(|| format!("making the folder {}", self.out.display()))?;
        // A place that cannot be written is known now, not after hours of training.
        file::check_writable(&self.file(&loaded, "json")).map_err(failed)?;
        let hard = self.hard(&loaded)?;
        let scores = loaded.scores(original)?;
        output::line(format!("{all:>9} ReLUs  {}", loaded.describe(&scores)))?;
        let network = Network::new(masked, original.device()).map_err(failed)?;
        let profile = profile::current()?;
        let unmasked = original.to_graph().map_err(failed)?;
        let bytes = match self.choice.contains(&ChoiceArg::Bytes) {
            true => costs(&network, &masks, &loaded.train)?,
            false => BTreeMap::new(),
        };
        let whole = CurvePoint {
            choice: "original".into(),
            budget: all,
            relus: all,
            accuracy: scores,
            private: private(&unmasked, &loaded.train, &profile)?,
            layers: LayerLeft::of(&network, &masks).map_err(failed)?,
        };
        let tests = loaded.tests.iter().map(|t| t.name.clone()).collect();
        let protocol = PROTOCOL.to_owned();
        let name = loaded.name.clone();
        let mut curve = Curve { network: name, tests, protocol, points: vec![whole] };
        let per_pass = loaded.train.len().div_ceil(hard.batch.max(1)) as u64;
        let search = self.search(hard, granularity);
        for choice in &self.choice {
            let mut report = Report::new();
            let mut watch = |p: Progress| report.step(&p, per_pass);
            let name = format!("{choice:?}").to_lowercase();
            let mut lost = None;
            let mut found = |point: Point| -> Result<(), sordino_rewrite::Error> {
                self.keep(&loaded, &name, point, &profile, &mut curve).map_err(|e| {
                    lost = Some(e);
                    sordino_rewrite::Error::Config("a network found could not be kept".into())
                })
            };
            let fixed_choice = match choice {
                ChoiceArg::Learnt | ChoiceArg::Bytes => None,
                ChoiceArg::Random => Some(Choice::Random { seed: self.recipe.seed }),
                ChoiceArg::Layers => Some(Choice::Layers),
            };
            let samples = &loaded.train;
            let cost = |mask: &Mask| match choice {
                ChoiceArg::Bytes => bytes.get(&mask.slope).copied().unwrap_or(Cost::ALIKE),
                _ => Cost::ALIKE,
            };
            let searched = match fixed_choice {
                None => {
                    linearise(original, samples, &search, &budgets, &cost, &mut watch, &mut found)
                }
                Some(choice) => budgets.iter().try_for_each(|&budget| {
                    let settings = &search.hard;
                    let point = fixed(
                        original,
                        granularity,
                        samples,
                        settings,
                        budget,
                        choice,
                        &mut watch,
                    )?;
                    found(point)
                }),
            };
            report.stop();
            match lost {
                Some(error) => return Err(error),
                None => searched.map_err(failed)?,
            }
        }
        Ok(())
    }

    fn hard(&self, loaded: &Loaded) -> Result<Settings, Failure> {
        let distillation = self.distil.distillation()?;
        Ok(Settings { distillation, ..self.recipe.settings(loaded) })
    }

    fn search(&self, hard: Settings, granularity: Granularity) -> Search {
        let s = &self.search;
        let soft = Settings {
            epochs: s.search_epochs,
            rate: s.search_rate,
            rule: Rule::adam(),
            schedule: Schedule::Constant,
            decay: 0.0,
            ..hard.clone()
        };
        Search {
            granularity,
            pressure: s.pressure,
            growth: s.growth,
            interval: s.interval,
            pace: s.pace,
            mask_speed: s.mask_speed,
            threshold: 0.01,
            soft,
            hard,
        }
    }

    fn keep(
        &self,
        loaded: &Loaded,
        choice: &str,
        point: Point,
        profile: &Profile,
        curve: &mut Curve,
    ) -> Result<()> {
        let Point { budget, relus, network, masks } = point;
        let file = match choice {
            "learnt" => format!("{}-relus-{budget}.onnx", loaded.name),
            _ => format!("{}-relus-{budget}-{choice}.onnx", loaded.name),
        };
        let file = self.out.join(file);
        let graph = bare(&network)?;
        write(&file, &export(&graph)?)?;
        copy_settings(self.sources.file(), &file, true)?;
        let scores = loaded.scores(&network)?;
        output::line(format!("{relus:>9} ReLUs  {}", loaded.describe(&scores)))?;
        let layers = LayerLeft::of(&network, &masks).map_err(failed)?;
        let private = private(&graph, &loaded.train, profile)?;
        let choice = choice.to_owned();
        curve.points.push(CurvePoint { choice, budget, relus, accuracy: scores, private, layers });
        let json = serde_json::to_string_pretty(curve)? + "\n";
        let (csv, html, svg) = (curve.csv(), curve.html(), curve.svg());
        let tables = [("json", json), ("csv", csv), ("html", html), ("svg", svg)];
        tables.iter().try_for_each(|(kind, text)| write(&self.file(loaded, kind), text.as_bytes()))
    }

    /// What is known of all networks, as a file of this kind.
    fn file(&self, loaded: &Loaded, kind: &str) -> PathBuf {
        self.out.join(format!("{}-relus.{kind}", loaded.name))
    }
}

/// What a linear layer costs privately, in products on transfers of bits: there an element to be
/// rounded and shared anew takes about four times the bytes of a product (130 to 34, at 8 bits). On
/// ciphertexts an element is worth many more products, so that this merges too little rather than
/// too much.
fn worth(work: Work) -> f64 {
    work.products as f64 + 4.0 * work.elements as f64
}

/// The network to be written: layers that are all rectified, or not at all, lose their mask, and
/// linear layers with nothing between them are one where that is cheaper.
fn bare(network: &Network) -> Result<Graph> {
    bared(network.to_graph().map_err(failed)?)
}

fn bared(mut graph: Graph) -> Result<Graph> {
    tidy(&mut graph).map_err(failed)?;
    fold_batch_norms(&mut graph)?;
    merge_linear(&mut graph, &worth).map_err(failed)?;
    Ok(graph)
}

/// What each layer's rectifiers cost in private bytes: the whole network is planned once as it is, and once without each layer.
fn costs(network: &Network, masks: &[Mask], samples: &Samples) -> Result<BTreeMap<ValueId, Cost>> {
    let masked = network.to_graph().map_err(failed)?;
    let (unmasked, options) = integers(&bared(masked.clone())?, samples)?;
    let plan = Bytes::of(&unmasked)?;
    let mut costs = BTreeMap::new();
    for mask in masks {
        let mut without = masked.clone();
        let ones = Tensor::f32(without.value(mask.slope).shape.clone(), vec![1.0; mask.entries])?;
        without.values[mask.slope.0].constant = Some(Arc::new(ones));
        let all = (mask.entries * mask.each) as f64;
        let each = plan.layer(&mask.node)? as f64 / all;
        let gone = Bytes::of(&roughly(&bared(without)?, samples, &options)?)?;
        let saved = plan.total.saturating_sub(gone.total) as f64;
        costs.insert(mask.slope, Cost { each, last: (saved - each * all).max(0.0) });
    }
    Ok(costs)
}
