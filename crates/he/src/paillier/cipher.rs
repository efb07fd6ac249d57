use super::batch;
use super::number::{is_below, remainder};
use super::public::is_unit;
use super::{Plaintexts, Pool, PublicKey, wire};
use crate::Error;
use rayon::prelude::*;
use sordino_kernels::Wiped;
use sordino_kernels::bigint::{LANES, Limbs};
use std::ops::Range;
use zeroize::Zeroizing;

/// Ciphertexts under one key that may be sent: fresh encryptions, re-randomised results, or a peer's.
pub struct Ciphertexts {
    key: PublicKey,
    residues: Vec<u64>,
}

/// Results of computations on ciphertexts: they show how they were computed, to the key's owner and to whoever knows
/// the ciphertexts they were computed from, until [`Computed::release`] re-randomises them.
pub struct Computed {
    key: PublicKey,
    residues: Vec<u64>,
}

/// The residues of 1 + m n, the encryptions of plaintexts without randomness.
fn deterministic(key: &PublicKey, plaintexts: &Plaintexts) -> Result<Zeroizing<Vec<u64>>, Error> {
    let (len, limbs) = (key.strength().words(), key.0.modulus.limbs());
    if !plaintexts.words.len().is_multiple_of(len) {
        return Err(Error::Misuse("the plaintexts are for a key of another size".into()));
    }
    let mut ones = vec![0; LANES * len];
    ones.iter_mut().step_by(len).for_each(|word| *word = 1);
    let mut residues = Zeroizing::new(vec![0; plaintexts.len() * limbs]);
    let groups = residues.par_chunks_mut(LANES * limbs);
    groups.zip(plaintexts.words.par_chunks(LANES * len)).for_each_init(
        || key.0.modulus.scratch(),
        |scratch, (residues, m)| {
            key.0.modulus.import_sum(scratch, &ones[..m.len()], &key.0.shift, m, residues);
        },
    );
    Ok(residues)
}

impl PublicKey {
    /// Encrypts with encryptions of zero from the pool.
    ///
    /// *Cost*: two products modulo n^2 each, with the pool filled.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the pool holds too few or is for another key.
    pub fn encrypt(&self, plaintexts: &Plaintexts, pool: &mut Pool) -> Result<Ciphertexts, Error> {
        let zeros = pool_for(self, pool, plaintexts.len())?;
        let ones = deterministic(self, plaintexts)?;
        let residues = batch::multiply(&self.0.modulus, &ones, &zeros);
        Ok(Ciphertexts { key: self.clone(), residues })
    }
}

fn pool_for(key: &PublicKey, pool: &mut Pool, count: usize) -> Result<Zeroizing<Vec<u64>>, Error> {
    if pool.key() != key {
        return Err(Error::Misuse("the pool is for another key".into()));
    }
    pool.take(count)
}

impl Ciphertexts {
    /// Reads a peer's ciphertexts, [`super::Strength::ciphertext_bytes`] each.
    ///
    /// Each must be below n^2 and have no common factor with n. For the latter, one gcd is taken of the product of all.
    ///
    /// *Cost*: two products each.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`], which names the rule that is broken.
    pub fn from_bytes(key: &PublicKey, bytes: &[u8]) -> Result<Self, Error> {
        let (size, square) = (key.strength().ciphertext_bytes(), &key.0.square);
        let refuse = |what| Err(Error::PeerMisbehaved { what });
        if !bytes.len().is_multiple_of(size) {
            return refuse("Paillier ciphertexts: their length is no multiple of a ciphertext's");
        }
        let values = wire::words_of(bytes);
        if values.chunks_exact(square.len()).any(|value| !is_below(value, square)) {
            return refuse("Paillier ciphertext: not below n^2");
        }
        let residues = batch::import(&key.0.modulus, &values);
        let product = batch::product_of_all(&key.0.modulus, &residues);
        if !is_unit(&remainder(&product, key.modulus()), key.modulus()) {
            return refuse("Paillier ciphertext: shares a factor with n");
        }
        Ok(Self { key: key.clone(), residues })
    }

