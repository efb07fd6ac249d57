mod search;
mod summary;

use super::checkpoints::Checkpoints;
use super::files::{Target, failed, write};
use super::training::{Distil, Loaded, Recipe, Sources};
use crate::commands::{output, profile};
use crate::exit::{Exit, Failure};
use crate::report::bytes;
use anyhow::Result;
use clap::{Args, ValueEnum};
use search::{Work, chosen};
use sordino_engine::session::LinearChoice;
use sordino_graph::ir::Graph;
use sordino_graph::onnx::export;
use sordino_graph::passes::fold_batch_norms;
use sordino_rewrite::train::{Score, Settings, Trainer};
use sordino_rewrite::{Network, file};
use std::iter::successors;
use std::path::PathBuf;
use std::str::FromStr;
use summary::{Costs, Summary, Try};

/// Replace convolutions by cheaper ones of the same shape
///
/// Separable, of low rank, crossed, in groups (our X-operator) or ghosts: for each convolution the form that saves most private bytes
/// for what it gets wrong, fitted by least squares to what the convolution gives for samples. Then the network is trained against the
/// original, its state with `--checkpoint` in FILE.N for N replacements. On transfers (`--linear ot`) bytes grow with products; on ciphertexts they grow with inputs and results, which no
/// replacement changes.
#[derive(Debug, Args)]
pub(super) struct Operators {
    #[command(flatten)]
    sources: Sources,
    #[command(flatten)]
    target: Target,
    /// What linear layers run on, and so what counts
    #[arg(long, value_enum, default_value = "ot")]
    linear: LinearArg,
    /// Bytes of an inference to come down to, such as 40MB, or as a share of those of the original, such as 70%
    #[arg(long, value_name = "SIZE|X%", required_unless_present = "max_drop")]
    target_bytes: Option<Goal>,
    /// Percent points that the first test set may lose: of too many replacements, half are taken back, again and again
    #[arg(long, value_name = "POINTS")]
    max_drop: Option<f64>,
    /// Also write what was found to this file, as JSON
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    distil: Distil,
    #[command(flatten)]
    recipe: Recipe,
    #[command(flatten)]
    checkpoints: Checkpoints,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LinearArg {
    /// Oblivious transfers
    Ot,
    /// Lattice ciphertexts
    Lattice,
}

impl LinearArg {
    fn name(self) -> &'static str {
        match self {
            Self::Ot => "ot",
            Self::Lattice => "lattice",
        }
    }

    fn choice(self) -> LinearChoice {
        match self {
            Self::Ot => LinearChoice::Transfer,
            Self::Lattice => LinearChoice::Lattice,
        }
    }
}

/// Bytes to come down to.
#[derive(Debug, Clone, Copy)]
enum Goal {
    Bytes(u64),
    Share(f64),
}

impl FromStr for Goal {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(share) = text.strip_suffix('%') else {
            return crate::commands::serve::size(text).map(Self::Bytes);
        };
        let share: f64 = share.trim().parse().map_err(|_| format!("'{text}' is not a share"))?;
        (0.0..=100.0)
            .contains(&share)
            .then_some(Self::Share(share))
            .ok_or("a share is 0% to 100%".into())
    }
}

impl Goal {
    fn of(self, original: u64) -> u64 {
        match self {
            Self::Bytes(n) => n,
            Self::Share(percent) => (original as f64 * percent / 100.0) as u64,
        }
    }
}

