//! Per network, supply and truncation: bytes, rounds, CPU seconds of both parties, wall time and peak memory of one
//! private inference between two parties over TCP and TLS, set-up included; then the same with everything that
//! does not need the input prepared before.
//!
//! ```text
//! cargo bench -p sordino --bench networks -- [NAME] [--all] [--supply SUPPLY]... [--truncation exact|one-lsb]...
//!                                            [--linear lattice|ot|auto|paillier|paillier-2048]... [--no-winograd] [--prepared] [--forecast]
//!                                            [--batch N]
//! ```
//!
//! Networks whose name contains NAME; without a name the small ones, or `--all`. SUPPLY is
//! `softspoken-1`, `-2`, `-4`, `-8` or `ferret`. `--prepared` adds the two phases apart, `--forecast` only says what
//! would be sent. `--no-winograd` keeps Winograd's transforms out of layers on transfers. `--batch` runs so many images at once,
//! and adds what each of them takes, set-up left out. Needs the data folder; the classifiers of the zoo have seeded random weights.
//!
//! Anchors, measured on a Zen 4 machine. OpenCheetah (37 bits, exact): SqueezeNet 550 MB, 100 CPU-seconds, 928 rounds;
//! ResNet-50 2.62 GB, 350, 1258; DenseNet-121 3.2 GB, 410, 2870. SecretFlow SPU 0.9.5 (Cheetah): CIFAR-10 ResNet-20
//! 37.5 MB + 22 MB set-up, 25 + 8; MiniONN's MNIST CNN 4.1 MB + 22 MB, 1.3 + 8.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/loopback.rs"]
mod loopback;

use loopback::{Case, Prepared, Stores, batch_over_tls, prepare, session_over_tls};
use sordino::engine::session::{LinearChoice, PaillierBits, SupplyChoice, Truncation, Wish};
use sordino::engine::twoparty::{CostModel, ServerModel};
use sordino::engine::{Silent, run_clear};
use sordino::graph::fixed::{FixedGraph, FixedOp};
use sordino::graph::zoo::ImageNet;
use sordino::store::Store;
use sordino::wire::{Count, Meter, Phase, Role};
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

fn name(case: &Case, wish: Wish) -> String {
    let truncation = match wish.truncation {
        Truncation::Exact => "exact",
        Truncation::OneLsb => "one-lsb",
    };
    let linear = match (wish.linear, wish.winograd) {
        (LinearChoice::Lattice, _) => "lattice",
        (LinearChoice::Transfer, true) => "ot",
        (LinearChoice::Transfer, false) => "ot, direct",
        (LinearChoice::Paillier(PaillierBits::N2048), _) => "paillier-2048",
        (LinearChoice::Paillier(PaillierBits::N3072), _) => "paillier",
        (LinearChoice::Cheapest, true) => "auto",
        (LinearChoice::Cheapest, false) => "auto, direct",
    };
    format!("{:<20} {:<14} {truncation:<8}{linear:<12}", case.model, format!("{:?}", wish.supply))
}

fn traffic(count: &Count) -> String {
    let [up, down] = [count.up, count.down].map(|bytes| bytes as f64 / 1e6);
    format!("{up:>8.2} MB up {down:>8.2} MB down {:>5} rounds", count.rounds)
}

fn kinds(p: &Prepared, meter: &Meter) {
    let offline = meter.phase_total(Phase::Offline);
    let kinds = by_kind(&p.fixed.graph, meter);
    let kinds: Vec<String> = kinds.iter().map(|(kind, mb)| format!("{kind} {mb:.2}")).collect();
    println!(
        "{:<20} MB: {}; of these {:.2} offline, in {} rounds",
        "",
        kinds.join(", "),
        offline.bytes() as f64 / 1e6,
        offline.rounds
    );
}

/// What each image of a batch takes, without set-up.
fn each(meter: &Meter, batch: usize, cpu: Option<f64>) {
    if batch == 1 {
        return;
    }
    let [off, on] = [Phase::Offline, Phase::Online].map(|phase| meter.phase_total(phase));
    let n = batch as f64;
    let cpu = cpu.map(|s| format!(", {:.2} CPU-s with set-up", s / n)).unwrap_or_default();
    println!(
        "{:<20} each of {batch}: {:.3} MB, {:.1} rounds{cpu}",
        "",
        (off.bytes() + on.bytes()) as f64 / 1e6 / n,
        (off.rounds + on.rounds) as f64 / n
    );
}

fn forecast(case: &Case, p: &Prepared, wish: Wish, batch: usize) {
    let mut cost = CostModel::new(&p.fixed.graph, &wish.into(), Role::Client).unwrap();
    cost.infer_batch(batch).unwrap();
    println!("{} {}", name(case, wish), traffic(&cost.meter().total()));
    kinds(p, cost.meter());
    each(cost.meter(), batch, None);
}

