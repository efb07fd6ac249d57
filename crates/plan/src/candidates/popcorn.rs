use super::{Adversary, Candidate, Candidates, Concession, OnCandidate, Settings, Wanted};
use crate::{Forecast, Promise};
use sordino_engine::popcorn::PopcornBackend;
use sordino_engine::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::{Backend, Error};
use sordino_graph::fixed::FixedGraph;

const KEYS: [PaillierBits; 2] = [PaillierBits::N3072, PaillierBits::N2048];

impl Candidates {
    /// Adds every way in which the popcorn backend runs a graph in these modes.
    pub fn popcorn(
        &mut self,
        graph: &FixedGraph,
        modes: &[PopcornMode],
        wanted: &Wanted,
        progress: &mut OnCandidate<'_>,
    ) {
        let keys: Vec<_> = KEYS.into_iter().map(LinearChoice::Paillier).collect();
        let truncations = wanted.truncations();
        for (m, &mode) in modes.iter().enumerate() {
            let backend = PopcornBackend(mode).name();
            if let Some(why) = beyond(wanted) {
                self.refuse(backend, String::new(), why);
                continue;
            }
            let of = keys.len() * truncations.len();
            let mut done = m * of;
            for linear in keys.iter().filter(|key| wanted.allows(**key)) {
                for &truncation in &truncations {
                    let wish = Wish {
                        backend: BackendChoice::Popcorn(mode),
                        supply: SupplyChoice::Ferret,
                        reveal: wanted.reveal,
                        truncation,
                        linear: *linear,
                        winograd: true,
                    };
                    progress(done, modes.len() * of, &Settings::of(&wish).describe());
                    done += 1;
                    match candidate(graph, wish, mode) {
                        Ok(candidate) => self.possible.push(candidate),
                        Err(why) => {
                            self.refuse(backend, Settings::of(&wish).describe(), why);
                        }
                    }
                }
            }
        }
    }
}

/// Why nothing that is wanted can be had.
fn beyond(wanted: &Wanted) -> Option<&'static str> {
    if wanted.images > 1 {
        return Some("several images run one after the other, not as a batch");
    }
    if wanted.reveal == Reveal::Label {
        return Some(
            "the data owner decodes the scores itself: the best class alone cannot be revealed",
        );
    }
    match wanted.linear {
        None | Some(LinearChoice::Paillier(_)) => None,
        Some(_) => Some("it runs on Paillier's encryption alone"),
    }
}

fn candidate(graph: &FixedGraph, wish: Wish, mode: PopcornMode) -> Result<Candidate, Error> {
    let plan = Forecast::popcorn(graph, wish)?;
    let weak = wish.linear == LinearChoice::Paillier(PaillierBits::N2048);
    let mut concessions = vec![match mode {
        PopcornMode::Affine => Concession::Leakage,
        PopcornMode::Paper => Concession::Extraction,
    }];
    concessions.extend((wish.truncation == Truncation::OneLsb).then_some(Concession::OneLsb));
    concessions.extend(weak.then_some(Concession::Bits112));
    Ok(Candidate {
        backend: PopcornBackend(mode).name(),
        settings: Settings::of(&wish),
        wish,
        withstands: Adversary::SemiHonest,
        security_bits: if weak { 112 } else { 128 },
        concessions,
        promise: Promise::new(&PopcornBackend(mode), wish.reveal),
        totals: plan.totals(),
        prepared: None,
        plan,
    })
}
