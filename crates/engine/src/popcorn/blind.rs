//! Factors and offsets that leave a value's sign alone, or a coin of it.

use crate::session::PopcornMode;
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

/// Bits that the logarithm of a factor ranges over. What blinded values tell goes with its inverse, and most of the server's
/// work with it: eight values of 24 bits fit into a plaintext of 2048.
const SPREAD: u32 = 192;
/// Bits by which the least factor exceeds the values, so that rounding factors to integers tells next to nothing.
const FLOOR: u32 = 10;

/// How values of a public bound are blinded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Blinding {
    mode: PopcornMode,
    bits: u32,
    /// Factors are in \[2^low, 2^high).
    low: u32,
    high: u32,
}

/// What blinds values: in a value's slot comes its product with the factor, plus the offset.
pub(super) struct Blinds {
    /// [`Blinding::factor_bits`] bits each, in whole words.
    pub(super) factors: Zeroizing<Vec<u64>>,
    /// [`Blinding::slot_bits`] bits each in two's complement, in whole words.
    pub(super) offsets: Zeroizing<Vec<u64>>,
    /// 1 where it is not the value but its negative that is multiplied. Absent in `paper`.
    pub(super) turned: Option<Zeroizing<Vec<u64>>>,
}

impl Blinding {
    /// For values of magnitude at most 2^(bits - 1).
    pub(super) fn new(mode: PopcornMode, bits: u32) -> Self {
        let (low, high) = match mode {
            PopcornMode::Affine => (bits + 1 + FLOOR, bits + 1 + FLOOR + SPREAD),
            PopcornMode::Paper => (0, 64),
        };
        Self { mode, bits, low, high }
    }

    /// Bits of a factor.
    pub(super) fn factor_bits(self) -> usize {
        match self.mode {
            // Twice r.
            PopcornMode::Affine => self.high as usize + 1,
            PopcornMode::Paper => self.high as usize,
        }
    }

    /// Bits of a blinded value, its sign included.
    pub(super) fn slot_bits(self) -> usize {
        match self.mode {
            // r (|2v - 1| + 1/2) < 2^(high + bits + 1).
            PopcornMode::Affine => (self.high + self.bits) as usize + 2,
            PopcornMode::Paper => (self.high + self.bits) as usize,
        }
    }

    /// The statistical distance, at most, of the blinded values of two integers, of which |2v - 1| differs by a factor of
    /// 2^ratio_bits at most.
    pub(super) fn distance(self, ratio_bits: f64) -> f64 {
        (1.0 + self.roughness()) * (ratio_bits + 1.23) / self.spread() + 2.0 * self.roughness()
    }

    /// Bits that a blinded value tells of its value, at most, whatever is known of it.
    pub(super) fn information(self) -> f64 {
        let range = self.spread() + f64::from(self.bits) + 2.0;
        ((1.0 + self.roughness()) * range / self.spread()).log2()
    }

    fn spread(self) -> f64 {
        f64::from(self.high - self.low)
    }

    /// By what factor, less one, a law of integers exceeds that of real numbers, or falls short of it, at most.
    fn roughness(self) -> f64 {
        f64::from(self.bits as i32 + 2 - self.low as i32).exp2()
    }

    pub(super) fn draw(self, count: usize, rng: &mut SecretRng) -> Blinds {
        let words = self.factor_bits().div_ceil(64);
        let mut factors = Zeroizing::new(Vec::with_capacity(count * words));
        let space = self.slot_bits().div_ceil(64);
        let mut offsets = Zeroizing::new(Vec::with_capacity(count * space));
        if self.mode == PopcornMode::Paper {
            factors.extend((0..count).map(|_| rng.next_u64().max(1)));
            offsets.resize(count * space, 0);
            return Blinds { factors, offsets, turned: None };
        }
        let mut turned = Zeroizing::new(Vec::with_capacity(count));
        for _ in 0..count {
            let r = self.factor(rng);
            let turn = rng.next_u64() & 1;
            factors.extend(shifted_up(&r).iter());
            // s (r (2v - 1) + r') = 2 r (s v) - s (r - r').
            offsets.extend(negated(&offset(&r, rng), turn ^ 1, space).iter());
            turned.push(turn);
        }
        Blinds { factors, offsets, turned: Some(turned) }
    }

