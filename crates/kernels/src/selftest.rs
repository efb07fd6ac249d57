//! Known-answer test of one level against the scalar twins, as cryptographic modules run before use.

use crate::Block;
use crate::hash::{ggm_double, tmmo, tmmo_cot};
use crate::isa::{self, Isa};
use crate::ntt::{Ntt, find_primes};
use crate::prg::{Prg, expand};
use crate::ring::{Conv2d, conv2d_u32, conv2d_u64, gemm_u32, gemm_u64};
use crate::transpose::transpose128;

/// Odd, so that whole batches and remainders of every register width are met.
const BLOCKS: usize = 77;
const DEGREE: usize = 2048;

/// Whether every kernel at `isa` agrees with its scalar twin on fixed inputs. The caller has checked that the
/// processor has the features of the level.
pub(crate) fn agrees(isa: Isa) -> bool {
    let run = |isa| isa::with_detected(isa, || (aes(), ring(), ntt()));
    run(isa) == run(Isa::Scalar)
}

/// Fixed values with all bits in use.
fn words(n: usize) -> impl Iterator<Item = u64> {
    (1..=n as u64)
        .map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(i | 1))
}

fn aes() -> Vec<Vec<Block>> {
    let x: Vec<Block> =
        words(BLOCKS).map(|word| Block(u128::from(word) * u128::from(!word))).collect();
    let zeros = |n: usize| vec![Block::ZERO; n];
    let (mut stream, mut rows, mut hashes) = (zeros(BLOCKS), zeros(3 * BLOCKS), zeros(BLOCKS));
    let (mut out0, mut out1, mut children) = (zeros(BLOCKS), zeros(BLOCKS), zeros(2 * BLOCKS));
    Prg::new(x[0]).fill_blocks(&mut stream);
    expand(&x, u64::MAX, &mut rows);
    tmmo(&x, u64::MAX - 5, &mut hashes);
    tmmo_cot(&x, x[1], 9, &mut out0, &mut out1);
    ggm_double(&x, &mut children);
    let mut columns = zeros(128);
    transpose128(&rows[..128], &mut columns);
    vec![stream, rows, hashes, out0, out1, children, columns]
}

fn ring() -> (Vec<Vec<u64>>, Vec<Vec<u32>>) {
    let (m, k, n) = (9, 131, 37);
    let conv = Conv2d {
        cin: 4,
        h: 7,
        w: 9,
        cout: 8,
        kh: 3,
        kw: 3,
        stride: [1, 2],
        dilation: [1, 1],
        pads: [1; 4],
        groups: 1,
    };
    let a: Vec<u64> = words(m * k).collect();
    let b: Vec<u64> = words(k * n).collect();
    let (mut c, mut y) = (vec![0; m * n], vec![0; conv.output_len()]);
    gemm_u64(m, k, n, &a, &b, &mut c);
    conv2d_u64(&conv, &b[..conv.input_len()], &a[..conv.kernel_len()], &mut y);
    let half = |words: &[u64]| words.iter().map(|word| (word >> 9) as u32).collect::<Vec<_>>();
    let (a, b) = (half(&a), half(&b));
    let (mut c32, mut y32) = (vec![0; m * n], vec![0; conv.output_len()]);
    gemm_u32(m, k, n, &a, &b, &mut c32);
    conv2d_u32(&conv, &b[..conv.input_len()], &a[..conv.kernel_len()], &mut y32);
    (vec![c, y], vec![c32, y32])
}

fn ntt() -> Vec<Vec<u64>> {
    find_primes(DEGREE, 50, 1)
        .into_iter()
        .flat_map(|p| {
            let ntt = Ntt::new(DEGREE, p);
            let a: Vec<u64> = words(DEGREE).map(|word| word % p).collect();
            let b: Vec<u64> = a.iter().rev().map(|word| p - 1 - word).collect();
            let mut out = vec![a.clone(); 8];
            ntt.forward(&mut out[0]);
            ntt.inverse(&mut out[1]);
            ntt.mul(&a, &b, &mut out[2]);
            ntt.mul_acc(&mut out[3], &a, &b);
            ntt.mul_scalar(&mut out[4], b[1]);
            ntt.add(&mut out[5], &b);
            ntt.sub(&mut out[6], &b);
            ntt.neg(&mut out[7]);
            out
        })
        .collect()
}
