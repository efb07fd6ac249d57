//! What others take for the same.

use fast_paillier::EncryptionKey;
use fast_paillier::backend::Integer;
use sordino::engine::session::{LinearChoice, PaillierBits, Wish};
use sordino::graph::fixed::{FixedModel, FixedOp};
use sordino::report::cpu_seconds;
use sordino_he::paillier::{SecretKey, Strength};
use sordino_secret::SecretRng;
use std::time::Instant;

/// Recorded figures: wall time and traffic of a private inference between two servers.
fn recorded(model: &str) -> Option<&'static str> {
    match model {
        "mnist_network_b" | "mnist_cnn_cntk" => Some(
            "MNIST CNN: MiniONN 9.32 s, 657.5 MB; Gazelle 1.16 s, 70 MB; XONN 0.15 s, 32 MB; CryptoNets 297.5 s, 372 MB",
        ),
        "cifar10_minionn_relu6" | "cifar10_resnet20" => Some(
            "CIFAR-10, MiniONN's CNN: MiniONN 544 s, 9272 MB; Gazelle 15.5 s, 1236 MB; XONN 5.79 s, 2599 MB",
        ),
        _ => None,
    }
}

/// Non-zero weights times the outputs that each has a part in, and some of them.
fn products(model: &FixedModel) -> (f64, Vec<i32>) {
    let (mut count, mut some) = (0.0, Vec::new());
    for node in &model.graph.nodes {
        let FixedOp::Linear { weights, .. } = node.op else { continue };
        let kernel = &model.weights.layers[weights.0 as usize].kernel;
        let left: Vec<i32> = kernel.iter().copied().filter(|w| *w != 0).collect();
        let outputs = model.graph.edges[node.output.0 as usize].len() as u64;
        count += node.op.macs(outputs) as f64 * left.len() as f64 / kernel.len() as f64;
        some.extend(left.iter().step_by(left.len().div_ceil(SAMPLE).max(1)));
    }
    some.truncate(4 * SAMPLE);
    (count, some)
}

/// Weights of a layer that are timed.
const SAMPLE: usize = 16;

/// CPU seconds of a product and a sum by `fast-paillier`, with weights like these: the least of three passes.
fn each(strength: Strength, weights: &[i32]) -> f64 {
    let key = SecretKey::generate(strength, &mut SecretRng::from_seed([1; 32]));
    let n: Vec<u8> =
        key.public().modulus().iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    let key = EncryptionKey::from_n(Integer::from_bytes_msf(&n));
    let c = key.encrypt_with(&Integer::one(), &Integer::from_bytes_msf(&n[1..])).unwrap();
    let pass = |_| {
        let (wall, start) = (Instant::now(), cpu_seconds());
        let mut sum = c.clone();
        for weight in weights {
            let magnitude = Integer::from_bytes_msf(&weight.unsigned_abs().to_be_bytes());
            let weight = if *weight < 0 { -magnitude } else { magnitude };
            sum = key.oadd(&sum, &key.omul(&weight, &c).unwrap()).unwrap();
        }
        std::hint::black_box(sum);
        let spent = start.and_then(|start| Some(cpu_seconds()? - start));
        // Ticks of a hundredth of a second are coarse.
        spent.filter(|s| *s > 0.2).unwrap_or(wall.elapsed().as_secs_f64())
    };
    (0..3).map(pass).fold(f64::INFINITY, f64::min) / weights.len() as f64
}

/// Prints both.
pub(super) fn beside(model: &str, fixed: &FixedModel, wishes: &[Wish]) {
    let (count, some) = products(fixed);
    for (bits, strength) in
        [(PaillierBits::N2048, Strength::Bits112), (PaillierBits::N3072, Strength::Bits128)]
    {
        if !some.is_empty() && wishes.iter().any(|w| w.linear == LinearChoice::Paillier(bits)) {
            let each = each(strength, &some);
            println!(
                "{:<22} fast-paillier, n of {} bits: {:.1} CPU-s for the linear layers alone, extrapolated from {} products of \
                 {:.0} us to {count:.2e}",
                "",
                strength.bits(),
                each * count,
                some.len(),
                each * 1e6
            );
        }
    }
    if let Some(text) = recorded(model) {
        println!("{:<22} {text}", "");
    }
}