    /// The ciphertexts as bytes, least significant first.
    ///
    /// *Cost*: a product each.
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::bytes_of(&batch::export(&self.key.0.modulus, &self.residues))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.residues.len() / self.key.0.modulus.limbs()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.residues.is_empty()
    }

    /// Their key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    pub(super) fn residues(&self) -> &[u64] {
        &self.residues
    }

    /// The same ciphertexts as operands of further computation.
    pub fn computed(&self) -> Computed {
        Computed { key: self.key.clone(), residues: self.residues.clone() }
    }
}

impl Computed {
    pub(super) fn new(key: &PublicKey, residues: Vec<u64>) -> Self {
        Self { key: key.clone(), residues }
    }

    pub(super) fn residues(&self) -> &[u64] {
        &self.residues
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.residues.len() / self.key.0.modulus.limbs()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.residues.is_empty()
    }

    /// Their key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// The ones with these numbers, in this order.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are not so many.
    pub fn select(&self, index: &[usize]) -> Result<Self, Error> {
        let limbs = self.key.0.modulus.limbs();
        if let Some(i) = index.iter().find(|i| **i >= self.len()) {
            return Err(Error::Misuse(format!("ciphertext {i} of {}", self.len())));
        }
        let residues =
            index.iter().flat_map(|i| &self.residues[i * limbs..(i + 1) * limbs]).copied();
        Ok(Self::new(&self.key, residues.collect()))
    }

    /// Those of a range of numbers.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are not so many.
    pub fn range(&self, range: Range<usize>) -> Result<Self, Error> {
        let limbs = self.key.0.modulus.limbs();
        let part = self.residues.get(range.start * limbs..range.end * limbs);
        let part =
            part.ok_or_else(|| Error::Misuse(format!("ciphertexts {range:?} of {}", self.len())))?;
        Ok(Self::new(&self.key, part.to_vec()))
    }

    /// This one where its bit is 0, the other one where it is 1, in the same time for both.
    ///
    /// # Errors
    /// [`Error::Misuse`] if keys or numbers differ.
    pub fn choose(&self, other: &Self, bits: &[u64]) -> Result<Self, Error> {
        if self.key != other.key || self.len() != other.len() || self.len() != bits.len() {
            return Err(Error::Misuse(format!(
                "{} bits to choose of {} ciphertexts and {}, under one key or two",
                bits.len(),
                self.len(),
                other.len()
            )));
        }
        let limbs = self.key.0.modulus.limbs();
        let pairs = self.residues.chunks_exact(limbs).zip(other.residues.chunks_exact(limbs));
        let mut residues = Vec::with_capacity(self.residues.len());
        for ((a, b), bit) in pairs.zip(bits) {
            let mask = (bit & 1).wrapping_neg();
            residues.extend(a.iter().zip(b).map(|(a, b)| a ^ ((a ^ b) & mask)));
        }
        Ok(Self::new(&self.key, residues))
    }

    /// Encryptions of plaintexts that are known to whoever sees them: without randomness.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the plaintexts are for a key of another size.
    pub fn constants(key: &PublicKey, plaintexts: &Plaintexts) -> Result<Self, Error> {
        Ok(Self::new(key, deterministic(key, plaintexts)?.to_vec()))
    }

    /// One after the other.
    ///
    /// # Errors
    /// [`Error::Misuse`] if keys differ, or nothing is given.
    pub fn chain(parts: &[&Self]) -> Result<Self, Error> {
        let [first, ..] = parts else {
            return Err(Error::Misuse("no ciphertexts to chain".into()));
        };
        if parts.iter().any(|part| part.key != first.key) {
            return Err(Error::Misuse("ciphertexts under two keys in one chain".into()));
        }
        let residues = parts.iter().flat_map(|part| &part.residues).copied().collect();
        Ok(Self::new(&first.key, residues))
    }

