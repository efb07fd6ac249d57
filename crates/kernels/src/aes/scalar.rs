//! The portable twin, on the constant-time `aes` crate.

use aes::Aes128;
use aes::cipher::{Array, BlockCipherEncrypt, KeyInit};

use super::{ROW_BLOCKS, TILE, places};
use crate::Block;

pub(crate) fn cipher(key: Block) -> Aes128 {
    Aes128::new(&Array(key.to_bytes()))
}

pub(super) fn encrypt(cipher: &Aes128, block: Block) -> Block {
    let mut bytes = Array(block.to_bytes());
    cipher.encrypt_block(&mut bytes);
    Block::from_bytes(bytes.0)
}

/// Fills `out` with counter + j and encrypts all of it in one call, which lets the crate work on several at once.
pub(super) fn counter_mode(cipher: &Aes128, counter: u64, out: &mut [[u8; 16]]) {
    for (j, block) in out.iter_mut().enumerate() {
        *block = number(counter, j).to_bytes();
    }
    cipher.encrypt_blocks(Array::cast_slice_from_core_mut(out));
}

pub(super) fn expand(keys: &[Block], counter: u64, row: usize, out: &mut [Block]) {
    for (key, out) in keys.iter().zip(out.chunks_exact_mut(row)) {
        counter_mode(&cipher(*key), counter, bytemuck::must_cast_slice_mut(out));
    }
}

pub(super) fn tmmo(p: &Aes128, x: &[Block], tweak: u64, out: &mut [Block]) {
    for (i, (x, out)) in x.iter().zip(out).enumerate() {
        *out = tmmo_one(p, *x, number(tweak, i));
    }
}

pub(super) fn permute(p: &Aes128, x: &[Block], out: &mut [Block]) {
    out.copy_from_slice(x);
    p.encrypt_blocks(Array::cast_slice_from_core_mut(bytemuck::must_cast_slice_mut(out)));
}

pub(super) fn tmmo_from(p: &Aes128, px: &[Block], tweak: u64, step: u64, out: &mut [Block]) {
    for (i, (px, out)) in px.iter().zip(out).enumerate() {
        let tweak = tweak.wrapping_add(step.wrapping_mul(i as u64));
        *out ^= encrypt(p, *px ^ Block(tweak.into())) ^ *px;
    }
}

fn tmmo_one(p: &Aes128, x: Block, tweak: Block) -> Block {
    let inner = encrypt(p, x);
    encrypt(p, inner ^ tweak) ^ inner
}

pub(super) fn mmo(p: &Aes128, x: &[Block], out: &mut [Block]) {
    for (x, out) in x.iter().zip(out) {
        *out = encrypt(p, *x) ^ *x;
    }
}

pub(super) fn ccr(p: &Aes128, x: &[Block], out: &mut [Block]) {
    for (x, out) in x.iter().zip(out) {
        let high = x.0 >> 64;
        let x = Block((high ^ (x.0 & u128::from(u64::MAX))) << 64 | high);
        *out = encrypt(p, x) ^ x;
    }
}

pub(super) fn ccr_grow(p: &Aes128, nodes: &mut [Block], right: &mut [Block]) -> Block {
    ccr(p, nodes, right);
    let mut sum = Block::ZERO;
    for (left, right) in nodes.iter_mut().zip(right) {
        (*left, *right) = (*right, *left ^ *right);
        sum ^= *left;
    }
    sum
}

pub(super) fn mmo_cot(p: &Aes128, q: &[Block], delta: Block, [out0, out1]: [&mut [Block]; 2]) {
    for (q, (out0, out1)) in q.iter().zip(out0.iter_mut().zip(out1)) {
        *out0 = encrypt(p, *q) ^ *q;
        *out1 = encrypt(p, *q ^ delta) ^ *q ^ delta;
    }
}

pub(super) fn fold(
    seeds: &[Aes128],
    punctured: bool,
    counter: u64,
    planes: &mut [[Block; TILE]],
    sum: &mut [Block; TILE],
) {
    planes.fill([Block::ZERO; TILE]);
    *sum = [Block::ZERO; TILE];
    let mut row = [[0; 16]; TILE];
    for (x, seed) in seeds.iter().enumerate().skip(usize::from(punctured)) {
        counter_mode(seed, counter, &mut row);
        let add = |to: &mut [Block; TILE]| {
            for (to, block) in to.iter_mut().zip(&row) {
                *to ^= Block::from_bytes(*block);
            }
        };
        add(sum);
        planes.iter_mut().enumerate().filter(|(b, _)| x >> b & 1 == 1).for_each(|(_, p)| add(p));
    }
}

pub(super) fn sparse(p: &Aes128, counter: u64, input: &[Block], out: &mut [Block]) {
    let mut random = [[0; 16]; ROW_BLOCKS];
    for (i, out) in out.iter_mut().enumerate() {
        counter_mode(p, counter.wrapping_add((ROW_BLOCKS * i) as u64), &mut random);
        for place in places(bytemuck::must_cast(random), input.len() as u64) {
            *out ^= input[place];
        }
    }
}

pub(super) fn ggm_double(p: &[Aes128], parents: &[Block], children: &mut [Block]) {
    for (x, pair) in parents.iter().zip(children.chunks_exact_mut(2)) {
        for (child, p) in pair.iter_mut().zip(p) {
            *child = encrypt(p, *x) ^ *x;
        }
    }
}

fn number(first: u64, i: usize) -> Block {
    Block(first.wrapping_add(i as u64).into())
}
