use super::{Adversary, Candidate, Candidates, Concession, Settings, Wanted};
use crate::{Forecast, Promise};
use sordino_engine::Backend;
use sordino_engine::garbled::{GarbledBackend, Outline};
use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_graph::fixed::FixedGraph;

/// Bits of security of everything but the offsets.
const BITS: u32 = 128;

impl Candidates {
    /// Adds the garbled circuit of a network in residues, its activations having so many bits if that is a setting.
    pub fn garbled(
        &mut self,
        graph: &FixedGraph,
        outline: &Outline,
        act_bits: Option<u32>,
        wanted: &Wanted,
    ) {
        let settings = Settings { act_bits, ..Settings::default() };
        match beyond(wanted) {
            Some(why) => self.refuse(GarbledBackend.name(), settings.describe(), why),
            None => self.possible.push(candidate(graph, outline, settings)),
        }
    }
}

/// Why nothing that is wanted can be had.
fn beyond(wanted: &Wanted) -> Option<&'static str> {
    if wanted.images > 1 {
        return Some("a circuit is for one input: several run one after the other, not as a batch");
    }
    if wanted.reveal == Reveal::Label {
        return Some(
            "the data owner decodes the scores itself: the best class alone cannot be revealed",
        );
    }
    wanted.linear.map(|_| "linear layers are part of the circuit")
}

fn candidate(graph: &FixedGraph, outline: &Outline, settings: Settings) -> Candidate {
    let plan = Forecast::garbled(graph, outline);
    let security_bits = BITS.min(outline.lambda);
    let mut concessions = Vec::new();
    concessions.extend((security_bits < BITS).then_some(Concession::Bits112));
    concessions.push(Concession::Weights);
    let wish = Wish {
        backend: BackendChoice::Garbled,
        supply: SupplyChoice::Ferret,
        reveal: Reveal::Logits,
        truncation: Truncation::Exact,
        linear: LinearChoice::Lattice,
        winograd: true,
    };
    Candidate {
        backend: GarbledBackend.name(),
        settings,
        wish,
        withstands: Adversary::MaliciousServer,
        security_bits,
        concessions,
        promise: Promise::new(&GarbledBackend, wish.reveal),
        totals: plan.totals(),
        // A circuit is made ahead of time in any case.
        prepared: Some(plan.clone()),
        plan,
    }
}
