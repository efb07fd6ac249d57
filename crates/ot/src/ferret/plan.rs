//! What has to be made, from public numbers alone, so that both parties and the cost prediction agree.

use super::params::{Params, SIZES};

/// Totals up to this come from SoftSpoken: below it the trees and their bootstrap are the larger cost.
const SMALL: usize = 1 << 16;

/// One thing to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Make so many by SoftSpoken.
    SoftSpoken(usize),
    /// Run one iteration of this size.
    Iterate(Params),
}

/// The numbers that decide.
#[derive(Clone, Debug, Default)]
pub(crate) struct Plan {
    /// COTs at hand, the reserve among them.
    pool: usize,
    /// COTs that stay at hand so that the next iteration needs no bootstrap.
    reserve: usize,
    /// COTs handed out so far.
    given: usize,
}

impl Plan {
    /// The next step towards `n` COTs, or `None` when they are at hand, which counts as handing them out.
    pub(crate) fn next(&mut self, n: usize) -> Option<Step> {
        let missing = (n + self.reserve).saturating_sub(self.pool);
        if n == 0 || missing == 0 {
            self.pool -= n;
            self.given += n;
            return None;
        }
        let step = self.step(n, missing);
        match step {
            Step::SoftSpoken(n) => self.pool += n,
            Step::Iterate(p) => {
                self.pool = self.pool - p.used() + p.made();
                self.reserve = p.used();
            }
        }
        Some(step)
    }

    fn step(&self, n: usize, missing: usize) -> Step {
        if self.reserve == 0 && self.given + n <= SMALL {
            return Step::SoftSpoken(missing.next_multiple_of(128));
        }
        // Half of what was handed out is a guess of what will be asked for.
        let wanted = missing.max(self.given / 2);
        let [small, .., large] = SIZES;
        let best = SIZES.into_iter().find(|p| p.gain() >= wanted).unwrap_or(large);
        if self.pool >= best.used() {
            Step::Iterate(best)
        } else if self.pool >= small.used() {
            Step::Iterate(small)
        } else {
            Step::SoftSpoken((small.used() - self.pool).next_multiple_of(128))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(plan: &mut Plan, n: usize) -> Vec<Step> {
        std::iter::from_fn(|| plan.next(n)).collect()
    }

    #[test]
    fn small_totals_stay_with_softspoken() {
        let mut plan = Plan::default();
        assert_eq!(steps(&mut plan, 0), []);
        assert_eq!(steps(&mut plan, 1000), [Step::SoftSpoken(1024)]);
        assert_eq!(steps(&mut plan, 24), []);
        assert_eq!(steps(&mut plan, 60_000), [Step::SoftSpoken(60_032)]);
    }

    #[test]
    fn large_demands_bootstrap_once() {
        let mut plan = Plan::default();
        let [small, _, large] = SIZES;
        let boot = Step::SoftSpoken(small.used().next_multiple_of(128));
        let want = [boot, Step::Iterate(small), Step::Iterate(large), Step::Iterate(large)];
        assert_eq!(steps(&mut plan, 4_000_000), want);
        for _ in 0..100 {
            let later = steps(&mut plan, 100_000);
            assert!(later.iter().all(|s| matches!(s, Step::Iterate(_))), "{later:?}");
        }
    }
}
