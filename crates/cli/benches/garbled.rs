//! The garbled backend on the evaluation networks of Dash and on CIFAR-10 ResNet-20: table size,
//! CPU seconds of garbling and evaluating, online bytes and wall time over TLS, peak memory.
//!
//! `cargo bench -p sordino --bench garbled [-- NAME]`. Networks A to F have seeded random weights;
//! ResNet-20 needs the data folder. Recorded figures beside ours: online evaluation of Dash on 16
//! threads of a Xeon Gold 5415+ and on an RTX 4090, and of ReDash with its best base.
#![allow(clippy::unwrap_used)]

#[path = "../tests/common/mod.rs"]
mod common;
#[path = "../tests/common/garbled.rs"]
mod garbled;
#[path = "../tests/common/loopback.rs"]
mod loopback;

use garbled::{dash_compat, online, strict, zoo};
use sordino::engine::garbled::Circuit;
use sordino::engine::{Silent, run_clear};
use sordino::graph::fixed::FixedModel;
use sordino::graph::zoo::Network;
use sordino_garble::Tables;
use sordino_kernels::Block;
use sordino_secret::SecretRng;
use std::time::Instant;

/// Dash on CPU, on GPU, and ReDash on CPU: milliseconds of online evaluation, where recorded.
fn recorded(network: &str) -> &'static str {
    match network {
        "A" => "Dash 27 / 10 GPU, ReDash 20",
        "B" => "Dash 132 / 32 GPU, ReDash 76",
        "C" => "Dash 46 / 16 GPU, ReDash 32",
        "D" => "Dash 169 / 42 GPU, ReDash 130",
        "F-small" => "Dash 10263 / 1332 GPU, ReDash 5521",
        "F" => "Dash 23959 / 1443 GPU, ReDash 3630",
        _ => "-",
    }
}

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

fn measure(name: &str, style: &str, fixed: &FixedModel, inputs: &[Vec<u64>]) {
    let circuit = Circuit::new(fixed).unwrap();
    let rows = circuit.rows();
    let mut rng = SecretRng::from_os().unwrap();
    let runs = if rows > 100_000_000 { 2 } else { 3 };
    let mut best = [f64::INFINITY; 4];
    // One allocation, touched before: a server reuses its memory, and the system's zeroing of it
    // is not garbling.
    let mut memory = vec![Block(1); rows as usize];
    peak();
    for (words, _) in inputs.iter().zip(0..runs) {
        let id = rng.block();
        let (wall, start) = (Instant::now(), cpu());
        let (tables, secret) =
            circuit.garble(id, &mut rng, Tables::new(memory), &mut Silent).unwrap();
        let garble = (wall.elapsed().as_secs_f64(), cpu() - start);
        let (labels, decoder) = circuit.encode(secret, words).unwrap();
        let (wall, start) = (Instant::now(), cpu());
        let mut tables = Tables::new(tables.into_rows());
        let output = circuit.evaluate(id, &mut tables, labels, &mut Silent).unwrap();
        let evaluate = (wall.elapsed().as_secs_f64(), cpu() - start);
        memory = tables.into_rows();
        assert_eq!(circuit.decode(decoder, &output).unwrap(), run_clear(fixed, words).unwrap());
        for (b, v) in best.iter_mut().zip([garble.0, garble.1, evaluate.0, evaluate.1]) {
            *b = b.min(v);
        }
    }
    let held = peak();
    drop(memory);
    let online = online(fixed, &inputs[0]);
    let [gw, gc, ew, ec] = best;
    println!(
        "{name:<10} {style:<12} {rows:>11} rows {:>9.2} MB tables | garble {:>8.1} ms {gc:>6.2} CPU-s \
         | evaluate {:>7.1} ms {ec:>5.2} CPU-s | online {:>7} B {} round {:>7.1} ms | {held:>6.0} MB | {}",
        rows as f64 * 16.0 / 1e6,
        gw * 1e3,
        ew * 1e3,
        online.bytes,
        online.rounds,
        online.wall.as_secs_f64() * 1e3,
        recorded(name),
    );
}

fn main() {
    let wanted = std::env::args().skip(1).find(|a| !a.starts_with('-'));
    let skip = |name: &str| wanted.as_ref().is_some_and(|w| w != name);
    println!("best of 3 runs, of 2 above 100 M rows; evaluation is labels in to labels out");
    for network in Network::ALL {
        if !skip(network.name()) {
            let model = zoo(network);
            let p = strict(&model, network, 3);
            measure(network.name(), "strict", &p.fixed, &p.words);
            if network != Network::E100 {
                let p = dash_compat(&model, network, 3);
                measure(network.name(), "dash-compat", &p.fixed, &p.words);
            }
        }
    }
    if !skip("ResNet-20")
        && let Some(p) = loopback::prepare_residues(&loopback::cifar10_resnet20(), 3)
    {
        measure("ResNet-20", "strict", &p.fixed, &p.words);
    }
}
