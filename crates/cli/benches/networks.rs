//! Per network and supply: bytes, rounds, CPU seconds of both parties, wall time and peak memory
//! of one private inference between two parties over TCP and TLS, set-up included.
//!
//! ```text
//! cargo bench -p sordino --bench networks -- [NAME] [--all] [--supply SUPPLY]...
//! ```
//!
//! Networks whose name contains NAME; without a name the small ones, or `--all`. SUPPLY is
//! `softspoken-1`, `-2`, `-4`, `-8` or `ferret`. Needs the data folder; the classifiers of the
//! zoo have seeded random weights. Anchors, measured on a Zen 4 machine with SecretFlow SPU 0.9.5
//! (Cheetah), both parties: CIFAR-10 ResNet-20 37.5 MB + 22 MB set-up, 25 + 8 CPU-seconds;
//! MiniONN's MNIST CNN 4.1 MB + 22 MB, 1.3 + 8 CPU-seconds.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/loopback.rs"]
mod loopback;

use loopback::{Case, Prepared, over_tls, prepare};
use sordino::engine::run_clear;
use sordino::engine::session::{SupplyChoice, Wish};
use sordino::engine::twoparty::ServerModel;
use sordino::graph::fixed::{FixedGraph, FixedOp};
use sordino::graph::zoo::ImageNet;
use sordino::wire::{Meter, Phase};
use std::time::Instant;

/// Unless told otherwise: the fewest bytes, and the least time.
const SUPPLIES: [SupplyChoice; 2] = [SupplyChoice::Ferret, SupplyChoice::SoftSpoken(2)];

/// User and system time of this process, all threads, in seconds.
fn cpu() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let after_name = stat.rsplit_once(')').unwrap().1;
    let ticks = |i: usize| after_name.split_whitespace().nth(i).unwrap().parse::<f64>().unwrap();
    (ticks(11) + ticks(12)) / 100.0
}

/// The most memory held since the last call, in MB; 0 where the system does not say.
fn peak() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|l| l.strip_prefix("VmHWM:"));
    let kib = line.and_then(|l| l.trim().strip_suffix("kB")?.trim().parse::<f64>().ok());
    // Starts counting anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap_or_default();
    kib.unwrap_or(0.0) * 1024.0 / 1e6
}

/// Megabytes of set-up, and of linear layers, activations, pools and the rest with the transfers
/// that they draw.
fn by_kind(graph: &FixedGraph, meter: &Meter) -> [(&'static str, f64); 5] {
    let mut bytes =
        [("set-up", 0.0), ("linear", 0.0), ("activate", 0.0), ("pool", 0.0), ("rest", 0.0)];
    for ((phase, layer), count) in meter.counts() {
        let op = layer.and_then(|l| graph.nodes.get(l as usize)).map(|n| &n.op);
        let kind = match (phase, op) {
            (Phase::Setup, _) => 0,
            (_, Some(FixedOp::Linear { .. })) => 1,
            (_, Some(FixedOp::Activate { .. })) => 2,
            (_, Some(FixedOp::MaxPool(_))) => 3,
            _ => 4,
        };
        bytes[kind].1 += count.bytes() as f64 / 1e6;
    }
    bytes
}

fn measure(case: &Case, p: &Prepared, supply: SupplyChoice) {
    let wish = Wish { supply, ..loopback::WISH };
    peak();
    let (wall, start) = (Instant::now(), cpu());
    let model = ServerModel::new(p.fixed.clone()).unwrap();
    let encoded = cpu() - start;
    let (load_wall, start) = (wall.elapsed(), cpu());
    let got = over_tls(&model, wish, &p.words);
    let (spent, wall, held) = (cpu() - start, wall.elapsed() - load_wall, peak());
    assert_eq!(got.outputs[0], run_clear(&p.fixed, &p.words[0]).unwrap());
    let total = got.client.total();
    println!(
        "{:<20} {:<14} {:>8.2} MB up {:>8.2} MB down {:>5} rounds {:>7.2} CPU-s (+{encoded:.2} to load) {:>7.2} s {held:>6.0} MB held",
        case.model,
        format!("{supply:?}"),
        total.up as f64 / 1e6,
        total.down as f64 / 1e6,
        total.rounds,
        spent,
        wall.as_secs_f64(),
    );
    let offline = got.client.phase_total(Phase::Offline);
    let kinds = by_kind(&p.fixed.graph, &got.client);
    let kinds: Vec<String> = kinds.iter().map(|(kind, mb)| format!("{kind} {mb:.2}")).collect();
    println!(
        "{:<20} MB: {}; of these {:.2} offline, in {} rounds",
        "",
        kinds.join(", "),
        offline.bytes() as f64 / 1e6,
        offline.rounds
    );
}

struct Wanted {
    name: Option<String>,
    all: bool,
    supplies: Vec<SupplyChoice>,
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted { name: None, all: false, supplies: Vec::new() };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo says so to every bench.
            "--bench" => {}
            "--all" => wanted.all = true,
            "--supply" => wanted.supplies.push(supply(&arguments.next().unwrap_or_default())?),
            name if !name.starts_with('-') => wanted.name = Some(name.to_owned()),
            other => return Err(format!("unknown option {other}")),
        }
    }
    if wanted.supplies.is_empty() {
        wanted.supplies = SUPPLIES.into();
    }
    Ok(wanted)
}

fn supply(text: &str) -> Result<SupplyChoice, String> {
    match text {
        "ferret" => Ok(SupplyChoice::Ferret),
        "softspoken-1" => Ok(SupplyChoice::SoftSpoken(1)),
        "softspoken-2" => Ok(SupplyChoice::SoftSpoken(2)),
        "softspoken-4" => Ok(SupplyChoice::SoftSpoken(4)),
        "softspoken-8" => Ok(SupplyChoice::SoftSpoken(8)),
        other => Err(format!("unknown supply '{other}'")),
    }
}

fn main() {
    let wanted = wanted().unwrap_or_else(|why| {
        eprintln!("{why}");
        std::process::exit(2)
    });
    let light = [loopback::mnist_network_b(), loopback::cifar10_resnet20(), loopback::squeezenet()];
    let heavy = ImageNet::ALL.map(loopback::imagenet);
    let light = light.iter().map(|case| (case, true));
    for (case, light) in light.chain(heavy.iter().map(|case| (case, false))) {
        let named = wanted.name.as_ref().map(|w| case.model.contains(w.as_str()));
        if !named.unwrap_or(light || wanted.all) {
            continue;
        }
        let Some(p) = prepare(case, 1) else { continue };
        for &supply in &wanted.supplies {
            measure(case, &p, supply);
        }
    }
}
