use sordino_kernels::Wiped;
use sordino_kernels::bigint::{LANES, Limbs};
use zeroize::Zeroizing;

use super::plain::{deposit, extract};
use super::{Computed, Plaintexts, PublicKey, Strength, batch};
use crate::Error;

/// Signed integers of any width side by side in a plaintext, from the lowest bits up, for a reader who wants their
/// signs.
///
/// Each is kept with 2^(bits - 1) added, so that no slot borrows from the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Slots {
    strength: Strength,
    bits: usize,
    slots: usize,
}

impl Slots {
    /// The most slots of so many bits that a plaintext has: what they hold stays below n / 2.
    pub fn most(strength: Strength, bits: usize) -> usize {
        (strength.bits() - 2) / bits.max(1)
    }

    /// `slots` slots per plaintext for integers in \[-2^(bits - 1), 2^(bits - 1)).
    ///
    /// # Errors
    /// [`Error::Layout`] if there is no slot, or more than fit.
    pub fn new(strength: Strength, bits: usize, slots: usize) -> Result<Self, Error> {
        if bits == 0 || slots == 0 || slots > Self::most(strength, bits) {
            return Err(Error::Layout(format!(
                "{slots} slots of {bits} bits in a plaintext of {}",
                strength.bits()
            )));
        }
        Ok(Self { strength, bits, slots })
    }

    /// Plaintexts for so many integers.
    pub fn count(&self, values: usize) -> usize {
        values.div_ceil(self.slots)
    }

    /// Words of an integer.
    pub fn words(&self) -> usize {
        self.bits.div_ceil(64)
    }

    /// Multiplies values by secret factors and packs the products: Horner's rule over the digits of all factors of a
    /// ciphertext. Factors have `bits` bits in whole words, least significant first.
    ///
    /// *Cost* per value: a square per bit of a slot, and the products of a power of `bits` bits
    /// ([`sordino_kernels::bigint::Modulus::raise_onto`]); as much as the powers alone where slots are as wide as factors.
    ///
    /// *Security*: in the same time for all factors.
    ///
    /// # Errors
    /// [`Error::Misuse`] if factors are wider than slots, there are not as many as values, or the key has another size.
    pub fn combine(
        &self,
        values: &Computed,
        factors: &[u64],
        bits: usize,
    ) -> Result<Computed, Error> {
        let (key, given, words) = (values.key(), values.len(), bits.div_ceil(64));
        if bits == 0 || bits > self.bits || factors.len() != words * given {
            return Err(Error::Misuse(format!(
                "{} words of factors of {bits} bits for {given} values in slots of {}",
                factors.len(),
                self.bits
            )));
        }
        self.check(key)?;
        let (modulus, count, zero) = (&key.0.modulus, self.count(given), vec![0; words]);
        let residues = batch::build(modulus, count, |scratch, i, group: &mut [Limbs]| {
            let mut base = Wiped::zeros(modulus.limbs());
            modulus.gather(&[], [None; LANES], group);
            for slot in (0..self.slots).rev() {
                let index = batch::lanes(i, count)
                    .map(|i| i.map(|i| i * self.slots + slot).filter(|i| *i < given));
                if slot + 1 < self.slots {
                    modulus.square_assign(scratch, group, self.bits - bits);
                }
                modulus.gather(values.residues(), index, &mut base);
                let factor = |i| &factors[i * words..(i + 1) * words];
                let exponents = index.map(|i| i.map_or(&zero[..], factor));
                modulus.raise_onto(scratch, group, &base, exponents, bits);
            }
        });
        Ok(Computed::new(key, residues))
    }

    /// Plaintexts with these integers in two's complement, [`Self::words`] words each: what is added to
    /// [`Self::combine`]'s products so that every slot is what [`Self::positive`] reads.
    ///
    /// *Security*: in the same time for all integers.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there is half an integer or the key has another size.
    pub fn place(&self, key: &PublicKey, integers: &[u64]) -> Result<Plaintexts, Error> {
        self.check(key)?;
        let (words, len) = (self.words(), self.strength.words());
        if !integers.len().is_multiple_of(words) {
            return Err(Error::Misuse(format!("{} words for integers of {words}", integers.len())));
        }
        let count = self.count(integers.len() / words);
        let mut out = Zeroizing::new(vec![0; count * len]);
        let (top, unused) = (1 << ((self.bits - 1) % 64), 64 * words - self.bits);
        let mut centred = Zeroizing::new(vec![0; words]);
        for (out, integers) in out.chunks_exact_mut(len).zip(integers.chunks(self.slots * words)) {
            for (slot, integer) in integers.chunks_exact(words).enumerate() {
                centred.copy_from_slice(integer);
                // Adding 2^(bits - 1) turns the sign bit around.
                centred[words - 1] = (centred[words - 1] ^ top) & (u64::MAX >> unused);
                deposit(out, slot * self.bits, &centred);
            }
        }
        Ok(Plaintexts::new(self.strength, out))
    }

    /// For each of `values` integers 1 if it is positive, else 0, in the same time for all.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] if a plaintext has bits beyond its slots; [`Error::Misuse`] if there are not as many
    /// plaintexts as the integers fill or the key has another size.
    pub fn positive(
        &self,
        key: &PublicKey,
        plaintexts: &Plaintexts,
        values: usize,
    ) -> Result<Zeroizing<Vec<u64>>, Error> {
        self.check(key)?;
        if plaintexts.len() != self.count(values) {
            return Err(Error::Misuse(format!(
                "{} plaintexts for {values} values, {} in each",
                plaintexts.len(),
                self.slots
            )));
        }
        let used = self.slots * self.bits;
        if (0..plaintexts.len()).any(|i| !plaintexts.is_within(i, used)) {
            return Err(Error::PeerMisbehaved {
                what: "Paillier question: more than its slots, as when a value leaves its range",
            });
        }
        let bit = |i: usize| {
            let (x, at) = (plaintexts.words(i / self.slots), i % self.slots * self.bits);
            let top = extract(x, at + self.bits - 1) & 1;
            let rest = (0..self.bits - 1).step_by(64).fold(0, |rest, from| {
                let keep = (self.bits - 1 - from).min(64) as u32;
                rest | extract(x, at + from) & (u64::MAX >> (64 - keep))
            });
            top & ((rest | rest.wrapping_neg()) >> 63)
        };
        Ok(Zeroizing::new((0..values).map(bit).collect()))
    }

    fn check(&self, key: &PublicKey) -> Result<(), Error> {
        if key.strength() == self.strength {
            return Ok(());
        }
        Err(Error::Misuse(format!(
            "slots of plaintexts of {} bits for a key of {}",
            self.strength.bits(),
            key.strength().bits()
        )))
    }
}
