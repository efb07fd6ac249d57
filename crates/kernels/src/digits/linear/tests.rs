#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::Block;
use crate::isa;
use crate::prg::Prg;
use crate::ring::conv2d_u64;

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Prg::new(Block(seed.into())).fill_bytes(&mut bytes);
    bytes
}

/// The convolution over Z_2^64 of each digit by itself, reduced.
fn reference(shape: &Conv2d, r: Radix, x: &[u8], kernel: &[i8]) -> Vec<u8> {
    let n = r.digits();
    let kernel: Vec<u64> = kernel.iter().map(|&w| i64::from(w) as u64).collect();
    let mut out = vec![0; shape.output_len() * n];
    for digit in 0..n {
        let plane: Vec<u64> = x.iter().skip(digit).step_by(n).map(|&x| x.into()).collect();
        let mut y = vec![0; shape.output_len()];
        conv2d_u64(shape, &plane, &kernel, &mut y);
        for (out, y) in out.iter_mut().skip(digit).step_by(n).zip(y) {
            *out = (y as i64).rem_euclid(r.p().into()) as u8;
        }
    }
    out
}

fn check(shape: &Conv2d, p: u8, seed: u64) {
    let r = Radix::new(p);
    let x: Vec<u8> = bytes(shape.input_len() * r.digits(), seed).iter().map(|x| x % p).collect();
    let half = i16::from(p / 2);
    let kernel: Vec<i8> = bytes(shape.kernel_len(), seed ^ 1)
        .iter()
        .map(|&w| if p == 2 { (w & 1) as i8 } else { (i16::from(w % p) - half) as i8 })
        .collect();
    check_values(shape, r, &x, &kernel);
}

fn check_values(shape: &Conv2d, r: Radix, x: &[u8], kernel: &[i8]) {
    let expected = reference(shape, r, x, kernel);
    let inner = shape.cin / shape.groups * shape.kh * shape.kw;
    let plane = shape.out_h() * shape.out_w() * r.digits();
    for isa in isa::available() {
        isa::with(isa, || {
            let operand = Operand::new(shape, r, x);
            let mut y = vec![255; expected.len()];
            let cut = shape.cout / 3;
            let (first, second) = y.split_at_mut(cut * plane);
            conv(&operand, 0..cut, &kernel[..cut * inner], first);
            conv(&operand, cut..shape.cout, &kernel[cut * inner..], second);
            assert!(y == expected, "{isa:?} {r:?} {shape:?}");
        });
    }
}

const BASE: Conv2d = Conv2d {
    cin: 16,
    h: 8,
    w: 8,
    cout: 19,
    kh: 3,
    kw: 3,
    stride: [1, 1],
    dilation: [1, 1],
    pads: [1; 4],
    groups: 1,
};

#[test]
fn layers_of_real_networks() {
    for p in [2, 7, 13, 61, 127, 251] {
        check(&BASE, p, 1);
    }
    check(&Conv2d { cin: 3, h: 12, w: 12, cout: 8, kh: 5, kw: 5, pads: [2; 4], ..BASE }, 61, 2);
    check(&Conv2d { stride: [2, 2], ..BASE }, 127, 3);
    check(&Conv2d { kh: 1, kw: 1, stride: [2, 2], pads: [0; 4], ..BASE }, 7, 4);
    check(&Conv2d { kh: 1, kw: 1, pads: [0; 4], ..BASE }, 13, 5);
    check(&Conv2d { groups: 16, cout: 16, ..BASE }, 61, 6);
    check(&Conv2d { groups: 16, cout: 32, stride: [2, 2], ..BASE }, 251, 7);
    check(&Conv2d { groups: 4, cout: 12, ..BASE }, 61, 8);
    let dense = Conv2d { cin: 301, h: 1, w: 1, cout: 31, kh: 1, kw: 1, pads: [0; 4], ..BASE };
    for p in [7, 61, 127, 251] {
        check(&dense, p, 9);
    }
}

/// Sums beyond 2^31, which have to be reduced on the way.
#[test]
fn long_sums_do_not_wrap() {
    let shape = Conv2d { cin: 140_001, h: 1, w: 1, cout: 3, kh: 1, kw: 1, pads: [0; 4], ..BASE };
    let r = Radix::new(251);
    let x = vec![250; shape.cin * r.digits()];
    for weight in [125, -125, -128] {
        check_values(&shape, r, &x, &vec![weight; shape.kernel_len()]);
    }
}

#[test]
fn nothing_in_nothing_out() {
    check(&Conv2d { cin: 0, ..BASE }, 61, 1);
    check(&Conv2d { cout: 0, ..BASE }, 61, 1);
    check(&Conv2d { h: 1, w: 1, pads: [0; 4], ..BASE }, 61, 1);
    check(&Conv2d { h: 0, ..BASE }, 61, 1);
}

proptest! {
    #[test]
    fn every_isa_equals_the_definition(
        p in proptest::sample::select(&[2_u8, 7, 13, 31, 61, 127, 131, 251][..]),
        size in (1_usize..7, 1_usize..9, 1_usize..9, 1_usize..12),
        kernel in (1_usize..5, 1_usize..5),
        steps in (1_usize..4, 1_usize..4, 1_usize..3, 1_usize..3),
        pads in proptest::array::uniform4(0_usize..4),
        groups in 1_usize..4,
        seed: u64,
    ) {
        let shape = Conv2d {
            cin: size.0 * groups,
            h: size.1,
            w: size.2,
            cout: size.3 * groups,
            kh: kernel.0,
            kw: kernel.1,
            stride: [steps.0, steps.1],
            dilation: [steps.2, steps.3],
            pads,
            groups,
        };
        check(&shape, p, seed);
    }
}
