use crate::Prime;

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

fn form(primes: &[Prime], top: Prime, outputs: u32) -> Option<Form> {
    let k = primes.len() as u32 + 1;
    let eliminate: u32 = primes.iter().zip(1..).map(|(p, i)| (k - i) * u32::from(p.get())).sum();
    let fan_out = |q: u32| {
        let inside = q == u32::from(top.get()) || primes.iter().any(|p| u32::from(p.get()) == q);
        q * (k - u32::from(inside))
    };
    let between = Prime::ALL.into_iter().map(|q| u32::from(q.get())).filter(|&q| q >= outputs);
    let spread = between.map(|q| u32::from(top.get()) + fan_out(q)).min()?;
    Some(Form {
        divisor: primes.iter().map(|p| p.value()).product(),
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
