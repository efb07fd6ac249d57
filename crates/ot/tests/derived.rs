//! Derived correlations: correct, and exactly as expensive as predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{bits, run, words};
use sordino_kernels::Block;
use sordino_ot::{Error, ideal::dealer, one_of_n, product, ring_cot, triple};
use sordino_secret::Bits;
use sordino_wire::{Lane, Meter, Role};

const DELTA: Block = Block(0x8f3c_0011_2233_4455_6677_8899_aabb_ccdd);
const SIZES: [usize; 8] = [0, 1, 7, 127, 128, 129, 300, 1000];

fn metered_is(metered: (&Meter, &Meter), replay: impl Fn(&mut Meter)) {
    for (metered, role) in [(metered.0, Role::Client), (metered.1, Role::Server)] {
        let mut m = Meter::new(role);
        replay(&mut m);
        assert_eq!(m.total(), metered.total(), "{role:?}");
    }
}

/// Shapes of tables that fit a word.
fn forms() -> impl Iterator<Item = (u32, u32)> {
    (1..=6)
        .flat_map(|radix| [1, 2, 3, 4, 5, 8].map(|bits| (radix, bits)))
        .filter(|(r, b)| b << r <= 64)
}

fn dealt(s: &one_of_n::Shape, seed: u64) -> (one_of_n::SenderPads, one_of_n::ReceiverPads) {
    let (send, recv) = dealer(one_of_n::cots_needed(s.n, s.radix), DELTA, seed);
    (
        one_of_n::SenderPads::derive(send, s.radix, s.msg_bits).unwrap(),
        one_of_n::ReceiverPads::derive(recv, s.radix, s.msg_bits).unwrap(),
    )
}

fn table_words(s: &one_of_n::Shape) -> Vec<u64> {
    words(s.n, 1).iter().map(|w| w & u64::MAX >> (64 - (s.msg_bits << s.radix))).collect()
}

fn chosen(s: &one_of_n::Shape) -> Vec<u8> {
    words(s.n, 2).iter().map(|w| (w >> (64 - s.radix)) as u8).collect()
}

fn entry(s: &one_of_n::Shape, word: u64, choice: u8) -> u8 {
    (word >> (u32::from(choice) * s.msg_bits)) as u8 & (0xff >> (8 - s.msg_bits))
}

#[test]
fn one_of_n_delivers_the_chosen_entry() {
    for (radix, msg_bits) in forms() {
        for n in [0, 1, 5, 255, 256, 257, 600] {
            let shape = one_of_n::Shape { n, radix, msg_bits };
            let (words, choices) = (table_words(&shape), chosen(&shape));
            let (s, r) = dealt(&shape, 3);
            let ((got, a), ((), b)) = run(
                |lane| {
                    let batch = one_of_n::Choices { pads: r, choices: &choices };
                    one_of_n::recv(lane, vec![batch]).unwrap().remove(0)
                },
                |lane| {
                    one_of_n::send(lane, vec![one_of_n::Tables { pads: s, words: &words }]).unwrap()
                },
            );
            assert_eq!(got.len(), n);
            for (i, got) in got.iter().enumerate() {
                let want = entry(&shape, words[i], choices[i]);
                assert_eq!(*got, want, "radix {radix} bits {msg_bits} n {n} i {i}");
            }
            metered_is((&a, &b), |m| one_of_n::cost(m, Role::Server, &[shape]));
        }
    }
}

