//! One suite over every private backend: the revealed output equals the reference, bit for bit,
//! and each layer sends exactly what was predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixtures::{fixtures, integers, operators, words};
use common::{Builder, Kind, Report, WISH, inputs, mix, run};
use proptest::prelude::*;
use sordino_engine::session::{LinearChoice, PaillierBits, Reveal, SupplyChoice, Wish};
use sordino_engine::{Error, run_clear};
use sordino_graph::fixed::*;
use sordino_wire::{Role, memory_pair};

fn conforms(kind: Kind, model: &FixedModel, wish: Wish, seeds: &[u64]) -> Report {
    let deployed = kind.deploy(model, wish).unwrap();
    let inputs = inputs(model, seeds);
    let (report, server) = run(&*deployed, &inputs, memory_pair()).unwrap();
    for (x, y) in inputs.iter().zip(&report.outputs) {
        assert_eq!(*y, deployed.reference(x));
    }
    for (meter, role) in [(&report.meter, Role::Client), (&server, Role::Server)] {
        assert_eq!(*meter.counts(), deployed.predicted(role, seeds.len()), "{role:?}");
    }
    report
}

/// Every entry point refuses the model for the layer of this operator, and says what to do.
fn refuses(kind: Kind, model: &FixedModel, op: &str) {
    for refusal in kind.refusals(model) {
        let Some(Error::Unsupported { node, op: named, why, hint }) = refusal else {
            panic!("{kind:?} does not refuse {op}: {refusal:?}");
        };
        assert!(model.graph.nodes.iter().any(|n| n.name == node && n.op.name() == op));
        assert!(named == op && !why.is_empty() && !hint.is_empty(), "{named}: {why}; {hint}");
    }
}

fn every_fixture(kind: Kind, wish: Wish) {
    for (i, fixture) in fixtures().into_iter().enumerate() {
        println!("{}", fixture.name);
        if fixture.backends.contains(&kind) {
            let report = conforms(kind, &fixture.model, wish, &[i as u64, 7, 8]);
            let output = fixture.model.graph.output.0 as usize;
            let scores = 3 * fixture.model.graph.edges[output].len() as u64;
            assert_eq!(report.disclosed, [("the output scores, to the data owner", scores)]);
        } else {
            let refused = kind.refusals(&fixture.model).iter().all(Option::is_some);
            assert!(refused || kind.never_wraps() && fixture.wraps, "{}", fixture.name);
        }
    }
}

#[test]
fn fixtures_twoparty() {
    every_fixture(Kind::TwoParty, WISH);
}

#[test]
fn fixtures_twoparty_on_transfers_alone() {
    let wish = Wish { linear: LinearChoice::Transfer, ..WISH };
    every_fixture(Kind::TwoParty, wish);
    conforms(Kind::TwoParty, &words(), Wish { supply: SupplyChoice::Ferret, ..wish }, &[6]);
}

#[test]
fn fixtures_twoparty_by_the_cheaper_way() {
    every_fixture(Kind::TwoParty, Wish { linear: LinearChoice::Cheapest, ..WISH });
}

/// Keys of 2048 bits are made faster; those of 3072 take the same code.
#[test]
fn fixtures_twoparty_on_paillier() {
    let linear = LinearChoice::Paillier(PaillierBits::N2048);
    every_fixture(Kind::TwoParty, Wish { linear, ..WISH });
    let linear = LinearChoice::Paillier(PaillierBits::N3072);
    conforms(Kind::TwoParty, &words(), Wish { linear, ..WISH }, &[6]);
}

#[test]
fn fixtures_garbled() {
    every_fixture(Kind::Garbled, Kind::Garbled.wish());
}

#[test]
fn fixtures_popcorn() {
    every_fixture(Kind::Popcorn, Kind::Popcorn.wish());
    let linear = LinearChoice::Paillier(PaillierBits::N3072);
    conforms(Kind::Popcorn, &integers(), Wish { linear, ..Kind::Popcorn.wish() }, &[6]);
}

