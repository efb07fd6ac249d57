//! Derived correlations: correct, and exactly as expensive as predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{bits, run, words};
use sordino_kernels::Block;
use sordino_ot::{
    Error, ReceiverCots, SenderCots, ideal::dealer, one_of_n, product, ring_cot, triple,
};
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

#[test]
fn one_of_n_delivers_the_chosen_entry() {
    for radix in 1..=8u32 {
        for msg_bits in [1, 2, 3, 5, 8] {
            for n in [0, 1, 5, 255, 256, 257, 600] {
                let tables: Vec<u8> = words(n << radix, 1).iter().map(|w| *w as u8).collect();
                let choices: Vec<u8> =
                    words(n, 2).iter().map(|w| (w % (1 << radix)) as u8).collect();
                let (s, r) = dealer(one_of_n::cots_needed(n, radix), DELTA, 3);
                let ((got, a), ((), b)) = run(
                    |lane| {
                        let batch =
                            one_of_n::Choices { cots: r, radix, msg_bits, choices: &choices };
                        one_of_n::recv(lane, vec![batch]).unwrap().remove(0)
                    },
                    |lane| {
                        let batch = one_of_n::Tables { cots: s, radix, msg_bits, entries: &tables };
                        one_of_n::send(lane, vec![batch]).unwrap()
                    },
                );
                for (i, (got, c)) in got.iter().zip(&choices).enumerate() {
                    let want = tables[(i << radix) + *c as usize] & (0xff >> (8 - msg_bits));
                    assert_eq!(*got, want, "radix {radix} bits {msg_bits} n {n} i {i}");
                }
                assert_eq!(got.len(), n);
                metered_is((&a, &b), |m| {
                    one_of_n::cost(m, Role::Server, &[one_of_n::Shape { n, radix, msg_bits }])
                });
            }
        }
    }
}

