//! Every way to run a network: integers for each backend, then candidates.

use super::compared::Baseline;
use crate::commands::forecast;
use crate::commands::protocol::Private;
use crate::commands::quantise::QuantiseArgs;
use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::report::Watch;
use crate::residue::ACT_BITS;
use anyhow::Result;
use serde::Serialize;
use sordino_engine::garbled::Circuit;
use sordino_engine::session::{PopcornMode, Truncation};
use sordino_graph::fixed::{FixedGraph, FixedNode};
use sordino_plan::cryptflow2::{CryptFlow2, LayerPrice};
use sordino_plan::{Candidates, Group, Wanted};

/// Parts of a survey that take time of their own, for progress.
const BACKENDS: usize = 3;

/// Ring and fraction of CrypTFlow2.
const RING_BITS: u32 = 37;
const SCALE: u32 = 12;

/// A layer as reports show it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct LayerShape {
    /// Its name.
    pub(super) name: String,
    /// Its operator.
    pub(super) kind: &'static str,
    /// What it is for.
    pub(super) group: Group,
    /// Shape of its result.
    pub(super) shape: Vec<u32>,
    /// Multiply-accumulates with weights.
    pub(super) macs: u64,
}

/// What was found.
pub(super) struct Survey {
    pub(super) candidates: Candidates,
    pub(super) calibrated_on: &'static str,
    /// Layers in the integers of the first backend that has some.
    pub(super) layers: Vec<LayerShape>,
    pub(super) baseline: Option<Baseline>,
}

impl Survey {
    /// # Errors
    /// [`Exit::Model`] when no backend can run the network, with all reasons.
    pub(super) fn new(
        model: &Model,
        quantise: &QuantiseArgs,
        wanted: &Wanted,
        watch: &mut Watch,
    ) -> Result<Self> {
        let act_bits = quantise.act_bits()?;
        let mut survey = Self {
            candidates: Candidates::default(),
            calibrated_on: "",
            layers: Vec::new(),
            baseline: None,
        };
        survey.in_literature(model)?;
        survey.in_rings(model, quantise, act_bits, wanted, watch);
        // Tables have no truncation to choose.
        let tables = quantise.on_tables().filter(|_| wanted.truncation != Some(Truncation::OneLsb));
        if let Some(quantise) = tables {
            survey.on_tables(model, &quantise, act_bits, wanted, watch);
        }
        survey.in_residues(model, quantise, act_bits, wanted, watch);
        watch.stop();
        if survey.candidates.possible.is_empty() {
            let why = survey.candidates.refused.iter();
            let why: Vec<_> = why.map(|r| format!("{}: {}", r.backend, r.why)).collect();
            return Err(Failure::new(Exit::Model, why.join("\n")).into());
        }
        Ok(survey)
    }

    /// What CrypTFlow2 would send at its best, in the ring that its authors use most.
    fn in_literature(&mut self, model: &Model) -> Result<()> {
        let deployment = CryptFlow2::new(RING_BITS, SCALE)?;
        match deployment.price(&model.graph) {
            Ok(priced) => {
                let LayerPrice { rounds, .. } = priced.total();
                self.baseline = Some(Baseline {
                    system: "CrypTFlow2",
                    ring_bits: RING_BITS,
                    scale: SCALE,
                    bytes: priced.total().bytes(),
                    rounds,
                });
            }
            Err(why) => self.candidates.refuse("cryptflow2", "a model of it".into(), why),
        }
        Ok(())
    }

