//! Products of matrices: exact, in one round, and exactly as expensive as predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{run, supply, words};
use proptest::prelude::*;
use sordino_kernels::Block;
use sordino_ot::ideal::dealer;
use sordino_ot::matrix::{self, Elements, Part, Shape, Weights};
use sordino_ot::{Error, ReceiverCots, SenderCots, Supply};
use sordino_wire::{Lane, Meter, Role};

const DELTA: Block = Block(0x8f3c_0011_2233_4455_6677_8899_aabb_ccdd);

fn mask(bits: u32) -> u64 {
    u64::MAX >> (64 - bits)
}

/// Random integers of `bits` bits, the least and the largest among them.
fn integers(n: usize, bits: u32, seed: u64) -> Vec<i64> {
    let least = i64::MIN >> (64 - bits);
    let edge = |i: usize, w: u64| match i % 5 {
        0 => least,
        1 => !least,
        _ => w as i64 >> (64 - bits),
    };
    words(n, seed).into_iter().enumerate().map(|(i, w)| edge(i, w)).collect()
}

fn product(s: &Shape, w: &[i64], x: &[u64]) -> Vec<u64> {
    let mut y = vec![0u64; s.outputs()];
    for (weight, &w) in w.iter().enumerate() {
        let (row, j) = (weight / s.inner, weight % s.inner);
        for c in 0..s.columns {
            let v = x[((row / s.rows) * s.inner + j) * s.columns + c];
            let y = &mut y[row * s.columns + c];
            *y = y.wrapping_add(v.wrapping_mul(w as u64)) & mask(s.bits);
        }
    }
    y
}

/// Operands of several products.
struct Case {
    shapes: Vec<Shape>,
    w: Vec<Vec<i64>>,
    x: Vec<Vec<u64>>,
}

impl Case {
    fn new(shapes: &[Shape], seed: u64) -> Self {
        let w = |s: &Shape| integers(s.weights(), s.weight_bits, seed);
        let x = |s: &Shape| words(s.inputs(), seed + 1).iter().map(|v| v & mask(s.bits)).collect();
        let all = shapes.iter();
        Self { shapes: shapes.to_vec(), w: all.clone().map(w).collect(), x: all.map(x).collect() }
    }

    fn sums(&self) -> Vec<Vec<u64>> {
        self.shapes.iter().map(|s| vec![0; s.outputs()]).collect()
    }

    fn send(&self, lane: &mut Lane, cots: SenderCots, parts: &[Part], sums: &mut [Vec<u64>]) {
        let all = parts.iter().zip(&self.x).zip(sums);
        let mut work: Vec<_> =
            all.map(|((part, x), sum)| Elements { part, x, sum: &mut sum[..] }).collect();
        matrix::send(lane, cots, &mut work).unwrap();
    }

    fn recv(&self, lane: &mut Lane, cots: ReceiverCots, parts: &[Part], sums: &mut [Vec<u64>]) {
        let all = parts.iter().zip(&self.w).zip(sums);
        let mut work: Vec<_> =
            all.map(|((part, w), sum)| Weights { part, w, sum: &mut sum[..] }).collect();
        matrix::recv(lane, cots, &mut work).unwrap();
    }

