//! What rewritten networks cost privately, and which of their rectifiers cost most.

use super::training::first;
use crate::model::fewest_bits;
use anyhow::Result;
use sordino_engine::Network as Link;
use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_graph::fixed::{Calibration, FixedGraph, QuantiseOptions, quantise};
use sordino_graph::ir::Graph;
use sordino_graph::passes::simplify;
use sordino_plan::{Forecast, Profile, TwoPartyPlan};
use sordino_rewrite::report::Private;
use sordino_rewrite::train::Samples;
use std::collections::BTreeMap;

/// Inputs that show ranges.
const SAMPLES: usize = 64;
/// The same where many networks are compared.
const FEW: usize = 4;

/// What [`private`] is of. With exact truncation an identity costs nearly what a rectifier does.
pub(super) const PROTOCOL: &str = "twoparty: lattice ciphertexts, Ferret or SoftSpoken, whichever sends less, truncation to within \
     one unit of the last place";

/// What one inference takes.
pub(super) fn private(graph: &Graph, samples: &Samples, profile: &Profile) -> Result<Private> {
    let (linear, truncation) = (LinearChoice::Lattice, Truncation::OneLsb);
    let (fixed, _) = integers(graph, samples)?;
    let of = |supply| totals(&forecast(&fixed, supply, linear, truncation)?, profile);
    let (ferret, softspoken) = (of(SupplyChoice::Ferret)?, of(SupplyChoice::SoftSpoken(4))?);
    Ok(if softspoken.bytes < ferret.bytes { softspoken } else { ferret })
}

/// The same with exact truncation, transfers of SoftSpoken, and linear layers on what is said. Transfers of Ferret come in batches,
/// which hide what a layer saves.
pub(super) fn exactly(
    fixed: &FixedGraph,
    linear: LinearChoice,
    profile: &Profile,
) -> Result<Private> {
    let supply = SupplyChoice::SoftSpoken(4);
    totals(&forecast(fixed, supply, linear, Truncation::Exact)?, profile)
}

fn totals(forecast: &Forecast, profile: &Profile) -> Result<Private> {
    let totals = forecast.totals();
    let (offline, online) = (totals.offline, totals.online);
    let wall = |link: &Link| forecast.time(profile, link).inference().wall;
    Ok(Private {
        bytes: offline.up + offline.down + online.up + online.down,
        rounds: offline.rounds + online.rounds,
        lan: wall(&Link::lan()),
        wan: wall(&Link::wan()),
    })
}

/// Bytes of a private inference, as [`PROTOCOL`] has it but with transfers of SoftSpoken: those of Ferret come in batches that
/// cannot be told apart by layer.
pub(super) struct Bytes {
    /// Of all layers.
    pub(super) total: u64,
    layers: BTreeMap<String, u64>,
}

impl Bytes {
    pub(super) fn of(fixed: &FixedGraph) -> Result<Self> {
        let supply = SupplyChoice::SoftSpoken(4);
        let planned = forecast(fixed, supply, LinearChoice::Lattice, Truncation::OneLsb)?;
        let mut found = Self { total: 0, layers: BTreeMap::new() };
        if let Forecast::TwoParty(TwoPartyPlan { plan, .. }) = planned {
            for (node, layer) in fixed.nodes.iter().zip(&plan.layers) {
                let bytes: u64 = [layer.offline, layer.online].iter().map(|c| c.up + c.down).sum();
                found.total += bytes;
                *found.layers.entry(node.name.clone()).or_default() += bytes;
            }
        }
        Ok(found)
    }

    /// Of the layer of this name.
    pub(super) fn layer(&self, name: &str) -> Result<u64> {
        let bytes = self.layers.get(name).copied();
        bytes.ok_or_else(|| anyhow::anyhow!("no layer of the plan is called '{name}'"))
    }
}

/// A network's integers, of as few bits as do; and how they were made.
pub(super) fn integers(graph: &Graph, samples: &Samples) -> Result<(FixedGraph, QuantiseOptions)> {
    let mut graph = graph.clone();
    simplify(&mut graph)?;
    let inputs = first(samples, SAMPLES)?;
    let calibration = Calibration::run(&graph, &inputs)?;
    let fitted = fewest_bits(&graph, &calibration, &inputs, &QuantiseOptions::default())?;
    Ok((fitted.model.graph, fitted.options))
}

/// The same made in this way, calibrated on so few samples that it takes little time: to compare networks by.
pub(super) fn roughly(
    graph: &Graph,
    samples: &Samples,
    options: &QuantiseOptions,
) -> Result<FixedGraph> {
    let mut graph = graph.clone();
    simplify(&mut graph)?;
    let calibration = Calibration::run(&graph, &first(samples, FEW)?)?;
    Ok(quantise(&graph, &calibration, options)?.graph)
}

fn forecast(
    graph: &FixedGraph,
    supply: SupplyChoice,
    linear: LinearChoice,
    truncation: Truncation,
) -> Result<Forecast> {
    let wish = Wish {
        backend: BackendChoice::TwoParty,
        supply,
        reveal: Reveal::Logits,
        truncation,
        linear,
        winograd: true,
    };
    Ok(Forecast::two_party(graph, wish, 1)?)
}
