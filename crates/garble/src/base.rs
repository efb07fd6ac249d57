use crate::{Error, Prime};

/// A residue number system: distinct primes, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Base(Vec<Prime>);

impl Base {
    /// The base of these primes.
    pub fn new(primes: impl IntoIterator<Item = Prime>) -> Self {
        let mut primes: Vec<_> = primes.into_iter().collect();
        primes.sort_unstable();
        primes.dedup();
        Self(primes)
    }

    /// The base whose product is `m`.
    ///
    /// # Errors
    /// [`Error::Config`] when `m` is not a product of distinct allowed primes.
    pub fn factor(m: u64) -> Result<Self, Error> {
        let primes: Vec<_> =
            Prime::ALL.into_iter().filter(|p| m.is_multiple_of(p.value())).collect();
        let base = Self(primes);
        if m == 0 || base.product() != u128::from(m) {
            return Err(Error::Config(format!(
                "the modulus {m} is not a product of distinct primes that labels may have; \
                 quantise the network again for the garbled backend"
            )));
        }
        Ok(base)
    }

    /// The base with the smallest labels in sum whose product is at least `least`, among those
    /// that contain `given`.
    ///
    /// # Errors
    /// [`Error::Config`] when no base is large enough.
    pub fn covering(given: &Self, least: u128) -> Result<Self, Error> {
        let mut primes = given.0.clone();
        while Self(primes.clone()).product() < least {
            let product = Self(primes.clone()).product();
            let missing = least.div_ceil(product);
            let free = |p: &Prime| !primes.contains(p) && p.get() > 2;
            // The last prime is the smallest that suffices, the others the largest that there are.
            let next = Prime::ALL
                .into_iter()
                .filter(free)
                .find(|p| u128::from(p.value()) >= missing)
                .or_else(|| Prime::ALL.into_iter().rev().filter(free).find(|p| p.get() < 128));
            let Some(next) = next else {
                return Err(Error::Config(format!("no base of primes reaches {least}")));
            };
            primes.push(next);
        }
        Ok(Self::new(primes))
    }

    /// The primes, ascending.
    pub fn primes(&self) -> &[Prime] {
        &self.0
    }

    /// Their product, or the largest number that fits.
    pub fn product(&self) -> u128 {
        self.0.iter().fold(1, |product, p| product.saturating_mul(p.value().into()))
    }

    /// The integer in `[-(P-1)/2, P/2]` with these residues, one per prime.
    pub fn centred(&self, residues: &[u8]) -> i128 {
        let product = self.product() as i128;
        let mut v = 0;
        for (p, &r) in self.0.iter().zip(residues) {
            let cofactor = product / i128::from(p.get());
            let inverse = p.inverse((cofactor % i128::from(p.get())) as u64);
            let c = i128::from(r) * i128::from(inverse) % i128::from(p.get());
            v = (v + cofactor * c) % product;
        }
        if v > product / 2 { v - product } else { v }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn factors() {
        let base = Base::factor(7 * 13 * 61 * 127).unwrap();
        assert_eq!(base.primes().iter().map(|p| p.get()).collect::<Vec<_>>(), [7, 13, 61, 127]);
        for bad in [0, 3, 49, 7 * 11, 7 * 13 * 17] {
            assert!(Base::factor(bad).is_err(), "{bad}");
        }
        assert_eq!(Base::factor(1).unwrap().primes(), []);
    }

    proptest! {
        #[test]
        fn residues_round_trip(v in -500_000i128..500_000) {
            let base = Base::covering(&Base::new([]), 1_000_001).unwrap();
            let residues: Vec<u8> = base.primes().iter().map(|p| p.reduce(v)).collect();
            prop_assert_eq!(base.centred(&residues), v);
        }
    }
}
