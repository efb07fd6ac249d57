use rayon::prelude::*;
use sordino_kernels::bigint::{FixedBase, LANES, Limbs, Modulus};
use sordino_kernels::{Wiped, wipe};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use super::number::{
    difference, inverse, nonzero, number, odd, product, random_bits, remainder, words,
};
use super::order::Order;
use super::pool::powers;
use super::prime::{Factor, factor};
use super::public::WINDOW;
use super::{Ciphertexts, Plaintexts, Pool, PublicKey, Strength, batch};
use crate::Error;

/// The factorisation of n. Zeroised when dropped.
///
/// n = P Q with primes P = 2 p k + 1 and Q = 2 q l + 1 of equal length, p and q primes of twice the security's bits,
/// and h of order p modulo P and q modulo Q.
pub struct SecretKey {
    public: PublicKey,
    halves: [Half; 2],
    /// Q^-1 modulo P.
    quotient: Zeroizing<Vec<u64>>,
}

/// What belongs to one factor.
struct Half {
    prime: Zeroizing<Vec<u64>>,
    /// Arithmetic modulo its square.
    modulus: Modulus,
    /// The order of h.
    order: Order,
    /// P^-1 modulo 2^(bits of P), to divide by P exactly.
    reciprocal: Zeroizing<Vec<u64>>,
    /// (Q p)^-1 modulo P.
    scale: Zeroizing<Vec<u64>>,
    /// The residue modulo n^2 of the number that is 1 modulo P^2 and 0 modulo Q^2.
    idempotent: Wiped<u64>,
    /// Powers of h^n.
    tables: FixedBase,
}

impl SecretKey {
    /// A fresh key.
    ///
    /// *Cost*: some hundred milliseconds.
    ///
    /// *Security*: the time depends on the numbers that are tried and thrown away, and in trial divisions by small
    /// primes slightly on the ones that are kept.
    pub fn generate(strength: Strength, rng: &mut SecretRng) -> Self {
        loop {
            let (p, q) = (factor(strength, rng), factor(strength, rng));
            if let Some(key) = Self::from_factors(strength, &p, &q, rng) {
                return key;
            }
        }
    }