    /// Runs the products part by part, in calls of one part of each product, and checks result and cost.
    fn check(&self, calls: &[Vec<Part>]) {
        let deal = |i: usize| {
            let n = calls[i].iter().map(Part::cots_needed).sum();
            dealer(n, DELTA, i as u64)
        };
        let ((s, a), (r, b)) = run(
            |lane| {
                let mut sums = self.sums();
                for (i, parts) in calls.iter().enumerate() {
                    self.send(lane, deal(i).0, parts, &mut sums);
                }
                sums
            },
            |lane| {
                let mut sums = self.sums();
                for (i, parts) in calls.iter().enumerate() {
                    self.recv(lane, deal(i).1, parts, &mut sums);
                }
                sums
            },
        );
        for (i, shape) in self.shapes.iter().enumerate() {
            let sum = |(s, r): (&u64, &u64)| {
                assert!((s | r) & !mask(shape.bits) == 0);
                s.wrapping_add(*r) & mask(shape.bits)
            };
            let got: Vec<u64> = s[i].iter().zip(&r[i]).map(sum).collect();
            assert!(got == product(shape, &self.w[i], &self.x[i]), "{shape:?}");
        }
        for (metered, role) in [(&a, Role::Client), (&b, Role::Server)] {
            let mut m = Meter::new(role);
            calls.iter().for_each(|parts| matrix::cost(&mut m, Role::Client, parts));
            assert_eq!(m.total(), metered.total(), "{role:?}");
            let choices = calls.iter().filter(|parts| parts.iter().any(|p| p.cots_needed() > 0));
            let corrections: usize = calls.iter().flatten().map(Part::messages).sum();
            assert_eq!(m.total().messages as usize, choices.count() + corrections);
        }
    }
}

fn whole(shapes: &[Shape]) -> Vec<Part> {
    shapes.iter().copied().map(Part::whole).collect()
}

