//! Primes p = 1 mod 2n and primitive roots of unity modulo them. All values here are public.

/// The largest `count` primes p below 2^bits with p = 1 mod 2n, in descending order; fewer when there are not as many.
///
/// # Panics
/// If `n` is 0 or `bits` is above 63.
pub fn find_primes(n: usize, bits: u32, count: usize) -> Vec<u64> {
    assert!(n > 0 && bits <= 63, "primes below 2^{bits} for degree {n}");
    let step = 2 * n as u64;
    let top = ((1_u64 << bits) - 1) / step * step + 1;
    let candidates = (0..=top / step).map(|i| top - i * step);
    candidates.filter(|&p| p < 1 << bits && is_prime(p)).take(count).collect()
}

pub(super) fn mul_mod(a: u64, b: u64, p: u64) -> u64 {
    (u128::from(a) * u128::from(b) % u128::from(p)) as u64
}

pub(super) fn pow_mod(mut base: u64, mut exponent: u64, p: u64) -> u64 {
    let mut result = 1 % p;
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = mul_mod(result, base, p);
        }
        base = mul_mod(base, base, p);
        exponent >>= 1;
    }
    result
}

pub(super) fn inv_mod(a: u64, p: u64) -> u64 {
    pow_mod(a, p - 2, p)
}

/// Miller-Rabin with the first twelve primes as bases, which decides every 64-bit integer (Sorenson and Webster).
pub(super) fn is_prime(p: u64) -> bool {
    const BASES: [u64; 12] = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37];
    if p < 2 {
        return false;
    }
    for base in BASES {
        if p.is_multiple_of(base) {
            return p == base;
        }
    }
    let twos = (p - 1).trailing_zeros();
    let odd = (p - 1) >> twos;
    BASES.into_iter().all(|base| {
        let mut x = pow_mod(base, odd, p);
        if x == 1 || x == p - 1 {
            return true;
        }
        (1..twos).any(|_| {
            x = mul_mod(x, x, p);
            x == p - 1
        })
    })
}

/// A primitive root of unity of order `order` (a power of two dividing p - 1): the one from the smallest base, so that
/// it is the same everywhere.
pub(super) fn primitive_root(order: u64, p: u64) -> u64 {
    (2..p)
        .map(|base| pow_mod(base, (p - 1) / order, p))
        .find(|&root| pow_mod(root, order / 2, p) == p - 1)
        .unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primes_descend_and_are_one_mod_2n() {
        let primes = find_primes(8192, 50, 5);
        assert_eq!(primes.len(), 5);
        assert!(primes.windows(2).all(|pair| pair[0] > pair[1]));
        for p in primes {
            assert!(p < 1 << 50 && p % 16384 == 1);
            assert!((3..2000).step_by(2).all(|d| p % d != 0));
        }
    }

    #[test]
    fn small_ranges_are_exhausted() {
        assert_eq!(find_primes(8, 7, 100), vec![113, 97, 17]);
        assert!(find_primes(1024, 5, 3).is_empty());
    }

    #[test]
    fn primality_of_hard_composites() {
        for composite in [1, 561, 3_215_031_751, 3_825_123_056_546_413_051] {
            assert!(!is_prime(composite));
        }
        for prime in [2, 37, 41, (1 << 61) - 1] {
            assert!(is_prime(prime));
        }
    }
}
