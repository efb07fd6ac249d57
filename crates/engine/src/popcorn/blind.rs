//! Factors and offsets that leave a value's sign alone, or a coin of it.

use crate::session::PopcornMode;
use sordino_he::Error;
use sordino_he::paillier::{Computed, Plaintexts};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

/// Bits that the logarithm of a factor ranges over, at least.
const SPREAD: u32 = 192;
/// Bits by which the least factor exceeds the values, so that rounding factors to integers tells next to nothing.
const FLOOR: u32 = 10;

/// How values of a public bound are blinded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Blinding {
    mode: PopcornMode,
    /// Factors are in \[2^low, 2^high).
    low: u32,
    high: u32,
}

/// Blinded values and what the server keeps of them.
pub(super) struct Blinded {
    pub(super) values: Computed,
    /// 1 where the sign is turned around.
    pub(super) turned: Zeroizing<Vec<u64>>,
}

/// The most that `affine`'s blinded values tell of two integers v of magnitudes at most 2^(bits - 1), as a statistical
/// distance per value: `ratio_bits` is by how many bits |2v - 1| differs between them, at most.
pub fn distance(bits: u32, ratio_bits: f64) -> f64 {
    let blinding = Blinding::new(PopcornMode::Affine, bits);
    let spread = f64::from(blinding.high - blinding.low);
    (ratio_bits + 2.0) / spread + f64::from(bits as i32 + 4 - blinding.low as i32).exp2()
}

impl Blinding {
    pub(super) fn new(mode: PopcornMode, bits: u32) -> Self {
        match mode {
            PopcornMode::Affine => {
                let low = bits + 1 + FLOOR;
                // All of the words that an exponent has, twice the factor.
                Self { mode, low, high: (low + SPREAD + 1).next_multiple_of(64) - 1 }
            }
            PopcornMode::Paper => Self { mode, low: 0, high: 64 },
        }
    }

    /// Words of an exponent.
    fn words(self) -> usize {
        (self.high as usize).div_ceil(64)
    }

    /// Blinds values; *cost*: 1.2 products per bit of the factors, 5 more in `affine`.
    pub(super) fn apply(self, v: &Computed, rng: &mut SecretRng) -> Result<Blinded, Error> {
        let (count, words) = (v.len(), self.words());
        let mut factors = Zeroizing::new(Vec::with_capacity(count * words));
        if self.mode == PopcornMode::Paper {
            factors.extend((0..count).map(|_| rng.next_u64().max(1)));
            let turned = Zeroizing::new(vec![0; count]);
            return Ok(Blinded { values: v.multiply(&factors, words)?, turned });
        }
        let n = v.key().modulus();
        let mut offsets = Vec::with_capacity(count * n.len());
        let mut turned = Zeroizing::new(Vec::with_capacity(count));
        for _ in 0..count {
            let r = self.factor(rng);
            let turn = rng.next_u64() & 1;
            // z = s (2 r v - (r - r')).
            let offset = offset(&r, rng);
            offsets.extend(signed(&offset, turn ^ 1, n).iter());
            turned.push(turn);
            let doubled = (0..words).map(|i| r[i] << 1 | if i > 0 { r[i - 1] >> 63 } else { 0 });
            factors.extend(doubled);
        }
        let scaled = v.multiply(&factors, words)?;
        let both = Computed::chain(&[&scaled, &scaled.negate()?])?;
        let chosen = both.select(&choice(&turned))?;
        let offsets = Plaintexts::from_words(v.key(), offsets)?;
        Ok(Blinded { values: chosen.add_plain(&offsets)?, turned })
    }

    /// The integer part of a real number whose logarithm is uniform.
    fn factor(self, rng: &mut SecretRng) -> Zeroizing<Vec<u64>> {
        let span = u128::from(self.high - self.low);
        let exponent = self.low + (u128::from(rng.next_u64()) * span >> 64) as u32;
        // The leading bits of 1 <= mu < 2 with density 1 / mu: a uniform mu is taken with probability 1 / mu.
        let top = loop {
            let top = rng.next_u64() | 1 << 63;
            if u128::from(rng.next_u64()) * u128::from(top) >> 127 == 0 {
                break top;
            }
        };
        let mut r = Zeroizing::new(vec![0; self.words()]);
        rng.fill_words(&mut r);
        // The leading one goes to bit `exponent`, its 63 followers below it.
        clear_from(&mut r, exponent + 1);
        for bit in 0..64 {
            let Some(place) = (exponent + bit).checked_sub(63) else { continue };
            let (word, shift) = ((place / 64) as usize, place % 64);
            r[word] = r[word] & !(1 << shift) | (top >> bit & 1) << shift;
        }
        r
    }
}

/// Indices that take element i of the first or of the second half.
pub(super) fn choice(second: &[u64]) -> Vec<usize> {
    second.iter().enumerate().map(|(i, bit)| i + *bit as usize * second.len()).collect()
}

