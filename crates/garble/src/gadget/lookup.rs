use super::residues::Residues;
use crate::{Base, Builder, Error, Prime, Program, Slot};

/// Division, activation, clamping and requantisation in one exact gadget.
///
/// For `x` given by its residues in the base of `divisor * values.len()`:
/// `u = (x + floor(divisor/2) - first * divisor) mod (divisor * values.len())` and the result is
/// `values[u / divisor]`, given by its residues in `wanted`. Any function of the quotient costs
/// the same.
///
/// The primes of the divisor are eliminated in ascending order, each by one projection into every
/// later prime; what is left in the last prime is the quotient, and one table on it is the
/// function. The results' residues come from one further small prime where that is cheaper.
///
/// *Cost*: with primes `p_1 < … < p_k` and that prime `q`:
/// `sum_(i<k) (k-i) p_i + p_k + q * (residues other than q)` rows.
///
/// *Source*: mixed radix as ReDash uses it for base extension; fusing it with the activation and
/// with requantisation is ours.
///
/// # Errors
/// [`Error::Config`] when `values.len()` is not an allowed prime larger than those of `divisor`,
/// or `divisor` is not a product of distinct allowed primes.
pub fn lookup(
    divisor: u64,
    first: i64,
    values: &[i64],
    wanted: &[Prime],
) -> Result<Program, Error> {
    let mut b = Builder::new();
    let quotient = divide(&mut b, divisor, first, values.len())?;
    let out = spread(&mut b, quotient, values, wanted);
    Ok(b.finish(out))
}

/// The first half of [`lookup`] alone: the quotient `u / divisor`, modulo `levels`.
///
/// *Cost*: `sum_(i<k) (k-i) p_i` rows.
///
/// # Errors
/// As [`lookup`].
pub fn quotient(divisor: u64, first: i64, levels: usize) -> Result<Program, Error> {
    let mut b = Builder::new();
    let out = divide(&mut b, divisor, first, levels)?;
    Ok(b.finish(vec![out]))
}

fn divide(b: &mut Builder, divisor: u64, first: i64, levels: usize) -> Result<Slot, Error> {
    let base = Base::factor(divisor)?;
    let top = Prime::new(levels as u64)
        .filter(|top| base.primes().last().is_none_or(|p| p < top))
        .ok_or_else(|| {
            Error::Config(format!(
                "a table of {levels} values is not of a prime size above the primes of {divisor}"
            ))
        })?;
    let x = b.input_all(base.primes().iter().copied().chain([top]));
    let shift = i128::from(divisor / 2) - i128::from(first) * i128::from(divisor);
    let mut residues = Residues::shifted(b, &x, shift);
    for _ in base.primes() {
        residues.eliminate(b, &[], |_| 0);
    }
    Ok(residues.slots()[0])
}

/// Residues of `values[v]` in the wanted primes, through the cheapest intermediate prime.
fn spread(b: &mut Builder, from: Slot, values: &[i64], wanted: &[Prime]) -> Vec<Slot> {
    let min = values.iter().copied().min().unwrap_or(0);
    let max = values.iter().copied().max().unwrap_or(0);
    let span = (i128::from(max) - i128::from(min) + 1) as u64;
    let value = |v: u8| i128::from(values[usize::from(v)]);
    let top = values.len();
    let rows = |q: &Prime| top + usize::from(q.get()) * wanted.iter().filter(|w| *w != q).count();
    let between = Prime::ALL
        .into_iter()
        .filter(|q| q.value() >= span)
        .min_by_key(rows)
        .filter(|q| rows(q) < top * wanted.len());
    match between {
        None => b.project_all(from, wanted, |_, v| value(v)),
        Some(q) => {
            let small = b.project(from, q, value);
            fan_out(b, small, i128::from(min), wanted)
        }
    }
}

/// Residues in the wanted primes of a value of at least `min` and less than `min + q`, given
/// modulo `q`.
pub(super) fn fan_out(b: &mut Builder, from: Slot, min: i128, wanted: &[Prime]) -> Vec<Slot> {
    let q = b.prime(from);
    let others: Vec<Prime> = wanted.iter().copied().filter(|w| *w != q).collect();
    let mut out = b
        .project_all(from, &others, |_, v| {
            min + (i128::from(v) - min).rem_euclid(i128::from(q.get()))
        })
        .into_iter();
    wanted.iter().map(|w| if *w == q { from } else { out.next().unwrap_or(from) }).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn prime(p: u64) -> Prime {
        Prime::new(p).unwrap()
    }

    proptest! {
        #[test]
        fn divides_and_looks_up(
            x in any::<i64>(), first in -200i64..200, seed: u64, which in 0usize..4,
        ) {
            let (divisor, top) = [(7 * 13 * 61, 127), (53 * 61, 127), (7, 13), (1, 29)][which];
            let values: Vec<i64> =
                (0..top).map(|i| (seed.wrapping_mul(i + 1) >> 57) as i64 - 64).collect();
            let wanted = [7, 29, 127, 251].map(prime);
            let program = lookup(divisor, first, &values, &wanted).unwrap();
            let base = Base::factor(divisor * top).unwrap();
            let residues: Vec<u8> =
                base.primes().iter().map(|p| p.reduce(i128::from(x))).collect();
            let u = (i128::from(x) + i128::from(divisor / 2)
                - i128::from(first) * i128::from(divisor)).rem_euclid(i128::from(divisor * top));
            let y = values[(u / i128::from(divisor)) as usize];
            let want: Vec<u8> = wanted.iter().map(|p| p.reduce(i128::from(y))).collect();
            prop_assert_eq!(program.evaluate(&residues), want);
        }
    }

    #[test]
    fn rows_of_the_published_base() {
        let relu: Vec<i64> = (-63..64).map(|t: i64| t.clamp(0, 60)).collect();
        let wanted = [7, 13, 61, 127].map(prime);
        let program = lookup(7 * 13 * 61, -63, &relu, &wanted).unwrap();
        assert_eq!(program.cost().rows, 418);
        assert_eq!(program.cost().gates, 10);
    }

    #[test]
    fn a_composite_table_is_refused() {
        for (divisor, len) in [(7, 14), (7, 7), (13, 7), (6, 13), (7, 11)] {
            assert!(lookup(divisor, 0, &vec![0; len], &[prime(7)]).is_err(), "{divisor} {len}");
        }
    }
}
