//! Known-answer test of one level against the scalar twins, as cryptographic modules run before use.

use crate::Block;
use crate::bigint::{FixedBase, LANES, Limbs, Modulus};
use crate::digits::{self, Operand, Radix};
use crate::hash::{Ccr, Mmo, Tmmo, ggm_double, tmmo};
use crate::isa::{self, Isa};
use crate::ntt::{Ntt, find_primes};
use crate::prg::{Prg, Seeds, TILE, add_sparse, expand};
use crate::ring::{Conv2d, conv2d_u32, conv2d_u64, gemm_u32, gemm_u64};
use crate::transpose::{low_columns, transpose128};

/// Odd, so that whole batches and remainders of every register width are met.
const BLOCKS: usize = 77;
const DEGREE: usize = 2048;

/// Whether every kernel at `isa` agrees with its scalar twin on fixed inputs. The caller has checked that the
/// processor has the features of the level.
pub(crate) fn agrees(isa: Isa) -> bool {
    let run = |isa| isa::with_detected(isa, || (aes(), ring(), ntt(), labels(), powers()));
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
    Mmo::new(x[3]).cot(&x, x[1], &mut out0, &mut out1);
    ggm_double(&x, &mut children);
    let mut columns = zeros(128);
    transpose128(&rows[..128], &mut columns);
    let (mut permuted, mut shared) = (zeros(BLOCKS), x.clone());
    let hash = Tmmo::new(x[2]);
    hash.permute(&x, &mut permuted);
    hash.mask(&permuted, u64::MAX - 5, 3, &mut shared);
    let (mut single, mut circular) = (zeros(BLOCKS), zeros(BLOCKS));
    let (mut folded, mut sum) = ([[x[0]; TILE]; 3], [x[0]; TILE]);
    Mmo::new(x[3]).hash(&x, &mut single);
    Ccr::new(x[3]).hash(&x, &mut circular);
    let (mut left, mut right) = (x.clone(), zeros(BLOCKS));
    let total = Ccr::new(x[3]).grow(&mut left, &mut right);
    left.push(total);
    let mut sparse = zeros(BLOCKS);
    add_sparse(x[5], u64::MAX - 5, &rows, &mut sparse);
    Seeds::new(&x).fold(8..16, false, u64::MAX - 5, &mut folded, &mut sum);
    let folded = [folded.as_flattened(), &sum].concat();
    let mut low = zeros(5);
    low_columns(&x, 5, bytemuck::must_cast_slice_mut(&mut low));
    vec![
        stream, rows, hashes, out0, out1, children, columns, permuted, shared, single, circular,
        folded, low, left, right, sparse,
    ]
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
            let mut out = vec![a.clone(); 10];
            ntt.forward(&mut out[0]);
            ntt.inverse(&mut out[1]);
            ntt.mul(&a, &b, &mut out[2]);
            ntt.mul_acc(&mut out[3], &a, &b);
            ntt.mul_scalar(&mut out[4], b[1]);
            ntt.add(&mut out[5], &b);
            ntt.sub(&mut out[6], &b);
            ntt.neg(&mut out[7]);
            let (mut x, mut y) = (a.clone(), b.clone());
            ntt.factors(&mut x);
            ntt.factors(&mut y);
            ntt.mul_matrix(7, DEGREE / 8, &x[..7 * 8], &y, &mut out[8], DEGREE / 8);
            let (sums, rest) = out.split_at_mut(9);
            let mut pairs: Vec<[&mut [u64]; 2]> = vec![[&mut sums[0], &mut rest[0]]];
            ntt.add_products(&mut pairs, &[[&x[..], &y[..]]; 5], &[&y[..]; 5]);
            out
        })
        .collect()
}

/// Values in ordinary form, because residues depend on the level.
fn powers() -> Vec<u64> {
    let mut n: Vec<u64> = words(12).collect();
    n[0] |= 1;
    [Modulus::new(&n), Modulus::squared(&n)].iter().flat_map(powers_modulo).collect()
}

