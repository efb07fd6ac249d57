//! Garbling and evaluating give what the program computes on plain values.
#![allow(clippy::unwrap_used)]

mod common;

use common::{encode, evaluate, expected, garble, operands, prime};
use proptest::prelude::*;
use sordino_garble::{Base, Builder, Evaluator, Garbler, Kernel, Labels, Machine, Program};
use sordino_garble::{Secret, Tables, convolve, gadget};
use sordino_kernels::Block;
use sordino_kernels::ring::Conv2d;

fn check(program: &Program, lanes: usize, seed: u64) {
    let values = operands(program, lanes, seed);
    let (tables, secret) = garble(program, lanes, seed as u8);
    assert_eq!(tables.len(), lanes * program.cost().rows);
    let (labels, decoder) = encode(program, secret, &values);
    let out = evaluate(program, tables, &labels).unwrap();
    assert_eq!(decoder.decode(&out).unwrap(), expected(program, &values));
}

#[test]
fn fused_lookup() {
    let relu: Vec<i64> = (-63..64).map(|t: i64| t.clamp(0, 60)).collect();
    let wanted = [7, 13, 61, 127].map(prime);
    // More elements than a tile, and not a multiple of it.
    check(&gadget::lookup(7 * 13 * 61, -63, &relu, &wanted).unwrap(), 150, 1);
    let odd: Vec<i64> = (0..251).map(|t: i64| (t * t) % 97 - 40).collect();
    check(&gadget::lookup(29 * 101, 5, &odd, &[prime(2), prime(113)]).unwrap(), 70, 2);
}

#[test]
fn dash_gadgets() {
    let base = Base::factor(31 * 97 * 109).unwrap();
    for (divisor, relu) in [(31, true), (31, false), (1, true)] {
        check(&gadget::rescale(31 * 97 * 109, divisor, relu, base.primes()).unwrap(), 67, 3);
    }
}

#[test]
fn small_maximum() {
    let mut b = Builder::new();
    let (x, y) = (b.input(prime(13)), b.input(prime(29)));
    let z = b.multiply(x, y);
    let w = b.multiply(y, x);
    let w = b.combine(&[(w, 3), (y, -1)], 17);
    check(&b.finish(vec![z, w]), 100, 4);
    check(&gadget::convert(prime(127), -9, &[prime(7), prime(127)]), 3, 5);
}

/// Garbled linear layer and activation of a convolution with bias.
#[test]
fn a_layer() {
    let shape = Conv2d {
        cin: 3,
        h: 6,
        w: 5,
        cout: 18,
        kh: 3,
        kw: 3,
        stride: [2, 1],
        dilation: [1, 1],
        pads: [1, 1, 0, 1],
        groups: 1,
    };
    let weights: Vec<i32> =
        (0..shape.kernel_len()).map(|i| (i as i32 * 7919) % 301 - 150).collect();
    let bias: Vec<i128> = (0..18).map(|c| c * 1001 - 9000).collect();
    let base = Base::factor(7 * 13 * 61 * 127).unwrap();
    let relu: Vec<i64> = (-63..64).map(|t: i64| t.clamp(0, 60)).collect();
    let program = gadget::lookup(7 * 13 * 61, -63, &relu, base.primes()).unwrap();
    let kernel = Kernel::new(shape, &weights, base.primes().iter().copied());
    let plane = shape.output_len() / 18;
    fn run<M: Machine>(
        m: &mut M,
        kernel: &Kernel,
        bias: &[i128],
        program: &Program,
        x: &[Labels],
    ) -> Vec<Labels> {
        let y: Vec<Labels> = x
            .iter()
            .map(|x| {
                let mut y = convolve(kernel, x);
                m.add_constants(&mut y, bias, kernel.shape().output_len() / bias.len());
                y
            })
            .collect();
        m.run(program, &y.iter().collect::<Vec<_>>()).unwrap()
    }
    let bias_of = |i: usize| bias[i / plane];
    let x: Vec<i128> = (0..shape.input_len()).map(|i| (i as i128 * 31) % 61).collect();

    let seed = [9; 32];
    let mut garbler = Garbler::new(&seed, Block(7), Vec::new());
    let zeros: Vec<Labels> = base.primes().iter().map(|&p| garbler.input(p, x.len())).collect();
    let outputs = run(&mut garbler, &kernel, &bias, &program, &zeros);
    let tables = garbler.finish();
    let residues: Vec<Vec<u8>> =
        base.primes().iter().map(|p| x.iter().map(|&v| p.reduce(v)).collect()).collect();
    let (active, decoder) = Secret::new(seed, &outputs).encode(&base, &residues, &base).unwrap();
    let mut evaluator = Evaluator::new(Tables::new(tables), Block(7), 4 * x.len());
    let out = run(&mut evaluator, &kernel, &bias, &program, &active);

    let words: Vec<u64> = x.iter().map(|&v| v as u64).collect();
    let taps: Vec<u64> = weights.iter().map(|&w| i64::from(w) as u64).collect();
    let mut y = vec![0; shape.output_len()];
    sordino_kernels::ring::conv2d_u64(&shape, &words, &taps, &mut y);
    let divisor = 7 * 13 * 61;
    let want: Vec<i128> = y
        .iter()
        .enumerate()
        .map(|(i, &y)| {
            let u = i128::from(y as i64) + bias_of(i) + divisor / 2 + 63 * divisor;
            i128::from(relu[(u.rem_euclid(divisor * 127) / divisor) as usize])
        })
        .collect();
    assert_eq!(decoder.decode(&out).unwrap(), want);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn random_programs(seed: u64, lanes in 1usize..9) {
        let mut state = seed;
        let mut next = |n: usize| {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(99991);
            (state >> 33) as usize % n
        };
        let all = sordino_garble::Prime::ALL;
        let mut b = Builder::new();
        let mut primes: Vec<_> = (0..3).map(|_| all[next(all.len())]).collect();
        primes.sort();
        primes.dedup();
        let mut slots = b.input_all(primes);
        for _ in 0..5 {
            let x = slots[next(slots.len())];
            let y = slots[next(slots.len())];
            let k = next(251) as i128;
            let out = match next(3) {
                0 => b.project(x, all[next(all.len())], |v| i128::from(v) * k + k),
                1 => b.multiply(x, y),
                _ => b.combine(&[(x, k), (x, 2)], -k),
            };
            slots.push(out);
        }
        let mut outputs = slots.split_off(slots.len() - 3);
        outputs.sort_by_key(|s| b.prime(*s));
        outputs.dedup_by_key(|s| b.prime(*s));
        check(&b.finish(outputs), lanes, seed);
    }
}
