#![allow(clippy::unwrap_used)]

#[cfg(target_arch = "x86_64")]
mod imitated;
mod powers;
mod products;
mod raw;

use crypto_bigint::{BoxedUint, ConcatenatingMul, Resize};

use super::*;
use crate::isa;

fn number(words: &[u64]) -> BoxedUint {
    BoxedUint::from_words(words.iter().copied())
}

fn words_of(x: &BoxedUint, words: usize) -> Vec<u64> {
    let mut out: Vec<u64> = x.to_words().to_vec();
    out.resize(words, 0);
    out
}

fn values(count: usize, seed: u64) -> Vec<u64> {
    let mut out = vec![0; count];
    crate::prg::Prg::new(crate::Block(u128::from(seed))).fill_words(&mut out);
    out
}

/// Random, of exactly this many bits and odd.
fn modulus(bits: usize, seed: u64) -> Vec<u64> {
    let mut n = values(bits.div_ceil(64), seed);
    let top = n.len() - 1;
    let spare = 64 * n.len() - bits;
    n[top] = (n[top] | 1 << 63) >> spare;
    n[0] |= 1;
    n
}

/// 2^bits - 1.
fn extreme(bits: usize) -> Vec<u64> {
    let mut n = vec![u64::MAX; bits.div_ceil(64)];
    let top = n.len() - 1;
    n[top] >>= 64 * n.len() - bits;
    n
}

fn reduced(x: &[u64], n: &[u64]) -> Vec<u64> {
    let n = number(n).to_nz().unwrap();
    words_of(&number(x).rem(&n), n.as_ref().to_words().len())
}

fn mul_mod(a: &[u64], b: &[u64], n: &[u64]) -> Vec<u64> {
    let product = number(a).concatenating_mul(number(b));
    words_of(&product.rem_vartime(&number(n).to_nz().unwrap()), n.len())
}

/// Eight values: edges, then random ones.
fn eight(n: &[u64], seed: u64) -> Vec<u64> {
    let words = n.len();
    let mut out = vec![0; LANES * words];
    out[words] = 1;
    out[2 * words..3 * words].copy_from_slice(n);
    out[2 * words] -= 1;
    for lane in 3..LANES {
        let random = match lane {
            3 => [vec![u64::MAX; words - 1], vec![0]].concat(),
            _ => values(words, seed + lane as u64),
        };
        out[lane * words..(lane + 1) * words].copy_from_slice(&reduced(&random, n));
    }
    out
}

fn group(m: &Modulus, s: &mut Scratch, values: &[u64]) -> Vec<Limbs> {
    let mut residues = vec![0; LANES * m.limbs()];
    m.import(s, values, &mut residues);
    let mut group = vec![Limbs::default(); m.limbs()];
    m.gather(&residues, core::array::from_fn(Some), &mut group);
    group
}

fn ungroup(m: &Modulus, s: &mut Scratch, group: &[Limbs]) -> Vec<u64> {
    let mut residues = vec![0; LANES * m.limbs()];
    for (lane, residue) in residues.chunks_exact_mut(m.limbs()).enumerate() {
        m.scatter(group, lane, residue);
    }
    let mut values = vec![0; LANES * m.words()];
    m.export(s, &residues, &mut values);
    values
}

/// n, both moduli made of it and what they are.
fn both(n: &[u64]) -> [(Modulus, Vec<u64>); 2] {
    [(Modulus::new(n), n.to_vec()), (Modulus::squared(n), words::square(n).to_vec())]
}
