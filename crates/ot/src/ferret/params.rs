//! Sizes of an iteration.
//!
//! Chosen by the estimator in `estimate`: k is a power of two plus an eighth, which the published sets of emp-ot 1.0
//! (ferret_b10, ferret_b11: the same attacks, 128 bits) lack, and t is smaller than theirs; both add margin.

/// `t` blocks of `2^depth` samples with one error each, and a secret of `k` bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Params {
    pub(crate) t: usize,
    pub(crate) depth: u32,
    pub(crate) k: usize,
}

/// From small to large.
pub(crate) const SIZES: [Params; 3] = [
    Params { t: 560, depth: 9, k: 36_864 },
    Params { t: 800, depth: 10, k: 73_728 },
    Params { t: 1100, depth: 11, k: 147_456 },
];

/// COTs that an iteration makes at most.
pub(crate) const MOST_MADE: usize = SIZES[SIZES.len() - 1].made();

impl Params {
    /// COTs made.
    pub(crate) const fn made(&self) -> usize {
        self.t << self.depth
    }

    /// COTs used up.
    pub(crate) const fn used(&self) -> usize {
        self.k + self.t * self.depth as usize
    }

    /// COTs gained.
    pub(crate) const fn gain(&self) -> usize {
        self.made() - self.used()
    }
}

#[cfg(test)]
mod tests {
    use super::super::estimate::Instance;
    use super::*;

    #[test]
    fn every_size_has_margin_over_128_bits() {
        for p in SIZES {
            let bits = Instance::new(p.t, p.depth, p.k).bits();
            assert!((140.0..150.0).contains(&bits), "{p:?}: {bits:.1} bits");
        }
    }

    #[test]
    fn a_size_can_follow_any_other() {
        for p in SIZES {
            assert!(
                SIZES[0].gain() > p.used(),
                "{p:?} can be bootstrapped by one smallest iteration"
            );
        }
    }
}
