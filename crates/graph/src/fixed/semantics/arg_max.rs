use super::{Next, Tournament, reduce, wrap};

/// Index of the largest element, the first of equals winning: the tournament of
/// [`Tournament::single`], where `a` beats `b` when `a - b`, wrapped to `ring`, is not negative.
pub fn arg_max(x: &[u64], ring: u32) -> u64 {
    let plan = Tournament::single(x.len() as u32);
    let mut values: Vec<(u64, u32)> = plan.leaves.iter().map(|&i| (x[i as usize], i)).collect();
    for level in &plan.levels {
        values = level
            .next
            .iter()
            .map(|n| match *n {
                Next::Pass(i) => values[i as usize],
                Next::Pair(i) => {
                    let [a, b] = level.pairs[i as usize].map(|p| values[p as usize]);
                    let first = wrap(reduce(a.0.wrapping_sub(b.0), ring), ring) >= 0;
                    if first { a } else { b }
                }
            })
            .collect();
    }
    u64::from(values[0].1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::semantics::encode;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn first_of_the_largest(x in prop::collection::vec(-6i64..6, 1..40)) {
            let words: Vec<u64> = x.iter().map(|&v| encode(v, 5)).collect();
            let max = x.iter().max().copied().unwrap_or(0);
            let want = x.iter().position(|&v| v == max);
            prop_assert_eq!(Some(arg_max(&words, 5) as usize), want);
        }
    }
}