impl Operators {
    pub(super) fn run(&self) -> Result<()> {
        self.target.check()?;
        self.report.iter().try_for_each(|path| file::check_writable(path).map_err(failed))?;
        let loaded = self.sources.load()?;
        let most = self.most_drop(&loaded)?;
        let settings = self.settings(&loaded)?;
        // What is wrong with them, or with the network, shows now and not after the search.
        drop(self.trainer(&loaded, loaded.network.clone(), &settings)?);
        let profile = profile::current()?;
        let graph = loaded.network.to_graph().map_err(failed)?;
        let scores = loaded.scores(&loaded.network)?;
        let (before, options) = Costs::of(&graph, &loaded.train, &profile)?;
        output::line(format!("original: {}; {}", before.describe(), loaded.describe(&scores)))?;
        let linear = self.linear.choice();
        let work = Work::new(&graph, &loaded.train, options, linear, &profile)?;
        let base = work.cost(&graph)?;
        let goal = self.target_bytes.map_or(0, |goal| goal.of(base));
        if goal >= base {
            let text = format!("it takes {} as it is: there is nothing to save", bytes(base));
            return Err(Failure::new(Exit::Usage, text).into());
        }
        let swaps = chosen(&work.search(base)?, base, goal);
        let saved: u64 = swaps.iter().map(|swap| swap.saves).sum();
        let least = base.saturating_sub(saved);
        if swaps.is_empty() || self.target_bytes.is_some() && least > goal {
            let text = format!(
                "replacements bring {} down to {} at most: {}",
                bytes(base),
                bytes(least),
                self.why()
            );
            return Err(Failure::new(Exit::Model, text).into());
        }
        let mut summary = Summary {
            network: loaded.name.clone(),
            linear: self.linear.name(),
            tests: loaded.tests.iter().map(|t| t.name.clone()).collect(),
            before,
            accuracy: scores.clone(),
            tries: Vec::new(),
        };
        // Of too many half are taken back, as often as it takes.
        let fewer = |n: &usize| Some(n / 2).filter(|&n| n > 0 && most.is_some());
        let counts: Vec<usize> = successors(Some(swaps.len()), fewer).collect();
        let checkpoints = self.checkpoints.of_each(counts.iter().copied())?;
        let mut found = None;
        for (count, checkpoints) in counts.into_iter().zip(&checkpoints) {
            let swaps = &swaps[..count];
            let graph = work.with(swaps)?;
            let network = Network::new(graph, loaded.network.device()).map_err(failed)?;
            let mut trainer = self.trainer(&loaded, network, &settings)?;
            checkpoints.run(&mut trainer)?;
            let network = trainer.into_network();
            let now = loaded.scores(&network)?;
            let (costs, _) = Costs::of(&finished(&network)?, &loaded.train, &profile)?;
            let text = format!("{count} replaced: {}", costs.describe());
            output::line(format!("{text}; {}", loaded.describe(&now)))?;
            summary.tries.push(Try {
                replaced: swaps.iter().map(|swap| work.describe(swap)).collect(),
                error: swaps.iter().map(|s| s.error).sum::<f64>() / count as f64,
                costs,
                accuracy: now.clone(),
            });
            if let Some(path) = &self.report {
                write(path, (serde_json::to_string_pretty(&summary)? + "\n").as_bytes())?;
            }
            if most.is_none_or(|most| drop_of(&scores, &now) <= most) {
                found = Some(network);
                break;
            }
        }
        let network = found.ok_or_else(|| {
            let text =
                "even one replacement loses more than --max-drop; train longer, or allow more";
            Failure::new(Exit::Model, text)
        })?;
        let written = finished(&network)?;
        self.target.write(self.sources.file(), &export(&written)?)?;
        let reached = work.cost(&written)?;
        if self.target_bytes.is_some() && reached > goal {
            let (reached, goal) = (bytes(reached), bytes(goal));
            eprintln!(
                "note: it came down to {reached}, not to {goal}: savings do not quite add up"
            );
        }
        output::line(summary.table())
    }

    fn most_drop(&self, loaded: &Loaded) -> Result<Option<f64>, Failure> {
        let usage = |text| Err(Failure::new(Exit::Usage, text));
        match self.max_drop {
            Some(_) if loaded.tests.is_empty() => {
                usage("--max-drop needs --test, on which accuracy is measured")
            }
            Some(points) if !(0.0..=100.0).contains(&points) => {
                usage("--max-drop is between 0 and 100 points")
            }
            points => Ok(points),
        }
    }

    fn settings(&self, loaded: &Loaded) -> Result<Settings, Failure> {
        let distillation = self.distil.distillation()?;
        Ok(Settings { distillation, ..self.recipe.settings(loaded) })
    }

    /// Why no more is saved.
    fn why(&self) -> &'static str {
        match self.linear {
            LinearArg::Ot => "other forms of its convolutions save no more",
            LinearArg::Lattice => {
                "on ciphertexts bytes grow with a layer's inputs and results, which replacements of the same shape do not change; \
                 fewer rectifiers help there (`sordino rewrite linearize`), or --linear ot"
            }
        }
    }

    fn trainer<'d>(
        &self,
        loaded: &'d Loaded,
        network: Network,
        settings: &Settings,
    ) -> Result<Trainer<'d>> {
        let teacher = settings.distillation.map(|_| loaded.network.clone());
        Trainer::new(network, teacher, &loaded.train, settings.clone()).map_err(failed)
    }
}

/// Percent points that were lost on the first test set.
fn drop_of(before: &[Score], now: &[Score]) -> f64 {
    match (before.first(), now.first()) {
        (Some(before), Some(now)) => before.percent() - now.percent(),
        _ => 0.0,
    }
}

/// The network as it is written.
fn finished(network: &Network) -> Result<Graph> {
    let mut graph = network.to_graph().map_err(failed)?;
    fold_batch_norms(&mut graph)?;
    Ok(graph)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn goals_are_sizes_or_shares() {
        assert_eq!("40MB".parse::<Goal>().unwrap().of(7), 40_000_000);
        assert_eq!("70%".parse::<Goal>().unwrap().of(1000), 700);
        for wrong in ["", "x%", "101%", "-1%", "much"] {
            assert!(wrong.parse::<Goal>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn drops_are_those_of_the_first_test_set() {
        let score = |right| Score { right, total: 100 };
        assert_eq!(drop_of(&[score(90), score(10)], &[score(88), score(0)]), 2.0);
        assert_eq!(drop_of(&[], &[]), 0.0);
    }
}
