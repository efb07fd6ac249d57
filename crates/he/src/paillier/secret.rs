use crypto_bigint::{BoxedUint, NonZero};
use rayon::prelude::*;
use sordino_kernels::bigint::{FixedBase, LANES, Limbs, Modulus, Scratch, Weight};
use sordino_kernels::{Wiped, wipe};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

use super::number::{inverse, nonzero, number, odd, product, random_bits, remainder};
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
    quotient: Zeroizing<BoxedUint>,
    joint: Joint,
}

/// What makes a number modulo n^2 of its remainders x modulo P^2 and y modulo Q^2: it is y + Q^2 z with
/// z = (x - y) / Q^2 modulo P^2.
///
/// *Source*: Garner, "The residue number system", 1959.
struct Joint {
    /// 2 P^2, which is above Q^2.
    twice: Zeroizing<Vec<u64>>,
    /// The residue modulo P^2 of Q^-2.
    inverse: Wiped<u64>,
    /// Q^2, modulo n^2.
    square: Weight,
}

/// What belongs to one factor.
struct Half {
    prime: Zeroizing<Vec<u64>>,
    /// The same for divisions.
    divisor: Zeroizing<NonZero<BoxedUint>>,
    /// Arithmetic modulo its square.
    modulus: Modulus,
    /// The order of h.
    order: Order,
    /// P^-1 modulo 2^(bits of P), to divide by P exactly.
    reciprocal: Zeroizing<BoxedUint>,
    /// (Q p)^-1 modulo P.
    scale: Zeroizing<BoxedUint>,
    /// Powers of h^n.
    tables: FixedBase,
}

impl SecretKey {
    /// A fresh key.
    ///
    /// *Cost*: 50 to 80 milliseconds for n of 2048 bits and 110 to 250 for 3072, with vectors (`sordino profile`).
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
    pub(super) fn from_factors(
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
        let quotient = number(&Zeroizing::new(inverse(&q.prime, &p.prime)?));
        let h = combine(&first, &second, &nonzero(&p.prime), &q.prime, &quotient);
        let public = PublicKey::new(strength, n, h);
        let halves = [Half::new(&public, p, q)?, Half::new(&public, q, p)?];
        let joint = Joint::new(&public, &halves)?;
        Some(Self { public, halves, quotient, joint })
    }

    /// The public key.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Makes more encryptions of zero, by the Chinese remainder theorem: powers modulo P^2 and Q^2.
    ///
    /// *Cost*: 38 products modulo each square for n of 2048 bits, 43 for 3072, and about two modulo n^2 to put them together.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the pool is for another key.
    pub fn fill(&self, pool: &mut Pool, count: usize, rng: &mut SecretRng) -> Result<(), Error> {
        if *pool.key() != self.public {
            return Err(Error::Misuse("the pool is for another key".into()));
        }
        let (whole, [first, second]) = (&self.public.0.modulus, &self.halves);
        let [p, q] = [first, second]
            .map(|half| powers(&half.modulus, &half.tables, &half.exponents(count, rng)));
        let limbs = first.modulus.limbs();
        let mut residues = vec![0; count * whole.limbs()];
        residues
            .par_chunks_mut(LANES * whole.limbs())
            .zip(p.par_chunks_exact(limbs).zip(q.par_chunks_exact(limbs)))
            .for_each_init(
                || (first.modulus.scratch(), whole.scratch()),
                |(own, scratch), (residues, (p, q))| {
                    let lanes = residues.len() / whole.limbs();
                    let [p, q] = [first.raised(own, p, lanes), second.raised(own, q, lanes)];
                    let y = self.joint.digits(first, own, &p, &q);
                    whole.import_sum(scratch, &q, &self.joint.square, &y, residues);
                },
            );
        pool.put(&residues);
        wipe(&mut residues);
        Ok(())
    }

