//! What transfers cost: processor time of each party, and bits sent per COT.
//!
//! Time is the processor time of the party's own thread where the system tells it (Linux), else wall time; both parties run in this process over memory. `cargo bench -p sordino-ot --bench cot -- 32 Ferret` makes 32
//! million COTs a run of the supplies that have "Ferret" in their names.
#![allow(clippy::unwrap_used)]

use std::time::Instant;

use sordino_kernels::Block;
use sordino_ot::one_of_n::{self, cots_needed};
use sordino_ot::{CotReceiver, CotSender, Supply, ideal, ring_cot, triple};
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, memory_pair};

/// COTs asked for at a time.
const STEP: usize = 1 << 20;
/// Runs of which the best counts.
const RUNS: usize = 5;
/// Instances spent at a time; the system counts a thread's time in ticks of milliseconds.
const SPENT: usize = 1 << 19;
/// Bits, digits and merges of the comparison that is added up.
const COMPARED: usize = 26;

/// Nanoseconds per unit of the sender and the receiver, or of both parties alike.
type Cost = [f64; 2];

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with('-')).collect();
    let millions = args.iter().find_map(|a| a.parse().ok()).unwrap_or(8usize);
    let names: Vec<&String> = args.iter().filter(|a| a.parse::<usize>().is_err()).collect();
    println!(
        "{:<22}{:>14}{:>14}{:>10}{:>14}",
        "making COTs", "sender M/s", "receiver M/s", "bits", "set-up bytes"
    );
    let mut made = Vec::new();
    let fields = [1, 2, 3, 4, 8].map(|k| Supply::SoftSpoken { k });
    for supply in fields.into_iter().chain([Supply::Ferret]) {
        if names.iter().all(|n| format!("{supply:?}").contains(*n)) {
            made.push((supply, extension(supply, millions)));
        }
    }
    println!("\n{:<22}{:>14}{:>14}", "spending", "sender ns", "receiver ns");
    let radix3 = leaf(3);
    let radix4 = leaf(4);
    let merge = merge();
    ring();
    println!("\ncomparison of {COMPARED} bits, ns of both parties: making COTs, all");
    for (supply, made) in made {
        for (radix, leaf) in [(3, radix3), (4, radix4)] {
            let digits = COMPARED.div_ceil(radix);
            let both = |c: Cost| c[0] + c[1];
            let cots = COMPARED + 2 * (digits - 1);
            let making = cots as f64 * both(made);
            let spending = digits as f64 * both(leaf) + (digits - 1) as f64 * both(merge);
            println!("{supply:?}, radix {radix}: {making:.0}, {:.0}", making + spending);
        }
    }
}

/// Makes COTs.
fn extension(supply: Supply, steps: usize) -> Cost {
    let (mut a, mut b) = memory_pair();
    let ((recv, setup, bits), send) = std::thread::scope(|s| {
        let sender = s.spawn(move || {
            let mut cots = CotSender::setup(&mut b, &mut rng(1), supply).unwrap();
            best(|| (0..steps).for_each(|_| drop(cots.extend(&mut b, STEP).unwrap())))
        });
        let mut cots = CotReceiver::setup(&mut a, &mut rng(2), supply).unwrap();
        let before = bytes(&a);
        let made = best(|| (0..steps).for_each(|_| drop(cots.extend(&mut a, STEP).unwrap())));
        let bits = (bytes(&a) - before) as f64 * 8.0 / (RUNS * steps * STEP) as f64;
        ((made, before, bits), sender.join().unwrap())
    });
    let each = 1e9 / (steps * STEP) as f64;
    let (send, recv) = (send * each, recv * each);
    println!(
        "{:<22}{:>14.1}{:>14.1}{bits:>10.2}{setup:>14}",
        format!("{supply:?}"),
        1e3 / send,
        1e3 / recv
    );
    [send, recv]
}