#[test]
fn triples_multiply() {
    for width in [1u32, 2, 6, 128] {
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
    let dealt = |i: usize, s: &one_of_n::Shape| {
        dealer(one_of_n::cots_needed(s.n, s.radix), DELTA, i as u64)
    };
    let tables: Vec<Vec<u8>> = shapes
        .iter()
        .map(|s| words(s.n << s.radix, 3).iter().map(|w| *w as u8).collect())
        .collect();
    let choices: Vec<Vec<u8>> = shapes
        .iter()
        .map(|s| words(s.n, 4).iter().map(|w| (w % (1 << s.radix)) as u8).collect())
        .collect();
    let ((got, a), ((), b)) = run(
        |lane| {
            let batch = |(i, s): (usize, &one_of_n::Shape)| one_of_n::Choices {
                cots: dealt(i, s).1,
                radix: s.radix,
                msg_bits: s.msg_bits,
                choices: &choices[i],
            };
            one_of_n::recv(lane, shapes.iter().enumerate().map(batch).collect()).unwrap()
        },
        |lane| {
            let batch = |(i, s): (usize, &one_of_n::Shape)| one_of_n::Tables {
                cots: dealt(i, s).0,
                radix: s.radix,
                msg_bits: s.msg_bits,
                entries: &tables[i],
            };
            one_of_n::send(lane, shapes.iter().enumerate().map(batch).collect()).unwrap()
        },
    );
    for ((s, got), (table, choice)) in shapes.iter().zip(&got).zip(tables.iter().zip(&choices)) {
        assert_eq!(got.len(), s.n);
        for (i, (got, c)) in got.iter().zip(choice).enumerate() {
            assert_eq!(*got, table[(i << s.radix) + *c as usize] & (0xff >> (8 - s.msg_bits)));
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
            let (s, r) = dealer(n, DELTA, 1);
            let (corr, choice) = (words(n, 5), bits(n, 6));
            let ((got, a), (sent, b)) = run(
                |lane| ring_cot::recv(lane, r, &choice, ring).unwrap(),
                |lane| ring_cot::send(lane, s, &corr, ring).unwrap(),
            );
            for i in 0..n {
                let want = choice.get(i).wrapping_mul(corr[i]) & mask;
                assert_eq!(got[i].wrapping_add(sent[i]) & mask, want);
            }
            metered_is((&a, &b), |m| ring_cot::cost(m, Role::Server, n, ring));

            let (s0, r1) = dealer(n, DELTA, 1);
            let (s1, r0) = dealer(n, Block(9), 2);
            let (corr1, choice1) = (words(n, 7), bits(n, 8));
            let (((s_c, r_c), a), ((s_s, r_s), b)) = run(
                |lane| ring_cot::exchange(lane, s1, r1, &corr1, &choice1, ring).unwrap(),
                |lane| ring_cot::exchange(lane, s0, r0, &corr, &choice, ring).unwrap(),
            );
            for i in 0..n {
                let want = choice1.get(i).wrapping_mul(corr[i]) & mask;
                assert_eq!(r_c[i].wrapping_add(s_s[i]) & mask, want);
                let want = choice.get(i).wrapping_mul(corr1[i]) & mask;
                assert_eq!(r_s[i].wrapping_add(s_c[i]) & mask, want);
            }
            metered_is((&a, &b), |m| ring_cot::cost_exchange(m, n, ring));
        }
    }
}

#[test]
fn products_are_shared() {
    for (x_bits, out_bits) in [(1, 1), (8, 8), (8, 37), (37, 37), (64, 64), (20, 7)] {
        let mask = u64::MAX >> (64 - out_bits);
        for n in [0, 1, 127, 129, 1100] {
            let (s, r) = dealer(product::cots_needed(n, x_bits, out_bits), DELTA, 1);
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

fn tables(cots: SenderCots, radix: u32, msg_bits: u32, entries: &[u8]) -> one_of_n::Tables<'_> {
    one_of_n::Tables { cots, radix, msg_bits, entries }
}

fn choices(cots: ReceiverCots, radix: u32, msg_bits: u32, choices: &[u8]) -> one_of_n::Choices<'_> {
    one_of_n::Choices { cots, radix, msg_bits, choices }
}

#[test]
fn misuse_is_an_error_before_anything_is_sent() {
    let ((), a) = run(
        |lane| {
            let cots = |n| dealer(n, DELTA, 1);
            let length = |r: Result<(), Error>| assert!(matches!(r, Err(Error::Length { .. })));
            let parameter =
                |r: Result<(), Error>| assert!(matches!(r, Err(Error::Parameter { .. })));
            length(one_of_n::send(lane, vec![tables(cots(8).0, 3, 2, &[0; 8])]));
            length(one_of_n::send(lane, vec![tables(cots(3).0, 3, 2, &[0; 9])]));
            parameter(one_of_n::send(lane, vec![tables(cots(3).0, 9, 2, &[0; 8])]));
            parameter(one_of_n::recv(lane, vec![choices(cots(3).1, 3, 0, &[0])]).map(drop));
            parameter(one_of_n::recv(lane, vec![choices(cots(3).1, 3, 2, &[8])]).map(drop));
            length(triple::generate(cots(3).0, cots(4).1, 2).map(drop));
            parameter(triple::generate(cots(3).0, cots(3).1, 129).map(drop));
            length(ring_cot::send(lane, cots(3).0, &[1; 4], 8).map(drop));
            parameter(ring_cot::recv(lane, cots(3).1, &Bits::zero(3), 65).map(drop));
            length(product::send(lane, cots(3).0, &[1; 4], 8, 8).map(drop));
            parameter(product::recv(lane, cots(3).1, &[1; 4], 0, 8).map(drop));
        },
        |_| (),
    )
    .0;
    assert_eq!(a.total().messages, 0);
}

#[test]
fn a_message_of_the_wrong_length_is_an_error() {
    let (s, r) = dealer(10, DELTA, 1);
    let ((got, _), (sent, _)) = run(
        |lane| ring_cot::recv(lane, r, &Bits::zero(10), 8).map(drop),
        |lane| {
            let mut s = s;
            let s = s.take(9).unwrap();
            ring_cot::send(lane, s, &[1; 9], 9).map(drop)
        },
    );
    assert!(sent.is_ok() && matches!(got, Err(Error::Wire(_))));
}
