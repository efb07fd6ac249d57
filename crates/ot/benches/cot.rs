//! Correlated OTs per second of one core, for each party, and bits sent per COT.
//!
//! Time is the processor time of the party's own thread where the system tells it (Linux), else wall time; both parties
//! run in this process over memory. `cargo bench -p sordino-ot --bench cot -- 32 Ferret` makes 32 million COTs of the
//! supplies that have "Ferret" in their names.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use sordino_kernels::Block;
use sordino_ot::{CotReceiver, CotSender, Supply, ideal, ring_cot};
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, memory_pair};

/// COTs asked for at a time.
const STEP: usize = 1 << 20;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let millions = args.iter().find_map(|a| a.parse().ok()).unwrap_or(8usize);
    let names: Vec<&String> = args.iter().filter(|a| a.parse::<usize>().is_err()).collect();
    println!(
        "{:<22}{:>14}{:>14}{:>10}{:>14}",
        "", "sender M/s", "receiver M/s", "bits", "set-up bytes"
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
    let (receiver, sender) = std::thread::scope(|s| {
        let sender = s.spawn(move || {
            let mut s = CotSender::setup(&mut b, &mut rng(1), supply).unwrap();
            time(|| (0..steps).for_each(|_| drop(s.extend(&mut b, STEP).unwrap())))
        });
        let mut r = CotReceiver::setup(&mut a, &mut rng(2), supply).unwrap();
        let setup = bytes(&a);
        let time = time(|| (0..steps).for_each(|_| drop(r.extend(&mut a, STEP).unwrap())));
        ((time, setup, bytes(&a) - setup), sender.join().unwrap())
    });
    let (receiver, setup, made) = receiver;
    let n = (steps * STEP) as f64;
    let (send, recv, bits) = (n / sender / 1e6, n / receiver / 1e6, made as f64 * 8.0 / n);
    println!("{:<22}{send:>14.1}{recv:>14.1}{bits:>10.2}{setup:>14}", format!("{supply:?}"));
}

/// Spends COTs on products of a bit and a ring element.
fn spending() {
    let (s, r) = ideal::dealer(STEP, Block(0x55aa), 3);
    let (mut a, mut b) = memory_pair();
    let (recv, send) = std::thread::scope(|scope| {
        let sender = scope.spawn(move || {
            let corr = vec![12_345; STEP];
            time(|| drop(ring_cot::send(&mut b, s, &corr, 37).unwrap()))
        });
        let choice = Bits::zero(STEP);
        let time = time(|| drop(ring_cot::recv(&mut a, r, &choice, 37).unwrap()));
        (time, sender.join().unwrap())
    });
    let (send, recv) = (STEP as f64 / send / 1e6, STEP as f64 / recv / 1e6);
    println!("{:<22}{send:>14.1}{recv:>14.1}", "ring_cot 37 bits");
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