/// 1-of-2^radix transfers of two bits, from COTs to entries.
fn leaf(radix: u32) -> Cost {
    let (words, choices) = (vec![1; SPENT], vec![5; SPENT]);
    let deals =
        (0..RUNS).map(|i| ideal::dealer(cots_needed(SPENT, radix), Block(0x55aa), i as u64));
    let (senders, receivers): (Vec<_>, Vec<_>) = deals.unzip();
    let name = format!("1 of {} OT, 2 bits", 1 << radix);
    let (mut out, mut got) = (Vec::new(), Vec::new());
    let hash = both(
        &format!("{name}, hash"),
        senders,
        receivers,
        |_, cots| out.push(one_of_n::SenderPads::derive(cots, radix, 2).unwrap()),
        |_, cots| got.push(one_of_n::ReceiverPads::derive(cots, radix, 2).unwrap()),
    );
    let use_up = both(
        &format!("{name}, use"),
        out,
        got,
        |lane, pads| {
            one_of_n::send(lane, vec![one_of_n::Tables { pads, words: &words }]).unwrap();
            lane.flush().unwrap();
        },
        |lane, pads| {
            drop(
                one_of_n::recv(lane, vec![one_of_n::Choices { pads, choices: &choices }]).unwrap(),
            );
        },
    );
    sum(hash, use_up)
}

/// Vector triples of width 2, from COTs to products; both parties do the same.
fn merge() -> Cost {
    let deals = |seed| (0..RUNS).map(move |i| ideal::dealer(SPENT, Block(0x55aa), seed + i as u64));
    let (s, r): (Vec<_>, Vec<_>) = deals(10).unzip();
    let (s2, r2): (Vec<_>, Vec<_>) = deals(20).unzip();
    let (mut one, mut other) = (Vec::new(), Vec::new());
    let hash = both(
        "triples, hash",
        s.into_iter().zip(r2).collect(),
        s2.into_iter().zip(r).collect(),
        |_, (s, r)| one.push(triple::generate(s, r, 2).unwrap()),
        |_, (s, r)| other.push(triple::generate(s, r, 2).unwrap()),
    );
    let bits = Bits::zero(SPENT);
    let and = |lane: &mut Lane, triples| {
        let product = triple::Product { triples, a: &bits, b: vec![&bits, &bits] };
        drop(triple::and(lane, vec![product]).unwrap());
    };
    sum(hash, both("triples, use", one, other, and, and))
}

/// Products of a bit and a ring element.
fn ring() {
    let (corr, choice) = (vec![12_345; SPENT], Bits::zero(SPENT));
    let deals = (0..RUNS).map(|i| ideal::dealer(SPENT, Block(0x55aa), 30 + i as u64));
    let (senders, receivers): (Vec<_>, Vec<_>) = deals.unzip();
    let (mut out, mut got) = (Vec::new(), Vec::new());
    both(
        "ring COT, hash",
        senders,
        receivers,
        |_, cots| out.push(ring_cot::SenderPads::derive(cots, 20).unwrap()),
        |_, cots| got.push(ring_cot::ReceiverPads::derive(cots, 20).unwrap()),
    );
    both(
        "ring COT, 20 bits, use",
        out,
        got,
        |lane, pads| {
            let batch = ring_cot::Corrections { pads, corr: &corr };
            drop(ring_cot::run(lane, vec![batch], Vec::new()).unwrap());
            lane.flush().unwrap();
        },
        |lane, pads| {
            let batch = ring_cot::Choices { pads, choice: &choice };
            drop(ring_cot::run(lane, Vec::new(), vec![batch]).unwrap());
        },
    );
}

/// Runs both parties on all inputs.
fn both<A: Send, B: Send>(
    name: &str,
    senders: Vec<A>,
    receivers: Vec<B>,
    mut send: impl FnMut(&mut Lane, A) + Send,
    mut recv: impl FnMut(&mut Lane, B) + Send,
) -> Cost {
    let (mut a, mut b) = memory_pair();
    let each = 1e9 / (SPENT * senders.len()) as f64;
    let cost = std::thread::scope(|scope| {
        let sender = scope.spawn(|| time(|| senders.into_iter().for_each(|s| send(&mut b, s))));
        let received = time(|| receivers.into_iter().for_each(|r| recv(&mut a, r)));
        [sender.join().unwrap(), received].map(|seconds| seconds * each)
    });
    println!("{name:<26}{:>14.1}{:>14.1}", cost[0], cost[1]);
    cost
}

fn sum(a: Cost, b: Cost) -> Cost {
    [a[0] + b[0], a[1] + b[1]]
}

fn rng(seed: u8) -> SecretRng {
    SecretRng::from_seed([seed; 32])
}

fn bytes(lane: &Lane) -> u64 {
    let total = lane.meter().total();
    total.up + total.down
}

/// Seconds of the fastest of a few runs.
fn best(mut f: impl FnMut()) -> f64 {
    (0..RUNS).map(|_| time(&mut f)).fold(f64::INFINITY, f64::min)
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
