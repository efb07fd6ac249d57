use zeroize::Zeroizing;

use super::number::{difference, is_below};
use super::{PublicKey, Strength};
use crate::Error;

/// Plaintexts: integers modulo n, where those above n / 2 stand for negative ones. Zeroised when dropped.
pub struct Plaintexts {
    strength: Strength,
    pub(super) words: Zeroizing<Vec<u64>>,
}

impl Plaintexts {
    pub(super) fn new(strength: Strength, words: Zeroizing<Vec<u64>>) -> Self {
        debug_assert!(words.len().is_multiple_of(strength.words()));
        Self { strength, words }
    }

    /// Signed integers, in the same time for all values.
    pub fn from_signed(key: &PublicKey, values: &[i128]) -> Self {
        let (n, len) = (key.modulus(), key.strength().words());
        let mut words = Zeroizing::new(vec![0; values.len() * len]);
        for (out, value) in words.chunks_exact_mut(len).zip(values) {
            let negative = ((value >> 127) as u64, value.unsigned_abs());
            // n - |v| or |v|, chosen by a mask.
            let mut borrow = 0_u128;
            for (i, out) in out.iter_mut().enumerate() {
                let part = match i {
                    0 | 1 => (negative.1 >> (64 * i)) as u64,
                    _ => 0,
                };
                let sum = u128::from(n[i]).wrapping_sub(u128::from(part)).wrapping_sub(borrow);
                borrow = sum >> 127;
                *out = (sum as u64 & negative.0) | (part & !negative.0);
            }
        }
        Self::new(key.strength(), words)
    }

    /// Integers in [0, n), [`Self::words`] words each, least significant first.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the length is wrong or a value is not below n.
    pub fn from_words(key: &PublicKey, words: Vec<u64>) -> Result<Self, Error> {
        let (len, words) = (key.strength().words(), Zeroizing::new(words));
        if !words.len().is_multiple_of(len)
            || words.chunks(len).any(|x| !is_below(x, key.modulus()))
        {
            return Err(Error::Misuse(format!(
                "plaintexts are not numbers below n in {len} words"
            )));
        }
        Ok(Self::new(key.strength(), words))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.words.len() / self.strength.words()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.words.is_empty()
    }

    /// One of them as words, least significant first.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn words(&self, i: usize) -> &[u64] {
        let len = self.strength.words();
        &self.words[i * len..(i + 1) * len]
    }

    /// The signed integers, if all have magnitudes below 2^127.
    ///
    /// # Errors
    /// [`Error::Misuse`] with the number of the first that has not.
    pub fn to_signed(&self, key: &PublicKey) -> Result<Zeroizing<Vec<i128>>, Error> {
        let small = |x: &[u64]| {
            let value = u128::from(x[0]) | u128::from(x[1]) << 64;
            (x[2..].iter().all(|word| *word == 0) && value >> 127 == 0).then_some(value as i128)
        };
        let zero = vec![0; key.strength().words()];
        let mut values = Zeroizing::new(Vec::with_capacity(self.len()));
        for i in 0..self.len() {
            let x = self.words(i);
            let negative = Zeroizing::new(difference(&zero, x, key.modulus()));
            let value = small(x).or_else(|| small(&negative).map(|value| -value));
            values.push(value.ok_or_else(|| {
                Error::Misuse(format!("plaintext {i} has more than 127 bits: read its words"))
            })?);
        }
        Ok(values)
    }

    /// Whether one of them is below 2^bits, in the same time for all.
    pub(super) fn is_within(&self, i: usize, bits: usize) -> bool {
        let excess = self.words(i).iter().enumerate().fold(0, |rest, (i, word)| {
            let keep = bits.saturating_sub(64 * i).min(64) as u32;
            rest | word.checked_shr(keep).unwrap_or(0)
        });
        excess == 0
    }
}

/// 64 bits of a number from bit `at` on.
pub(super) fn extract(x: &[u64], at: usize) -> u64 {
    let word = |i: usize| x.get(i).copied().unwrap_or(0);
    let (i, shift) = (at / 64, at % 64);
    word(i) >> shift | word(i + 1) << 1 << (63 - shift)
}

/// Puts a number from bit `at` on where there are zeros. Nothing of it may lie beyond the end but zeros.
pub(super) fn deposit(out: &mut [u64], at: usize, value: &[u64]) {
    let (first, shift) = (at / 64, at % 64);
    for (i, word) in value.iter().enumerate() {
        for (i, part) in [(first + i, word << shift), (first + i + 1, word >> 1 >> (63 - shift))] {
            if let Some(out) = out.get_mut(i) {
                *out |= part;
            }
        }
    }
}