prop_compose! {
    fn any_shape()(
        groups in 0usize..4, rows in 0usize..5, inner in 0usize..7, columns in 0usize..20,
        weight_bits in 1u32..=64, narrow in 1u32..=10, bits in 1u32..=64, wide: bool,
    ) -> Shape {
        let weight_bits = if wide { weight_bits } else { narrow };
        Shape { groups, rows, inner, columns, weight_bits, bits }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn products_of_any_shape_are_shared(
        shapes in prop::collection::vec(any_shape(), 1..4), seed: u64,
    ) {
        Case::new(&shapes, seed >> 1).check(&[whole(&shapes)]);
    }

    #[test]
    fn parts_add_up(shape in any_shape(), cuts in [0usize..80, 0usize..80], seed: u64) {
        let n = shape.weights();
        let mut cuts = cuts.map(|c| c.min(n));
        cuts.sort_unstable();
        let part = |a, b| vec![Part { shape, weights: a..b }];
        let calls = [part(0, cuts[0]), part(cuts[0], cuts[1]), part(cuts[1], n)];
        Case::new(&[shape], seed >> 1).check(&calls);
    }
}

#[test]
fn products_of_many_messages() {
    for (groups, rows, inner, columns) in [(1, 3, 5, 40_000), (1, 70, 300, 1), (6, 2, 9, 700)] {
        for (weight_bits, bits) in [(1, 8), (8, 33), (3, 32)] {
            let shape = Shape { groups, rows, inner, columns, weight_bits, bits };
            Case::new(&[shape], 3).check(&[whole(&[shape])]);
        }
    }
}

#[test]
fn rounds_do_not_grow_with_messages() {
    let shape = Shape { groups: 1, rows: 4, inner: 4, columns: 9000, weight_bits: 2, bits: 9 };
    let mut m = Meter::new(Role::Server);
    matrix::cost(&mut m, Role::Client, &whole(&[shape, shape]));
    assert_eq!(m.total().rounds, 1);
    assert!(m.total().messages > 30);
}

/// Under a real supply, of which other COTs were used before.
#[test]
fn a_real_supply_multiplies() {
    let shape = Shape { groups: 2, rows: 3, inner: 11, columns: 67, weight_bits: 20, bits: 37 };
    let case = Case::new(&[shape], 5);
    let parts = whole(&[shape]);
    let n = parts[0].cots_needed();
    for source in [Supply::SoftSpoken { k: 4 }, Supply::Ferret] {
        let mut cots = supply(source, Role::Client, &[700, n]);
        let (s, r) = cots.pop().unwrap();
        let ((mine, _), (theirs, _)) = run(
            |lane| {
                let mut sums = case.sums();
                case.send(lane, s, &parts, &mut sums);
                sums.remove(0)
            },
            |lane| {
                let mut sums = case.sums();
                case.recv(lane, r, &parts, &mut sums);
                sums.remove(0)
            },
        );
        let sum = |(a, b): (&u64, &u64)| a.wrapping_add(*b) & mask(37);
        let got: Vec<u64> = mine.iter().zip(&theirs).map(sum).collect();
        assert!(got == product(&shape, &case.w[0], &case.x[0]));
    }
}

#[test]
fn misuse_is_an_error_before_anything_is_sent() {
    let shape = Shape { groups: 1, rows: 2, inner: 3, columns: 4, weight_bits: 5, bits: 9 };
    let ((), a) = run(
        |lane| {
            let mut send = |n, part: Part, x: usize, sum: usize| {
                let (x, mut sum) = (vec![0; x], vec![0; sum]);
                let work = Elements { part: &part, x: &x, sum: &mut sum };
                matrix::send(lane, dealer(n, DELTA, 1).0, &mut [work])
            };
            let length = |r| assert!(matches!(r, Err(Error::Length { .. })), "{r:?}");
            let parameter = |r| assert!(matches!(r, Err(Error::Parameter { .. })), "{r:?}");
            length(send(29, Part::whole(shape), 12, 8));
            length(send(30, Part::whole(shape), 11, 8));
            length(send(30, Part::whole(shape), 12, 9));
            length(send(35, Part { shape, weights: 0..7 }, 12, 8));
            for (weight_bits, bits) in [(0, 9), (65, 9), (5, 0), (5, 65)] {
                let shape = Shape { weight_bits, bits, ..shape };
                parameter(send(30, Part { shape, weights: 0..0 }, 12, 8));
            }
            let shape = Shape { columns: (1 << 28) + 1, rows: 0, inner: 0, ..shape };
            parameter(send(0, Part::whole(shape), 0, 0));
        },
        |lane| {
            let mut recv = |n, w: usize, sum: usize| {
                let (w, mut sum) = (vec![0; w], vec![0; sum]);
                let part = Part::whole(shape);
                let work = Weights { part: &part, w: &w, sum: &mut sum };
                matrix::recv(lane, dealer(n, DELTA, 1).1, &mut [work])
            };
            let length = |r| assert!(matches!(r, Err(Error::Length { .. })), "{r:?}");
            length(recv(31, 6, 8));
            length(recv(30, 5, 8));
            length(recv(30, 6, 7));
        },
    )
    .0;
    assert_eq!(a.total().messages, 0);
}

#[test]
fn a_message_of_the_wrong_length_is_an_error() {
    let shape = |bits| Shape { groups: 1, rows: 2, inner: 3, columns: 4, weight_bits: 5, bits };
    let parts = [9, 10].map(|bits| Part::whole(shape(bits)));
    let (s, r) = dealer(30, DELTA, 1);
    let ((sent, _), (got, _)) = run(
        |lane| {
            let work = Elements { part: &parts[0], x: &[1; 12], sum: &mut [0; 8] };
            matrix::send(lane, s, &mut [work])
        },
        |lane| {
            let work = Weights { part: &parts[1], w: &[1; 6], sum: &mut [0; 8] };
            matrix::recv(lane, r, &mut [work])
        },
    );
    assert!(sent.is_ok() && matches!(got, Err(Error::Wire(_))));
}

/// The bits of long rows are spread over several messages.
#[test]
fn messages_are_bounded() {
    let shape = Shape { groups: 1, rows: 1, inner: 1, columns: 1 << 20, weight_bits: 32, bits: 32 };
    let mut m = Meter::new(Role::Server);
    matrix::cost(&mut m, Role::Client, &whole(&[shape]));
    let total = m.total();
    assert!(total.down / total.messages < 1 << 21 && total.up / total.messages < 1 << 21);
}
