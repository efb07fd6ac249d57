//! Correlated OTs made and spent per second of one core, for each party, and bits sent per COT.
//!
//! Time is the processor time of the party's own thread where the system tells it (Linux), else wall time; both parties
//! run in this process over memory. `cargo bench -p sordino-ot --bench cot -- 32 Ferret` makes 32 million COTs of the
//! supplies that have "Ferret" in their names.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use sordino_kernels::Block;
use sordino_ot::{
    CotReceiver, CotSender, ReceiverCots, SenderCots, Supply, ideal, one_of_n, ring_cot, triple,
};
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, memory_pair};

/// COTs asked for at a time.
const STEP: usize = 1 << 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let millions = args.iter().find_map(|a| a.parse().ok()).unwrap_or(8usize);
    let names: Vec<&String> = args.iter().filter(|a| a.parse::<usize>().is_err()).collect();
    println!(
        "{:<22}{:>14}{:>14}{:>10}{:>14}{:>22}",
        "", "sender M/s", "receiver M/s", "bits", "set-up bytes", "sender/receiver ms"
    );
    let fields = [1, 2, 3, 4, 8].map(|k| Supply::SoftSpoken { k });
    for supply in fields.into_iter().chain([Supply::Ferret]) {
        if names.iter().all(|n| format!("{supply:?}").contains(*n)) {
            extension(supply, millions);
        }
    }
    spending();
}

/// Makes COTs.
fn extension(supply: Supply, steps: usize) {
    let (mut a, mut b) = memory_pair();
    let ((setup_r, recv, setup, made), (setup_s, send)) = std::thread::scope(|s| {
        let sender = s.spawn(move || {
            let mut cots = None;
            let setup = time(|| cots = CotSender::setup(&mut b, &mut rng(1), supply).ok());
            let mut cots = cots.unwrap();
            let made = time(|| (0..steps).for_each(|_| drop(cots.extend(&mut b, STEP).unwrap())));
            (setup, made)
        });
        let mut cots = None;
        let setup = time(|| cots = CotReceiver::setup(&mut a, &mut rng(2), supply).ok());
        let (mut cots, before) = (cots.unwrap(), bytes(&a));
        let made = time(|| (0..steps).for_each(|_| drop(cots.extend(&mut a, STEP).unwrap())));
        ((setup, made, before, bytes(&a) - before), sender.join().unwrap())
    });
    let n = (steps * STEP) as f64;
    let (send, recv, bits) = (n / send / 1e6, n / recv / 1e6, made as f64 * 8.0 / n);
    println!(
        "{:<22}{send:>14.1}{recv:>14.1}{bits:>10.2}{setup:>14}{:>14.1}{:>8.1}",
        format!("{supply:?}"),
        setup_s * 1e3,
        setup_r * 1e3
    );
}

/// Spends COTs.
fn spending() {
    let ((s, r), corr, choice) = (deal(1), vec![12_345; STEP], Bits::zero(STEP));
    spend(
        "ring_cot 37 bits",
        |lane| {
            let pads = ring_cot::SenderPads::derive(s, 37).unwrap();
            let batch = ring_cot::Corrections { pads, corr: &corr };
            drop(ring_cot::run(lane, vec![batch], Vec::new()).unwrap());
        },
        |lane| {
            let pads = ring_cot::ReceiverPads::derive(r, 37).unwrap();
            let batch = ring_cot::Choices { pads, choice: &choice };
            drop(ring_cot::run(lane, Vec::new(), vec![batch]).unwrap());
        },
    );
    for (radix, msg_bits) in [(3, 2), (4, 2), (4, 4)] {
        let n = STEP / radix as usize;
        let ((mut s, mut r), words, choices) = (deal(1), vec![1; n], vec![5; n]);
        let cots = one_of_n::cots_needed(n, radix);
        let (cots_s, cots_r) = (s.take(cots).unwrap(), r.take(cots).unwrap());
        spend(
            &format!("1 of {} OT, {msg_bits} bits", 1 << radix),
            |lane| {
                let pads = one_of_n::SenderPads::derive(cots_s, radix, msg_bits).unwrap();
                one_of_n::send(lane, vec![one_of_n::Tables { pads, words: &words }]).unwrap();
            },
            |lane| {
                let pads = one_of_n::ReceiverPads::derive(cots_r, radix, msg_bits).unwrap();
                let batch = one_of_n::Choices { pads, choices: &choices };
                drop(one_of_n::recv(lane, vec![batch]).unwrap());
            },
        );
    }
    let ((s, r), (s2, r2)) = (deal(1), deal(2));
    spend(
        "triples, width 2",
        |_| drop(triple::generate(s, r2, 2).unwrap()),
        |_| drop(triple::generate(s2, r, 2).unwrap()),
    );
}

fn deal(seed: u64) -> (SenderCots, ReceiverCots) {
    ideal::dealer(STEP, Block(0x55aa), seed)
}

/// Millions of COTs spent per second by each party.
fn spend(name: &str, send: impl FnOnce(&mut Lane) + Send, recv: impl FnOnce(&mut Lane) + Send) {
    let (mut a, mut b) = memory_pair();
    let (recv, send) = std::thread::scope(|scope| {
        let sender = scope.spawn(move || time(|| send(&mut b)));
        (time(|| recv(&mut a)), sender.join().unwrap())
    });
    let (send, recv) = (STEP as f64 / send / 1e6, STEP as f64 / recv / 1e6);
    println!("{name:<22}{send:>14.1}{recv:>14.1}");
}

fn rng(seed: u8) -> SecretRng {
    SecretRng::from_seed([seed; 32])
}

fn bytes(lane: &Lane) -> u64 {
    let total = lane.meter().total();
    total.up + total.down
}

/// Seconds that `f` takes.
fn time(f: impl FnOnce()) -> f64 {
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    f();
    match (cpu, cpu_seconds()) {
        (Some(before), Some(after)) => after - before,
        _ => wall.elapsed().as_secs_f64(),
    }
}

/// Processor time of this thread.
fn cpu_seconds() -> Option<f64> {
    let stat = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = stat.split(' ').next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}
