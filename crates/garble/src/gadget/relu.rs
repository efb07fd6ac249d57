use super::residues::Residues;
use super::sign::is_non_negative;
use crate::{Base, Builder, Error, Prime, Program, Slot};

/// Division with rounding, then optionally a rectifier, the way Dash and ReDash do both.
///
/// For `x` given by its residues in the base of `modulus`, read in `[-(P-1)/2, (P-1)/2]`:
/// `t = floor((x + floor(divisor/2)) / divisor)`, and the result is `t` or `max(t, 0)` in the
/// residues `wanted`. The primes of the divisor are eliminated; what is missing in `wanted` then
/// comes back by base extension; the rectifier is a product with the sign.
///
/// *Source*: ReDash's rescaling; ReLU as `x * sign(x)`, Ball, Malkin, Rosulek, section 6 and
/// Dash. We take the sign over the primes that are left after the division, which are enough.
///
/// # Errors
/// [`Error::Config`] when the moduli are not products of distinct odd allowed primes, or the
/// divisor does not divide the modulus properly.
pub fn rescale(modulus: u64, divisor: u64, relu: bool, wanted: &[Prime]) -> Result<Program, Error> {
    let base = Base::factor(modulus)?;
    let away = Base::factor(divisor)?;
    let left = Base::new(base.primes().iter().copied().filter(|p| !away.primes().contains(p)));
    if !modulus.is_multiple_of(divisor) || left.primes().is_empty() || modulus.is_multiple_of(2) {
        return Err(Error::Config(format!(
            "cannot rescale by {divisor} modulo {modulus}: the divisor must be a proper divisor \
             of an odd modulus"
        )));
    }
    let mut b = Builder::new();
    let x = b.input_all(base.primes().iter().copied());
    let of = |p: &Prime| base.primes().iter().position(|q| q == p).map(|i| x[i]);
    let ordered: Vec<Slot> = away.primes().iter().chain(left.primes()).filter_map(of).collect();
    // The divisor is odd, so floor(divisor/2) and the shift to non-negative values add up to this.
    let mut residues = Residues::shifted(&mut b, &ordered, (base.product() as i128 - 1) / 2);
    for _ in away.primes() {
        residues.eliminate(&mut b, &[], |_| 0);
    }
    let centre = -((left.product() as i128 - 1) / 2);
    let quotient: Vec<Slot> =
        residues.slots().to_vec().iter().map(|&s| b.combine(&[(s, 1)], centre)).collect();
    let missing: Vec<Prime> =
        wanted.iter().copied().filter(|w| !left.primes().contains(w)).collect();
    let extended = extend(&mut b, residues, &left, &missing, centre);
    let result = |w: &Prime| match left.primes().iter().position(|p| p == w) {
        Some(i) => quotient[i],
        None => extended[missing.iter().take_while(|m| *m != w).count()],
    };
    let mut out: Vec<Slot> = wanted.iter().map(result).collect();
    if relu {
        let bit = is_non_negative(&mut b, &quotient)?;
        out = out.into_iter().map(|s| b.multiply(s, bit)).collect();
    }
    Ok(b.finish(out))
}

/// Residues in further primes of a value plus `centre`, by its mixed-radix digits.
fn extend(
    b: &mut Builder,
    mut residues: Residues,
    base: &Base,
    targets: &[Prime],
    centre: i128,
) -> Vec<Slot> {
    if targets.is_empty() {
        return Vec::new();
    }
    let mut terms: Vec<Vec<(Slot, i128)>> = vec![Vec::new(); targets.len()];
    let mut weight = 1i128;
    for p in base.primes() {
        let parts = residues.eliminate(b, targets, |_| weight);
        terms.iter_mut().zip(parts).for_each(|(t, part)| t.push((part, 1)));
        weight *= i128::from(p.get());
    }
    terms.iter().map(|t| b.combine(t, centre)).collect()
}

/// `max(x, y) = x + max(y - x, 0)` of two values whose difference is in the base's range.
///
/// *Source*: Dash's max pooling.
///
/// # Errors
/// As [`rescale`].
pub fn relu_maximum(base: &Base) -> Result<Program, Error> {
    let mut b = Builder::new();
    let x = b.input_all(base.primes().iter().copied());
    let y = b.input_all(base.primes().iter().copied());
    let difference: Vec<Slot> =
        x.iter().zip(&y).map(|(&x, &y)| b.combine(&[(y, 1), (x, -1)], 0)).collect();
    let bit = is_non_negative(&mut b, &difference)?;
    let out = x
        .iter()
        .zip(difference)
        .map(|(&x, d)| {
            let gain = b.multiply(d, bit);
            b.combine(&[(x, 1), (gain, 1)], 0)
        })
        .collect();
    Ok(b.finish(out))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn residues(base: &[Prime], v: i128) -> Vec<u8> {
        base.iter().map(|p| p.reduce(v)).collect()
    }

    #[test]
    fn rescales_every_value() {
        let modulus = 7 * 13 * 31;
        let base = Base::factor(modulus).unwrap();
        let wanted: Vec<Prime> = [7, 13, 29, 31].iter().map(|&p| Prime::new(p).unwrap()).collect();
        for divisor in [1, 7, 31, 7 * 13] {
            for relu in [false, true] {
                let program = rescale(modulus, divisor, relu, &wanted).unwrap();
                let half = modulus as i128 / 2;
                for x in -half..=half {
                    let d = i128::from(divisor);
                    let t = (x + d / 2).div_euclid(d);
                    let t = if relu { t.max(0) } else { t };
                    let got = program.evaluate(&residues(base.primes(), x));
                    assert_eq!(got, residues(&wanted, t), "{x} / {divisor}");
                }
            }
        }
    }

    #[test]
    fn improper_moduli_are_refused() {
        for (m, d) in [(7 * 13, 31), (7 * 13, 7 * 13), (2 * 7, 7), (9, 3), (7 * 13, 0)] {
            assert!(rescale(m, d, true, &[]).is_err(), "{m} {d}");
        }
    }

    #[test]
    fn tournament_in_a_large_base() {
        let base = Base::factor(7 * 31).unwrap();
        let program = relu_maximum(&base).unwrap();
        for x in -50..50i128 {
            for y in -50..50i128 {
                let operands = [residues(base.primes(), x), residues(base.primes(), y)].concat();
                assert_eq!(program.evaluate(&operands), residues(base.primes(), x.max(y)));
            }
        }
    }
}
