use crate::Error;

/// Significant bits of a divisor that stands for an arbitrary factor.
const BITS: i32 = 16;

/// Integers per real unit as an edge holds it: `2^frac * divisor`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Unit {
    pub(super) frac: i32,
    pub(super) divisor: u32,
}

impl Unit {
    pub(super) const ONE: Self = Self { frac: 0, divisor: 1 };

    /// The nearest unit to `v > 0` of 16 significant bits.
    pub(super) fn near(v: f64) -> Result<Self, Error> {
        if !(v.is_finite() && v > 0.0) {
            return Err(Error::Limit(format!("a scale of {v} integers per unit")));
        }
        let exponent = v.log2().floor() as i32 - BITS + 1;
        let m = (v / f64::from(exponent).exp2()).round() as u64;
        let twos = m.trailing_zeros();
        Ok(Self { frac: exponent + twos as i32, divisor: (m >> twos) as u32 })
    }

    /// This unit times a whole number.
    pub(super) fn times(self, n: u64) -> Result<Self, Error> {
        let twos = n.trailing_zeros();
        let divisor = u64::from(self.divisor).checked_mul(n >> twos);
        let divisor = divisor.and_then(|d| u32::try_from(d).ok()).ok_or_else(|| {
            Error::Limit("the divisors of nested average pools exceed 32 bits".into())
        })?;
        Ok(Self { frac: self.frac + twos as i32, divisor })
    }

    pub(super) fn value(self) -> f64 {
        f64::from(self.frac).exp2() * f64::from(self.divisor)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn units_are_near_what_was_asked(v in 1e-9f64..1e12, n in 1u64..10_000) {
            let u = Unit::near(v).unwrap();
            prop_assert!((u.value() / v - 1.0).abs() <= 2f64.powi(-16));
            prop_assert!(u.divisor % 2 == 1 || u.divisor == 1);
            prop_assert_eq!(u.times(n).unwrap().value(), u.value() * n as f64);
        }
    }

    #[test]
    fn powers_of_two_need_no_divisor() {
        assert_eq!(Unit::near(0.125).unwrap(), Unit { frac: -3, divisor: 1 });
        assert_eq!(Unit::near(3.0).unwrap(), Unit { frac: 0, divisor: 3 });
        assert!(Unit::near(0.0).is_err());
    }
}