#[test]
fn stored_and_joined_pads_are_the_same_pads() {
    let n = 1000;
    let (s, r) = dealer(n, DELTA, 1);
    let (mut s, mut r) = (s, r);
    let (s1, r1) = (s.take(600).unwrap(), r.take(600).unwrap());
    let mut sends = ring_cot::SenderPads::empty(n, 13).unwrap();
    let mut recvs = ring_cot::ReceiverPads::empty(n, 13).unwrap();
    for (s, r) in [(s, r), (s1, r1)] {
        sends.extend(ring_cot::SenderPads::derive(s, 13).unwrap()).unwrap();
        recvs.extend(ring_cot::ReceiverPads::derive(r, 13).unwrap()).unwrap();
    }
    let (mut bytes_s, mut bytes_r) = (Vec::new(), Vec::new());
    sends.write(&mut bytes_s);
    recvs.write(&mut bytes_r);
    let sends = ring_cot::SenderPads::read(n, 13, &bytes_s).unwrap();
    let recvs = ring_cot::ReceiverPads::read(n, 13, &bytes_r).unwrap();
    assert!(ring_cot::SenderPads::read(n, 14, &bytes_s).is_err());
    let (corr, choice) = (words(n, 5), bits(n, 6));
    let ((got, _), (sent, _)) = run(
        |lane| ring_recv(lane, recvs, &choice).unwrap(),
        |lane| ring_send(lane, sends, &corr).unwrap(),
    );
    for i in 0..n {
        let want = choice.get(i).wrapping_mul(corr[i]) & 0x1fff;
        assert_eq!(got[i].wrapping_add(sent[i]) & 0x1fff, want);
    }

    let shape = one_of_n::Shape { n: 80, radix: 3, msg_bits: 2 };
    let (mut sends, mut recvs) = dealt(&shape, 7);
    let (more_s, more_r) = dealt(&one_of_n::Shape { n: 21, ..shape }, 8);
    sends.extend(more_s).unwrap();
    recvs.extend(more_r).unwrap();
    let (uneven, _) = dealt(&shape, 9);
    assert!(matches!(sends.extend(uneven), Err(Error::Length { .. })));
    let (mut bytes_s, mut bytes_r) = (Vec::new(), Vec::new());
    sends.write(&mut bytes_s);
    recvs.write(&mut bytes_r);
    let sends = one_of_n::SenderPads::read(101, 3, 2, &bytes_s).unwrap();
    let recvs = one_of_n::ReceiverPads::read(101, 3, 2, &bytes_r).unwrap();
    let shape = one_of_n::Shape { n: 101, ..shape };
    let (words, choices) = (table_words(&shape), chosen(&shape));
    let ((got, _), ((), _)) = run(
        |lane| {
            let batch = one_of_n::Choices { pads: recvs, choices: &choices };
            one_of_n::recv(lane, vec![batch]).unwrap().remove(0)
        },
        |lane| one_of_n::send(lane, vec![one_of_n::Tables { pads: sends, words: &words }]).unwrap(),
    );
    for (i, got) in got.iter().enumerate() {
        assert_eq!(*got, entry(&shape, words[i], choices[i]));
    }

    let (s0, r1) = dealer(130, DELTA, 1);
    let (s1, r0) = dealer(130, Block(77), 2);
    let mut bytes = Vec::new();
    triple::generate(s0, r0, 2).unwrap().write(&mut bytes);
    let left = triple::BitTriples::read(130, 2, &bytes).unwrap();
    let right = triple::generate(s1, r1, 2).unwrap();
    let (ones, zero) = (Bits::from_words(vec![u64::MAX; 3], 130), Bits::zero(130));
    let ((c, _), (d, _)) = run(
        |lane| and(lane, left, &ones, vec![&ones, &zero]),
        |lane| and(lane, right, &zero, vec![&zero, &zero]),
    );
    assert!((0..130).all(|i| c[0].get(i) ^ d[0].get(i) == 1 && c[1].get(i) == d[1].get(i)));
}

fn ring_send(lane: &mut Lane, pads: ring_cot::SenderPads, corr: &[u64]) -> Result<Vec<u64>, Error> {
    let batch = ring_cot::Corrections { pads, corr };
    Ok(ring_cot::run(lane, vec![batch], Vec::new())?[0].remove(0))
}

