//! Graphs that cannot be garbled are refused with a reason, and edge cases of those that can.

use crate::common::{Builder, conv, input, mentions, mix};
use sordino_engine::garbled::{Circuit, run_garbled};
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::*;

fn garbled(model: &FixedModel, x: &[u64]) -> Vec<u64> {
    run_garbled(&Circuit::new(model).unwrap(), x, &mut Silent).unwrap()
}

fn refusal(b: Builder) -> Error {
    Circuit::new(&b.done()).err().unwrap()
}

#[test]
fn moduli_that_labels_cannot_have_are_refused() {
    // Not squarefree, not of allowed primes, not of a prime number of levels, in the wrong order.
    for (divisor, levels) in [(49, 13), (6, 13), (7, 11), (7, 14), (7, 7), (13, 7), (7 * 17, 29)] {
        let mut b = Builder::new(&[1, 2], 24, 1);
        b.input_range(0, 9);
        b.lookup(EdgeId(0), divisor, vec![1; levels], 8);
        mentions(refusal(b), &["prime"]);
    }
    for modulus in [9, 3 * 7, 7 * 7 * 31, 7 * 13 * 17, 15] {
        let mut b = Builder::new(&[1, 2], 24, 1);
        b.input_range(0, 9);
        b.rescale(EdgeId(0), modulus, 1, Function::Relu, 24);
        mentions(refusal(b), &["prime"]);
    }
    let mut b = Builder::new(&[1, 2], 24, 1);
    b.input_range(0, 9);
    b.rescale(EdgeId(0), 7 * 13, 31, Function::Identity, 24);
    mentions(refusal(b), &["cannot rescale by 31"]);
}

#[test]
fn values_that_could_leave_their_ring_are_refused() {
    let mut b = Builder::new(&[1, 9, 1, 1], 12, 1);
    b.input_range(0, 15);
    b.linear(EdgeId(0), conv(9, 1, 1, 2, 1, 1, 0), 12);
    mentions(refusal(b), &["layer '0'", "beyond its ring of 12 bits", "quantise"]);
}

/// A maximum of values that are too many for one small prime, read by many bases; an output that
/// many bases read.
fn crowded(pooled: bool) -> FixedModel {
    let mut b = Builder::new(&[1, 1, 2, 2], 30, 1);
    b.input_range(-1000, 1000);
    let mut x = EdgeId(0);
    if pooled {
        x = b.pool(x, crate::common::pool(&[1, 1, 2, 2], 2, 1, [0; 4]), true);
    }
    let last = b.add_const(x, 30);
    let mut ends = vec![last];
    for (divisor, levels) in TABLES {
        ends.push(b.lookup(last, divisor, (0..levels).collect(), 30));
    }
    let mut model = b.done();
    if !pooled {
        model.graph.output = last;
    }
    model
}

/// Bases that together have more than 128 bits.
const TABLES: [(u64, i64); 5] = [
    (7 * 13 * 29 * 31, 53),
    (59 * 61 * 97 * 101, 103),
    (107 * 109 * 113 * 127, 179),
    (181 * 191 * 193 * 197, 199),
    (211 * 223 * 227 * 229, 233),
];

#[test]
fn bases_beyond_128_bits_are_refused_or_right() {
    for pooled in [false, true] {
        let model = crowded(pooled);
        let x = input(&model, 3);
        match Circuit::new(&model) {
            Ok(circuit) => {
                let got = run_garbled(&circuit, &x, &mut Silent).unwrap();
                assert_eq!(got, run_clear(&model, &x).unwrap());
            }
            Err(e) => mentions(e, &["prime"]),
        }
    }
}

#[test]
fn a_constant_output_has_labels_too() {
    let mut b = Builder::new(&[1, 3], 20, 1);
    b.input_range(0, 9);
    b.lookup(EdgeId(0), 7, vec![0; 13], 8);
    let model = b.done();
    assert_eq!(garbled(&model, &input(&model, 1)), [0, 0, 0]);
}

#[test]
fn an_input_is_an_output_too() {
    let mut b = Builder::new(&[1, 5], 20, 1);
    b.input_range(-300, 900);
    let model = b.done();
    let x = input(&model, 1);
    assert_eq!(garbled(&model, &x), x);
}

/// Reads and plans what a garbler reads and plans; an error is as good as a circuit.
#[test]
fn no_damaged_graph_makes_a_garbler_panic() {
    let model = crate::tiny(1);
    let graph = model.graph.to_bytes().unwrap();
    let mut refused = 0;
    for bit in 0..8 * graph.len() {
        let mut bytes = graph.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let plan =
            |graph| Circuit::new(&FixedModel { graph, weights: model.weights.clone() }).map(drop);
        let read = FixedGraph::from_bytes(&bytes).map_err(Error::from);
        refused += usize::from(read.and_then(plan).is_err());
    }
    assert!(refused > 3 * graph.len(), "{refused} of {} refused", 8 * graph.len());
}

/// Extreme weights and inputs: every sum at the end of its interval.
#[test]
fn the_ends_of_every_interval_are_reached_without_harm() {
    for sign in [-1, 1] {
        let mut b = Builder::new(&[1, 20, 1, 1], 28, 1);
        b.input_range(-128, 127);
        let x = b.linear(EdgeId(0), conv(20, 1, 1, 3, 1, 1, 0), 28);
        b.lookup(x, 7 * 13 * 29, (0..127).map(|i| mix(9, i) as i64 % 100).collect(), 9);
        let mut model = b.done();
        model.weights.layers[0].kernel.fill(sign * 127);
        model.weights.layers[0].bias = vec![-4000, 0, 4000];
        for end in [-128i64, 127] {
            let x = vec![end as u64 & ((1 << 28) - 1); 20];
            assert_eq!(garbled(&model, &x), run_clear(&model, &x).unwrap());
        }
    }
}
