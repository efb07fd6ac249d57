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

    /// For each plaintext 1 if it is positive, 0 if it is zero or negative, in the same time for all.
    pub fn positive(&self, key: &PublicKey) -> Zeroizing<Vec<u64>> {
        let n = key.modulus();
        let of = |x: &[u64]| {
            // Twice a positive number is below n.
            let (mut borrow, mut top, mut any) = (0, 0, 0);
            for (word, n) in x.iter().zip(n) {
                let twice = word << 1 | top;
                top = word >> 63;
                any |= word;
                let (d, first) = twice.overflowing_sub(*n);
                let (_, second) = d.overflowing_sub(borrow);
                borrow = u64::from(first) | u64::from(second);
            }
            let below = borrow & (top ^ 1);
            below & ((any | any.wrapping_neg()) >> 63)
        };
        Zeroizing::new((0..self.len()).map(|i| of(self.words(i))).collect())
    }
}
