#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::isa;

fn words(n: usize, seed: u64) -> Vec<u64> {
    (0..n as u64)
        .map(|i| {
            (i + seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(seed | 1)
        })
        .collect()
}

fn halves(words: &[u64]) -> Vec<u32> {
    words.iter().map(|&word| (word >> 16) as u32).collect()
}

/// The definition, element by element.
fn reference(m: usize, k: usize, n: usize, a: &[u64], b: &[u64]) -> Vec<u64> {
    let dot = |i: usize, j: usize| {
        (0..k).fold(0_u64, |sum, l| sum.wrapping_add(a[i * k + l].wrapping_mul(b[l * n + j])))
    };
    (0..m * n).map(|at| dot(at / n, at % n)).collect()
}

/// The definition of ONNX `Conv`, with bounds checked per element.
fn reference_conv(conv: &Conv2d, x: &[u64], k: &[u64]) -> Vec<u64> {
    let (oh, ow) = (conv.out_h(), conv.out_w());
    let (cig, cog) = (conv.cin / conv.groups, conv.cout / conv.groups);
    let mut y = Vec::with_capacity(conv.output_len());
    for at in 0..conv.output_len() {
        let (o, r, c) = (at / (oh * ow), at / ow % oh, at % ow);
        let mut sum = 0_u64;
        for tap in 0..cig * conv.kh * conv.kw {
            let (i, u, v) = (tap / (conv.kh * conv.kw), tap / conv.kw % conv.kh, tap % conv.kw);
            let row = (r * conv.stride[0] + u * conv.dilation[0]) as isize - conv.pads[0] as isize;
            let col = (c * conv.stride[1] + v * conv.dilation[1]) as isize - conv.pads[2] as isize;
            if (0..conv.h as isize).contains(&row) && (0..conv.w as isize).contains(&col) {
                let channel = o / cog * cig + i;
                let value = x[(channel * conv.h + row as usize) * conv.w + col as usize];
                sum = sum.wrapping_add(value.wrapping_mul(k[o * cig * conv.kh * conv.kw + tap]));
            }
        }
        y.push(sum);
    }
    y
}

fn check_gemm(m: usize, k: usize, n: usize, seed: u64) {
    let (a, b) = (words(m * k, seed), words(k * n, seed + 1));
    let (a32, b32) = (halves(&a), halves(&b));
    let wide = |v: &[u32]| v.iter().map(|&v| u64::from(v)).collect::<Vec<_>>();
    let expected = reference(m, k, n, &a, &b);
    let expected32: Vec<u32> =
        reference(m, k, n, &wide(&a32), &wide(&b32)).iter().map(|&word| word as u32).collect();
    for isa in isa::available() {
        isa::with(isa, || {
            let (mut c, mut c32) = (vec![7; m * n], vec![7; m * n]);
            gemm_u64(m, k, n, &a, &b, &mut c);
            gemm_u32(m, k, n, &a32, &b32, &mut c32);
            assert!(c == expected && c32 == expected32, "{isa:?} {m}x{k}x{n}");
        });
    }
}

fn check_conv(conv: &Conv2d, seed: u64) {
    let (x, k) = (words(conv.input_len(), seed), words(conv.kernel_len(), seed + 1));
    let (x32, k32) = (
        x.iter().map(|&v| v as u32).collect::<Vec<_>>(),
        k.iter().map(|&v| v as u32).collect::<Vec<_>>(),
    );
    let expected = reference_conv(conv, &x, &k);
    for isa in isa::available() {
        isa::with(isa, || {
            let (mut y, mut y32) = (vec![7; conv.output_len()], vec![7; conv.output_len()]);
            conv2d_u64(conv, &x, &k, &mut y);
            conv2d_u32(conv, &x32, &k32, &mut y32);
            assert!(y == expected, "{isa:?} {conv:?}");
            assert!(y32.iter().zip(&expected).all(|(a, b)| *a == *b as u32), "{isa:?} {conv:?}");
        });
    }
}

#[test]
fn products_across_block_borders() {
    for (m, k, n) in
        [(65, 129, 513), (64, 128, 512), (8, 300, 16), (130, 1, 17), (3, 200, 600), (70, 257, 1)]
    {
        check_gemm(m, k, n, 3);
    }
}

#[test]
fn convolutions_of_real_networks() {
    let base = Conv2d {
        cin: 16,
        h: 32,
        w: 32,
        cout: 16,
        kh: 3,
        kw: 3,
        stride: [1, 1],
        dilation: [1, 1],
        pads: [1; 4],
        groups: 1,
    };
    check_conv(&base, 1);
    check_conv(&Conv2d { stride: [2, 2], cout: 32, ..base }, 2);
    check_conv(&Conv2d { kh: 1, kw: 1, stride: [2, 2], pads: [0; 4], ..base }, 3);
    check_conv(&Conv2d { groups: 16, ..base }, 4);
    check_conv(&Conv2d { cin: 3, kh: 7, kw: 7, stride: [2, 2], pads: [3; 4], ..base }, 5);
    check_conv(&Conv2d { h: 1, w: 100, kh: 1, kw: 5, pads: [0, 0, 2, 2], ..base }, 6);
}

proptest! {
    #[test]
    fn every_isa_equals_the_definition(m in 0_usize..20, k in 0_usize..40, n in 0_usize..50, seed: u64) {
        check_gemm(m, k, n, seed >> 1);
    }

    #[test]
    fn every_isa_convolves_alike(
        size in (1_usize..4, 1_usize..12, 1_usize..12, 1_usize..6),
        kernel in (1_usize..5, 1_usize..5),
        steps in (1_usize..4, 1_usize..4, 1_usize..3, 1_usize..3),
        pads in proptest::array::uniform4(0_usize..4),
        groups in 1_usize..4,
        seed: u64,
    ) {
        let conv = Conv2d {
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
        check_conv(&conv, seed >> 1);
    }
}
