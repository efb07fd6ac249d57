use crate::{Base, Builder, Error, Prime, Slot};

/// Digits of the approximation: a leading bit and these radices with their wires' primes.
struct Radices {
    digits: Vec<(u64, Prime)>,
}

impl Radices {
    /// The cheapest radices that make the sign exact for a base.
    ///
    /// Each residue's fraction of the base is rounded down to a multiple of `1/M`; `k` of them err
    /// by less than `k/M` together. With that error made positive, a fraction below 1/2 (or below
    /// 1) stays there as long as `k/M < 1/(2P)`.
    fn new(base: &Base) -> Result<Self, Error> {
        let k = base.primes().len() as u64;
        let rows: u64 = base.primes().iter().map(|p| p.value()).sum();
        // A product beyond 128 bits is beyond all radices too.
        let least = base.product().saturating_mul(k.into()).saturating_add(1);
        let mut best: Option<(u64, Self)> = None;
        for count in 1..=12u32 {
            let radix = (2..=251u64).find(|m| u128::from(*m).pow(count) >= least);
            let Some(radix) = radix else { continue };
            let mut m = vec![radix; count as usize];
            for i in 0..m.len() {
                m[i] -= 1;
                if m.iter().map(|&m| u128::from(m)).product::<u128>() < least || m[i] < 2 {
                    m[i] += 1;
                }
            }
            let digits: Option<Vec<_>> =
                m.iter().map(|&m| Prime::at_least(k * m + 1).map(|p| (m, p))).collect();
            let Some(digits) = digits else { continue };
            let cost =
                rows * u64::from(count + 1) + digits.iter().map(|(_, p)| p.value()).sum::<u64>();
            if best.as_ref().is_none_or(|b| cost < b.0) {
                best = Some((cost, Self { digits }));
            }
        }
        best.map(|b| b.1).ok_or_else(|| {
            Error::Config(format!("a base of {k} primes is too large for the sign gadget"))
        })
    }
}

/// The bit `[x >= 0]` modulo 2, for `x` in `[-(P-1)/2, (P-1)/2]` given by its residues.
///
/// *Source*: approximate sign by mixed radix, Ball, Malkin, Rosulek, section 6.3, as Dash uses it.
/// Here the digits' wires have prime moduli, the leading digit is a bit, and the radices are
/// large enough for every value to be classified correctly.
pub(super) fn is_non_negative(b: &mut Builder, x: &[Slot]) -> Result<Slot, Error> {
    let base = Base::new(x.iter().map(|&s| b.prime(s)));
    let radices = Radices::new(&base)?;
    let two = Prime::ALL[0];
    let product = base.product();
    // M / (radices up to and with digit i): what one unit of digit i stands for.
    let mut unit: u128 = radices.digits.iter().map(|d| u128::from(d.0)).product();
    let whole = 2 * unit;
    let mut units = vec![unit];
    for (m, _) in &radices.digits {
        unit /= u128::from(*m);
        units.push(unit);
    }
    let wires: Vec<Prime> = [two].into_iter().chain(radices.digits.iter().map(|d| d.1)).collect();
    let sizes: Vec<u128> =
        [2].into_iter().chain(radices.digits.iter().map(|d| u128::from(d.0))).collect();
    let mut sums: Vec<Vec<(Slot, i128)>> = vec![Vec::new(); wires.len()];
    for &residue in x {
        let p = b.prime(residue);
        let cofactor = product / u128::from(p.value());
        let inverse = u128::from(p.inverse((cofactor % u128::from(p.value())) as u64));
        let digits = b.project_all(residue, &wires, |i, v| {
            let numerator = u128::from(v) * inverse % u128::from(p.value());
            let rounded = whole * numerator / u128::from(p.value());
            (rounded / units[i] % sizes[i]) as i128
        });
        sums.iter_mut().zip(digits).for_each(|(sum, d)| sum.push((d, 1)));
    }
    let mut carry: Option<Slot> = None;
    for i in (1..wires.len()).rev() {
        let rounding = if carry.is_none() { x.len() as i128 } else { 0 };
        sums[i].extend(carry.map(|c| (c, 1)));
        let sum = b.combine(&sums[i], rounding);
        carry = Some(b.project(sum, wires[i - 1], |v| i128::from(v) / sizes[i] as i128));
    }
    sums[0].extend(carry.map(|c| (c, 1)));
    Ok(b.combine(&sums[0], 1))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_value_of_small_bases() {
        for primes in [vec![7], vec![7, 13], vec![7, 13, 29], vec![29, 101]] {
            let base = Base::new(primes.iter().map(|&p| Prime::new(p).unwrap()));
            let mut b = Builder::new();
            let x = b.input_all(base.primes().iter().copied());
            let bit = is_non_negative(&mut b, &x).unwrap();
            let program = b.finish(vec![bit]);
            let half = base.product() as i128 / 2;
            for v in -half..=half {
                let residues: Vec<u8> = base.primes().iter().map(|p| p.reduce(v)).collect();
                assert_eq!(program.evaluate(&residues), [u8::from(v >= 0)], "{v} in {primes:?}");
            }
        }
    }
}
