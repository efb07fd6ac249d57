use rayon::prelude::*;
use sordino_kernels::bigint::{FixedBase, LANES, Limbs, Modulus};
use sordino_kernels::{Wiped, wipe};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use super::PublicKey;
use crate::Error;

/// Groups that read a table together while it is in the cache.
const TOGETHER: usize = 4;

/// Encryptions of zero made ahead of time, each used once. Never stored, not `Clone`, wiped when dropped.
pub struct Pool {
    key: PublicKey,
    residues: Vec<u64>,
}

impl Drop for Pool {
    fn drop(&mut self) {
        wipe(&mut self.residues);
    }
}

impl Pool {
    /// An empty pool.
    pub fn new(key: &PublicKey) -> Self {
        Self { key: key.clone(), residues: Vec::new() }
    }

    /// How many are left.
    pub fn len(&self) -> usize {
        self.residues.len() / self.key.0.modulus.limbs()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.residues.is_empty()
    }

    /// Makes more, knowing the public key: h^n to random powers. The key's owner is faster with
    /// [`super::SecretKey::fill`].
    ///
    /// *Cost*: 86 products modulo n^2 each for n of 2048 bits, 96 for 3072.
    pub fn fill(&mut self, count: usize, rng: &mut SecretRng) {
        let (key, tables) = (self.key.clone(), self.key.tables());
        let modulus = &key.0.modulus;
        let limbs = modulus.limbs();
        let words = count.div_ceil(LANES) * LANES * tables.exponent_words();
        let mut exponents = Zeroizing::new(vec![0; words]);
        rng.fill_words(&mut exponents);
        let powers = powers(modulus, tables, &exponents);
        let mut residues = vec![0; count * limbs];
        residues.chunks_mut(LANES * limbs).zip(powers.chunks_exact(limbs)).for_each(
            |(residues, group)| {
                for (lane, residue) in residues.chunks_exact_mut(limbs).enumerate() {
                    modulus.scatter(group, lane, residue);
                }
            },
        );
        self.put(&residues);
        wipe(&mut residues);
    }

    /// Takes all of another pool's.
    ///
    /// # Errors
    /// [`Error::Misuse`] if it is for another key.
    pub fn append(&mut self, other: Self) -> Result<(), Error> {
        if self.key != other.key {
            return Err(Error::Misuse("the pool is for another key".into()));
        }
        self.put(&other.residues);
        Ok(())
    }

    pub(super) fn put(&mut self, residues: &[u64]) {
        // Growing in place would leave copies behind.
        let mut all = Vec::with_capacity(self.residues.len() + residues.len());
        all.extend_from_slice(&self.residues);
        all.extend_from_slice(residues);
        wipe(&mut self.residues);
        self.residues = all;
    }

    pub(super) fn key(&self) -> &PublicKey {
        &self.key
    }

    /// Takes some out.
    pub(super) fn take(&mut self, count: usize) -> Result<Zeroizing<Vec<u64>>, Error> {
        let Some(rest) = self.len().checked_sub(count) else {
            return Err(Error::Misuse(format!(
                "the pool holds {} encryptions of zero and {count} are needed: fill it first",
                self.len()
            )));
        };
        let from = rest * self.key.0.modulus.limbs();
        let taken = Zeroizing::new(self.residues[from..].to_vec());
        wipe(&mut self.residues[from..]);
        self.residues.truncate(from);
        Ok(taken)
    }
}

/// Groups of powers of a fixed base, eight exponents for each, as long as the tables reach.
pub(super) fn powers(modulus: &Modulus, tables: &FixedBase, exponents: &[u64]) -> Wiped<Limbs> {
    let (limbs, words) = (modulus.limbs(), tables.exponent_words());
    let mut powers = Wiped::zeros(exponents.len() / (LANES * words) * limbs);
    powers
        .par_chunks_mut(TOGETHER * limbs)
        .zip(exponents.par_chunks(TOGETHER * LANES * words))
        .for_each_init(
            || modulus.scratch(),
            |scratch, (powers, exponents)| tables.pow(modulus, scratch, exponents, powers),
        );
    powers
}
