//! A circuit of one program, garbled and evaluated in one place.
#![allow(clippy::unwrap_used, dead_code, unreachable_pub)]

use sordino_garble::{Base, Decoder, Error, Evaluator, Garbler, Labels, Machine, Prime, Program};
use sordino_garble::{Secret, Tables};
use sordino_kernels::Block;

pub fn prime(p: u64) -> Prime {
    Prime::new(p).unwrap()
}

/// Garbles a program whose operands have distinct ascending primes, on `lanes` elements.
pub fn garble(program: &Program, lanes: usize, seed: u8) -> (Vec<Block>, Secret) {
    let seed = [seed; 32];
    let mut garbler = Garbler::new(&seed, Block(7), Vec::new());
    let inputs: Vec<Labels> = program.inputs().map(|p| garbler.input(p, lanes)).collect();
    let outputs = garbler.run(program, &inputs.iter().collect::<Vec<_>>()).unwrap();
    (garbler.finish(), Secret::new(seed, &outputs))
}

/// Labels of these values (one row per element) and the decoder.
pub fn encode(program: &Program, secret: Secret, values: &[Vec<u8>]) -> (Vec<Labels>, Decoder) {
    let columns: Vec<Vec<u8>> =
        (0..program.inputs().len()).map(|i| values.iter().map(|v| v[i]).collect()).collect();
    let input = Base::new(program.inputs());
    let output = Base::new(program.outputs());
    secret.encode(&input, &columns, &output).unwrap()
}

pub fn evaluate(
    program: &Program,
    tables: Vec<Block>,
    labels: &[Labels],
) -> Result<Vec<Labels>, Error> {
    let inputs = labels.iter().map(Labels::len).sum();
    let mut evaluator = Evaluator::new(Tables::new(tables), Block(7), inputs);
    let out = evaluator.run(program, &labels.iter().collect::<Vec<_>>())?;
    assert_eq!(evaluator.finish().left(), 0);
    Ok(out)
}

/// What the program's outputs stand for on plain values.
pub fn expected(program: &Program, values: &[Vec<u8>]) -> Vec<i128> {
    let base = Base::new(program.outputs());
    values.iter().map(|v| base.centred(&program.evaluate(v))).collect()
}

/// Deterministic operands.
pub fn operands(program: &Program, lanes: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut state = seed | 1;
    let mut next = move |p: Prime| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        ((state >> 33) % u64::from(p.get())) as u8
    };
    (0..lanes).map(|_| program.inputs().map(&mut next).collect()).collect()
}
