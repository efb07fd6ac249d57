use sordino_kernels::bigint::{LANES, Limbs};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use super::number::difference;
use super::plain::{deposit, extract};
use super::{Computed, Plaintexts, PublicKey, Strength, batch};
use crate::Error;

/// Bits by which masks exceed the values they hide.
pub const MASK_BITS: u32 = 40;

/// Several signed values in one plaintext, in slots from the lowest bits up.
///
/// A slot has room for a value of `value_bits` bits, sign included, for a mask that is [`MASK_BITS`] wider, and for the
/// carry of their sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Packing {
    strength: Strength,
    value_bits: u32,
}

/// Masks of packed results: what the server keeps.
pub struct Masks {
    /// What to add to the packed values.
    pub plaintexts: Plaintexts,
    /// The server's additive shares modulo 2^64, slot by slot.
    pub shares: Zeroizing<Vec<u64>>,
    /// What is added to each slot.
    pub values: Zeroizing<Vec<u128>>,
}

impl Packing {
    /// Slots for values in \[-2^(value_bits - 1), 2^(value_bits - 1)).
    ///
    /// # Errors
    /// [`Error::Layout`] if `value_bits` is not in 1..=65: differences of words have 65.
    pub fn new(strength: Strength, value_bits: u32) -> Result<Self, Error> {
        if !(1..=65).contains(&value_bits) {
            return Err(Error::Layout(format!(
                "slots for values of {value_bits} bits, not 1 to 65"
            )));
        }
        Ok(Self { strength, value_bits })
    }

    /// The key's size.
    pub fn strength(&self) -> Strength {
        self.strength
    }

    /// Bits of a slot.
    pub fn slot_bits(&self) -> usize {
        (self.value_bits + MASK_BITS + 1) as usize
    }

    /// Slots of a plaintext: what they hold stays below n / 2.
    pub fn slots(&self) -> usize {
        (self.strength.bits() - 2) / self.slot_bits()
    }

    /// Packs `slots` values per plaintext, which must be in the slots' range, in the same time for all values.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are more slots than fit, or values for half a plaintext.
    pub fn pack(&self, key: &PublicKey, slots: usize, values: &[i64]) -> Result<Plaintexts, Error> {
        self.check(key, slots)?;
        if !values.len().is_multiple_of(slots) {
            return Err(Error::Misuse(format!("{} values in {slots} slots each", values.len())));
        }
        let len = self.strength.words();
        let mut out = Zeroizing::new(vec![0; values.len() / slots * len]);
        // Shifted into the positive for packing, and back as a whole.
        let offset = 1_u128 << (self.value_bits - 1);
        let offsets = self.join(slots, (0..slots).map(|_| offset));
        for (out, values) in out.chunks_exact_mut(len).zip(values.chunks_exact(slots)) {
            let shifted =
                values.iter().map(|value| (i128::from(*value) as u128).wrapping_add(offset));
            let sum = self.join(slots, shifted);
            out.copy_from_slice(&Zeroizing::new(difference(&sum, &offsets, key.modulus())));
        }
        Ok(Plaintexts::new(self.strength, out))
    }

    /// Masks for `count` plaintexts of `slots` slots.
    ///
    /// A slot that holds x then shows x + 2^(value_bits - 1) + r with r uniform below 2^(value_bits + 40): within
    /// 2^-40 of the same distribution for all x. The server's share is minus what was added.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are more slots than fit.
    pub fn mask(
        &self,
        key: &PublicKey,
        slots: usize,
        count: usize,
        rng: &mut SecretRng,
    ) -> Result<Masks, Error> {
        self.check(key, slots)?;
        let len = self.strength.words();
        let (bits, offset) = (self.value_bits + MASK_BITS, 1_u128 << (self.value_bits - 1));
        let mut words = Zeroizing::new(vec![0; count * len]);
        let mut shares = Zeroizing::new(Vec::with_capacity(count * slots));
        let mut values = Zeroizing::new(Vec::with_capacity(count * slots));
        let mut random = Zeroizing::new(vec![0; 2 * slots]);
        for out in words.chunks_exact_mut(len) {
            rng.fill_words(&mut random);
            let masks = random.as_chunks::<2>().0.iter().map(|[low, high]| {
                let uniform = (u128::from(*low) | u128::from(*high) << 64) & ((1 << bits) - 1);
                uniform + offset
            });
            shares.extend(masks.clone().map(|mask| (mask as u64).wrapping_neg()));
            values.extend(masks.clone());
            out.copy_from_slice(&self.join(slots, masks));
        }
        Ok(Masks { plaintexts: Plaintexts::new(self.strength, words), shares, values })
    }

