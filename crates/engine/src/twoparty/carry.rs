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

/// The public schedule of one carry computation: one tree, or several over the same digits of the
/// client whose server compares other numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct CarryPlan {
    /// Low to high. Leaf `d` of tree `t` is node `t * digits.len() + d`; digit 0 needs no `equal` bit.
    pub digits: Vec<Digit>,
    /// Merges, level by level; those of one level run in one exchange.
    pub levels: Vec<Vec<Merge>>,
    /// For each tree the node that holds the carry of each cut.
    pub cuts: Vec<Vec<usize>>,
    /// Number of nodes.
    pub nodes: usize,
}

impl CarryPlan {
    /// Carries out of the low `k` bits for each `k` of `cuts` (ascending, at least 1), with
    /// digits of at most `radix` bits.
    pub(crate) fn new(cuts: &[u32], radix: u32) -> Self {
        Self::forest(&[cuts], radix)
    }

    /// One tree for each of `trees`, which all end with the same cut. Their digits are transferred
    /// together: the client's choices are the same, only the messages are longer.
    pub(crate) fn forest(trees: &[&[u32]], radix: u32) -> Self {
        let mut borders: Vec<u32> = trees.concat();
        borders.sort_unstable();
        borders.dedup();
        let mut digits = Vec::new();
        let mut from = 0;
        for to in borders {
            let (width, count) = (to - from, (to - from).div_ceil(radix));
            digits.extend((0..count).map(|i| {
                let lo = width * i / count;
                Digit { offset: from + lo, width: width * (i + 1) / count - lo }
            }));
            from = to;
        }
        let nodes = trees.len() * digits.len();
        let mut plan = Self { nodes, digits, levels: Vec::new(), cuts: Vec::new() };
        for (tree, cuts) in trees.iter().enumerate() {
            let first = tree * plan.digits.len();
            let mut from = 0;
            let segments = cuts
                .iter()
                .map(|&to| {
                    let inside = |d: &Digit| d.offset >= from && d.offset < to;
                    let digits = plan.digits.iter().enumerate();
                    let segment =
                        digits.filter(|(_, d)| inside(d)).map(|(i, _)| first + i).collect();
                    from = to;
                    segment
                })
                .collect();
            plan.reduce(segments);
        }
        plan
    }

    /// Adds a tree: its segments are reduced side by side, then joined from the lowest on.
    fn reduce(&mut self, mut segments: Vec<Vec<usize>>) {
        let mut depth = 0;
        while segments.iter().any(|s| s.len() > 1) {
            for (which, segment) in segments.iter_mut().enumerate() {
                let mut next = Vec::with_capacity(segment.len().div_ceil(2));
                for (i, pair) in segment.chunks(2).enumerate() {
                    match *pair {
                        [lo, hi] => {
                            let with_equal = which > 0 || i > 0;
                            next.push(self.merge(depth, hi, lo, with_equal));
                        }
                        ref odd => next.extend_from_slice(odd),
                    }
                }
                *segment = next;
            }
            depth += 1;
        }
        let mut cuts = Vec::with_capacity(segments.len());
        for segment in segments {
            let node = match cuts.last() {
                None => segment[0],
                Some(&lo) => {
                    depth += 1;
                    self.merge(depth - 1, segment[0], lo, false)
                }
            };
            cuts.push(node);
        }
        self.cuts.push(cuts);
    }

    fn merge(&mut self, level: usize, hi: usize, lo: usize, with_equal: bool) -> usize {
        let out = self.nodes;
        self.nodes += 1;
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, Vec::new);
        }
        self.levels[level].push(Merge { hi, lo, out, with_equal });
        out
    }

    /// Number of trees.
    pub(crate) fn trees(&self) -> usize {
        self.cuts.len()
    }

    /// Bits of a digit's message: `greater` and, above the lowest digit, `equal`, for every tree.
    pub(crate) fn message_bits(&self, digit: usize) -> u32 {
        self.trees() as u32 * if digit == 0 { 1 } else { 2 }
    }

    /// Digits grouped by the shape of their transfer, `(width, message bits, digit numbers)`.
    pub(crate) fn groups(&self) -> Vec<(u32, u32, Vec<usize>)> {
        let mut groups: Vec<(u32, u32, Vec<usize>)> = Vec::new();
        for (i, d) in self.digits.iter().enumerate() {
            let bits = self.message_bits(i);
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

    /// Runs the plan on clear numbers, the server's one per tree.
    fn run(plan: &CarryPlan, a: u64, b: &[u64]) -> Vec<Vec<bool>> {
        let mut gt = vec![false; plan.nodes];
        let mut eq = vec![None; plan.nodes];
        for (tree, b) in b.iter().enumerate() {
            for (i, d) in plan.digits.iter().enumerate() {
                let digit = |v: u64| (v >> d.offset) & ((1 << d.width) - 1);
                let node = tree * plan.digits.len() + i;
                gt[node] = digit(a) > digit(!b);
                eq[node] = (i > 0).then(|| digit(a) == digit(!b));
            }
        }
        for m in plan.levels.iter().flatten() {
            let hi_eq = eq[m.hi].expect("the higher node has an equal bit");
            gt[m.out] = gt[m.hi] ^ (hi_eq & gt[m.lo]);
            eq[m.out] = m.with_equal.then(|| hi_eq & eq[m.lo].expect("equal is carried along"));
        }
        plan.cuts.iter().map(|cuts| cuts.iter().map(|&c| gt[c]).collect()).collect()
    }

    fn carries(cuts: &[u32], a: u64, b: u64) -> Vec<bool> {
        let carry = |k: &u32| {
            let m = (1u128 << k) - 1;
            (u128::from(a) & m) + (u128::from(b) & m) > m
        };
        cuts.iter().map(carry).collect()
    }

    proptest! {
        #[test]
        fn gives_every_carry(a in any::<u64>(), b in any::<u64>(), other in any::<u64>(), radix in 1u32..=6,
                             low in 1u32..40, more in 0u32..24) {
            let cuts = if more == 0 { vec![low] } else { vec![low, low + more] };
            let plan = CarryPlan::new(&cuts, radix);
            prop_assert_eq!(run(&plan, a, &[b]), vec![carries(&cuts, a, b)]);
            let merges: usize = plan.levels.iter().map(Vec::len).sum();
            prop_assert_eq!(merges, plan.digits.len() - 1);
            prop_assert!(plan.levels.iter().all(|l| !l.is_empty()));
            prop_assert!(plan.digits.iter().all(|d| d.width >= 1 && d.width <= radix));
            let top = *cuts.last().expect("there is a cut");
            let trees = [&cuts[..], &[top]];
            let plan = CarryPlan::forest(&trees, radix);
            let want = vec![carries(&cuts, a, b), carries(&[top], a, other)];
            prop_assert_eq!(run(&plan, a, &[b, other]), want);
        }
    }
}