    /// None if the factors do not fit together, which happens with small probability.
    fn from_factors(
        strength: Strength,
        p: &Factor,
        q: &Factor,
        rng: &mut SecretRng,
    ) -> Option<Self> {
        // Factors whose difference has its top 128 bits clear would be found by Fermat's method.
        let half = p.prime.len();
        let distance = |a: &[u64], b: &[u64]| {
            let borrow = Zeroizing::new(number(a).wrapping_sub(&*number(b)));
            borrow.as_words()[half - 2..].iter().all(|word| *word == 0)
        };
        if distance(&p.prime, &q.prime) || distance(&q.prime, &p.prime) {
            return None;
        }
        // gcd(P - 1, Q - 1) = 2: half of Q - 1 is invertible modulo half of P - 1. gcd(n, phi(n)) = 1, for P and Q are of one length.
        let halved = |f: &Factor| {
            let mut x = Zeroizing::new(f.prime.to_vec());
            for i in 0..half {
                x[i] = x[i] >> 1 | x.get(i + 1).copied().unwrap_or(0) << 63;
            }
            x
        };
        inverse(&halved(q), &halved(p))?;
        let n = product(&p.prime, &q.prime);
        let (first, second) = (element(p, rng)?, element(q, rng)?);
        let quotient = Zeroizing::new(inverse(&q.prime, &p.prime)?);
        let h = combine(&first, &second, &p.prime, &q.prime, &quotient);
        let public = PublicKey::new(strength, n, h);
        let halves = [Half::new(&public, p, q)?, Half::new(&public, q, p)?];
        Some(Self { public, halves, quotient })
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Makes more encryptions of zero, by the Chinese remainder theorem: powers modulo P^2 and Q^2.
    ///
    /// *Cost*: 38 products modulo each square for n of 2048 bits, 43 for 3072, and 6 modulo n^2.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the pool is for another key.
    pub fn fill(&self, pool: &mut Pool, count: usize, rng: &mut SecretRng) -> Result<(), Error> {
        if *pool.key() != self.public {
            return Err(Error::Misuse("the pool is for another key".into()));
        }
        let whole = &self.public.0.modulus;
        let parts: Vec<Wiped<Limbs>> = self
            .halves
            .iter()
            .map(|half| powers(&half.modulus, &half.tables, &half.exponents(count, rng)))
            .collect();
        let mut residues = batch::build(whole, count, |scratch, i, group| {
            let mut sum = Wiped::zeros(whole.limbs());
            for (half, powers) in self.halves.iter().zip(&parts) {
                let part = half.raised(&powers[i * half.modulus.limbs()..], whole.words());
                let mut residues = Wiped::zeros(LANES * whole.limbs());
                whole.import(scratch, &part, &mut residues);
                let (mut x, mut e) = (Wiped::zeros(whole.limbs()), Wiped::zeros(whole.limbs()));
                whole.gather(&residues, core::array::from_fn(Some), &mut x);
                whole.gather(&half.idempotent, [Some(0); LANES], &mut e);
                whole.mul_assign(scratch, &mut x, &e);
                whole.add_assign(scratch, &mut sum, &x);
            }
            group.copy_from_slice(&sum);
            sordino_kernels::wipe(&mut sum);
        });
        pool.put(&residues);
        wipe(&mut residues);
        Ok(())
    }

    /// Decrypts.
    ///
    /// *Cost*: a power with an exponent of 224 bits (n of 2048 bits) or 256 modulo the square of each factor: about
    /// 320 and 360 products of half of n^2's length.
    ///
    /// *Security*: constant time.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the ciphertexts are for another key.
    pub fn decrypt(&self, ciphertexts: &Ciphertexts) -> Result<Plaintexts, Error> {
        if *ciphertexts.key() != self.public {
            return Err(Error::Misuse("the ciphertexts are for another key".into()));
        }
        let (len, wide) = (self.public.0.strength.words(), self.public.0.square.len());
        let values = batch::export(&self.public.0.modulus, ciphertexts.residues());
        let mut out = Zeroizing::new(vec![0; ciphertexts.len() * len]);
        out.par_chunks_mut(LANES * len).zip(values.par_chunks(LANES * wide)).for_each(
            |(out, values)| {
                let [first, second] = [0, 1].map(|i| self.halves[i].decrypt(values));
                let (p, q) = (&self.halves[0].prime, &self.halves[1].prime);
                let parts = first.chunks(len / 2).zip(second.chunks(len / 2));
                for (out, (first, second)) in out.chunks_exact_mut(len).zip(parts) {
                    let mut whole = combine(first, second, p, q, &self.quotient);
                    out.copy_from_slice(&whole);
                    wipe(&mut whole);
                }
            },
        );
        Ok(Plaintexts::new(self.public.0.strength, out))
    }
}

impl Half {
    /// None if a number is not invertible, which the conditions on the primes exclude.
    fn new(public: &PublicKey, own: &Factor, other: &Factor) -> Option<Self> {
        let (square, others) =
            (product(&own.prime, &own.prime), product(&other.prime, &other.prime));
        let modulus = Modulus::new(&square);
        let scale = inverse(&product(&other.prime, &own.order), &own.prime)?;
        let whole = &public.0.modulus;
        let mut scratch = whole.scratch();
        let idempotent = Zeroizing::new(product(&inverse(&others, &square)?, &others));
        let mut residue = Wiped::zeros(whole.limbs());
        whole.import(&mut scratch, &idempotent, &mut residue);
        let mut base = vec![0; whole.words()];
        whole.export(&mut scratch, &public.0.base, &mut base);
        let mut reduced = vec![0; modulus.limbs()];
        modulus.import(&mut modulus.scratch(), &remainder(&base, &square), &mut reduced);
        let bits = public.0.strength.order_bits();
        let tables = FixedBase::new(&modulus, &reduced, bits, WINDOW);
        let half_bits = (64 * own.prime.len()) as u32;
        let (reciprocal, _) = odd(&own.prime).as_ref().invert_mod2k_vartime(half_bits);
        Some(Self {
            reciprocal: Zeroizing::new(words(&reciprocal, own.prime.len())),
            prime: own.prime.clone(),
            order: Order::new(&own.order, bits),
            scale: Zeroizing::new(scale),
            idempotent: residue,
            modulus,
            tables,
        })
    }

    /// Eight exponents for each group of `count` powers, within 2^-64 of uniform below the order: numbers of a word more,
    /// reduced.
    fn exponents(&self, count: usize, rng: &mut SecretRng) -> Zeroizing<Vec<u64>> {
        let (words, wide) = (self.tables.exponent_words(), self.order.wide());
        let count = count.next_multiple_of(LANES);
        let mut random = Zeroizing::new(vec![0; count * wide]);
        rng.fill_words(&mut random);
        let mut out = Zeroizing::new(vec![0; count * words]);
        for (out, random) in out.chunks_exact_mut(words).zip(random.chunks_exact_mut(wide)) {
            self.order.reduce(random);
            out.copy_from_slice(&random[..words]);
        }
        out
    }