fn powers_modulo(m: &Modulus) -> Vec<u64> {
    let mut scratch = m.scratch();
    let values: Vec<u64> = words(4 * 12 * LANES).collect();
    let mut residues = vec![0; LANES * m.limbs()];
    m.import(&mut scratch, &values, &mut residues);
    let mut group = vec![Limbs::default(); m.limbs()];
    m.gather(&residues, core::array::from_fn(Some), &mut group);
    let factor = group.clone();
    let exponents: Vec<u64> = words(LANES).collect();
    m.pow(&mut scratch, &mut group, core::array::from_fn(|i| &exponents[i..=i]), 61);
    let mut power = factor.clone();
    FixedBase::new(m, &residues[..m.limbs()], 60, 4).pow(m, &mut scratch, &exponents, &mut power);
    m.mul_assign(&mut scratch, &mut group, &power);
    m.mul_assign(&mut scratch, &mut group, &factor);
    for (lane, residue) in residues.chunks_exact_mut(m.limbs()).enumerate() {
        m.scatter(&group, lane, residue);
    }
    let mut out = vec![0; LANES * m.words()];
    m.export(&mut scratch, &residues, &mut out);
    out
}

/// One radix for each way of packing, and more labels than any batch.
fn labels() -> Vec<(Vec<Block>, Vec<u8>)> {
    [2, 3, 7, 13, 31, 61, 127, 251].map(|p| (packed_labels(p), unpacked_labels(p))).to_vec()
}

/// As many labels as blocks.
fn digits_of(r: Radix) -> Vec<u8> {
    let mut x = vec![0; BLOCKS * r.digits()];
    digits::sample(r, Block(77), u64::MAX, &mut x);
    x
}

fn packed_labels(p: u8) -> Vec<Block> {
    let (r, count) = (Radix::new(p), usize::from(p));
    let x = digits_of(r);
    let (zero, mut delta) = (&x[..r.digits()], x[r.digits()..2 * r.digits()].to_vec());
    delta[0] = 1;
    let mut out = vec![Block::ZERO; 2 * BLOCKS + 2 * count - 1];
    let (packed, rest) = out.split_at_mut(BLOCKS);
    let (selected, rest) = rest.split_at_mut(BLOCKS);
    let (keys, rungs) = rest.split_at_mut(count);
    digits::pack(r, &x, packed);
    digits::keys(r, zero, &delta, keys);
    digits::ladder(r, zero, &delta, rungs);
    digits::select(keys, &x[..BLOCKS], selected);
    out
}

fn unpacked_labels(p: u8) -> Vec<u8> {
    let (r, n) = (Radix::new(p), usize::from(p) - 1);
    let x = digits_of(r);
    let y: Vec<u8> = x.iter().rev().copied().collect();
    let bits: Vec<Block> = words(BLOCKS).map(|word| Block(u128::from(word) << 64 | 5)).collect();
    let mut out: [Vec<u8>; 10] = core::array::from_fn(|_| y.clone());
    let [unpacked, sum, difference, multiple, eliminated, added, each, pairs, rotated, conv] =
        &mut out;
    digits::unpack(r, &bits, unpacked);
    digits::add(r, &x, &y, sum);
    digits::sub(r, &x, &y, difference);
    digits::scale(r, p - 1, &x, multiple);
    digits::sub_scale(r, eliminated, &x, p - 1);
    digits::add_scaled(r, added, p - 1, &x);
    digits::add_each(r, each, &x[..BLOCKS], &x[..r.digits()]);
    digits::add_each(r, pairs, &x[..BLOCKS], &x);
    digits::rotate(&x[..=n.max(1)], n as u8, &mut rotated[..=n.max(1)]);
    linear(r, &x, conv);
    out.concat()
}

/// Appends the outputs of a convolution with tiles of every height and of a depthwise one.
fn linear(r: Radix, x: &[u8], y: &mut Vec<u8>) {
    let wide = Conv2d {
        cin: 5,
        h: 5,
        w: 3,
        cout: 13,
        kh: 3,
        kw: 2,
        stride: [2, 1],
        dilation: [1, 1],
        pads: [1, 0, 0, 1],
        groups: 1,
    };
    let depthwise = Conv2d { cout: 5, groups: 5, ..wide };
    let kernel: Vec<i8> = words(wide.kernel_len())
        .map(|word| (word % u64::from(r.p())) as i64 - i64::from(r.p() / 2))
        .map(|entry| entry as i8)
        .collect();
    for shape in [wide, depthwise] {
        let operand = Operand::new(&shape, r, &x[..shape.input_len() * r.digits()]);
        let mut out = vec![0; shape.output_len() * r.digits()];
        digits::conv(&operand, 0..shape.cout, &kernel[..shape.kernel_len()], &mut out);
        y.extend(out);
    }
}
