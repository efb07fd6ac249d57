//! One-LSB truncation: every activation is off by at most one unit, without a bias, and costs what
//! was predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Builder, Kind, WISH, assert_rounded_without_bias, conv, inputs, run};
use proptest::prelude::*;
use sordino_engine::run_clear;
use sordino_engine::session::{Truncation, Wish};
use sordino_graph::fixed::*;
use sordino_wire::{Role, memory_pair};

const ROUGH: Wish = Wish { truncation: Truncation::OneLsb, ..WISH };

fn signed(words: &[u64], ring: u32) -> Vec<i64> {
    words.iter().map(|&w| ((w << (64 - ring)) as i64) >> (64 - ring)).collect()
}

/// A convolution, which makes shares uniform, and perhaps an activation after it.
fn network(ring: u32, activation: Option<(u32, Function, u32)>, seed: u64) -> FixedModel {
    let mut b = Builder::new(&[1, 3, 8, 8], ring, seed);
    b.input_range(-128, 127);
    let y = b.linear(EdgeId(0), conv(3, 8, 8, 16, 1, 1, 0), ring);
    if let Some((shift, function, to)) = activation {
        b.activate(y, shift, function, to);
    }
    b.done()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn activations_are_off_by_one_at_most(
        ring in 24u32..=48, shift in 1u32..12, wider in 0u32..8, which in 0usize..4, seed: u64,
    ) {
        let hi = 1 + (seed % 63) as i64;
        let f = [Function::Identity, Function::Relu, Function::ReluMax { hi }, Function::Relu][which];
        let to = (ring - shift + wider).clamp(8, 64);
        let to = if which == 3 { ring - shift - 4 } else { to };
        let model = network(ring, Some((shift, f, to)), seed);
        let deployed = Kind::TwoParty.deploy(&model, ROUGH).unwrap();
        let inputs = inputs(&model, &[seed, !seed]);
        let (report, server) = run(&*deployed, &inputs, memory_pair()).unwrap();
        for (x, y) in inputs.iter().zip(&report.outputs) {
            let want = signed(&run_clear(&model, x).unwrap(), to);
            for (got, want) in signed(y, to).into_iter().zip(want) {
                prop_assert!((got - want).abs() <= 1, "{got} for {want}");
            }
        }
        for (meter, role) in [(&report.meter, Role::Client), (&server, Role::Server)] {
            prop_assert_eq!(meter.counts(), &deployed.predicted(role, 2));
        }
    }
}

/// One transfer extends what the graph bounds by a quarter of its ring, up to both bounds.
#[test]
fn bounded_operands_are_extended_without_a_comparison() {
    let edges = [-(1 << 14), 1 - (1 << 14), -17, -1, 0, 15, (1 << 14) - 1, 1 << 14];
    let words: Vec<u64> = edges.iter().map(|&v: &i64| v as u64 & 0xffff).collect();
    let mut bytes = Vec::new();
    for bound in [1 << 14, (1 << 14) + 1] {
        for shift in [0, 4] {
            let mut b = Builder::new(&[1, 8, 1, 1], 16, 1);
            b.input_range(-bound, bound);
            let x = b.activate(EdgeId(0), shift, Function::Identity, 30);
            b.activate(x, 0, Function::Identity, 30);
            let model = b.done();
            let deployed = Kind::TwoParty.deploy(&model, ROUGH).unwrap();
            let (report, server) =
                run(&*deployed, &vec![words.clone(); 20], memory_pair()).unwrap();
            for y in &report.outputs {
                for (got, v) in signed(y, 30).into_iter().zip(edges) {
                    assert!((got - (v >> shift)).abs() <= i64::from(shift > 0), "{got} for {v}");
                }
            }
            for (meter, role) in [(&report.meter, Role::Client), (&server, Role::Server)] {
                assert_eq!(meter.counts(), &deployed.predicted(role, 20));
            }
            bytes.push(report.meter.total().bytes());
        }
    }
    assert!(bytes[0] < bytes[2] && bytes[1] < bytes[3], "{bytes:?}");
}

#[test]
fn rounding_has_no_bias_and_keeps_integers() {
    let ring = 32;
    let seeds: Vec<u64> = (0..8).collect();
    for shift in [1, 2, 7] {
        let model = network(ring, Some((shift, Function::Identity, ring - shift)), 3);
        let before = network(ring, None, 3);
        let deployed = Kind::TwoParty.deploy(&model, ROUGH).unwrap();
        let inputs = inputs(&model, &seeds);
        let (report, _) = run(&*deployed, &inputs, memory_pair()).unwrap();
        let pairs = inputs.iter().zip(&report.outputs).flat_map(|(x, y)| {
            let exact = signed(&run_clear(&before, x).unwrap(), ring);
            signed(y, ring - shift).into_iter().zip(exact)
        });
        assert_rounded_without_bias(pairs, shift);
    }
}

#[test]
fn fewer_bytes_are_sent() {
    let model = network(40, Some((12, Function::Relu, 28)), 5);
    let bytes = |wish| {
        let deployed = Kind::TwoParty.deploy(&model, wish).unwrap();
        run(&*deployed, &inputs(&model, &[1]), memory_pair()).unwrap().0.meter.total().bytes()
    };
    assert!(bytes(ROUGH) < bytes(WISH) * 4 / 5);
}