    fn in_rings(
        &mut self,
        model: &Model,
        quantise: &QuantiseArgs,
        act_bits: Option<u32>,
        wanted: &Wanted,
        watch: &mut Watch,
    ) {
        watch.step(0, BACKENDS as u64, "integers in rings");
        match forecast::integers(quantise, model, Private::Twoparty, act_bits) {
            Err(why) => {
                for backend in [Private::Twoparty, Private::Popcorn, Private::PopcornPaper] {
                    let name = backend.backend().name();
                    self.candidates.refuse(name, String::new(), format!("{why:#}"));
                }
            }
            Ok((fixed, calibrated_on)) => {
                let graph = &fixed.model.graph;
                self.calibrated_on = calibrated_on;
                self.layers = layers(graph);
                let mut on = |done, of, what: &str| {
                    watch.step(done as u64, of as u64, &format!("twoparty: {what}"));
                };
                self.candidates.two_party(graph, wanted, &mut on);
                let mut on = |done, of, what: &str| {
                    watch.step(done as u64, of as u64, &format!("popcorn: {what}"));
                };
                self.candidates.popcorn(graph, &PopcornMode::ALL, wanted, &mut on);
            }
        }
    }

    /// Two parties with garbled tables on shares.
    fn on_tables(
        &mut self,
        model: &Model,
        quantise: &QuantiseArgs,
        act_bits: Option<u32>,
        wanted: &Wanted,
        watch: &mut Watch,
    ) {
        watch.step(1, BACKENDS as u64, "integers for tables on shares");
        match forecast::integers(quantise, model, Private::Twoparty, act_bits) {
            Err(why) => {
                let name = Private::Twoparty.backend().name();
                self.candidates.refuse(name, "garbled tables".into(), format!("{why:#}"));
            }
            Ok((fixed, _)) => {
                let mut on = |done, of, what: &str| {
                    watch.step(done as u64, of as u64, &format!("twoparty on tables: {what}"));
                };
                self.candidates.two_party_on_tables(&fixed.model.graph, wanted, &mut on);
            }
        }
    }

    /// Circuits of the fewest bits of activations that do, or those asked for, and of more.
    fn in_residues(
        &mut self,
        model: &Model,
        quantise: &QuantiseArgs,
        act_bits: Option<u32>,
        wanted: &Wanted,
        watch: &mut Watch,
    ) {
        let (first, last) = (*ACT_BITS.start(), *ACT_BITS.end());
        let mut next = act_bits;
        loop {
            let what = next.map_or("garbled".to_owned(), |bits| format!("garbled: {bits} bits"));
            let done = next.map_or(0, |bits| bits.saturating_sub(first));
            watch.step(done.into(), (last - first + 1).into(), &what);
            let bits = match forecast::integers(quantise, model, Private::Garbled, next) {
                Err(why) => {
                    let settings = next.map(|b| format!("{b}-bit activations"));
                    let name = Private::Garbled.backend().name();
                    self.candidates.refuse(name, settings.unwrap_or_default(), format!("{why:#}"));
                    return;
                }
                Ok((fixed, calibrated_on)) => {
                    self.calibrated_on = calibrated_on;
                    if self.layers.is_empty() {
                        self.layers = layers(&fixed.model.graph);
                    }
                    match Circuit::new(&fixed.model) {
                        Err(why) => {
                            let settings =
                                fixed.act_bits.map(|bits| format!("{bits}-bit activations"));
                            let name = Private::Garbled.backend().name();
                            self.candidates.refuse(name, settings.unwrap_or_default(), why);
                        }
                        Ok(circuit) => {
                            let (graph, outline) = (circuit.graph(), circuit.outline());
                            self.candidates.garbled(graph, &outline, fixed.act_bits, wanted);
                        }
                    }
                    fixed.act_bits
                }
            };
            match bits {
                Some(bits) if act_bits.is_none() && bits < last => next = Some(bits + 1),
                _ => return,
            }
        }
    }
}

fn layers(graph: &FixedGraph) -> Vec<LayerShape> {
    let layer = |node: &FixedNode| {
        let output = &graph.edges[node.output.0 as usize];
        LayerShape {
            name: node.name.clone(),
            kind: node.op.name(),
            group: Group::of(&node.op),
            shape: output.shape.clone(),
            macs: node.op.macs(output.len() as u64),
        }
    };
    graph.nodes.iter().map(layer).collect()
}
