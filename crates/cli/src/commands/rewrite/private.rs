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
pub(super) const PROTOCOL: &str =
    "twoparty: lattice ciphertexts, Ferret, truncation to within one unit of the last place";

/// What one inference takes.
pub(super) fn private(graph: &Graph, samples: &Samples, profile: &Profile) -> Result<Private> {
    let (linear, truncation) = (LinearChoice::Lattice, Truncation::OneLsb);
    let (fixed, _) = integers(graph, samples)?;
    totals(&forecast(&fixed, SupplyChoice::Ferret, linear, truncation)?, profile)
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

/// Bytes of an element of every layer of rectifiers, by its name. Transfers of Ferret come in
/// batches that cannot be told apart by layer, so these are SoftSpoken's, which are in the same
/// proportions.
pub(super) fn bytes_per_rectifier(
    graph: &Graph,
    samples: &Samples,
) -> Result<BTreeMap<String, f64>> {
    let (fixed, _) = integers(graph, samples)?;
    let Forecast::TwoParty(TwoPartyPlan { plan, .. }) =
        forecast(&fixed, SupplyChoice::SoftSpoken(4), LinearChoice::Lattice, Truncation::OneLsb)?
    else {
        return Ok(BTreeMap::new());
    };
    let layers = fixed.nodes.iter().zip(&plan.layers);
    let each = layers.map(|(node, layer)| {
        let bytes: u64 = [layer.offline, layer.online].iter().map(|c| c.up + c.down).sum();
        let elements = fixed.edges[node.output.0 as usize].len().max(1);
        (node.name.clone(), bytes as f64 / elements as f64)
    });
    Ok(each.collect())
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