    /// Decrypts.
    ///
    /// *Cost*: a power with an exponent of 224 bits (n of 2048 bits) or 256 modulo the square of each factor: as many
    /// squares, and 70 or 78 products.
    ///
    /// *Security*: constant time. What is no power of h^n times one of 1 + n, as under another key, is refused: of such numbers
    /// decryption would tell the factors of n. Which ciphertext it was, and modulo which factor, is not told.
    ///
    /// # Errors
    /// [`Error::Misuse`] if the ciphertexts are for another key, [`Error::PeerMisbehaved`] if one was not made with this one.
    pub fn decrypt(&self, ciphertexts: &Ciphertexts) -> Result<Plaintexts, Error> {
        if *ciphertexts.key() != self.public {
            return Err(Error::Misuse("the ciphertexts are for another key".into()));
        }
        let (len, wide) = (self.public.0.strength.words(), self.public.0.square.len());
        let values = batch::export(&self.public.0.modulus, ciphertexts.residues());
        let mut out = Zeroizing::new(vec![0; ciphertexts.len() * len]);
        let groups = out.par_chunks_mut(LANES * len).zip(values.par_chunks(LANES * wide));
        let excess = groups.map(|(out, values)| {
            let [(first, one), (second, other)] = [0, 1].map(|i| self.halves[i].decrypt(values));
            let (p, q) = (&self.halves[0].divisor, &self.halves[1].prime);
            let parts = first.chunks(len / 2).zip(second.chunks(len / 2));
            for (out, (first, second)) in out.chunks_exact_mut(len).zip(parts) {
                let mut whole = combine(first, second, p, q, &self.quotient);
                out.copy_from_slice(&whole);
                wipe(&mut whole);
            }
            one | other
        });
        if excess.reduce(|| 0, |a, b| a | b) != 0 {
            let what = "Paillier ciphertext: not made with this key";
            return Err(Error::PeerMisbehaved { what });
        }
        Ok(Plaintexts::new(self.public.0.strength, out))
    }
}

impl Joint {
    /// None if Q is not invertible modulo P, which the conditions on the primes exclude.
    fn new(public: &PublicKey, [first, second]: &[Half; 2]) -> Option<Self> {
        let [p, q] = [first, second].map(|half| Zeroizing::new(product(&half.prime, &half.prime)));
        let (modulus, whole) = (&first.modulus, &public.0.modulus);
        let value = Zeroizing::new(inverse(&q, &p)?);
        let mut inverse = Wiped::zeros(modulus.limbs());
        modulus.import(&mut modulus.scratch(), &value, &mut inverse);
        let mut square = Wiped::zeros(whole.limbs());
        whole.import(&mut whole.scratch(), &q, &mut square);
        let square = whole.weight(&mut whole.scratch(), &square);
        Some(Self { twice: Zeroizing::new(product(&p, &[2])), inverse, square })
    }

    /// z for up to eight pairs x, y.
    fn digits(&self, first: &Half, scratch: &mut Scratch, x: &[u64], y: &[u64]) -> Wiped<u64> {
        let (modulus, words, wide) = (&first.modulus, first.modulus.words(), self.twice.len());
        let count = x.len() / words;
        let mut differences = Wiped::zeros(count * wide);
        let pairs = x.chunks_exact(words).zip(y.chunks_exact(words));
        for (out, (x, y)) in differences.chunks_exact_mut(wide).zip(pairs) {
            let mut carry = 0;
            let both = x.iter().zip(y).chain([(&0, &0)]);
            for ((out, twice), (x, y)) in out.iter_mut().zip(self.twice.iter()).zip(both) {
                let sum = i128::from(*x) - i128::from(*y) + i128::from(*twice) + carry;
                (*out, carry) = (sum as u64, sum >> 64);
            }
        }
        let mut residues = Wiped::zeros(count * modulus.limbs());
        modulus.import(scratch, &differences, &mut residues);
        let mut group = Wiped::zeros(modulus.limbs());
        let mut inverse = Wiped::zeros(modulus.limbs());
        modulus.gather(&residues, batch::lanes(0, count), &mut group);
        modulus.gather(&self.inverse, [Some(0); LANES], &mut inverse);
        modulus.mul_assign(scratch, &mut group, &inverse);
        first.raised(scratch, &group, count)
    }
}