    /// The values of a group modulo P^2, widened to so many words.
    fn raised(&self, group: &[Limbs], wide: usize) -> Wiped<u64> {
        let (limbs, words) = (self.modulus.limbs(), self.modulus.words());
        let (mut residues, mut values) = (Wiped::zeros(LANES * limbs), Wiped::zeros(LANES * words));
        for (lane, residue) in residues.chunks_exact_mut(limbs).enumerate() {
            self.modulus.scatter(&group[..limbs], lane, residue);
        }
        self.modulus.export(&mut self.modulus.scratch(), &residues, &mut values);
        let mut out = Wiped::zeros(LANES * wide);
        for (out, value) in out.chunks_exact_mut(wide).zip(values.chunks_exact(words)) {
            out[..words].copy_from_slice(value);
        }
        out
    }

    /// Up to eight plaintexts modulo P: c^p is 1 + Q p m P modulo P^2.
    fn decrypt(&self, values: &[u64]) -> Zeroizing<Vec<u64>> {
        let (limbs, words, half) = (self.modulus.limbs(), self.modulus.words(), self.prime.len());
        let mut scratch = self.modulus.scratch();
        let count = values.len() / (2 * words);
        let mut residues = Wiped::zeros(count * limbs);
        self.modulus.import_wide(&mut scratch, values, &mut residues);
        let mut group = Wiped::zeros(limbs);
        self.modulus.gather(&residues, batch::lanes(0, count), &mut group);
        let exponents = [self.order.words(); LANES];
        self.modulus.pow(&mut scratch, &mut group, exponents, self.order.bits());
        let powers = self.raised(&group, words);
        let mut out = Zeroizing::new(Vec::with_capacity(count * half));
        for power in powers.chunks_exact(words).take(count) {
            // The exact quotient (x - 1) / P needs the low words alone.
            let mut low = Zeroizing::new(power[..half].to_vec());
            let (mut borrow, last) = (1, half);
            for word in &mut low[..last] {
                let (difference, below) = word.overflowing_sub(borrow);
                (*word, borrow) = (difference, u64::from(below));
            }
            let t = Zeroizing::new(number(&low).wrapping_mul(&*number(&self.reciprocal)));
            let t = Zeroizing::new(t.mul_mod(&number(&self.scale), &nonzero(&self.prime)));
            out.extend_from_slice(t.as_words());
        }
        out
    }
}

/// An element of order p modulo P: a random one to the power 2 k. None if that is 1.
fn element(f: &Factor, rng: &mut SecretRng) -> Option<Zeroizing<Vec<u64>>> {
    let modulus = Modulus::new(&f.prime);
    let mut scratch = modulus.scratch();
    let random = random_bits(64 * f.prime.len() + 64, rng);
    let value = Zeroizing::new(remainder(&random, &f.prime));
    let mut residue = Wiped::zeros(modulus.limbs());
    modulus.import(&mut scratch, &value, &mut residue);
    let mut group = Wiped::zeros(modulus.limbs());
    modulus.gather(&residue, [Some(0); LANES], &mut group);
    modulus.pow(&mut scratch, &mut group, [&f.cofactor[..]; LANES], 64 * f.cofactor.len());
    modulus.scatter(&group, 0, &mut residue);
    let mut out = Zeroizing::new(vec![0; modulus.words()]);
    modulus.export(&mut scratch, &residue, &mut out);
    let small = out[1..].iter().all(|word| *word == 0) && out[0] <= 1;
    (!small).then_some(out)
}

/// The number modulo P Q that is `first` modulo P and `second` modulo Q; `quotient` is Q^-1 modulo P. Q < 2 P.
fn combine(first: &[u64], second: &[u64], p: &[u64], q: &[u64], quotient: &[u64]) -> Vec<u64> {
    let reduced = Zeroizing::new(remainder(second, p));
    let delta = Zeroizing::new(difference(first, &reduced, p));
    let factor = Zeroizing::new(number(&delta).mul_mod(&number(quotient), &nonzero(p)));
    let mut out = product(factor.as_words(), q);
    let mut carry = 0;
    for (i, out) in out.iter_mut().enumerate() {
        let sum = u128::from(*out) + u128::from(second.get(i).copied().unwrap_or(0)) + carry;
        (*out, carry) = (sum as u64, sum >> 64);
    }
    out
}

#[cfg(test)]
impl SecretKey {
    /// P and Q.
    pub(super) fn primes(&self) -> [&[u64]; 2] {
        [&self.halves[0].prime, &self.halves[1].prime]
    }
}
