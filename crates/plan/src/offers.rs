use crate::candidates::{Aim, Candidate, Candidates, Concession, OnCandidate, Wanted, rank};
use sordino_engine::session::{
    BackendChoice, LinearChoice, Menu, Pick, PopcornMode, Truncation, Way,
};
use sordino_graph::fixed::{FixedGraph, FixedOp};

/// Layers of a network beyond which its ways are not compared: a plan is kept for each.
const MOST_LAYERS: usize = 1 << 13;

/// Every way to run a network that a server offers and a client accepts.
#[derive(Clone, Debug, PartialEq)]
pub struct Offers {
    /// What they send and give up, and what is not possible.
    pub candidates: Candidates,
    /// The server's way of each that is possible.
    ways: Vec<usize>,
}

impl Offers {
    /// Works out what is on a menu, as far as it is wanted and gives up no more than what is accepted.
    pub fn new(
        menu: &Menu,
        wanted: &Wanted,
        accepted: &[Concession],
        progress: &mut OnCandidate<'_>,
    ) -> Self {
        let mut all = Self { candidates: Candidates::default(), ways: Vec::new() };
        for (i, way) in menu.ways.iter().enumerate() {
            let name = way.backend.backend().name();
            let graph = &menu.graphs[way.graph as usize];
            let weak = accepted.contains(&Concession::Bits112);
            let wanted = Wanted { paillier: way.paillier, paillier_2048: weak, ..*wanted };
            let candidates = &mut all.candidates;
            if let Some(why) = out_of_question(way, graph, &wanted, accepted) {
                candidates.refuse(name, String::new(), why);
                continue;
            }
            match (way.backend, &way.outline) {
                (BackendChoice::TwoParty, _) if on_tables(graph) => {
                    candidates.two_party_on_tables(graph, &wanted, progress);
                }
                (BackendChoice::TwoParty, _) => candidates.two_party(graph, &wanted, progress),
                (BackendChoice::Popcorn(mode), _) => {
                    candidates.popcorn(graph, &[mode], &wanted, progress);
                }
                (BackendChoice::Garbled, Some(outline)) => {
                    candidates.garbled(graph, outline, None, &wanted);
                }
                (BackendChoice::Garbled, None) => {
                    candidates.refuse(
                        name,
                        String::new(),
                        "the server does not say what its circuit takes",
                    );
                }
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

/// Why nothing that a way has need be looked at.
fn out_of_question(
    way: &Way,
    graph: &FixedGraph,
    wanted: &Wanted,
    accepted: &[Concession],
) -> Option<String> {
    let needs = |concession: Concession| {
        let missing = !accepted.contains(&concession);
        missing.then(|| format!("it needs --accept {}", concession.name()))
    };
    let paillier = matches!(wanted.linear, Some(LinearChoice::Paillier(_)));
    let unaccepted = match way.backend {
        BackendChoice::TwoParty if paillier && !way.paillier => {
            Some("the server's owner has to start it with --paillier".to_owned())
        }
        BackendChoice::TwoParty
            if on_tables(graph) && wanted.truncation == Some(Truncation::OneLsb) =>
        {
            Some("tables have no truncation to choose".to_owned())
        }
        BackendChoice::TwoParty if on_tables(graph) => needs(Concession::Bits112),
        BackendChoice::TwoParty => None,
        BackendChoice::Garbled => needs(Concession::Weights),
        BackendChoice::Popcorn(PopcornMode::Affine) => needs(Concession::Leakage),
        BackendChoice::Popcorn(PopcornMode::Paper) => {
            Some("it tells clients enough to extract the model: only by its name".to_owned())
        }
    };
    let (layers, images) = (graph.nodes.len(), way.images as usize);
    unaccepted
        .or_else(|| {
            (wanted.images > images)
                .then(|| format!("the server takes {images} images at once, at most"))
        })
        .or_else(|| {
            (layers > MOST_LAYERS).then(|| {
                format!("{layers} layers are too many to compare ways: name one with --backend")
            })
        })
}

/// Whether activations are tables, which the two-party backend garbles on shares.
fn on_tables(graph: &FixedGraph) -> bool {
    graph.nodes.iter().any(|node| matches!(node.op, FixedOp::Lookup { .. }))
}
