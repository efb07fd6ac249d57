//! Bytes, rounds and processor time of a ReLU with its truncation, transfers and set-up included, and both
//! parties in one process.
//!
//! `cargo bench -p sordino-engine --bench relu`. Anchors, measured on a Zen 4 machine with OpenCheetah
//! (37 bits, exact, silent transfers): 60 bytes, 10.2 us of the server and 7.0 us of the client per ReLU.
#![allow(clippy::unwrap_used)]

use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::twoparty::{ClientSession, Offer, ServerModel, Unobserved, serve};
use sordino_engine::{Silent, run_clear};
use sordino_graph::fixed::*;
use sordino_wire::memory_pair;

const ELEMENTS: u32 = 1 << 20;

/// One layer: `relu(x >> shift)` from one ring to another.
fn relu(ring: u32, shift: u32, to: u32) -> FixedModel {
    let edge = |name: &str, frac: i32, ring: u32| Edge {
        name: name.into(),
        shape: vec![1, ELEMENTS],
        frac,
        divisor: 1,
        ring,
        lo: i64::MIN >> (64 - ring),
        hi: i64::MAX >> (64 - ring),
    };
    let graph = FixedGraph {
        name: "relu".into(),
        edges: vec![edge("x", 8 + shift as i32, ring), edge("y", 8, to)],
        nodes: vec![FixedNode {
            name: "relu".into(),
            op: FixedOp::Activate { shift, function: Function::Relu, flips: None },
            inputs: vec![EdgeId(0)],
            output: EdgeId(1),
        }],
        input: EdgeId(0),
        output: EdgeId(1),
        finish: Finish::None,
    };
    FixedModel { graph, weights: Weights::default() }
}

/// User and system time of this process in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit_once(')').unwrap().1;
    let ticks = |i: usize| fields.split_whitespace().nth(i).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn measure(name: &str, model: &FixedModel, supply: SupplyChoice, truncation: Truncation) {
    let wish = Wish {
        backend: BackendChoice::TwoParty,
        supply,
        reveal: Reveal::Logits,
        truncation,
        linear: LinearChoice::Lattice,
        winograd: true,
    };
    let ring = model.graph.edges[0].ring;
    let words: Vec<u64> = (0..u64::from(ELEMENTS))
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - ring))
        .collect();
    let served = ServerModel::new(model.clone()).unwrap();
    let (ours, mut theirs) = memory_pair();
    let start = cpu();
    let (output, meter) = std::thread::scope(|s| {
        let server = s.spawn(|| serve(&mut theirs, &Offer::new(&served, b""), &mut Unobserved));
        let mut client = ClientSession::connect(ours, wish, None, |_| Ok(())).unwrap();
        let output = client.infer(&words, &mut Silent).unwrap();
        let meter = client.finish().unwrap();
        server.join().unwrap().unwrap();
        (output, meter)
    });
    let spent = cpu() - start;
    let want = run_clear(model, &words).unwrap();
    assert!(output == want || truncation == Truncation::OneLsb);
    let (total, n) = (meter.total(), f64::from(ELEMENTS));
    println!(
        "{name:<32}{:<14}{:>8.1} B{:>6} rounds{:>9.2} us{:>9.0} k per core-second",
        format!("{supply:?}"),
        total.bytes() as f64 / n,
        total.rounds,
        spent / n * 1e6,
        n / spent / 1e3,
    );
}

fn main() {
    println!("{ELEMENTS} ReLUs; times are the sum of both parties'");
    for supply in [SupplyChoice::Ferret, SupplyChoice::SoftSpoken(2)] {
        for (name, ring, shift, to, truncation) in [
            ("37 bits, no shift, exact", 37, 0, 37, Truncation::Exact),
            ("37 >> 12 bits, exact", 37, 12, 25, Truncation::Exact),
            ("37 >> 12 bits, one LSB", 37, 12, 25, Truncation::OneLsb),
            ("26 >> 11, to 26 bits, exact", 26, 11, 26, Truncation::Exact),
            ("26 >> 11, to 26 bits, one LSB", 26, 11, 26, Truncation::OneLsb),
        ] {
            measure(name, &relu(ring, shift, to), supply, truncation);
        }
    }
}
