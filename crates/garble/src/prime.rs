use sordino_kernels::digits::Radix;

/// Bits of entropy that a secret offset keeps at least, see [`Prime::lambda`].
pub const LAMBDA: f64 = 112.0;

/// A modulus that labels may have: a prime up to 251 whose offsets have at least [`LAMBDA`] bits.
///
/// A label is `n = floor(128 / ceil(log2 p))` digits in Z_p, in one 128-bit block.
///
/// *Security*: the type is sealed on purpose. A projection gate on a composite modulus `m` gives
/// its evaluator two keys that differ by `(m/d) * offset`, which takes only `d^(n-1)` values for
/// a divisor `d` of `m`: the offset falls to search (the published break of arithmetic garbling
/// of networks; see the test `composite_modulus`). With a prime modulus every multiple of the
/// offset has as many values as the offset itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prime(u8);

impl Prime {
    /// Every allowed modulus, ascending.
    pub const ALL: [Self; 29] = [
        Self(2),
        Self(7),
        Self(13),
        Self(29),
        Self(31),
        Self(53),
        Self(59),
        Self(61),
        Self(97),
        Self(101),
        Self(103),
        Self(107),
        Self(109),
        Self(113),
        Self(127),
        Self(179),
        Self(181),
        Self(191),
        Self(193),
        Self(197),
        Self(199),
        Self(211),
        Self(223),
        Self(227),
        Self(229),
        Self(233),
        Self(239),
        Self(241),
        Self(251),
    ];

    /// The modulus `p`, if it is allowed.
    pub fn new(p: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|q| u64::from(q.0) == p)
    }

    /// The smallest allowed modulus that is at least `n`.
    pub fn at_least(n: u64) -> Option<Self> {
        Self::ALL.into_iter().find(|q| u64::from(q.0) >= n)
    }

    /// Its value.
    pub fn get(self) -> u8 {
        self.0
    }

    /// Its value, as a word.
    pub fn value(self) -> u64 {
        u64::from(self.0)
    }

    /// How its labels lie in bytes.
    pub fn radix(self) -> Radix {
        Radix::new(self.0)
    }

    /// Digits of a label.
    pub fn digits(self) -> usize {
        self.radix().digits()
    }

    /// Bits of entropy of a secret offset, whose first digit is always 1.
    pub fn lambda(self) -> f64 {
        (self.digits() - 1) as f64 * f64::from(self.0).log2()
    }

    /// `v mod p` of a public value: takes time that depends on it.
    pub fn reduce(self, v: i128) -> u8 {
        v.rem_euclid(i128::from(self.0)) as u8
    }

    /// `v mod p` of a secret value, in constant time: by products and masks.
    pub fn residue(self, v: u64) -> u8 {
        let p = self.value();
        // The reciprocal is too small by less than one, so the quotient is too small by at most one.
        let reciprocal = u128::from(u64::MAX / p);
        let quotient = ((u128::from(v) * reciprocal) >> 64) as u64;
        let rest = v.wrapping_sub(quotient.wrapping_mul(p));
        let once = Self::less(rest, p, rest.wrapping_sub(p));
        Self::less(once, p, once.wrapping_sub(p)) as u8
    }

    /// `v mod p` of a secret signed value, in constant time.
    pub fn residue_signed(self, v: i64) -> u8 {
        let shifted = self.residue((v as u64) ^ (1 << 63));
        self.plus(shifted, self.reduce(-(1i128 << 63)))
    }

    /// `a + b mod p` of residues, in constant time.
    pub fn plus(self, a: u8, b: u8) -> u8 {
        let (sum, p) = (u64::from(a) + u64::from(b), self.value());
        Self::less(sum, p, sum.wrapping_sub(p)) as u8
    }

    /// `-a mod p` of a residue, in constant time.
    pub fn minus(self, a: u8) -> u8 {
        let (difference, p) = (self.value() - u64::from(a), self.value());
        Self::less(difference, p, difference.wrapping_sub(p)) as u8
    }

    /// `a` if it is below `p`, else `other`; without a branch.
    fn less(a: u64, p: u64, other: u64) -> u64 {
        let below = (a.wrapping_sub(p) >> 63).wrapping_neg();
        (a & below) | (other & !below)
    }

    /// The inverse of `v`, which is not a multiple of `p`.
    pub fn inverse(self, v: u64) -> u8 {
        let p = self.value();
        let mut result = 1;
        for _ in 0..p - 2 {
            result = result * (v % p) % p;
        }
        result as u8
    }
}

impl std::fmt::Display for Prime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_prime(n: u64) -> bool {
        n > 1 && (2..n).all(|d| !n.is_multiple_of(d))
    }

    #[test]
    fn exactly_the_primes_with_enough_entropy() {
        for p in 0..=255u64 {
            let bits = p.saturating_sub(1).checked_ilog2().map_or(0, |b| b + 1);
            let enough =
                bits > 0 && (f64::from(128 / bits) - 1.0) * (p as f64).log2() >= LAMBDA && p <= 251;
            assert_eq!(Prime::new(p).is_some(), is_prime(p) && enough, "{p}");
        }
    }

    #[test]
    fn secret_residues_equal_public_ones() {
        for p in Prime::ALL {
            let near = |v: u64| [v.wrapping_sub(1), v, v.wrapping_add(1)];
            let m = p.value() * 0x0123_4567_89ab;
            for v in [0, p.value(), m, 1 << 63, u64::MAX / p.value() * p.value()].map(near).concat()
            {
                assert_eq!(p.residue(v), p.reduce(v.into()), "{v} mod {p}");
                assert_eq!(p.residue_signed(v as i64), p.reduce((v as i64).into()), "{v} mod {p}");
            }
            for a in 0..p.get() {
                assert_eq!(p.minus(a), p.reduce(-i128::from(a)));
                assert_eq!(p.plus(a, p.get() - 1), p.reduce(i128::from(a) - 1));
            }
        }
    }

    #[test]
    fn inverses() {
        for p in Prime::ALL {
            assert!(p.lambda() >= LAMBDA, "{p}");
            for v in 1..p.value() {
                assert_eq!(v * u64::from(p.inverse(v)) % p.value(), 1);
            }
        }
    }
}