fn measure(case: &Case, p: &Prepared, wish: Wish) {
    peak();
    let (wall, start) = (Instant::now(), cpu());
    let model = ServerModel::new(p.fixed.clone()).unwrap();
    let encoded = cpu() - start;
    let (load_wall, start) = (wall.elapsed(), cpu());
    let got = batch_over_tls(&model, wish, &p.words);
    let (spent, wall, held) = (cpu() - start, wall.elapsed() - load_wall, peak());
    // One-LSB truncation has its own tests; here it is seen not to go astray.
    for (x, y) in p.words.iter().zip(&got.outputs) {
        assert!(*y == run_clear(&p.fixed, x).unwrap() || wish.truncation == Truncation::OneLsb);
    }
    println!(
        "{} {} {spent:>7.2} CPU-s (+{encoded:.2} to load) {:>7.2} s {held:>6.0} MB held",
        name(case, wish),
        traffic(&got.client.total()),
        wall.as_secs_f64(),
    );
    kinds(p, &got.client);
    each(&got.client, p.words.len(), Some(spent));
}

/// The two phases of an inference apart.
fn measure_prepared(case: &Case, p: &Prepared, wish: Wish) {
    let dir = tempfile::tempdir().unwrap();
    let open = |name| Store::open(&dir.path().join(name)).unwrap();
    let stores = Stores { client: open("client"), server: open("server") };
    let model = ServerModel::new(p.fixed.clone()).unwrap();
    session_over_tls(&model, wish, Some(&stores), |mut client| {
        let start = cpu();
        client.prepare_batch(p.words.len(), &mut Silent).unwrap();
        let prepared = client.meter().clone();
        println!(
            "{} {} {:>7.2} CPU-s to prepare",
            name(case, wish),
            traffic(&prepared.total()),
            cpu() - start
        );
        client.finish().unwrap();
    });
    let stored = stores.client.list().unwrap()[0].bytes + stores.server.list().unwrap()[0].bytes;
    let (wall, start) = (Instant::now(), cpu());
    session_over_tls(&model, wish, Some(&stores), |mut client| {
        let outputs = client.infer_batch(&p.words, &mut Silent).unwrap();
        let want = run_clear(&p.fixed, &p.words[0]).unwrap();
        assert!(outputs[0] == want || wish.truncation == Truncation::OneLsb);
        let total = client.meter().total();
        println!(
            "{} {} {:>7.2} CPU-s online {:>7.2} s; {:.0} MB were stored",
            name(case, wish),
            traffic(&total),
            cpu() - start,
            wall.elapsed().as_secs_f64(),
            stored as f64 / 1e6
        );
        client.finish().unwrap();
    });
}

struct Wanted {
    name: Option<String>,
    all: bool,
    prepared: bool,
    forecast: bool,
    batch: usize,
    supplies: Vec<SupplyChoice>,
    truncations: Vec<Truncation>,
    linear: Vec<LinearChoice>,
    winograd: bool,
}

impl Wanted {
    fn wishes(&self) -> impl Iterator<Item = Wish> {
        self.supplies.iter().flat_map(move |&supply| {
            self.truncations.iter().flat_map(move |&truncation| {
                let wish = Wish { supply, truncation, winograd: self.winograd, ..loopback::WISH };
                self.linear.iter().map(move |&linear| Wish { linear, ..wish })
            })
        })
    }
}

fn wanted() -> Result<Wanted, String> {
    let mut wanted = Wanted {
        name: None,
        all: false,
        prepared: false,
        forecast: false,
        batch: 1,
        supplies: Vec::new(),
        truncations: Vec::new(),
        linear: Vec::new(),
        winograd: true,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        match argument.as_str() {
            // Cargo says so to every bench.
            "--bench" => {}
            "--all" => wanted.all = true,
            "--prepared" => wanted.prepared = true,
            "--forecast" => wanted.forecast = true,
            "--batch" => {
                let number = arguments.next().and_then(|n| n.parse().ok()).filter(|n| *n > 0);
                wanted.batch = number.ok_or("--batch needs a number of images")?;
            }
            "--supply" => wanted.supplies.push(supply(&arguments.next().unwrap_or_default())?),
            "--truncation" => {
                wanted.truncations.push(match arguments.next().as_deref() {
                    Some("exact") => Truncation::Exact,
                    Some("one-lsb") => Truncation::OneLsb,
                    other => return Err(format!("unknown truncation {other:?}")),
                });
            }
            "--no-winograd" => wanted.winograd = false,
            "--linear" => {
                wanted.linear.push(match arguments.next().as_deref() {
                    Some("lattice") => LinearChoice::Lattice,
                    Some("ot") => LinearChoice::Transfer,
                    Some("auto") => LinearChoice::Cheapest,
                    Some("paillier") => LinearChoice::Paillier(PaillierBits::N3072),
                    Some("paillier-2048") => LinearChoice::Paillier(PaillierBits::N2048),
                    other => return Err(format!("unknown kind of linear layers {other:?}")),
                });
            }
            name if !name.starts_with('-') => wanted.name = Some(name.to_owned()),
            other => return Err(format!("unknown option {other}")),
        }
    }
    if wanted.supplies.is_empty() {
        wanted.supplies = SUPPLIES.into();
    }
    if wanted.truncations.is_empty() {
        wanted.truncations.push(Truncation::Exact);
    }
    if wanted.linear.is_empty() {
        wanted.linear.push(LinearChoice::Lattice);
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
        let Some(p) = prepare(case, wanted.batch) else { continue };
        for wish in wanted.wishes() {
            if wanted.forecast {
                forecast(case, &p, wish, wanted.batch);
                continue;
            }
            measure(case, &p, wish);
            if wanted.prepared {
                measure_prepared(case, &p, wish);
            }
        }
    }
}