fn ring_recv(
    lane: &mut Lane,
    pads: ring_cot::ReceiverPads,
    choice: &Bits,
) -> Result<Vec<u64>, Error> {
    let batch = ring_cot::Choices { pads, choice };
    Ok(ring_cot::run(lane, Vec::new(), vec![batch])?[1].remove(0))
}

fn ring_pads(
    n: usize,
    delta: Block,
    seed: u64,
    bits: u32,
) -> (ring_cot::SenderPads, ring_cot::ReceiverPads) {
    let (s, r) = dealer(n, delta, seed);
    (
        ring_cot::SenderPads::derive(s, bits).unwrap(),
        ring_cot::ReceiverPads::derive(r, bits).unwrap(),
    )
}

#[test]
fn triples_multiply() {
    for width in [1u32, 2, 6, 64] {
        for n in SIZES {
            let (s0, r1) = dealer(n, DELTA, 1);
            let (s1, r0) = dealer(n, Block(77), 2);
            let x: Vec<Bits> = (0..=width).map(|j| bits(n, 10 + u64::from(j))).collect();
            let y: Vec<Bits> = (0..=width).map(|j| bits(n, 500 + u64::from(j))).collect();
            let party = |s, r, x: &[Bits], lane: &mut sordino_wire::Lane| {
                let t = triple::generate(s, r, width).unwrap();
                assert_eq!((t.len(), t.width()), (n, width));
                let product = triple::Product { triples: t, a: &x[0], b: x[1..].iter().collect() };
                triple::and(lane, vec![product]).unwrap().remove(0)
            };
            let ((c, a), (d, b)) =
                run(|lane| party(s1, r1, &x, lane), |lane| party(s0, r0, &y, lane));
            for j in 0..width as usize {
                for i in 0..n {
                    let left = x[0].get(i) ^ y[0].get(i);
                    let right = x[j + 1].get(i) ^ y[j + 1].get(i);
                    assert_eq!(c[j].get(i) ^ d[j].get(i), left & right);
                }
            }
            metered_is((&a, &b), |m| triple::cost(m, &[(n, width)]));
        }
    }
}

fn and(lane: &mut Lane, triples: triple::BitTriples, a: &Bits, b: Vec<&Bits>) -> Vec<Bits> {
    triple::and(lane, vec![triple::Product { triples, a, b }]).unwrap().remove(0)
}

#[test]
fn batches_of_different_shapes_share_their_messages() {
    let shape = |n, radix, msg_bits| one_of_n::Shape { n, radix, msg_bits };
    let shapes = [shape(130, 4, 2), shape(0, 2, 1), shape(77, 3, 1)];
    let words: Vec<Vec<u64>> = shapes.iter().map(table_words).collect();
    let choices: Vec<Vec<u8>> = shapes.iter().map(chosen).collect();
    let ((got, a), ((), b)) = run(
        |lane| {
            let batch = |(i, s): (usize, &one_of_n::Shape)| one_of_n::Choices {
                pads: dealt(s, i as u64).1,
                choices: &choices[i],
            };
            one_of_n::recv(lane, shapes.iter().enumerate().map(batch).collect()).unwrap()
        },
        |lane| {
            let batch = |(i, s): (usize, &one_of_n::Shape)| one_of_n::Tables {
                pads: dealt(s, i as u64).0,
                words: &words[i],
            };
            one_of_n::send(lane, shapes.iter().enumerate().map(batch).collect()).unwrap()
        },
    );
    for ((s, got), (words, choice)) in shapes.iter().zip(&got).zip(words.iter().zip(&choices)) {
        assert_eq!(got.len(), s.n);
        for (i, (got, c)) in got.iter().zip(choice).enumerate() {
            assert_eq!(*got, entry(s, words[i], *c));
        }
    }
    assert_eq!(a.total().rounds, 1);
    metered_is((&a, &b), |m| one_of_n::cost(m, Role::Server, &shapes));
}

