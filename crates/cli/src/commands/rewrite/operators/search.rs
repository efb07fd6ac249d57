//! Which convolution to replace by what: by the planner's bytes, and by what it gets wrong.

use super::super::files::failed;
use super::super::private::{exactly, roughly};
use super::super::training::first;
use crate::report::Watch;
use anyhow::Result;
use sordino_engine::session::LinearChoice;
use sordino_graph::fixed::QuantiseOptions;
use sordino_graph::ir::{Graph, Tensor};
use sordino_graph::passes::remove_dead;
use sordino_plan::Profile;
use sordino_rewrite::operators::{Form, Site, observe, replace, sites};
use sordino_rewrite::train::Samples;
use std::ops::Range;

/// Samples that forms are fitted to.
const FITTED: usize = 32;
/// Floats of operands and results that are held at once, one site's at least.
const HELD: usize = 1 << 28;

/// A form in the place of a convolution.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Swap {
    /// Which of the sites.
    pub(super) at: usize,
    pub(super) form: Form,
    /// What it gets wrong on samples, relative to what the convolution gives.
    pub(super) error: f64,
    /// Bytes of an inference that it saves.
    pub(super) saves: u64,
}

impl Swap {
    /// Bytes saved for what is wrong.
    fn worth(&self) -> f64 {
        // What is next to exact is not worth endlessly more than what is nearly so.
        self.saves as f64 / (self.error + 0.01)
    }
}

/// A network whose convolutions are to be replaced.
pub(super) struct Work<'a> {
    graph: &'a Graph,
    sites: Vec<Site>,
    inputs: Vec<Tensor>,
    samples: &'a Samples,
    /// How the original becomes integers: all networks are compared in as many bits.
    options: QuantiseOptions,
    linear: LinearChoice,
    profile: &'a Profile,
}

impl<'a> Work<'a> {
    pub(super) fn new(
        graph: &'a Graph,
        samples: &'a Samples,
        options: QuantiseOptions,
        linear: LinearChoice,
        profile: &'a Profile,
    ) -> Result<Self> {
        let inputs = first(samples, FITTED)?;
        Ok(Self { graph, sites: sites(graph), inputs, samples, options, linear, profile })
    }

    /// Bytes of one inference.
    pub(super) fn cost(&self, graph: &Graph) -> Result<u64> {
        Ok(exactly(&roughly(graph, self.samples, &self.options)?, self.linear, self.profile)?.bytes)
    }

    /// Everything that saves something, each on its own.
    pub(super) fn search(&self, bytes: u64) -> Result<Vec<Swap>> {
        let mut watch = Watch::new(false);
        let mut swaps = Vec::new();
        for part in self.parts() {
            let sites = &self.sites[part.clone()];
            let observed = observe(self.graph, sites, &self.inputs).map_err(failed)?;
            for ((at, site), seen) in part.zip(sites).zip(&observed) {
                for form in site.forms() {
                    let what = format!("{}: {form}", site.node);
                    watch.step(at as u64, self.sites.len() as u64, &what);
                    let mut new = self.graph.clone();
                    let error = replace(&mut new, site, form, seen).map_err(failed)?;
                    let saves = bytes.saturating_sub(self.cost(&new)?);
                    if saves > 0 {
                        swaps.push(Swap { at, form, error, saves });
                    }
                }
            }
        }
        watch.stop();
        Ok(swaps)
    }

    /// The network with these replacements.
    pub(super) fn with(&self, swaps: &[Swap]) -> Result<Graph> {
        let mut graph = self.graph.clone();
        for swap in swaps {
            let site = &self.sites[swap.at];
            let seen = observe(self.graph, std::slice::from_ref(site), &self.inputs);
            for seen in &seen.map_err(failed)? {
                replace(&mut graph, site, swap.form, seen).map_err(failed)?;
            }
        }
        remove_dead(&mut graph);
        Ok(graph)
    }

    /// Where a swap is, and what it is.
    pub(super) fn describe(&self, swap: &Swap) -> String {
        format!("{}: {}", self.sites[swap.at].node, swap.form)
    }

    /// Sites that are observed together.
    fn parts(&self) -> Vec<Range<usize>> {
        let floats = |s: &Site| {
            let (before, after) = (s.extent[0] * s.extent[1], s.out[0] * s.out[1]);
            self.inputs.len() * (s.cin * before + s.cout * after)
        };
        let (mut parts, mut held): (Vec<Range<usize>>, usize) = (Vec::new(), 0);
        for (at, site) in self.sites.iter().enumerate() {
            held += floats(site);
            match parts.last_mut() {
                Some(part) if held <= HELD => part.end = at + 1,
                _ => {
                    parts.push(at..at + 1);
                    held = floats(site);
                }
            }
        }
        parts
    }
}

/// One swap for each site, those first that save most for what they get wrong, until `bytes` have come down to `goal`. Where these
/// do not suffice, sites get forms that save more, again by what that saves for what it gets wrong.
pub(super) fn chosen(swaps: &[Swap], bytes: u64, goal: u64) -> Vec<Swap> {
    let mut best: Vec<Swap> = Vec::new();
    for swap in swaps {
        match best.iter_mut().find(|b| b.at == swap.at) {
            None => best.push(*swap),
            Some(slot) if swap.worth() > slot.worth() => *slot = *swap,
            Some(_) => {}
        }
    }
    best.sort_by(|a, b| b.worth().total_cmp(&a.worth()));
    let saved = |taken: &[Swap]| taken.iter().map(|s| s.saves).sum::<u64>();
    let enough = |taken: &[Swap]| bytes.saturating_sub(saved(taken)) <= goal;
    let mut taken = Vec::new();
    for swap in best {
        if enough(&taken) {
            return taken;
        }
        taken.push(swap);
    }
    while !enough(&taken) {
        let better = |slot: usize| {
            let now: Swap = taken[slot];
            let more = swaps.iter().filter(move |s| s.at == now.at && s.saves > now.saves);
            more.map(move |s| {
                let cost = (s.error - now.error).max(0.0) + 0.01;
                (slot, *s, (s.saves - now.saves) as f64 / cost)
            })
        };
        let steps = (0..taken.len()).flat_map(better);
        let Some((slot, swap, _)) = steps.max_by(|a, b| a.2.total_cmp(&b.2)) else { break };
        taken[slot] = swap;
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mild_forms_come_first_and_strong_ones_where_they_are_needed() {
        let swap = |at, error, saves| Swap { at, form: Form::Ghost, error, saves };
        let mild = [swap(0, 0.001, 10), swap(1, 0.05, 10)];
        let strong = [swap(0, 0.3, 50), swap(1, 0.4, 60)];
        let all = [mild[0], strong[0], mild[1], strong[1]];
        assert_eq!(chosen(&all, 100, 90), [mild[0]]);
        assert_eq!(chosen(&all, 100, 80), mild);
        // The second site loses less for each byte.
        assert_eq!(chosen(&all, 100, 40), [mild[0], strong[1]]);
        assert_eq!(chosen(&all, 100, 0), strong);
        assert_eq!(chosen(&all, 1000, 0), strong);
        assert_eq!(chosen(&[], 1000, 0), []);
    }
}
