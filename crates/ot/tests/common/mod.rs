#![allow(clippy::unwrap_used, dead_code)]

use sordino_ot::{CotReceiver, CotSender, ReceiverCots, SenderCots, Supply, cost::Costs};
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, Meter, Role, memory_pair};

pub(crate) fn rng(seed: u64) -> SecretRng {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    SecretRng::from_seed(key)
}

pub(crate) fn words(n: usize, seed: u64) -> Vec<u64> {
    let mut out = vec![0; n];
    rng(seed).fill_words(&mut out);
    out
}

pub(crate) fn bits(n: usize, seed: u64) -> Bits {
    Bits::from_words(words(n.div_ceil(64), seed), n)
}

/// Runs the client and the server, and hands back what they return with their meters' totals.
pub(crate) fn run<A: Send, B: Send>(
    client: impl FnOnce(&mut Lane) -> A + Send,
    server: impl FnOnce(&mut Lane) -> B + Send,
) -> ((A, Meter), (B, Meter)) {
    let (mut a, mut b) = memory_pair();
    std::thread::scope(|s| {
        let t = s.spawn(move || {
            let out = server(&mut b);
            // A lane that failed stays failed; the test looks at what its party returned.
            let _ = b.flush();
            (out, b.meter().clone())
        });
        let out = client(&mut a);
        let _ = a.flush();
        ((out, a.meter().clone()), t.join().unwrap())
    })
}

/// COTs from a real set-up in which `sender` is the COT sender, one pair per entry of `sizes`, after checking that the
/// cost is as predicted.
pub(crate) fn supply(
    supply: Supply,
    sender: Role,
    sizes: &[usize],
) -> Vec<(SenderCots, ReceiverCots)> {
    let send = |lane: &mut Lane| {
        let mut s = CotSender::setup(lane, &mut rng(1), supply).unwrap();
        sizes.iter().map(|n| s.extend(lane, *n).unwrap()).collect::<Vec<_>>()
    };
    let recv = |lane: &mut Lane| {
        let mut r = CotReceiver::setup(lane, &mut rng(2), supply).unwrap();
        sizes.iter().map(|n| r.extend(lane, *n).unwrap()).collect::<Vec<_>>()
    };
    let (sent, received, client, server) = match sender {
        Role::Client => {
            let ((s, a), (r, b)) = run(send, recv);
            (s, r, a, b)
        }
        Role::Server => {
            let ((r, a), (s, b)) = run(recv, send);
            (s, r, a, b)
        }
    };
    for (metered, role) in [(client, Role::Client), (server, Role::Server)] {
        let mut m = Meter::new(role);
        let mut costs = Costs::setup(&mut m, supply, sender);
        for n in sizes {
            costs.extend(&mut m, *n);
        }
        assert_eq!(m.total(), metered.total(), "{supply:?} {sender:?} {role:?} {sizes:?}");
    }
    sent.into_iter().zip(received).collect()
}