#[test]
fn taken_triples_stay_matched() {
    let (s0, r1) = dealer(300, DELTA, 1);
    let (s1, r0) = dealer(300, Block(77), 2);
    let mut left = triple::generate(s0, r0, 2).unwrap();
    let mut right = triple::generate(s1, r1, 2).unwrap();
    for n in [0, 100, 131, 69] {
        let (t, u) = (left.take(n).unwrap(), right.take(n).unwrap());
        let ones = Bits::from_words(vec![u64::MAX; n.div_ceil(64)], n);
        let zero = Bits::zero(n);
        let ((c, _), (d, _)) = run(
            |lane| and(lane, t, &ones, vec![&ones, &zero]),
            |lane| and(lane, u, &zero, vec![&zero, &zero]),
        );
        for i in 0..n {
            assert_eq!(c[0].get(i) ^ d[0].get(i), 1);
            assert_eq!(c[1].get(i) ^ d[1].get(i), 0);
        }
    }
    assert!(matches!(left.take(1), Err(Error::Length { .. })));
}

#[test]
fn ring_cots_multiply() {
    for ring in [1u32, 13, 37, 64] {
        let mask = u64::MAX >> (64 - ring);
        for n in SIZES {
            let (s, r) = ring_pads(n, DELTA, 1, ring);
            let (corr, choice) = (words(n, 5), bits(n, 6));
            let ((got, a), (sent, b)) = run(
                |lane| ring_recv(lane, r, &choice).unwrap(),
                |lane| ring_send(lane, s, &corr).unwrap(),
            );
            for i in 0..n {
                let want = choice.get(i).wrapping_mul(corr[i]) & mask;
                assert_eq!(got[i].wrapping_add(sent[i]) & mask, want);
            }
            let down = ring_cot::Shape { sender: Role::Server, n, bits: ring };
            metered_is((&a, &b), |m| ring_cot::cost(m, &[down]));
        }
    }
}

#[test]
fn ring_cots_of_both_directions_share_their_messages() {
    let (n, few) = (300, 41);
    let ((s0, r0), (s1, r1)) = (ring_pads(n, DELTA, 1, 13), ring_pads(n, Block(9), 2, 13));
    let (s2, r2) = ring_pads(few, DELTA, 3, 30);
    let (corr0, choice0) = (words(n, 5), bits(n, 6));
    let (corr1, choice1) = (words(n, 7), bits(n, 8));
    let (corr2, choice2) = (words(few, 9), bits(few, 10));
    let ((got, a), (sent, b)) = run(
        |lane| {
            let sends = vec![ring_cot::Corrections { pads: s1, corr: &corr1 }];
            let recvs = vec![
                ring_cot::Choices { pads: r0, choice: &choice0 },
                ring_cot::Choices { pads: r2, choice: &choice2 },
            ];
            ring_cot::run(lane, sends, recvs).unwrap()
        },
        |lane| {
            let sends = vec![
                ring_cot::Corrections { pads: s0, corr: &corr0 },
                ring_cot::Corrections { pads: s2, corr: &corr2 },
            ];
            ring_cot::run(lane, sends, vec![ring_cot::Choices { pads: r1, choice: &choice1 }])
                .unwrap()
        },
    );
    let check = |s: &[u64], r: &[u64], corr: &[u64], choice: &Bits, bits: u32| {
        for i in 0..corr.len() {
            let want = choice.get(i).wrapping_mul(corr[i]);
            assert_eq!(s[i].wrapping_add(r[i]).wrapping_sub(want) & ((1 << bits) - 1), 0);
        }
    };
    check(&sent[0][0], &got[1][0], &corr0, &choice0, 13);
    check(&sent[0][1], &got[1][1], &corr2, &choice2, 30);
    check(&got[0][0], &sent[1][0], &corr1, &choice1, 13);
    let shape = |sender, n, bits| ring_cot::Shape { sender, n, bits };
    let shapes =
        [shape(Role::Server, n, 13), shape(Role::Client, n, 13), shape(Role::Server, few, 30)];
    metered_is((&a, &b), |m| ring_cot::cost(m, &shapes));
    assert_eq!(a.total().rounds, 2);
}

