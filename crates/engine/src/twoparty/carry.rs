//! Which digits a carry computation compares and in what order it merges them.
//!
//! For shares `a` and `b` of `l` bits, the carry out of the low `k` bits is
//! `[a mod 2^k + b mod 2^k >= 2^k] = [a mod 2^k > not(b) mod 2^k]`: a comparison of two private
//! numbers. It is done digit by digit (1-of-2^w transfers giving `greater` and `equal` bits) and
//! the digits are merged in a tree (CrypTFlow2, section 3.1). One tree yields the carries at
//! several cuts, so that exact truncation (the carry at the shift) and the sign (the carry at the
//! top) share their digits.

/// A digit of the compared numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Digit {
    /// Lowest bit.
    pub offset: u32,
    /// Number of bits.
    pub width: u32,
}

/// Merge of two neighbouring nodes: `greater = hi.greater ^ hi.equal & lo.greater`, and
/// `equal = hi.equal & lo.equal` unless the result reaches down to bit 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Merge {
    pub hi: usize,
    pub lo: usize,
    pub out: usize,
    pub with_equal: bool,
}

/// The public schedule of one carry computation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CarryPlan {
    /// Leaves: nodes `0..digits.len()`, low to high. Digit 0 needs no `equal` bit.
    pub digits: Vec<Digit>,
    /// Merges, level by level; those of one level run in one exchange.
    pub levels: Vec<Vec<Merge>>,
    /// The node that holds the carry of each cut.
    pub cuts: Vec<usize>,
    /// Number of nodes.
    pub nodes: usize,
}

impl CarryPlan {
    /// Carries out of the low `k` bits for each `k` of `cuts` (ascending, at least 1), with
    /// digits of at most `radix` bits.
    pub(crate) fn new(cuts: &[u32], radix: u32) -> Self {
        let mut digits = Vec::new();
        let mut segments: Vec<Vec<usize>> = Vec::new();
        let mut from = 0;
        for &cut in cuts {
            let (width, count) = (cut - from, (cut - from).div_ceil(radix));
            let segment = (0..count)
                .map(|i| {
                    let lo = width * i / count;
                    digits.push(Digit { offset: from + lo, width: width * (i + 1) / count - lo });
                    digits.len() - 1
                })
                .collect();
            segments.push(segment);
            from = cut;
        }
        let mut plan = Self { nodes: digits.len(), digits, levels: Vec::new(), cuts: Vec::new() };
        plan.reduce(segments);
        plan
    }

    fn reduce(&mut self, mut segments: Vec<Vec<usize>>) {
        while segments.iter().any(|s| s.len() > 1) {
            let mut level = Vec::new();
            for (which, segment) in segments.iter_mut().enumerate() {
                let mut next = Vec::with_capacity(segment.len().div_ceil(2));
                for (i, pair) in segment.chunks(2).enumerate() {
                    match *pair {
                        [lo, hi] => {
                            let with_equal = which > 0 || i > 0;
                            next.push(self.merge(&mut level, hi, lo, with_equal));
                        }
                        ref odd => next.extend_from_slice(odd),
                    }
                }
                *segment = next;
            }
            self.levels.push(level);
        }
        let mut carry = None;
        for segment in segments {
            let node = match carry {
                None => segment[0],
                Some(lo) => {
                    let mut level = Vec::new();
                    let out = self.merge(&mut level, segment[0], lo, false);
                    self.levels.push(level);
                    out
                }
            };
            self.cuts.push(node);
            carry = Some(node);
        }
    }

    fn merge(&mut self, level: &mut Vec<Merge>, hi: usize, lo: usize, with_equal: bool) -> usize {
        let out = self.nodes;
        self.nodes += 1;
        level.push(Merge { hi, lo, out, with_equal });
        out
    }

    /// Bits compared, one transfer each per element.
    pub(crate) fn bits(&self) -> usize {
        self.digits.iter().map(|d| d.width as usize).sum()
    }

    /// Merges, one vector triple each per element.
    pub(crate) fn merges(&self) -> usize {
        self.levels.iter().map(Vec::len).sum()
    }

    /// Digits grouped by the shape of their transfer, `(width, message bits, digit numbers)`.
    pub(crate) fn groups(&self) -> Vec<(u32, u32, Vec<usize>)> {
        let mut groups: Vec<(u32, u32, Vec<usize>)> = Vec::new();
        for (i, d) in self.digits.iter().enumerate() {
            let bits = if i == 0 { 1 } else { 2 };
            match groups.iter_mut().find(|g| g.0 == d.width && g.1 == bits) {
                Some(g) => g.2.push(i),
                None => groups.push((d.width, bits, vec![i])),
            }
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::CarryPlan;
    use proptest::prelude::*;

    /// Runs the plan on clear numbers.
    fn run(plan: &CarryPlan, a: u64, b: u64) -> Vec<bool> {
        let mut gt = vec![false; plan.nodes];
        let mut eq = vec![None; plan.nodes];
        for (i, d) in plan.digits.iter().enumerate() {
            let digit = |v: u64| (v >> d.offset) & ((1 << d.width) - 1);
            gt[i] = digit(a) > digit(!b);
            eq[i] = (i > 0).then(|| digit(a) == digit(!b));
        }
        for m in plan.levels.iter().flatten() {
            let hi_eq = eq[m.hi].expect("the higher node has an equal bit");
            gt[m.out] = gt[m.hi] ^ (hi_eq & gt[m.lo]);
            eq[m.out] = m.with_equal.then(|| hi_eq & eq[m.lo].expect("equal is carried along"));
        }
        plan.cuts.iter().map(|&c| gt[c]).collect()
    }

    proptest! {
        #[test]
        fn gives_every_carry(a in any::<u64>(), b in any::<u64>(), radix in 1u32..=6,
                             low in 1u32..40, more in 0u32..24) {
            let cuts = if more == 0 { vec![low] } else { vec![low, low + more] };
            let plan = CarryPlan::new(&cuts, radix);
            let want: Vec<bool> = cuts.iter().map(|&k| {
                let m = (1u128 << k) - 1;
                (u128::from(a) & m) + (u128::from(b) & m) > m
            }).collect();
            prop_assert_eq!(run(&plan, a, b), want);
            prop_assert_eq!(plan.bits() as u32, low + more);
            prop_assert!(plan.digits.iter().all(|d| d.width >= 1 && d.width <= radix));
            prop_assert_eq!(plan.merges(), plan.digits.len() - 1);
        }
    }
}
