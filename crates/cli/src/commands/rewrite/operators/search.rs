//! Which convolution to replace by what: by the planner's bytes, and by what it gets wrong.

use super::super::files::failed;
use super::super::private::{exactly, roughly};
use super::super::training::first;
use crate::report::Watch;
use anyhow::Result;
use sordino_engine::session::LinearChoice;
use sordino_graph::ir::Graph;
use sordino_plan::Profile;
use sordino_rewrite::operators::{Form, Observed, Site, observe, replace, sites};
use sordino_rewrite::train::Samples;

/// Samples that forms are fitted to.
const FITTED: usize = 32;

/// A form in the place of a convolution.
#[derive(Clone, Debug)]
pub(super) struct Swap {
    pub(super) site: Site,
    /// Which of the sites it is.
    pub(super) at: usize,
    pub(super) form: Form,
    /// What it gets wrong on samples, relative to what the convolution gives.
    pub(super) error: f64,
    /// Bytes of an inference that it saves.
    pub(super) saves: u64,
}

impl Swap {
    pub(super) fn describe(&self) -> String {
        format!("{}: {}", self.site.node, self.form)
    }

    /// Bytes saved for what is wrong.
    fn worth(&self) -> f64 {
        // What is next to exact is not worth endlessly more than what is nearly so.
        self.saves as f64 / (self.error + 0.01)
    }
}

/// Everything that saves something.
pub(super) struct Found {
    /// Bytes of the original.
    pub(super) bytes: u64,
    pub(super) swaps: Vec<Swap>,
    /// By site.
    pub(super) observed: Vec<Observed>,
}

/// Tries every form of every convolution on its own.
pub(super) fn search(
    graph: &Graph,
    samples: &Samples,
    linear: LinearChoice,
    profile: &Profile,
) -> Result<Found> {
    let sites = sites(graph);
    let mut inputs = first(samples)?;
    inputs.truncate(FITTED);
    let observed = observe(graph, &sites, &inputs).map_err(failed)?;
    let bytes = cost(graph, samples, linear, profile)?;
    let mut watch = Watch::new(false);
    let mut swaps = Vec::new();
    for (at, (site, seen)) in sites.iter().zip(&observed).enumerate() {
        for form in site.forms() {
            watch.step(at as u64, sites.len() as u64, &format!("{}: {form}", site.node));
            let mut new = graph.clone();
            let error = replace(&mut new, site, form, seen).map_err(failed)?;
            let saves = bytes.saturating_sub(cost(&new, samples, linear, profile)?);
            if saves > 0 {
                swaps.push(Swap { site: site.clone(), at, form, error, saves });
            }
        }
    }
    watch.stop();
    Ok(Found { bytes, swaps, observed })
}

fn cost(graph: &Graph, samples: &Samples, linear: LinearChoice, profile: &Profile) -> Result<u64> {
    Ok(exactly(&roughly(graph, samples)?, linear, profile)?.bytes)
}

/// How far to go.
pub(super) struct Aim {
    /// Bytes of the original.
    pub(super) bytes: u64,
    /// Bytes to come down to.
    pub(super) goal: u64,
}

/// One swap for each site, those first that save most for what they get wrong, until the goal is met or there are no more.
pub(super) fn chosen(swaps: &[Swap], aim: &Aim) -> Vec<Swap> {
    let mut best: Vec<&Swap> = Vec::new();
    for swap in swaps {
        match best.iter_mut().find(|b| b.at == swap.at) {
            None => best.push(swap),
            Some(slot) if swap.worth() > slot.worth() => *slot = swap,
            Some(_) => {}
        }
    }
    best.sort_by(|a, b| b.worth().total_cmp(&a.worth()));
    let mut left = aim.bytes;
    let mut taken = Vec::new();
    for swap in best {
        if left <= aim.goal {
            break;
        }
        left = left.saturating_sub(swap.saves);
        taken.push(swap.clone());
    }
    taken
}