#[test]
fn products_are_shared() {
    for (x_bits, out_bits) in [(1, 1), (8, 8), (8, 37), (37, 37), (64, 64), (20, 7)] {
        let mask = u64::MAX >> (64 - out_bits);
        for n in [0, 1, 127, 129, 1100] {
            let (s, r) = ring_pads(product::cots_needed(n, x_bits, out_bits), DELTA, 1, out_bits);
            let (x, y) = (words(n, 5), words(n, 6));
            let ((got, a), (sent, b)) = run(
                |lane| product::recv(lane, r, &x, x_bits, out_bits).unwrap(),
                |lane| product::send(lane, s, &y, x_bits, out_bits).unwrap(),
            );
            for i in 0..n {
                let want = (x[i] & (u64::MAX >> (64 - x_bits))).wrapping_mul(y[i]) & mask;
                assert_eq!(got[i].wrapping_add(sent[i]) & mask, want);
                assert!(got[i] & !mask == 0 && sent[i] & !mask == 0);
            }
            metered_is((&a, &b), |m| product::cost(m, Role::Server, n, x_bits, out_bits));
        }
    }
}

#[test]
fn misuse_is_an_error_before_anything_is_sent() {
    let ((), a) = run(
        |lane| {
            let cots = |n| dealer(n, DELTA, 1);
            let length = |r: Result<(), Error>| assert!(matches!(r, Err(Error::Length { .. })));
            let parameter =
                |r: Result<(), Error>| assert!(matches!(r, Err(Error::Parameter { .. })));
            let shape = |n| one_of_n::Shape { n, radix: 3, msg_bits: 2 };
            let (pads, words) = (dealt(&shape(2), 1).0, [0; 1]);
            length(one_of_n::send(lane, vec![one_of_n::Tables { pads, words: &words }]));
            length(one_of_n::SenderPads::derive(cots(8).0, 3, 2).map(drop));
            parameter(one_of_n::SenderPads::derive(cots(9).0, 9, 2).map(drop));
            parameter(one_of_n::SenderPads::derive(cots(4).0, 4, 5).map(drop));
            parameter(one_of_n::ReceiverPads::derive(cots(3).1, 3, 0).map(drop));
            let pads = dealt(&shape(1), 1).1;
            parameter(
                one_of_n::recv(lane, vec![one_of_n::Choices { pads, choices: &[8] }]).map(drop),
            );
            length(triple::generate(cots(3).0, cots(4).1, 2).map(drop));
            parameter(triple::generate(cots(3).0, cots(3).1, 65).map(drop));
            length(ring_send(lane, ring_pads(3, DELTA, 1, 8).0, &[1; 4]).map(drop));
            parameter(ring_cot::ReceiverPads::derive(cots(3).1, 65).map(drop));
            length(product::send(lane, ring_pads(3, DELTA, 1, 8).0, &[1; 4], 8, 8).map(drop));
            parameter(product::recv(lane, ring_pads(3, DELTA, 1, 8).1, &[1; 4], 0, 8).map(drop));
        },
        |_| (),
    )
    .0;
    assert_eq!(a.total().messages, 0);
}

#[test]
fn a_message_of_the_wrong_length_is_an_error() {
    let (short, _) = ring_pads(10, DELTA, 1, 9);
    let (_, long) = ring_pads(10, DELTA, 1, 8);
    let ((got, _), (sent, _)) = run(
        |lane| ring_recv(lane, long, &Bits::zero(10)).map(drop),
        |lane| ring_send(lane, short, &[1; 10]).map(drop),
    );
    assert!(sent.is_ok() && matches!(got, Err(Error::Wire(_))));
}
