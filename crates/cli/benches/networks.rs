//! One line per network: bytes, rounds, CPU seconds of both parties and wall time of one private
//! inference between two parties over TCP and TLS, set-up included.
//!
//! `cargo bench -p sordino --bench networks [-- NAME]`. Needs the data folder. Anchors, measured
//! on a Zen 4 machine with SecretFlow SPU 0.9.5 (Cheetah), both parties: CIFAR-10 ResNet-20 37.5 MB
//! + 22 MB set-up, 25 + 8 CPU-seconds; MiniONN's MNIST CNN 4.1 MB + 22 MB, 1.3 + 8 CPU-seconds.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/loopback.rs"]
mod loopback;

use loopback::{Case, over_tls, prepare};
use sordino::engine::run_clear;
use sordino::engine::session::{BackendChoice, Reveal, SupplyChoice, Wish};
use sordino::engine::twoparty::ServerModel;
use std::time::Instant;

const SUPPLIES: [SupplyChoice; 3] =
    [SupplyChoice::SoftSpoken(4), SupplyChoice::SoftSpoken(8), SupplyChoice::Ferret];

/// User and system time of this process, all threads, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks = |i: usize| after_name.split_whitespace().nth(i).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

fn measure(case: &Case, supply: SupplyChoice) {
    let Some(p) = prepare(case, 1) else { return };
    let wish = Wish { backend: BackendChoice::TwoParty, supply, reveal: Reveal::Logits };
    let (wall, start) = (Instant::now(), cpu());
    let model = ServerModel::new(p.fixed.clone()).unwrap();
    let encoded = cpu() - start;
    let (load_wall, start) = (wall.elapsed(), cpu());
    let got = over_tls(&model, wish, &p.words);
    let (spent, wall) = (cpu() - start, wall.elapsed() - load_wall);
    assert_eq!(got.outputs[0], run_clear(&p.fixed, &p.words[0]).unwrap());
    let total = got.client.total();
    println!(
        "{:<18} {:<14} {:>8.2} MB up {:>8.2} MB down {:>5} rounds {:>7.2} CPU-s (+{encoded:.2} to load) {:>7.2} s",
        case.model,
        format!("{supply:?}"),
        total.up as f64 / 1e6,
        total.down as f64 / 1e6,
        total.rounds,
        spent,
        wall.as_secs_f64(),
    );
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    for case in [loopback::mnist_network_b(), loopback::cifar10_resnet20(), loopback::squeezenet()]
    {
        if wanted.as_ref().is_none_or(|w| case.model.contains(w.as_str())) {
            for supply in SUPPLIES {
                measure(&case, supply);
            }
        }
    }
}
