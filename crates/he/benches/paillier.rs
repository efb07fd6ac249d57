//! CPU time of Paillier's encryption on one thread, and of single layers, beside `fast-paillier` (num-bigint backend).
//!
//! Times are the scheduler's count of this thread where the system has one, so that a busy machine does not change them.
//! Arguments choose sizes of n: `2048`, `3072`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::time::Instant;

use fast_paillier::EncryptionKey;
use fast_paillier::backend::Integer;
use sordino_he::ConvShape;
use sordino_he::paillier::{
    Layout, Linear, Packing, Plaintexts, Pool, PublicKey, SecretKey, Strength,
};
use sordino_secret::SecretRng;

const VALUE_BITS: u32 = 19;
const WEIGHT_BITS: u32 = 4;

fn scheduled() -> Option<f64> {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    Some(text.split(' ').next()?.parse::<f64>().ok()? / 1e6)
}

/// What `work` gives, and its milliseconds.
fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let (wall, start) = (Instant::now(), scheduled());
    let result = work();
    let spent = start.and_then(|start| Some(scheduled()? - start));
    (result, spent.unwrap_or(wall.elapsed().as_secs_f64() * 1e3))
}

fn row(what: &str, count: usize, milliseconds: f64) {
    let each = milliseconds * 1e3 / count as f64;
    println!("  {what:<44} {milliseconds:>10.1} ms {each:>12.1} us each");
}

fn small(count: usize, bits: u32, rng: &mut SecretRng) -> Vec<i64> {
    let mut words = vec![0; count];
    rng.fill_words(&mut words);
    words.iter().map(|word| (*word as i64) >> (64 - bits)).collect()
}

fn filled(key: &SecretKey, count: usize, rng: &mut SecretRng) -> Pool {
    let mut pool = Pool::new(key.public());
    key.fill(&mut pool, count, rng).unwrap();
    pool
}

fn scheme(key: &SecretKey, rng: &mut SecretRng) {
    let (public, count) = (key.public(), 512);
    let (mut pool, time) = timed(|| filled(key, count, rng));
    row("encryptions of zero, owner", count, time);
    let mut server = Pool::new(public);
    let (_, time) = timed(|| server.fill(8, rng));
    row("  tables and 8, public key", 8, time);
    let (_, time) = timed(|| server.fill(count, rng));
    row("encryptions of zero, public key", count, time);
    let values: Vec<i128> = (0..count as i128).map(|i| i * i - 1000).collect();
    let plaintexts = Plaintexts::from_signed(public, &values);
    let (c, time) = timed(|| public.encrypt(&plaintexts, &mut pool).unwrap());
    row("encrypt with a pool", count, time);
    let (bytes, time) = timed(|| c.to_bytes());
    row("write", count, time);
    let (c, time) =
        timed(|| sordino_he::paillier::Ciphertexts::from_bytes(public, &bytes).unwrap());
    row("read and check", count, time);
    let (_, time) = timed(|| c.computed().release(&mut server).unwrap());
    row("re-randomise with a pool", count, time);
    let (_, time) = timed(|| key.decrypt(&c).unwrap());
    row("decrypt", count, time);
    let packing = Packing::new(public.strength(), VALUE_BITS).unwrap();
    let slots = packing.slots();
    let (_, time) = timed(|| packing.join_ciphertexts(slots, &c.computed()).unwrap());
    row(&format!("join into {slots} slots"), count, time);
}

fn layer(
    key: &SecretKey,
    name: &str,
    shape: &ConvShape,
    packed: bool,
    pruned: bool,
    rng: &mut SecretRng,
) {
    let public = key.public();
    let packing = Packing::new(public.strength(), VALUE_BITS).unwrap();
    let layout = if packed { Layout::tiles(shape, &packing) } else { Layout::elements(shape) };
    let layout = layout.unwrap();
    let mut weights: Vec<i32> =
        small(shape.kernel_len(), WEIGHT_BITS, rng).iter().map(|w| *w as i32).collect();
    if pruned {
        weights.iter_mut().step_by(2).for_each(|w| *w = 0);
    }
    let nonzero = weights.iter().filter(|w| **w != 0).count();
    let linear = Linear::new(&layout, &weights).unwrap();
    let x = layout.arrange(&small(shape.input_len(), 8, rng)).unwrap();
    let plaintexts = packing.pack(public, layout.input_slots(), &x).unwrap();
    let mut pool = filled(key, layout.inputs(), rng);
    let c = public.encrypt(&plaintexts, &mut pool).unwrap();
    let cost = linear.cost();
    let (_, time) = timed(|| linear.apply_to_computed(&c.computed()).unwrap());
    println!(
        "  {name:<44} {time:>10.1} ms, {} in, {} out, {nonzero} weights, {} products and {} squares of 8",
        layout.inputs(),
        layout.results(),
        cost.products,
        cost.squares
    );
}

/// One output of a dense layer by `omul` and `oadd`, and what the whole would take.
fn theirs(public: &PublicKey, cin: usize, cout: usize, rng: &mut SecretRng) {
    let n: Vec<u8> = public.modulus().iter().rev().flat_map(|word| word.to_be_bytes()).collect();
    let key = EncryptionKey::from_n(Integer::from_bytes_msf(&n));
    let nonce = Integer::from_bytes_msf(&n[1..]);
    let (c, time) = timed(|| key.encrypt_with(&Integer::one(), &nonce).unwrap());
    row("fast-paillier: encrypt", 1, time);
    let weights = small(cin, WEIGHT_BITS, rng);
    let (_, time) = timed(|| {
        let mut sum = c.clone();
        // It refuses weights of zero.
        for weight in weights.into_iter().filter(|weight| *weight != 0) {
            let magnitude = Integer::from_bytes_msf(&weight.unsigned_abs().to_be_bytes());
            let weight = if weight < 0 { -magnitude } else { magnitude };
            sum = key.oadd(&sum, &key.omul(&weight, &c).unwrap()).unwrap();
        }
        sum
    });
    row(&format!("fast-paillier: dense {cin}->{cout}, from one output"), cout, time * cout as f64);
}

fn run() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    for strength in [Strength::Bits112, Strength::Bits128] {
        if !arguments.is_empty() && !arguments.contains(&strength.bits().to_string()) {
            continue;
        }
        println!(
            "n of {} bits, values of {VALUE_BITS} bits, weights of {WEIGHT_BITS}",
            strength.bits()
        );
        let mut rng = SecretRng::from_seed([1; 32]);
        let (key, time) = timed(|| SecretKey::generate(strength, &mut rng));
        row("generate a key", 1, time);
        scheme(&key, &mut rng);
        let conv = ConvShape {
            cin: 16,
            h: 32,
            w: 32,
            cout: 16,
            kernel: [3, 3],
            pads: [1; 4],
            ..ConvShape::dense(1, 1)
        };
        let (cin, cout) = (256, 64);
        let dense = ConvShape::dense(cin, cout);
        for pruned in [false, true] {
            let share = if pruned { ", half pruned" } else { "" };
            layer(&key, &format!("dense {cin}->{cout}{share}"), &dense, true, pruned, &mut rng);
            let name = format!("32x32 16->16 k3, tiles{share}");
            layer(&key, &name, &conv, true, pruned, &mut rng);
        }
        let small = ConvShape { cin: 4, cout: 4, ..conv };
        layer(&key, "32x32 4->4 k3, elements", &small, false, false, &mut rng);
        theirs(key.public(), cin as usize, cout as usize, &mut rng);
    }
}

fn main() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()
        .unwrap()
        .install(run);
}
