use crate::{Base, Error, Prime};

/// A way to rescale and requantise by [`super::lookup`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Form {
    /// What the accumulator is divided by: a product of distinct primes.
    pub divisor: u64,
    /// Values of the quotient that are told apart: the last prime.
    pub levels: u32,
    /// Values of the result: a prime.
    pub outputs: u32,
    /// Table rows for each element when the next layer works in the same base.
    pub rows: u32,
}

/// The largest divisor of a form: accumulators stay within 40 bits.
const MAX_DIVISOR: u64 = 1 << 31;

/// Forms with at least these quotient and result values, cheapest first, each with a larger
/// divisor than those before it: a larger divisor lets weights be finer, at the price of rows.
///
/// *Source*: exhaustive search over the allowed primes, up to five in a base.
pub fn forms(levels: u32, outputs: u32) -> Vec<Form> {
    let mut all = Vec::new();
    let tops = Prime::ALL.into_iter().filter(|p| u32::from(p.get()) >= levels);
    for top in tops {
        let below: Vec<Prime> =
            Prime::ALL.into_iter().filter(|p| *p < top && p.get() > 2).collect();
        subsets(&below, 4, &mut Vec::new(), &mut |primes| all.extend(form(primes, top, outputs)));
    }
    all.sort_by_key(|f| (f.rows, std::cmp::Reverse(f.divisor)));
    let mut largest = 0;
    all.retain(|f| {
        let better = f.divisor > largest;
        largest = largest.max(f.divisor);
        better
    });
    all
}

/// The cheapest base for [`super::rescale`] with a rectifier, in rows: its product is at least
/// `least`, and it contains the divisor's primes.
///
/// *Source*: exhaustive search over the allowed primes, up to seven in a base.
///
/// # Errors
/// [`Error::Config`] when the divisor has other primes or no base reaches `least`.
pub fn rescale_base(least: u64, divisor: u64) -> Result<Base, Error> {
    let given = Base::factor(divisor)?;
    let free: Vec<Prime> = Prime::ALL
        .into_iter()
        .filter(|p| p.get() > 2 && p.get() < 128 && !given.primes().contains(p))
        .collect();
    let mut candidates = Vec::new();
    subsets(&free, 7, &mut Vec::new(), &mut |primes| {
        let base = Base::new(given.primes().iter().chain(primes).copied());
        let sum: u64 = base.primes().iter().map(|p| p.value()).sum();
        let all_needed = base.product() / u128::from(primes[0].value()) < u128::from(least);
        if base.product() >= u128::from(least) && all_needed {
            candidates.push((sum, base));
        }
    });
    // The rows grow with the sum of the primes, so the few smallest sums hold the best.
    candidates.sort_by_key(|c| c.0);
    candidates
        .into_iter()
        .take(32)
        .filter_map(|(_, base)| {
            let modulus = u64::try_from(base.product()).ok()?;
            let program = super::rescale(modulus, divisor, true, base.primes()).ok()?;
            Some((program.cost().rows, base))
        })
        .min_by_key(|c| c.0)
        .map(|c| c.1)
        .ok_or_else(|| Error::Config(format!("no base of primes for rescaling reaches {least}")))
}

fn form(primes: &[Prime], top: Prime, outputs: u32) -> Option<Form> {
    let k = primes.len() as u32 + 1;
    let eliminate: u32 = primes.iter().zip(1..).map(|(p, i)| (k - i) * u32::from(p.get())).sum();
    let fan_out = |q: u32| {
        let inside = q == u32::from(top.get()) || primes.iter().any(|p| u32::from(p.get()) == q);
        q * (k - u32::from(inside))
    };
    let between = Prime::ALL.into_iter().map(|q| u32::from(q.get())).filter(|&q| q >= outputs);
    let spread = between.map(|q| u32::from(top.get()) + fan_out(q)).min()?;
    let divisor = primes.iter().map(|p| p.value()).product();
    (divisor <= MAX_DIVISOR).then_some(Form {
        divisor,
        levels: top.get().into(),
        outputs,
        rows: eliminate + spread,
    })
}

fn subsets(from: &[Prime], most: usize, chosen: &mut Vec<Prime>, visit: &mut impl FnMut(&[Prime])) {
    if !chosen.is_empty() {
        visit(chosen);
    }
    if chosen.len() == most {
        return;
    }
    for (i, &p) in from.iter().enumerate() {
        chosen.push(p);
        subsets(&from[i + 1..], most, chosen, visit);
        chosen.pop();
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn finds_the_known_bases() {
        let all = forms(127, 61);
        let rows = |least: u64| all.iter().find(|f| f.divisor * 127 >= least).unwrap().rows;
        assert!(rows(1 << 18) <= 416);
        assert!(rows(1 << 19) <= 418);
        assert!(rows(1 << 20) <= 450);
        assert!(rows(1 << 22) <= 516);
        assert!(all.is_sorted_by_key(|f| (f.rows, f.divisor)));
    }

    #[test]
    fn bases_for_rescaling() {
        let base = rescale_base(300_000, 31).unwrap();
        assert!(base.product() >= 300_000 && base.primes().contains(&Prime::new(31).unwrap()));
        let rows = |base: &Base| {
            let m = base.product() as u64;
            crate::gadget::rescale(m, 31, true, base.primes()).unwrap().cost().rows
        };
        assert!(rows(&base) <= rows(&Base::factor(31 * 97 * 109).unwrap()));
        assert!(rescale_base(1 << 40, 11).is_err());
    }

    #[test]
    fn counts_the_rows_of_its_gadget() {
        for f in forms(127, 61).into_iter().take(12).chain(forms(251, 127).into_iter().take(6)) {
            let base = crate::Base::factor(f.divisor * u64::from(f.levels)).unwrap();
            let most = i64::from(f.outputs) - 1;
            let values: Vec<i64> = (0..i64::from(f.levels)).map(|t| t.min(most)).collect();
            let program = crate::gadget::lookup(f.divisor, 0, &values, base.primes()).unwrap();
            assert_eq!(program.cost().rows as u32, f.rows, "{f:?}");
        }
    }
}