#[test]
fn fixtures_popcorn_as_published() {
    every_fixture(Kind::PopcornPaper, Kind::PopcornPaper.wish());
}

/// What a backend does not compute. A new operator has to be decided here.
fn unsupported(kind: Kind, model: &FixedModel) -> bool {
    if kind.never_wraps() {
        return matches!(
            model.graph.nodes[0].op,
            FixedOp::Mul | FixedOp::ArgMax | FixedOp::Lookup { .. } | FixedOp::Rescale { .. }
        );
    }
    let garbled = match &model.graph.nodes[0].op {
        FixedOp::Activate { shift: 0, function: Function::Identity, .. } => return false,
        // Tables on shares need rings of 40 bits more than the values.
        FixedOp::Lookup { .. } => return kind == Kind::TwoParty && model.graph.edges[0].ring < 50,
        FixedOp::Rescale { function, .. } => {
            return kind == Kind::TwoParty || matches!(function, Function::ReluMax { .. });
        }
        FixedOp::Activate { .. } | FixedOp::Mul | FixedOp::ArgMax => true,
        FixedOp::Linear { .. }
        | FixedOp::AddConst { .. }
        | FixedOp::SumPool(_)
        | FixedOp::MaxPool(_)
        | FixedOp::Add { .. }
        | FixedOp::Concat { .. }
        | FixedOp::Rearrange(_) => false,
    };
    kind == Kind::Garbled && garbled
}

#[test]
fn every_operator_is_run_or_refused() {
    let models = operators();
    let mut names: Vec<_> = models.iter().map(|m| m.graph.nodes[0].op.name()).collect();
    names.dedup();
    assert_eq!(names.len(), 17, "{names:?}");
    for model in &models {
        let op = &model.graph.nodes[0].op;
        for kind in Kind::ALL {
            println!("{kind:?} {op:?}");
            if unsupported(kind, model) {
                refuses(kind, model, op.name());
                // It is the backend that cannot, not the model.
                run_clear(model, &inputs(model, &[1])[0]).unwrap();
            } else {
                conforms(kind, model, kind.wish(), &[1]);
            }
        }
    }
}

#[test]
fn a_label_only() {
    let wish = Wish { reveal: Reveal::Label, ..WISH };
    let got = conforms(Kind::TwoParty, &words(), wish, &[4, 5]);
    assert_eq!(got.disclosed, [("the index of the best class, to the data owner", 2)]);
}

#[test]
fn every_supply() {
    let soft_spoken = [1, 2, 8].map(SupplyChoice::SoftSpoken);
    for supply in soft_spoken.into_iter().chain([SupplyChoice::Ferret]) {
        conforms(Kind::TwoParty, &words(), Wish { supply, ..WISH }, &[6]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Every function, shift and pair of rings, over values of the whole ring.
    #[test]
    fn activations(ring in 3u32..=64, shift in 0u32..40, to in 2u32..=64, which in 0usize..3, seed: u64) {
        let shift = shift.min(ring - 2);
        let top = (ring - shift - 1).min(to - 1);
        let hi = (mix(seed, 0) >> 2) as i64 & ((1 << top) - 1) | 1;
        let f = [Function::Identity, Function::Relu, Function::ReluMax { hi }][which];
        let mut b = Builder::new(&[1, 70], ring, seed);
        b.activate(EdgeId(0), shift, f, to);
        conforms(Kind::TwoParty, &b.done(), WISH, &[seed]);
    }

    /// Secret signs per element and per channel, over values of the whole ring.
    #[test]
    fn gates(ring in 3u32..=64, shift in 0u32..40, to in 2u32..=64, per_element: bool, seed: u64) {
        let shift = shift.min(ring - 2);
        let mut b = Builder::new(&[1, 7, 2, 5], ring, seed);
        b.gate(EdgeId(0), shift, if per_element { 70 } else { 7 }, to);
        let model = b.done();
        conforms(Kind::TwoParty, &model, WISH, &[seed]);
        refuses(Kind::Garbled, &model, "Activate");
    }
}
