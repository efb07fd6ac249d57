use super::{Adversary, Candidate, Candidates, Concession, OnCandidate, Settings, Wanted};
use crate::forecast::revealing;
use crate::{Forecast, Promise};
use sordino_engine::session::{
    BackendChoice, LinearChoice, PaillierBits, SupplyChoice, Truncation, Wish,
};
use sordino_engine::twoparty::{CostModel, Method, TwoPartyBackend};
use sordino_engine::{Backend, Error, Role};
use sordino_graph::fixed::FixedGraph;

/// All that linear layers can run on; the third needs the layouts of the first.
const LINEAR: [LinearChoice; 5] = [
    LinearChoice::Lattice,
    LinearChoice::Cheapest,
    LinearChoice::Transfer,
    LinearChoice::Paillier(PaillierBits::N3072),
    LinearChoice::Paillier(PaillierBits::N2048),
];

impl Candidates {
    /// Adds every way in which the two-party backend runs a graph.
    pub fn two_party(
        &mut self,
        graph: &FixedGraph,
        wanted: &Wanted,
        progress: &mut OnCandidate<'_>,
    ) {
        let graph = &revealing(graph, wanted.reveal);
        let offered = |l: &LinearChoice| wanted.paillier || !matches!(l, LinearChoice::Paillier(_));
        let kinds = LINEAR.into_iter().filter(offered);
        let kinds: Vec<LinearChoice> = kinds.filter(|l| wanted.allows(*l)).collect();
        let ways = wanted.truncations().len() * wanted.supplies().len();
        let mut layouts = None;
        for (k, linear) in kinds.iter().enumerate() {
            let mut done = k * ways;
            let mut on = |settings: &str| {
                progress(done, kinds.len() * ways, settings);
                done += 1;
            };
            if let Err(why) = self.on_linear(graph, *linear, wanted, &mut layouts, &mut on) {
                let first = wish(wanted, *linear, SupplyChoice::Ferret, Truncation::Exact, true);
                let kind = Settings::of(&first).linear.unwrap_or_default();
                self.refuse(TwoPartyBackend.name(), kind.to_owned(), why);
            }
        }
    }

    /// The same for a graph whose activations are tables: they are garbled on shares, have no truncation of their own,
    /// and are as secure as the offsets of their labels.
    pub fn two_party_on_tables(
        &mut self,
        graph: &FixedGraph,
        wanted: &Wanted,
        progress: &mut OnCandidate<'_>,
    ) {
        let (possible, refused) = (self.possible.len(), self.refused.len());
        let wanted = Wanted { truncation: Some(Truncation::Exact), ..*wanted };
        self.two_party(graph, &wanted, progress);
        for candidate in &mut self.possible[possible..] {
            candidate.settings.nonlinear = Some("garbled");
            candidate.settings.truncation = None;
            candidate.security_bits = candidate.security_bits.min(112);
            if !candidate.concessions.contains(&Concession::Bits112) {
                candidate.concessions.push(Concession::Bits112);
            }
        }
        for refused in &mut self.refused[refused..] {
            refused.settings += ", garbled tables";
        }
    }

    /// Adds every way for one kind of linear layers. `layouts` is a model that knows the layouts of ciphertexts, if there
    /// is one yet.
    fn on_linear<'a>(
        &mut self,
        graph: &'a FixedGraph,
        linear: LinearChoice,
        wanted: &Wanted,
        layouts: &mut Option<CostModel<'a>>,
        progress: &mut dyn FnMut(&str),
    ) -> Result<(), Error> {
        let first = wish(wanted, linear, SupplyChoice::Ferret, Truncation::Exact, wanted.winograd);
        progress(&Settings::of(&first).describe());
        let shared = match layouts {
            Some(layouts) => layouts.with_settings(&first.into())?,
            None => CostModel::new(graph, &first.into(), Role::Client)?,
        };
        let on_transfers = linear == LinearChoice::Transfer;
        for truncation in wanted.truncations() {
            for supply in wanted.supplies() {
                let wish = wish(wanted, linear, supply, truncation, wanted.winograd);
                progress(&Settings::of(&wish).describe());
                let (candidate, winograd) = of(graph, &shared, wish, wanted.images)?;
                // Where no layer is cheaper on transfers, the choice by layer is that of the lattice.
                if linear != LinearChoice::Cheapest
                    || !self.possible.iter().any(|c| c.plan == candidate.plan)
                {
                    self.possible.push(candidate);
                }
                if on_transfers && winograd {
                    let direct = Wish { winograd: false, ..wish };
                    self.possible.push(of(graph, &shared, direct, wanted.images)?.0);
                }
            }
        }
        if linear == LinearChoice::Lattice {
            *layouts = Some(shared);
        }
        Ok(())
    }
}

fn wish(
    wanted: &Wanted,
    linear: LinearChoice,
    supply: SupplyChoice,
    truncation: Truncation,
    winograd: bool,
) -> Wish {
    let (backend, reveal) = (BackendChoice::TwoParty, wanted.reveal);
    Wish { backend, supply, reveal, truncation, linear, winograd }
}

/// The candidate, and whether any layer uses Winograd's transforms.
fn of(
    graph: &FixedGraph,
    shared: &CostModel<'_>,
    wish: Wish,
    images: usize,
) -> Result<(Candidate, bool), Error> {
    let mut model = shared.with_settings(&wish.into())?;
    model.infer_batch(images)?;
    let plan = Forecast::metered(graph, &wish, &model);
    let winograd = (0..graph.nodes.len() as u32)
        .filter_map(|layer| model.linear(layer))
        .any(|l| matches!(l.method, Method::Winograd(_)));
    let weak = wish.linear == LinearChoice::Paillier(PaillierBits::N2048);
    let mut concessions = Vec::new();
    concessions.extend((wish.truncation == Truncation::OneLsb).then_some(Concession::OneLsb));
    concessions.extend(weak.then_some(Concession::Bits112));
    let candidate = Candidate {
        backend: TwoPartyBackend.name(),
        settings: Settings::of(&wish),
        wish,
        withstands: Adversary::SemiHonest,
        security_bits: if weak { 112 } else { 128 },
        concessions,
        promise: Promise::new(&TwoPartyBackend, wish.reveal),
        totals: plan.totals(),
        prepared: prepared(graph, shared, &wish, images),
        plan,
    };
    Ok((candidate, winograd))
}

/// A preparation and the inference on it; none where the graph cannot be prepared.
fn prepared(
    graph: &FixedGraph,
    shared: &CostModel<'_>,
    wish: &Wish,
    images: usize,
) -> Option<Forecast> {
    let mut model = shared.with_settings(&(*wish).into()).ok()?;
    model.prepare_batch(images).ok()?;
    model.infer_batch_prepared(images).ok()?;
    Some(Forecast::metered(graph, wish, &model))
}
