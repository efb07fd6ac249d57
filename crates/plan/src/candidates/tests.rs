#![allow(clippy::unwrap_used)]

use super::*;
use crate::Profile;
use crate::fixture::{edge, node};
use sordino_engine::session::PopcornMode;
use sordino_graph::fixed::{ConvShape, EdgeId, Finish, FixedGraph, FixedOp, Function, WeightId};

/// A convolution that Winograd makes cheaper, and rectifiers.
fn network() -> FixedGraph {
    let edge = |name, channels, ring| edge(name, &[1, channels, 12, 12], 6, ring);
    let conv = ConvShape {
        cin: 8,
        h: 12,
        w: 12,
        cout: 8,
        kernel: [3, 3],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [1; 4],
        groups: 1,
    };
    let linear =
        FixedOp::Linear { conv, weights: WeightId(0), weight_bits: 8, weight_frac: 6, sums: None };
    let relu = FixedOp::Activate { shift: 6, function: Function::Relu, flips: None };
    FixedGraph {
        name: "small".into(),
        edges: vec![edge("x", 8, 24), edge("y", 8, 24), edge("z", 8, 12)],
        nodes: vec![node("conv", linear, 0, 1), node("relu", relu, 1, 2)],
        input: EdgeId(0),
        output: EdgeId(2),
        finish: Finish::None,
    }
}

fn candidates(wanted: &Wanted) -> Candidates {
    let mut all = Candidates::default();
    let graph = network();
    all.two_party(&graph, wanted, &mut |_, _, _| {});
    all.popcorn(&graph, &PopcornMode::ALL, wanted, &mut |_, _, _| {});
    all
}

#[test]
fn a_candidate_costs_what_its_wish_costs() {
    let all = candidates(&Wanted::default());
    assert!(all.refused.is_empty(), "{:?}", all.refused);
    // Five kinds of linear layers (Winograd or not on transfers; lattice and auto come to the same), five supplies; two
    // keys and two modes; two truncations.
    assert_eq!(all.possible.len(), 2 * (5 * 5 + 2 * 2));
    for (i, c) in all.possible.iter().enumerate() {
        let alone = Forecast::new(&network(), None, c.wish, 1).unwrap();
        assert_eq!(c.plan, alone, "{:?}", c.settings);
        assert_eq!(c.totals, alone.totals());
        let same = |o: &Candidate| (o.backend, &o.settings) == (c.backend, &c.settings);
        assert!(!all.possible[..i].iter().any(same), "{:?}", c.settings);
    }
}

#[test]
fn what_is_asked_for_is_not_left_open() {
    let wanted = Wanted {
        supply: Some(SupplyChoice::Ferret),
        truncation: Some(Truncation::Exact),
        reveal: Reveal::Label,
        ..Wanted::default()
    };
    let all = candidates(&wanted);
    let linear: Vec<_> =
        all.possible.iter().map(|c| (c.settings.linear, c.settings.winograd)).collect();
    let expected = [
        (Some("lattice"), None),
        (Some("ot"), Some(true)),
        (Some("ot"), Some(false)),
        (Some("paillier"), None),
        (Some("paillier-2048"), None),
    ];
    assert_eq!(linear, expected);
    assert!(all.possible.iter().all(|c| c.promise.disclosed.contains("best class")));
    let refused: Vec<_> = all.refused.iter().map(|r| r.backend).collect();
    assert_eq!(refused, ["popcorn", "popcorn-paper"]);
    let alone = Forecast::two_party(&network(), all.possible[0].wish, 1).unwrap();
    assert_eq!(all.possible[0].totals, alone.totals());
}

#[test]
fn the_recommendation_follows_the_objective_and_the_link() {
    let all = candidates(&Wanted::default());
    let profile = Profile::built_in().unwrap();
    let choose = |objective, link: &str, accepted: &[Concession]| {
        let aim = Aim {
            adversary: Adversary::SemiHonest,
            accepted,
            objective,
            link: link.parse().unwrap(),
            profile: &profile,
        };
        let ranking = rank(&all.possible, &aim);
        (all.possible[ranking.recommended.unwrap()].clone(), ranking)
    };
    let (bytes, ranking) = choose(Objective::Bytes, "lan", &[]);
    let sent = |c: &Candidate| c.totals.session().up + c.totals.session().down;
    for c in all.possible.iter().filter(|c| c.concessions.is_empty()) {
        assert!(sent(&bytes) <= sent(c), "{:?}", c.settings);
    }
    // Whatever tempts is smaller and gives something up that can be accepted.
    assert!(!ranking.tempting.is_empty());
    for c in ranking.tempting.iter().map(|i| &all.possible[*i]) {
        assert!(sent(c) <= sent(&bytes) && !c.concessions.is_empty());
        assert!(!c.concessions.contains(&Concession::Extraction));
    }
    let (cpu, _) = choose(Objective::Cpu, "lan", &[]);
    assert_ne!(cpu.settings, bytes.settings);
    let (near, _) = choose(Objective::Latency, "50us,40gbit", &[]);
    let (far, _) = choose(Objective::Latency, "10ms,1mbit", &[]);
    assert!(sent(&far) < sent(&near), "{:?} {:?}", far.settings, near.settings);
    let (rounded, _) = choose(Objective::Bytes, "lan", &[Concession::OneLsb]);
    assert_eq!(rounded.settings.truncation, Some("one-lsb"));
    let (any, _) = choose(Objective::Cpu, "lan", &Concession::ACCEPTABLE);
    assert!(!any.concessions.contains(&Concession::Extraction));
}

#[test]
fn nothing_is_recommended_against_an_adversary_that_nothing_withstands() {
    let all = candidates(&Wanted::default());
    let aim = Aim {
        adversary: Adversary::MaliciousServer,
        accepted: &Concession::ACCEPTABLE,
        objective: Objective::Bytes,
        link: sordino_engine::Network::lan(),
        profile: &Profile::built_in().unwrap(),
    };
    let ranking = rank(&all.possible, &aim);
    assert_eq!((ranking.recommended, ranking.order.len()), (None, all.possible.len()));
    assert!(ranking.tempting.is_empty());
}
