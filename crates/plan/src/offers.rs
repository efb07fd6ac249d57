use crate::candidates::{Aim, Candidate, Candidates, OnCandidate, Wanted, rank};
use sordino_engine::session::{BackendChoice, LinearChoice, Menu, Pick, Truncation};
use sordino_graph::fixed::{FixedGraph, FixedOp};

/// Every way to run a network that a server offers.
#[derive(Clone, Debug, PartialEq)]
pub struct Offers {
    /// What they send and give up, and what is not possible.
    pub candidates: Candidates,
    /// The server's way of each that is possible.
    ways: Vec<usize>,
}

impl Offers {
    /// Works out what is on a menu, as far as it is wanted.
    pub fn new(menu: &Menu, wanted: &Wanted, progress: &mut OnCandidate<'_>) -> Self {
        let mut all = Self { candidates: Candidates::default(), ways: Vec::new() };
        for (i, way) in menu.ways.iter().enumerate() {
            let graph = &menu.graphs[way.graph as usize];
            let wanted = Wanted { paillier: way.paillier, ..*wanted };
            if wanted.images > way.images as usize {
                let name = way.backend.backend().name();
                let why = format!("the server takes {} images at once, at most", way.images);
                all.candidates.refuse(name, String::new(), why);
                continue;
            }
            let candidates = &mut all.candidates;
            let two_party = way.backend == BackendChoice::TwoParty;
            if two_party
                && !way.paillier
                && matches!(wanted.linear, Some(LinearChoice::Paillier(_)))
            {
                let why = "the server's owner has to start it with --paillier";
                candidates.refuse(way.backend.backend().name(), "paillier".into(), why);
            }
            match (way.backend, &way.outline) {
                (BackendChoice::TwoParty, _) if on_tables(graph) => {
                    // Tables have no truncation to choose.
                    if wanted.truncation != Some(Truncation::OneLsb) {
                        candidates.two_party_on_tables(graph, &wanted, progress);
                    }
                }
                (BackendChoice::TwoParty, _) => candidates.two_party(graph, &wanted, progress),
                (BackendChoice::Popcorn(mode), _) => {
                    candidates.popcorn(graph, &[mode], &wanted, progress);
                }
                (BackendChoice::Garbled, Some(outline)) => {
                    candidates.garbled(graph, outline, None, &wanted);
                }
                (BackendChoice::Garbled, None) => {}
            }
            all.ways.resize(all.candidates.possible.len(), i);
        }
        all
    }

    /// The one to choose, of those that `keep` keeps; `None` if none withstands the adversary and gives up no more than
    /// was accepted.
    pub fn choose(
        &self,
        aim: &Aim<'_>,
        mut keep: impl FnMut(Pick, &Candidate) -> bool,
    ) -> Option<(Pick, &Candidate)> {
        let pick = |i: usize| Pick { way: self.ways[i], wish: self.candidates.possible[i].wish };
        let all = self.candidates.possible.iter().enumerate();
        let kept: Vec<usize> =
            all.filter(|(i, candidate)| keep(pick(*i), candidate)).map(|(i, _)| i).collect();
        let ranking = rank(kept.iter().map(|i| &self.candidates.possible[*i]), aim);
        let best = kept[ranking.recommended?];
        Some((pick(best), &self.candidates.possible[best]))
    }
}

/// Whether activations are tables, which the two-party backend garbles on shares.
fn on_tables(graph: &FixedGraph) -> bool {
    graph.nodes.iter().any(|node| matches!(node.op, FixedOp::Lookup { .. }))
}
