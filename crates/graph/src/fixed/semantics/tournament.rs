use super::{Windows, reduce, wrap};

/// Pairings of a maximum over groups of elements, level by level, all groups at once.
///
/// Level `l` holds the values still in play, group after group; neighbours of one group meet, an
/// odd last one passes on. Backends run every comparison of a level in one batch: the number of
/// levels is the logarithm of the largest group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tournament {
    /// The operand's element behind each value of the first level.
    pub leaves: Vec<u32>,
    /// Levels until one value per non-empty group is left.
    pub levels: Vec<Level>,
    /// For each group the position of its winner after the last level; none when it is empty.
    pub winner: Vec<Option<u32>>,
}

/// One level of a [`Tournament`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// Positions of the operands `a, b` of `b + relu(a - b)` in this level's values.
    pub pairs: Vec<[u32; 2]>,
    /// Where each value of the next level comes from.
    pub next: Vec<Next>,
}

/// Origin of a value of the next level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The larger of this pair.
    Pair(u32),
    /// The value at this position, unchanged.
    Pass(u32),
}

impl Tournament {
    /// The pairings for these groups.
    pub fn new(groups: &Windows) -> Self {
        let mut sizes: Vec<u32> = (0..groups.len()).map(|i| groups.get(i).len() as u32).collect();
        let mut levels = Vec::new();
        while sizes.iter().any(|&s| s > 1) {
            levels.push(Level::new(&mut sizes));
        }
        let mut at = 0;
        let winner = sizes
            .iter()
            .map(|&s| {
                at += s;
                (s > 0).then(|| at - 1)
            })
            .collect();
        Self { leaves: groups.elements.clone(), levels, winner }
    }

    /// One group of `n` elements in order.
    pub fn single(n: u32) -> Self {
        Self::new(&Windows { starts: vec![0, n], elements: (0..n).collect() })
    }

    /// Number of groups.
    pub fn winners(&self) -> usize {
        self.winner.len()
    }

    /// Number of comparisons.
    pub fn comparisons(&self) -> usize {
        self.levels.iter().map(|l| l.pairs.len()).sum()
    }

    /// The maxima of one plane, `max(a, b) = b + relu(a - b)` in `Z_2^ring`; 0 for an empty group.
    pub(super) fn run(&self, plane: &[u64], ring: u32) -> Vec<u64> {
        let mut values: Vec<u64> = self.leaves.iter().map(|&e| plane[e as usize]).collect();
        for level in &self.levels {
            let max = |&[a, b]: &[u32; 2]| {
                let (a, b) = (values[a as usize], values[b as usize]);
                reduce(b.wrapping_add(wrap(a.wrapping_sub(b), ring).max(0) as u64), ring)
            };
            let pairs: Vec<u64> = level.pairs.iter().map(max).collect();
            values = level
                .next
                .iter()
                .map(|n| match *n {
                    Next::Pair(i) => pairs[i as usize],
                    Next::Pass(i) => values[i as usize],
                })
                .collect();
        }
        self.winner.iter().map(|w| w.map_or(0, |i| reduce(values[i as usize], ring))).collect()
    }
}

impl Level {
    /// Pairs up groups of these sizes and leaves the next level's sizes behind.
    fn new(sizes: &mut [u32]) -> Self {
        let (mut pairs, mut next, mut at) = (Vec::new(), Vec::new(), 0);
        for size in sizes {
            for i in 0..*size / 2 {
                next.push(Next::Pair(pairs.len() as u32));
                pairs.push([at + 2 * i, at + 2 * i + 1]);
            }
            if *size % 2 == 1 {
                next.push(Next::Pass(at + *size - 1));
            }
            at += *size;
            *size = size.div_ceil(2);
        }
        Self { pairs, next }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nine_elements_meet_as_documented() {
        let t = Tournament::single(9);
        assert_eq!(t.levels.len(), 4);
        assert_eq!(t.comparisons(), 8);
        assert_eq!(t.levels[0].pairs, [[0, 1], [2, 3], [4, 5], [6, 7]]);
        assert_eq!(t.levels[0].next.last().unwrap(), &Next::Pass(8));
        assert_eq!(t.levels[3].pairs, [[0, 1]]);
    }

    proptest! {
        #[test]
        fn groups_are_independent(groups in prop::collection::vec(prop::collection::vec(0u64..1000, 0..7), 1..6)) {
            let mut starts = vec![0];
            let plane: Vec<u64> = groups.concat();
            for g in &groups {
                starts.push(starts.last().unwrap() + g.len() as u32);
            }
            let t = Tournament::new(&Windows { starts, elements: (0..plane.len() as u32).collect() });
            let want: Vec<u64> = groups.iter().map(|g| g.iter().copied().max().unwrap_or(0)).collect();
            prop_assert_eq!(t.run(&plane, 16), want);
        }
    }
}