/// Clears the bits from `bit` on.
fn clear_from(x: &mut [u64], bit: u32) {
    for (i, word) in x.iter_mut().enumerate() {
        let keep = bit.saturating_sub(64 * i as u32).min(64);
        *word &= u64::MAX.checked_shr(64 - keep).unwrap_or(0);
    }
}

/// r - r' for r' uniform in (-r/2, r/2): r - h + u with h = floor((r - 1) / 2) and u uniform in \[0, 2h\].
fn offset(r: &[u64], rng: &mut SecretRng) -> Zeroizing<Vec<u64>> {
    let mut h = Zeroizing::new(r.to_vec());
    let one = unit(r.len());
    subtract(&mut h, &one);
    for i in 0..h.len() {
        h[i] = h[i] >> 1 | h.get(i + 1).copied().unwrap_or(0) << 63;
    }
    let twice: Zeroizing<Vec<u64>> = Zeroizing::new(
        (0..h.len()).map(|i| h[i] << 1 | if i > 0 { h[i - 1] >> 63 } else { 0 }).collect(),
    );
    let bits = (0..twice.len()).rev().find(|i| twice[*i] != 0);
    let bits = bits.map_or(0, |i| 64 * i as u32 + 64 - twice[i].leading_zeros());
    let mut u = Zeroizing::new(vec![0; r.len()]);
    loop {
        rng.fill_words(&mut u);
        clear_from(&mut u, bits);
        if u.iter().rev().le(twice.iter().rev()) {
            break;
        }
    }
    let mut out = Zeroizing::new(r.to_vec());
    subtract(&mut out, &h);
    add(&mut out, &u);
    out
}

fn unit(len: usize) -> Vec<u64> {
    let mut one = vec![0; len];
    one[0] = 1;
    one
}

fn subtract(a: &mut [u64], b: &[u64]) -> u64 {
    let mut borrow = 0;
    for (i, a) in a.iter_mut().enumerate() {
        let (d, first) = a.overflowing_sub(b.get(i).copied().unwrap_or(0));
        let (d, second) = d.overflowing_sub(borrow);
        (*a, borrow) = (d, u64::from(first) | u64::from(second));
    }
    borrow
}

fn add(a: &mut [u64], b: &[u64]) {
    let mut carry = 0;
    for (a, b) in a.iter_mut().zip(b) {
        let (s, first) = a.overflowing_add(*b);
        let (s, second) = s.overflowing_add(carry);
        (*a, carry) = (s, u64::from(first) | u64::from(second));
    }
}

/// x modulo n, or n - x where `negative` is 1.
fn signed(x: &[u64], negative: u64, n: &[u64]) -> Zeroizing<Vec<u64>> {
    let mut minus = Zeroizing::new(n.to_vec());
    subtract(&mut minus, x);
    let mask = negative.wrapping_neg();
    for (i, word) in minus.iter_mut().enumerate() {
        *word = *word & mask | x.get(i).copied().unwrap_or(0) & !mask;
    }
    minus
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    fn value(x: &[u64]) -> f64 {
        x.iter().rev().fold(0.0, |sum, word| sum * 2f64.powi(64) + *word as f64)
    }

    #[test]
    fn factors_are_log_uniform() {
        let blinding = Blinding::new(PopcornMode::Affine, 20);
        let mut rng = SecretRng::from_seed([7; 32]);
        let (mut octaves, mut below) = (vec![0; blinding.high as usize], 0);
        let count = 40_000;
        for _ in 0..count {
            let log = value(&blinding.factor(&mut rng)).log2();
            assert!((f64::from(blinding.low)..f64::from(blinding.high)).contains(&log));
            octaves[log as usize] += 1;
            below += usize::from(log.fract() < 0.5);
        }
        let spread = (blinding.high - blinding.low) as usize;
        for octave in &octaves[blinding.low as usize..] {
            let mean = (count / spread) as i32;
            assert!((octave - mean).pow(2) < 36 * mean, "{octave} of {mean}");
        }
        // A uniform mantissa would give 41 %.
        assert!((below as f64 / f64::from(count as u32) - 0.5).abs() < 0.02, "{below}");
    }

    #[test]
    fn offsets_are_around_the_factor() {
        let blinding = Blinding::new(PopcornMode::Affine, 5);
        let mut rng = SecretRng::from_seed([8; 32]);
        for _ in 0..1000 {
            let r = blinding.factor(&mut rng);
            let ratio = value(&offset(&r, &mut rng)) / value(&r);
            assert!((0.5..=1.5).contains(&ratio), "{ratio}");
        }
    }

    #[test]
    fn distances() {
        assert!(distance(16, 1.0) < 0.03);
        assert!(distance(16, 16.0) < 0.11);
        assert!(distance(16, 16.0) > distance(16, 1.0));
    }
}
