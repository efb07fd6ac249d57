use super::{encode, wrap};

/// `values[u / divisor]` with `u = (x + floor(divisor/2) - first*divisor) mod (divisor*levels)`.
///
/// The operand is read in `Z_2^ring_in` as a two's-complement number, the result is written in
/// `Z_2^ring_out`.
pub fn lookup(
    x: &[u64],
    ring_in: u32,
    divisor: u64,
    first: i64,
    values: &[i64],
    ring_out: u32,
) -> Vec<u64> {
    // Both summands are below the period, whose double fits: see `limits::PERIOD`.
    let d = divisor as i64;
    let levels = values.len() as i64;
    let period = d * levels;
    let start = d / 2 + (-first).rem_euclid(levels) * d;
    let table: Vec<u64> = values.iter().map(|&v| encode(v, ring_out)).collect();
    x.iter()
        .map(|&v| {
            let u = (wrap(v, ring_in).rem_euclid(period) + start) % period;
            table[(u / d) as usize]
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn rounds_to_multiples_and_wraps_beyond_the_window() {
        // Entries for -1, 0, 1, 2 times 10.
        let of = |v: i64| lookup(&[v as u64], 64, 10, -1, &[100, 0, 1, 2], 16)[0];
        assert_eq!([-15, -6, -5, 4, 5, 24].map(of), [100, 100, 0, 0, 1, 2]);
        assert_eq!([-16, 25].map(of), [2, 100]);
    }

    proptest! {
        #[test]
        fn equals_naive_integers(
            v: u64, ring_in in 2u32..=64, ring_out in 2u32..=64, first in -(1i64 << 31)..1 << 31,
            values in prop::collection::vec(-(1i64 << 31)..1 << 31, 2..252), small: bool, d: u64,
        ) {
            let most = (1 << 62) / values.len() as u64 - 1;
            let divisor = d % (if small { 1000 } else { most }) + 1;
            let modulus = 1i128 << ring_in;
            let mut x = i128::from(v).rem_euclid(modulus);
            if x >= modulus / 2 { x -= modulus }
            let d = i128::from(divisor);
            let u = (x + d / 2 - i128::from(first) * d).rem_euclid(d * values.len() as i128);
            let want = i128::from(values[(u / d) as usize]).rem_euclid(1 << ring_out);
            let got = lookup(&[v], ring_in, divisor, first, &values, ring_out)[0];
            prop_assert_eq!(i128::from(got), want);
        }
    }
}