impl Half {
    /// None if a number is not invertible, which the conditions on the primes exclude.
    fn new(public: &PublicKey, own: &Factor, other: &Factor) -> Option<Self> {
        let modulus = Modulus::squared(&own.prime);
        let scale = Zeroizing::new(product(&other.prime, &own.order));
        let scale = Zeroizing::new(inverse(&scale, &own.prime)?);
        let whole = &public.0.modulus;
        let mut scratch = whole.scratch();
        let mut base = vec![0; whole.words()];
        whole.export(&mut scratch, &public.0.base, &mut base);
        let mut reduced = vec![0; modulus.limbs()];
        modulus.import(&mut modulus.scratch(), &base, &mut reduced);
        let bits = public.0.strength.order_bits();
        let tables = FixedBase::new(&modulus, &reduced, bits, WINDOW);
        let half_bits = (64 * own.prime.len()) as u32;
        let (reciprocal, _) = odd(&own.prime).invert_mod2k_vartime(half_bits);
        Some(Self {
            reciprocal: Zeroizing::new(reciprocal),
            prime: own.prime.clone(),
            divisor: nonzero(&own.prime),
            order: Order::new(&own.order, bits),
            scale: number(&scale),
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

    /// The first values of a group, modulo P^2.
    fn raised(&self, scratch: &mut Scratch, group: &[Limbs], count: usize) -> Wiped<u64> {
        let mut residues = Wiped::zeros(count * self.modulus.limbs());
        for (lane, residue) in residues.chunks_exact_mut(self.modulus.limbs()).enumerate() {
            self.modulus.scatter(group, lane, residue);
        }
        let mut values = Wiped::zeros(count * self.modulus.words());
        self.modulus.export(scratch, &residues, &mut values);
        values
    }

    /// Up to eight plaintexts modulo P: c^p is 1 + Q p m P modulo P^2. Then 0, or what else is there modulo P.
    fn decrypt(&self, values: &[u64]) -> (Zeroizing<Vec<u64>>, u64) {
        let (limbs, words, half) = (self.modulus.limbs(), self.modulus.words(), self.prime.len());
        let mut scratch = self.modulus.scratch();
        let count = values.len() / (2 * words);
        let mut residues = Wiped::zeros(count * limbs);
        self.modulus.import(&mut scratch, values, &mut residues);
        let mut group = Wiped::zeros(limbs);
        self.modulus.gather(&residues, batch::lanes(0, count), &mut group);
        let exponents = [self.order.words(); LANES];
        self.modulus.pow(&mut scratch, &mut group, exponents, self.order.bits());
        let powers = self.raised(&mut scratch, &group, count);
        let mut out = Zeroizing::new(Vec::with_capacity(count * half));
        let mut excess = 0;
        for power in powers.chunks_exact(words) {
            let mut less = Zeroizing::new(power.to_vec());
            let mut borrow = 1;
            for word in less.iter_mut() {
                let (difference, below) = word.overflowing_sub(borrow);
                (*word, borrow) = (difference, u64::from(below));
            }
            // The exact quotient (x - 1) / P needs the low words alone. Where there is none, it times P is another number.
            let t = Zeroizing::new(number(&less[..half]).wrapping_mul(&*self.reciprocal));
            let exact = Zeroizing::new(product(t.as_words(), &self.prime));
            excess |= less.iter().zip(exact.iter()).fold(0, |rest, (a, b)| rest | a ^ b);
            let t = Zeroizing::new(t.mul_mod(&self.scale, &self.divisor));
            out.extend_from_slice(t.as_words());
        }
        (out, excess)
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
fn combine(
    first: &[u64],
    second: &[u64],
    p: &NonZero<BoxedUint>,
    q: &[u64],
    quotient: &BoxedUint,
) -> Vec<u64> {
    let reduced = Zeroizing::new(number(second).rem(p));
    let delta = Zeroizing::new(number(first).sub_mod(&reduced, p));
    let factor = Zeroizing::new(delta.mul_mod(quotient, p));
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

    /// What to make the same key of again.
    pub(super) fn factors(&self) -> [Factor; 2] {
        self.halves.each_ref().map(|half| {
            let (order, mut even) =
                (Zeroizing::new(half.order.words().to_vec()), half.prime.clone());
            even[0] -= 1;
            let cofactor = number(&even).div_rem(&nonzero(&order)).0;
            let cofactor = Zeroizing::new(super::number::words(&cofactor, even.len()));
            Factor { prime: half.prime.clone(), order, cofactor }
        })
    }
}
