//! Scalar arithmetic modulo one prime, without branches on values.

/// A prime below 2^50 with the constants of its reductions.
#[derive(Clone, Copy)]
pub(crate) struct Modulus {
    p: u64,
    one: Factor,
    two64: Factor,
}

/// A fixed multiplicand with its precomputed quotient (Shoup's trick).
#[derive(Clone, Copy)]
pub(crate) struct Factor {
    value: u64,
    /// floor(value * 2^64 / p)
    quotient: u64,
}

impl Modulus {
    pub(crate) fn new(p: u64) -> Self {
        let factor = |value: u64| factor_of(value, p);
        Self { p, one: factor(1), two64: factor(((1_u128 << 64) % u128::from(p)) as u64) }
    }

    pub(crate) fn p(&self) -> u64 {
        self.p
    }

    /// Prepares multiplication by a public constant.
    pub(crate) fn factor(&self, value: u64) -> Factor {
        factor_of(value % self.p, self.p)
    }

    /// `x * factor mod p` for any `x`.
    #[inline]
    pub(crate) fn mul(&self, x: u64, factor: &Factor) -> u64 {
        let quotient = ((u128::from(x) * u128::from(factor.quotient)) >> 64) as u64;
        let r = x.wrapping_mul(factor.value).wrapping_sub(quotient.wrapping_mul(self.p));
        self.fold(r)
    }

    /// `x mod p` for any `x`.
    #[inline]
    pub(crate) fn reduce(&self, x: u64) -> u64 {
        self.mul(x, &self.one)
    }

    /// `x mod p` for any `x`.
    #[inline]
    pub(crate) fn reduce_wide(&self, x: u128) -> u64 {
        self.add(self.reduce(x as u64), self.mul((x >> 64) as u64, &self.two64))
    }

    /// `x mod p` for |x| < p.
    #[inline]
    pub(crate) fn reduce_signed(&self, x: i64) -> u64 {
        (x as u64).wrapping_add(self.p & ((x >> 63) as u64))
    }

    #[inline]
    pub(crate) fn add(&self, a: u64, b: u64) -> u64 {
        self.fold(a + b)
    }

    #[inline]
    pub(crate) fn sub(&self, a: u64, b: u64) -> u64 {
        self.fold(a + self.p - b)
    }

    /// Subtracts p once if that does not borrow: `min` compiles to a conditional move.
    #[inline]
    fn fold(&self, x: u64) -> u64 {
        x.min(x.wrapping_sub(self.p))
    }

    /// `base^exponent mod p` of public values.
    pub(crate) fn pow(&self, base: u64, mut exponent: u64) -> u64 {
        let p = u128::from(self.p);
        let (mut square, mut result) = (u128::from(base) % p, 1 % p);
        while exponent > 0 {
            if exponent & 1 == 1 {
                result = result * square % p;
            }
            square = square * square % p;
            exponent >>= 1;
        }
        result as u64
    }

    /// `1 / x mod p` of a public value not divisible by p.
    pub(crate) fn invert(&self, x: u64) -> u64 {
        self.pow(x, self.p - 2)
    }
}

fn factor_of(value: u64, p: u64) -> Factor {
    Factor { value, quotient: ((u128::from(value) << 64) / u128::from(p)) as u64 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const P: u64 = 1_125_899_904_679_937;

    proptest! {
        #[test]
        fn reductions_agree_with_division(x: u64, y: u64, wide: u128, signed in -(P as i64) + 1..P as i64) {
            let m = Modulus::new(P);
            let p = u128::from(P);
            let by = m.factor(y);
            prop_assert_eq!(u128::from(m.mul(x, &by)), u128::from(x) * (u128::from(y) % p) % p);
            prop_assert_eq!(m.reduce(x), x % P);
            prop_assert_eq!(u128::from(m.reduce_wide(wide)), wide % p);
            prop_assert_eq!(m.reduce_signed(signed), signed.rem_euclid(P as i64) as u64);
            let (a, b) = (x % P, y % P);
            prop_assert_eq!(m.add(a, b), (a + b) % P);
            prop_assert_eq!(m.sub(a, b), (a + P - b) % P);
        }
    }

    #[test]
    fn inverse_times_value_is_one() {
        let m = Modulus::new(P);
        for x in [1, 2, 12345, P - 1] {
            assert_eq!(m.mul(x, &m.factor(m.invert(x))), 1);
        }
    }
}
