//! Sessions of the popcorn backend, or of the two-party backend on Paillier's encryption, over TCP and TLS.
#![allow(dead_code, clippy::unwrap_used)]

use super::loopback::{Session, WISH, both_over_tls, over_tls};
use sordino::engine::Silent;
use sordino::engine::popcorn::{PopcornCost, PopcornModel, PopcornOffer, PopcornSession, serve};
use sordino::engine::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, SupplyChoice, Truncation, Wish,
};
use sordino::engine::twoparty::{CostModel, ServerModel, Unobserved};
use sordino::graph::fixed::{FixedGraph, FixedModel};
use sordino::wire::{Lane, Meter, Role};

/// The ways to run a network on Paillier's encryption.
pub(crate) fn wishes(bits: PaillierBits) -> [Wish; 3] {
    let wish = Wish { linear: LinearChoice::Paillier(bits), ..WISH };
    [
        Wish { backend: BackendChoice::Popcorn(PopcornMode::Paper), ..wish },
        Wish { backend: BackendChoice::Popcorn(PopcornMode::Affine), ..wish },
        Wish { supply: SupplyChoice::Ferret, ..wish },
    ]
}

/// A wish in words.
pub(crate) fn name(wish: &Wish) -> String {
    let backend = match wish.backend {
        BackendChoice::Popcorn(PopcornMode::Paper) => "paper",
        BackendChoice::Popcorn(PopcornMode::Affine) => "affine",
        _ => "twoparty",
    };
    let bits = match wish.linear {
        LinearChoice::Paillier(PaillierBits::N2048) => "2048",
        LinearChoice::Paillier(PaillierBits::N3072) => "3072",
        _ => "-",
    };
    let truncation = match wish.truncation {
        Truncation::Exact => "exact",
        Truncation::OneLsb => "one-lsb",
    };
    format!("{backend:<9}{bits:<5}{truncation:<8}")
}

/// One session in two threads of this process.
pub(crate) fn session(fixed: &FixedModel, wish: Wish, inputs: &[Vec<u64>]) -> Session {
    let BackendChoice::Popcorn(mode) = wish.backend else {
        return over_tls(&ServerModel::new(fixed.clone()).unwrap(), wish, inputs);
    };
    let model = PopcornModel::new(fixed.clone()).unwrap();
    let serve = |mut lane: Lane| {
        let (card, modes, max_inferences) = (&b""[..], &[mode][..], u64::MAX);
        let offer = PopcornOffer { model: &model, card, modes, max_inferences };
        serve(&mut lane, &offer, &mut Unobserved).unwrap()
    };
    let ((outputs, client), server) = both_over_tls(serve, |lane| {
        let mut client = PopcornSession::connect(lane, wish, |_| Ok(())).unwrap();
        let outputs = inputs.iter().map(|x| client.infer(x, &mut Silent).unwrap()).collect();
        (outputs, client.finish().unwrap())
    });
    Session { outputs, client, server }
}

/// What a party of a session with so many inferences meters.
pub(crate) fn predicted(graph: &FixedGraph, wish: Wish, role: Role, inferences: usize) -> Meter {
    match wish.backend {
        BackendChoice::Popcorn(_) => {
            let mut cost = PopcornCost::new(graph, &wish, role).unwrap();
            (0..inferences).for_each(|_| cost.infer().unwrap());
            cost.meter().clone()
        }
        _ => {
            let mut cost = CostModel::new(graph, &wish.into(), role).unwrap();
            (0..inferences).for_each(|_| cost.infer().unwrap());
            cost.meter().clone()
        }
    }
}