    /// Multiplies what is encrypted by 2^bits. *Cost*: a square per bit.
    pub fn shift(&self, bits: usize) -> Self {
        let (modulus, count) = (&self.key.0.modulus, self.len());
        let residues = batch::build(modulus, count, |scratch, i, group: &mut [Limbs]| {
            modulus.gather(&self.residues, batch::lanes(i, count), group);
            modulus.square_assign(scratch, group, bits);
        });
        Self::new(&self.key, residues)
    }

    /// Adds what is encrypted, one by one. *Cost*: a product each.
    ///
    /// # Errors
    /// [`Error::Misuse`] if keys or numbers differ.
    pub fn add(&self, other: &Self) -> Result<Self, Error> {
        if self.key != other.key || self.len() != other.len() {
            return Err(Error::Misuse(format!(
                "{} ciphertexts added to {}, under one key or two",
                other.len(),
                self.len()
            )));
        }
        let residues = batch::multiply(&self.key.0.modulus, &self.residues, &other.residues);
        Ok(Self::new(&self.key, residues))
    }

    /// Adds plaintexts. *Cost*: two products each.
    ///
    /// # Errors
    /// [`Error::Misuse`] if numbers or sizes differ.
    pub fn add_plain(&self, plaintexts: &Plaintexts) -> Result<Self, Error> {
        if plaintexts.len() != self.len() {
            return Err(Error::Misuse(format!(
                "{} plaintexts for {} ciphertexts",
                plaintexts.len(),
                self.len()
            )));
        }
        let ones = deterministic(&self.key, plaintexts)?;
        let residues = batch::multiply(&self.key.0.modulus, &self.residues, &ones);
        Ok(Self::new(&self.key, residues))
    }

    /// Negates. *Cost*: three products each and an inversion per core.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`] if one is not invertible, which reading it has excluded.
    pub fn negate(&self) -> Result<Self, Error> {
        let inverses = batch::invert(&self.key.0.modulus, &self.key.0.square, &self.residues);
        let what = "Paillier ciphertext: not invertible";
        Ok(Self::new(&self.key, inverses.ok_or(Error::PeerMisbehaved { what })?))
    }

    /// Multiplies by non-negative factors of `bits` bits each, in whole words, least significant first.
    ///
    /// *Cost*: 1.3 products per bit, in the same time for all factors of a length.
    ///
    /// # Errors
    /// [`Error::Misuse`] if there are not as many factors as ciphertexts.
    pub fn multiply(&self, factors: &[u64], bits: usize) -> Result<Self, Error> {
        let (modulus, count, words) = (&self.key.0.modulus, self.len(), bits.div_ceil(64));
        if bits == 0 || factors.len() != words * count {
            return Err(Error::Misuse(format!(
                "{} words of factors of {bits} bits for {count} ciphertexts",
                factors.len()
            )));
        }
        let zero = vec![0; words];
        let residues = batch::build(modulus, count, |scratch, i, group: &mut [Limbs]| {
            let index = batch::lanes(i, count);
            let mut base = Wiped::zeros(modulus.limbs());
            modulus.gather(&self.residues, index, &mut base);
            modulus.gather(&[], [None; LANES], group);
            let exponents = index.map(|i| i.map_or(&zero[..], |i| &factors[i * words..][..words]));
            modulus.raise_onto(scratch, group, &base, exponents, bits);
        });
        Ok(Self::new(&self.key, residues))
    }

    /// Re-randomises with encryptions of zero from the pool, so that the ciphertexts may be sent.
    ///
    /// *Cost*: a product each, with the pool filled.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the pool holds too few or is for another key.
    pub fn release(&self, pool: &mut Pool) -> Result<Ciphertexts, Error> {
        let zeros = pool_for(&self.key, pool, self.len())?;
        let residues = batch::multiply(&self.key.0.modulus, &self.residues, &zeros);
        Ok(Ciphertexts { key: self.key.clone(), residues })
    }
}
