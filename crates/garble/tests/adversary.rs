//! An evaluator that deviates, and material that is damaged or mixed up, lead to an abort.
#![allow(clippy::unwrap_used)]

mod common;

use common::{encode, evaluate, expected, garble, operands, prime};
use sordino_garble::{Error, Labels, Program, gadget};
use sordino_kernels::Block;

const LANES: usize = 5;

fn program() -> Program {
    let relu: Vec<i64> = (-63..64).map(|t: i64| t.clamp(0, 60)).collect();
    gadget::lookup(7 * 13, -63, &relu, &[7, 13, 127].map(prime)).unwrap()
}

fn run(
    tables: impl FnOnce(&mut Vec<Block>),
    labels: impl FnOnce(&mut Vec<Labels>),
) -> Result<Vec<i128>, Error> {
    let program = program();
    let values = operands(&program, LANES, 7);
    let (mut rows, secret) = garble(&program, LANES, 1);
    tables(&mut rows);
    let (mut active, decoder) = encode(&program, secret, &values);
    labels(&mut active);
    let out = evaluate(&program, rows, &active)?;
    let got = decoder.decode(&out)?;
    assert_eq!(got, expected(&program, &values), "a wrong answer was accepted");
    Ok(got)
}

#[test]
fn an_honest_run_is_accepted() {
    run(|_| {}, |_| {}).unwrap();
}

#[test]
fn every_damaged_row_is_harmless_or_noticed() {
    let rows = program().cost().rows * LANES;
    let mut noticed = 0;
    for row in 0..rows {
        for bit in [0, 64, 125] {
            match run(|t| t[row].0 ^= 1 << bit, |_| {}) {
                Ok(_) => {}
                Err(Error::Forged) => noticed += 1,
                Err(e) => panic!("{e}"),
            }
        }
    }
    // Every gate reads one of its rows.
    assert!(noticed >= 2 * program().cost().gates * LANES, "{noticed}");
}

#[test]
fn damaged_input_labels_are_noticed() {
    for digit in 0..3 {
        let damage = |labels: &mut Vec<Labels>| {
            let mut blocks = labels[digit].pack();
            blocks[2].0 ^= 1 << 70;
            labels[digit] = Labels::unpack(labels[digit].prime(), &blocks);
        };
        assert!(matches!(run(|_| {}, damage), Err(Error::Forged)));
    }
}

#[test]
fn tables_of_another_circuit_are_noticed() {
    let other = garble(&program(), LANES, 2).0;
    assert!(matches!(run(|t| *t = other, |_| {}), Err(Error::Forged)));
}

#[test]
fn swapped_tables_are_noticed() {
    let rows = program().cost().rows;
    let swap = |t: &mut Vec<Block>| {
        let (a, b) = t.split_at_mut(rows);
        a.swap_with_slice(&mut b[..rows]);
    };
    assert!(matches!(run(swap, |_| {}), Err(Error::Forged)));
}

#[test]
fn missing_tables_are_an_error() {
    assert!(matches!(run(|t| t.truncate(t.len() - 1), |_| {}), Err(Error::Tables(_))));
}

#[test]
fn replayed_outputs_are_noticed() {
    let program = program();
    let values = operands(&program, LANES, 7);
    let (rows, secret) = garble(&program, LANES, 1);
    let (active, _) = encode(&program, secret, &values);
    let old = evaluate(&program, rows, &active).unwrap();
    let (_, secret) = garble(&program, LANES, 2);
    let (_, decoder) = encode(&program, secret, &values);
    assert!(matches!(decoder.decode(&old), Err(Error::Forged)));
}

/// Why a circuit is used once: two inputs give the offset, and with it any output.
#[test]
fn two_inputs_on_one_circuit_break_it() {
    let program = program();
    let values = operands(&program, LANES, 7);
    let mut shifted = values.clone();
    shifted[0][2] = (shifted[0][2] + 1) % 127;
    // Both from one seed, which the types forbid to do twice with one secret.
    let (rows, secret) = garble(&program, LANES, 1);
    let (first, decoder) = encode(&program, secret, &values);
    let (second, _) = encode(&program, garble(&program, LANES, 1).1, &shifted);
    let offset = second[2].sub(&first[2]).gather([Some(0); LANES].into_iter());
    let honest = evaluate(&program, rows, &first).unwrap();
    let want = decoder.decode(&honest).unwrap();
    let (_, decoder) = encode(&program, garble(&program, LANES, 1).1, &values);
    let forged: Vec<Labels> = honest
        .into_iter()
        .map(|l| if l.prime() == offset.prime() { l.add(&offset) } else { l })
        .collect();
    assert_ne!(decoder.decode(&forged).unwrap(), want, "the forgery is accepted");
}