    /// The integer part of a real number whose logarithm is uniform.
    fn factor(self, rng: &mut SecretRng) -> Zeroizing<Vec<u64>> {
        let span = u128::from(self.high - self.low);
        let exponent = self.low + ((u128::from(rng.next_u64()) * span) >> 64) as u32;
        // The leading bits of 1 <= mu < 2 with density 1 / mu: a uniform mu is taken with probability 1 / mu.
        let top = loop {
            let top = rng.next_u64() | 1 << 63;
            if (u128::from(rng.next_u64()) * u128::from(top)) >> 127 == 0 {
                break top;
            }
        };
        let mut r = Zeroizing::new(vec![0; self.factor_bits().div_ceil(64)]);
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
    subtract(&mut h, &[1]);
    for i in 0..h.len() {
        h[i] = h[i] >> 1 | h.get(i + 1).copied().unwrap_or(0) << 63;
    }
    let twice = shifted_up(&h);
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

/// Twice a number that leaves room for it.
fn shifted_up(x: &[u64]) -> Zeroizing<Vec<u64>> {
    let low = |i: usize| if i > 0 { x[i - 1] >> 63 } else { 0 };
    Zeroizing::new((0..x.len()).map(|i| x[i] << 1 | low(i)).collect())
}

fn subtract(a: &mut [u64], b: &[u64]) {
    let mut borrow = 0;
    for (i, a) in a.iter_mut().enumerate() {
        let (d, first) = a.overflowing_sub(b.get(i).copied().unwrap_or(0));
        let (d, second) = d.overflowing_sub(borrow);
        (*a, borrow) = (d, u64::from(first) | u64::from(second));
    }
}

fn add(a: &mut [u64], b: &[u64]) {
    let mut carry = 0;
    for (a, b) in a.iter_mut().zip(b) {
        let (s, first) = a.overflowing_add(*b);
        let (s, second) = s.overflowing_add(carry);
        (*a, carry) = (s, u64::from(first) | u64::from(second));
    }
}

/// x, or -x where `negative` is 1, in two's complement of so many words.
fn negated(x: &[u64], negative: u64, words: usize) -> Zeroizing<Vec<u64>> {
    let (mask, mut carry) = (negative.wrapping_neg(), negative);
    let word = |i: usize| x.get(i).copied().unwrap_or(0);
    let complement = (0..words).map(|i| {
        let (sum, over) = (word(i) ^ mask).overflowing_add(carry);
        carry = u64::from(over);
        sum
    });
    Zeroizing::new(complement.collect())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use proptest::prelude::*;

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

    proptest! {
        #[test]
        fn negatives_cancel(x in any::<u64>(), y in any::<u64>()) {
            let mut sum = negated(&[x, y], 1, 3);
            add(&mut sum, &negated(&[x, y], 0, 3));
            prop_assert_eq!(&*sum, &[0, 0, 0]);
        }
    }

    /// The law of |z| for |2v - 1| = m: what it gives every integer.
    fn law(blinding: Blinding, m: usize) -> Vec<f64> {
        let end = (m + 1) << blinding.high;
        let mut steps = vec![0.0; end + 1];
        for r in 1_usize << blinding.low..1 << blinding.high {
            let p = ((r + 1) as f64 / r as f64).log2() / blinding.spread();
            let h = (r - 1) / 2;
            let each = p / (2 * h + 1) as f64;
            steps[r * m - h] += each;
            steps[r * m + h + 1] -= each;
        }
        let mut sum = 0.0;
        steps
            .iter()
            .map(|step| {
                sum += step;
                sum
            })
            .collect()
    }

    /// The bounds, against laws of narrow factors that are summed up integer by integer.
    #[test]
    fn laws_are_within_their_bounds() {
        let (bits, low, high) = (3, 14, 19);
        let blinding = Blinding { mode: PopcornMode::Affine, bits, low, high };
        let laws = [1_usize, 3, 5, 9].map(|m| (m, law(blinding, m)));
        let at = |law: &[f64], z: usize| law.get(z).copied().unwrap_or(0.0);
        for (m, first) in &laws {
            assert!((first.iter().sum::<f64>() - 1.0).abs() < 1e-6);
            let even = 1.0 / (blinding.spread() * std::f64::consts::LN_2);
            for (z, p) in first.iter().enumerate().skip(1) {
                let ratio = p * z as f64 / even;
                assert!(ratio < 1.0 + blinding.roughness(), "{m}: {ratio} at {z}");
                let whole = (m + 1) << low < z && z < (m - 1) << high;
                assert!(!whole || ratio > 1.0 - blinding.roughness(), "{m}: {ratio} at {z}");
            }
            for (n, second) in laws.iter().filter(|(n, _)| n > m) {
                let difference = |z| (at(first, z) - at(second, z)).abs();
                let distance = (0..second.len()).map(difference).sum::<f64>() / 2.0;
                let ratio_bits = (*n as f64 / *m as f64).log2();
                let bound = blinding.distance(ratio_bits);
                assert!(distance < bound, "{m} and {n}: {distance} above {bound}");
                // What it is without rounding: no bound could be much lower.
                let least = ratio_bits / blinding.spread();
                assert!(distance > 0.95 * least, "{m} and {n}: {distance} below {least}");
            }
        }
        // Relative entropy to the mean of the laws: what a value that is uniform among them tells.
        let mean = |z| laws.iter().map(|(_, law)| at(law, z)).sum::<f64>() / laws.len() as f64;
        let means: Vec<f64> = (0..laws[3].1.len()).map(mean).collect();
        let told = laws.iter().map(|(_, law)| {
            let terms = law.iter().zip(&means).filter(|(p, _)| **p > 1e-300);
            terms.map(|(p, q)| p * (p / q).log2()).sum::<f64>()
        });
        let told = told.sum::<f64>() / laws.len() as f64;
        let bound = blinding.information();
        assert!(told < bound && told > bound / 3.0, "{told} bits of {bound}");
    }

    #[test]
    fn distances() {
        let distance = |bits, ratio| Blinding::new(PopcornMode::Affine, bits).distance(ratio);
        assert!(distance(16, 1.0) < 0.025 && distance(16, 16.0) < 0.103);
        assert!(distance(16, 16.0) > distance(16, 1.0));
        assert!(Blinding::new(PopcornMode::Affine, 24).information() < 0.2);
    }
}
