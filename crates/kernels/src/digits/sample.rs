//! Exactly uniform digits by rejection.

use zeroize::Zeroize;

#[cfg(target_arch = "x86_64")]
use super::x86;
use super::{Radix, portable, whole_labels};
use crate::Block;
use crate::aes::Key;
use crate::isa::dispatch;

/// Blocks encrypted at a time: at most 64 labels, of at least two blocks each.
const BATCH: usize = 96;

/// Uniform labels: label i of `out` is a function of the radix, `seed` and first + i alone.
///
/// Label k reads the blocks AES_seed(256 k), AES_seed(256 k + 1), … (counters of 128 bits) as 16-bit little-endian
/// words w_0, w_1, …; a word of at least floor(65536 / p) p is rejected, another stands for its residue mod p. Digit d
/// is w_d if that is accepted. The rejected ones among the first n digits are then replaced, in order, by the
/// accepted ones among w_s, w_(s+1), …, s being n rounded up to whole blocks (8 words).
///
/// *Security*: pseudo-random under AES-128. Which words are rejected decides the running time and says nothing about
/// those kept. Under one seed a label number is used once, whatever the radix (the same number in two radices gives
/// labels that depend on each other), and the seed belongs to no other generator. A label would run into the next one's
/// counters after more than a thousand rejections, which happens with probability below 2^-1000.
///
/// # Panics
/// If `out` is not a whole number of labels.
pub fn sample(r: Radix, seed: Block, first: u64, out: &mut [u8]) {
    whole_labels(r, out.len());
    let key = Key::new(seed);
    let (n, width) = (r.digits(), r.digits().div_ceil(8));
    let per_batch = BATCH / width;
    let (mut counters, mut stream) = ([Block::ZERO; BATCH], [Block::ZERO; BATCH]);
    for (batch, out) in out.chunks_mut(per_batch * n).enumerate() {
        let first = u128::from(first) + (batch * per_batch) as u128;
        let blocks = out.len() / n * width;
        for (i, counters) in counters[..blocks].chunks_exact_mut(width).enumerate() {
            for (j, counter) in counters.iter_mut().enumerate() {
                *counter = Block((first + i as u128) << 8 | j as u128);
            }
        }
        key.permute(&counters[..blocks], &mut stream[..blocks]);
        let stream = &stream[..blocks];
        let mut rejected = dispatch!(residues(r, stream, out), portable::residues(r, stream, out));
        while rejected != 0 {
            let i = rejected.trailing_zeros() as usize;
            let (words, out) = (&stream[i * width..][..width], &mut out[i * n..][..n]);
            replace_rejected(r, &key, first + i as u128, words, out);
            rejected &= rejected - 1;
        }
    }
    stream.zeroize();
}

#[cold]
fn replace_rejected(r: Radix, key: &Key, label: u128, words: &[Block], out: &mut [u8]) {
    let (greatest, words) = (r.greatest_word(), bytemuck::must_cast_slice::<_, u16>(words));
    let mut counter = label << 8 | r.digits().div_ceil(8) as u128;
    let mut spare = [Block::ZERO];
    let mut used = 8;
    for (digit, _) in out.iter_mut().zip(words).filter(|&(_, &word)| word > greatest) {
        loop {
            if used == 8 {
                key.permute(&[Block(counter)], &mut spare);
                (counter, used) = (counter + 1, 0);
            }
            let word = bytemuck::must_cast_slice::<_, u16>(&spare)[used];
            used += 1;
            if word <= greatest {
                *digit = r.reduce(word) as u8;
                break;
            }
        }
    }
}