    /// The client's additive shares modulo 2^64 of masked values, slot by slot.
    ///
    /// # Errors
    /// As [`Self::open_values`].
    pub fn open(
        &self,
        key: &PublicKey,
        slots: usize,
        masked: &Plaintexts,
    ) -> Result<Zeroizing<Vec<u64>>, Error> {
        let values = self.open_values(key, slots, masked)?;
        Ok(Zeroizing::new(values.iter().map(|value| *value as u64).collect()))
    }

    /// The masked values themselves, [`Self::slot_bits`] bits each.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] if a plaintext has bits beyond its slots; [`Error::Misuse`] if there are more slots
    /// than fit.
    pub fn open_values(
        &self,
        key: &PublicKey,
        slots: usize,
        masked: &Plaintexts,
    ) -> Result<Zeroizing<Vec<u128>>, Error> {
        self.check(key, slots)?;
        let (used, width) = (slots * self.slot_bits(), self.slot_bits());
        let mut out = Zeroizing::new(Vec::with_capacity(masked.len() * slots));
        for i in 0..masked.len() {
            let words = masked.words(i);
            if !masked.is_within(i, used) {
                return Err(Error::PeerMisbehaved {
                    what: "Paillier result: more than its slots, as when a value leaves its range",
                });
            }
            out.extend((0..slots).map(|slot| {
                let at = slot * width;
                let value =
                    u128::from(extract(words, at)) | u128::from(extract(words, at + 64)) << 64;
                value & (u128::MAX >> (128 - width))
            }));
        }
        Ok(out)
    }

    /// Packs computed values, `slots` to a ciphertext, by Horner's rule: the first value comes into the lowest slot.
    ///
    /// *Cost*: [`Self::slot_bits`] squares and a product per value.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are more slots than fit or the key has another size.
    pub fn join_ciphertexts(&self, slots: usize, values: &Computed) -> Result<Computed, Error> {
        self.join_packed(1, slots, values)
    }

    /// The same for values of several slots: `joined` to a ciphertext.
    pub(super) fn join_packed(
        &self,
        slots: usize,
        joined: usize,
        values: &Computed,
    ) -> Result<Computed, Error> {
        let key = values.key();
        self.check(key, slots * joined)?;
        let (modulus, given) = (&key.0.modulus, values.len());
        let count = given.div_ceil(joined);
        let residues = batch::build(modulus, count, |scratch, i, group: &mut [Limbs]| {
            let mut next = vec![Limbs::default(); modulus.limbs()];
            modulus.gather(&[], [None; LANES], group);
            for place in (0..joined).rev() {
                let index = batch::lanes(i, count)
                    .map(|i| i.map(|i| i * joined + place).filter(|i| *i < given));
                if place + 1 < joined {
                    modulus.square_assign(scratch, group, slots * self.slot_bits());
                }
                modulus.gather(values.residues(), index, &mut next);
                modulus.mul_assign(scratch, group, &next);
            }
        });
        Ok(Computed::new(key, residues))
    }

    fn check(&self, key: &PublicKey, slots: usize) -> Result<(), Error> {
        if slots == 0 || slots > self.slots() || key.strength() != self.strength {
            return Err(Error::Misuse(format!(
                "{slots} slots of {} bits in a plaintext of {} bits",
                self.slot_bits(),
                key.strength().bits()
            )));
        }
        Ok(())
    }

    /// Non-negative values below 2^slot_bits side by side.
    fn join(&self, slots: usize, values: impl Iterator<Item = u128>) -> Zeroizing<Vec<u64>> {
        let mut out = Zeroizing::new(vec![0; self.strength.words()]);
        for (slot, value) in values.take(slots).enumerate() {
            let parts = [value as u64, (value >> 64) as u64];
            deposit(&mut out, slot * self.slot_bits(), &parts);
        }
        out
    }
}
