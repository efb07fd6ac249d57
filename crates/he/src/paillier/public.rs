use std::sync::{Arc, OnceLock};

use crypto_bigint::Gcd;
use sordino_kernels::bigint::{FixedBase, LANES, Limbs, Modulus, Weight};

use super::number::{difference, is_below, number, product, remainder};
use super::{Strength, wire};
use crate::Error;

/// Bits of a digit of exponents in the tables of h: what makes reading the tables and multiplying cheapest together.
pub(super) const WINDOW: usize = 6;

/// The modulus n, and h, whose n-th powers modulo n^2 are the encryptions of zero.
///
/// Cheap to clone.
#[derive(Clone)]
pub struct PublicKey(pub(super) Arc<Public>);

pub(super) struct Public {
    pub(super) strength: Strength,
    pub(super) n: Vec<u64>,
    pub(super) h: Vec<u64>,
    /// n^2.
    pub(super) square: Vec<u64>,
    /// Arithmetic modulo n^2.
    pub(super) modulus: Modulus,
    /// n, of which 1 + n's powers have multiples.
    pub(super) shift: Weight,
    /// The residue of h^n.
    pub(super) base: Vec<u64>,
    tables: OnceLock<FixedBase>,
}

impl core::fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_tuple("PublicKey").field(&self.0.strength).finish()
    }
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.n == other.0.n && self.0.h == other.0.h)
    }
}

impl PublicKey {
    pub(super) fn new(strength: Strength, n: Vec<u64>, h: Vec<u64>) -> Self {
        let square = product(&n, &n);
        let modulus = Modulus::squared(&n);
        let mut scratch = modulus.scratch();
        let mut base = vec![0; modulus.limbs()];
        modulus.import(&mut scratch, &n, &mut base);
        let shift = modulus.weight(&mut scratch, &base);
        modulus.import(&mut scratch, &h, &mut base);
        let mut group = vec![Limbs::default(); modulus.limbs()];
        modulus.gather(&base, [Some(0); LANES], &mut group);
        modulus.pow(&mut scratch, &mut group, [&n[..]; LANES], strength.bits());
        modulus.scatter(&group, 0, &mut base);
        let tables = OnceLock::new();
        Self(Arc::new(Public { strength, n, h, square, modulus, shift, base, tables }))
    }

    /// Reads a peer's key.
    ///
    /// It is refused if n has not the size's bits, is even, has a factor below 2^12, or is a prime or a power of one
    /// (then gcd(2^n - 2, n) is not 1), and if h is not a unit other than 1 and -1. That n has two large factors, and
    /// that h generates what [`super::SecretKey::generate`] says, are not proven: see the module's documentation.
    ///
    /// *Cost*: a power modulo n and one modulo n^2, tens of milliseconds.
    ///
    /// # Errors
    /// [`Error::PeerMisbehaved`], which names the rule that is broken.
    pub fn from_bytes(strength: Strength, bytes: &[u8]) -> Result<Self, Error> {
        let refuse = |what| Err(Error::PeerMisbehaved { what });
        if bytes.len() != strength.public_key_bytes() {
            return refuse("Paillier key: its length is not that of the agreed size");
        }
        let (n, h) = bytes.split_at(bytes.len() / 2);
        let (n, h) = (wire::words_of(n), wire::words_of(h));
        if n[0].is_multiple_of(2) || n[n.len() - 1] >> 63 == 0 {
            return refuse("Paillier key: n is even or too short");
        }
        if !is_below(&h, &n)
            || !is_unit(&h, &n)
            || is_one(&h)
            || is_one(&difference(&[0].repeat(n.len()), &h, &n))
        {
            return refuse("Paillier key: h is not a unit of large order");
        }
        if !passes_as_product(&n) {
            return refuse("Paillier key: n is a prime, a power of a prime or has a small factor");
        }
        Ok(Self::new(strength, n, h))
    }

    /// The key as [`Strength::public_key_bytes`] bytes: n and h, least significant byte first.
    pub fn to_bytes(&self) -> Vec<u8> {
        wire::bytes_of(&[&self.0.n[..], &self.0.h].concat())
    }

    /// The key's size.
    pub fn strength(&self) -> Strength {
        self.0.strength
    }

    /// n, least significant word first.
    pub fn modulus(&self) -> &[u64] {
        &self.0.n
    }

    /// Powers of h^n; made when first needed.
    pub(super) fn tables(&self) -> &FixedBase {
        let Public { strength, modulus, base, tables, .. } = &*self.0;
        tables.get_or_init(|| FixedBase::new(modulus, base, strength.exponent_bits(), WINDOW))
    }
}

fn is_one(x: &[u64]) -> bool {
    x[0] == 1 && x[1..].iter().all(|word| *word == 0)
}

/// Whether gcd(x, n) = 1, for public numbers.
pub(super) fn is_unit(x: &[u64], n: &[u64]) -> bool {
    is_one(number(x).gcd_vartime(&number(n)).as_words())
}

fn passes_as_product(n: &[u64]) -> bool {
    let small = (3..1_u64 << 12).step_by(2);
    let rest = |d: u64| {
        let step = |rest: u64, word: &u64| {
            ((u128::from(rest) << 64 | u128::from(*word)) % u128::from(d)) as u64
        };
        n.iter().rev().fold(0, step)
    };
    if small.into_iter().any(|d| rest(d) == 0) {
        return false;
    }
    let modulus = Modulus::new(n);
    let mut scratch = modulus.scratch();
    let mut two = vec![0; n.len()];
    two[0] = 2;
    let mut residue = vec![0; modulus.limbs()];
    modulus.import(&mut scratch, &two, &mut residue);
    let mut group = vec![Limbs::default(); modulus.limbs()];
    modulus.gather(&residue, [Some(0); LANES], &mut group);
    modulus.pow(&mut scratch, &mut group, [n; LANES], 64 * n.len());
    modulus.scatter(&group, 0, &mut residue);
    let mut power = vec![0; n.len()];
    modulus.export(&mut scratch, &residue, &mut power);
    is_unit(&difference(&power, &remainder(&two, n), n), n)
}
