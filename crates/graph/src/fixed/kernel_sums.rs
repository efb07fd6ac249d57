use super::ConvShape;
use serde::{Deserialize, Serialize};

/// Filters that a layer has at least for its sums to be published: fewer would give too much away.
const MANY: usize = 32;

/// What a transform makes of three taps in a line: the same for rows and for columns of a filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LineSum {
    /// The first tap, or the last.
    End,
    /// The sum.
    Sum,
    /// The sum with the middle tap's sign changed.
    Alternating,
    /// The difference of two taps.
    Difference,
    /// The sum of the taps times 1, 2 and 4, from either end.
    Powers,
}

impl LineSum {
    const ALL: [Self; 5] =
        [Self::End, Self::Sum, Self::Alternating, Self::Difference, Self::Powers];

    /// The taps' factors, for each of the sums of this kind.
    pub const fn factors(self) -> &'static [[i64; 3]] {
        match self {
            Self::End => &[[1, 0, 0], [0, 0, 1]],
            Self::Sum => &[[1, 1, 1]],
            Self::Alternating => &[[1, -1, 1]],
            Self::Difference => &[[1, 0, -1], [0, 1, -1], [1, -1, 0]],
            Self::Powers => &[[1, 2, 4], [4, 2, 1]],
        }
    }

    /// A sum of taps of magnitude one.
    fn largest(self) -> i64 {
        self.factors()[0].iter().map(|f| f.abs()).sum()
    }
}

/// Two's-complement bits of the sums that Winograd's transforms make of a layer's 3x3 filters and take for
/// weights, a public bound: one number for each unordered pair of a [`LineSum`] down and one across.
///
/// A filter is the nine taps from one input channel to one output channel. A sum of taps may need several
/// bits more than a tap, but those of trained filters seldom do; on transfers a bit less is a transfer less. No number is
/// less than a tap's bits, so that filters with zeros or equal taps do not show; beyond that each tells the data owner the
/// largest sum of its kind over all filters of the layer to within a factor of two, and nothing about which
/// filter has it. The transforms are in the engine's `twoparty::transfer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KernelSums([u8; 15]);

impl KernelSums {
    /// Whether a layer's tiles overlap as the transforms need it: 3x3 filters that move by one pixel.
    pub fn apply_to(conv: &ConvShape) -> bool {
        conv.kernel == [3, 3] && conv.stride == [1, 1] && conv.dilation == [1, 1]
    }

    /// What the owner of a layer publishes: nothing where there is no transform, or where there are
    /// fewer than 32 filters, not counting those of zeros, for the largest sums to be from.
    pub fn published(conv: &ConvShape, kernel: &[i32], weight_bits: u32) -> Option<Self> {
        let filters = kernel.as_chunks::<9>().0.iter().filter(|w| **w != [0; 9]);
        (Self::apply_to(conv) && filters.count() >= MANY).then(|| Self::of(kernel, weight_bits))
    }

    /// Of a kernel whose entries have so many bits.
    pub fn of(kernel: &[i32], weight_bits: u32) -> Self {
        // The bits that any sum has, but for those that repeat its sign.
        let mut used = [0i64; 15];
        for w in kernel.as_chunks::<9>().0 {
            let column = |f: &[i64; 3], c: usize| -> i64 {
                (0..3).map(|r| f[r] * i64::from(w[3 * r + c])).sum()
            };
            for down in LineSum::ALL {
                for f in down.factors() {
                    let line = [column(f, 0), column(f, 1), column(f, 2)];
                    for across in LineSum::ALL {
                        for g in across.factors() {
                            let sum: i64 = line.iter().zip(g).map(|(v, g)| v * g).sum();
                            used[index(down, across)] |= sum ^ sum >> 63;
                        }
                    }
                }
            }
        }
        Self(used.map(|used| (65 - used.leading_zeros() as u8).max(weight_bits as u8)))
    }

    /// What entries of so many bits (1 to 32) bound all sums by.
    pub fn worst(weight_bits: u32) -> Self {
        let mut bits = [0; 15];
        for down in LineSum::ALL {
            for across in LineSum::ALL {
                // Of f taps, whose least value is the larger in magnitude: -2^(b-1) f at least, and less than its
                // negative at most, for one of the factors is positive.
                let factor = (down.largest() * across.largest()) as u64;
                bits[index(down, across)] =
                    weight_bits as u8 + factor.next_power_of_two().ilog2() as u8;
            }
        }
        Self(bits)
    }

    /// Bits of a sum of these kinds.
    pub fn bits(&self, down: LineSum, across: LineSum) -> u32 {
        self.0[index(down, across)].into()
    }

    /// Whether no number exceeds the other's.
    pub fn within(&self, bound: &Self) -> bool {
        self.0.iter().zip(&bound.0).all(|(own, most)| own <= most)
    }

    /// Whether a kernel with entries of so many bits could have these.
    pub(super) fn possible(&self, weight_bits: u32) -> bool {
        self.0.iter().all(|&bits| u32::from(bits) >= weight_bits)
            && self.within(&Self::worst(weight_bits))
    }
}

/// Where the number of a pair is.
fn index(a: LineSum, b: LineSum) -> usize {
    let (a, b) = (a.min(b) as usize, a.max(b) as usize);
    a * (9 - a) / 2 + b
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_number_of_its_own() {
        let pairs = LineSum::ALL.map(|a| LineSum::ALL.map(|b| (index(a, b), index(b, a))));
        assert!(pairs.iter().flatten().all(|(there, back)| there == back));
        let mut places: Vec<usize> = pairs.iter().flatten().map(|(there, _)| *there).collect();
        places.sort();
        places.dedup();
        assert_eq!(places, (0..15).collect::<Vec<_>>());
    }

    #[test]
    fn sums_of_one_filter() {
        use LineSum::{Alternating, Difference, End, Powers, Sum};
        let sums = KernelSums::of(&[1, 2, 3, 4, -5, 6, -7, 8, 9], 5);
        for ((down, across), bits) in [
            // A tap has five bits, and the largest here is 9.
            ((End, End), 5),
            // 18 = 3 + 6 + 9 down, -10 = 3 - 6 + 9 less twice 8 across: one bit more, none.
            ((End, Sum), 6),
            ((End, Alternating), 5),
            // -16 = -7 - 9 across, the least of five bits.
            ((End, Difference), 5),
            ((Sum, Sum), 6),
            // Columns -2, 5, 18 by 1, 2, 4 are 80.
            ((Sum, Powers), 8),
        ] {
            assert_eq!(sums.bits(down, across), bits, "{down:?} {across:?}");
            assert_eq!(sums.bits(across, down), bits);
        }
    }

    #[test]
    fn the_worst_case_holds_and_is_reached_but_for_powers_of_two() {
        for bits in [1, 2, 8, 32] {
            let worst = KernelSums::worst(bits);
            let (least, most) = (i32::MIN >> (32 - bits), i32::MAX >> (32 - bits));
            for pattern in 0..512 {
                let kernel: Vec<i32> =
                    (0..9).map(|t| if pattern >> t & 1 == 0 { least } else { most }).collect();
                assert!(KernelSums::of(&kernel, bits).possible(bits), "{bits} {pattern}");
            }
            let sum = KernelSums::of(&[least; 9], bits).bits(LineSum::Sum, LineSum::Sum);
            assert_eq!(sum, worst.bits(LineSum::Sum, LineSum::Sum));
        }
        assert!(!KernelSums([0; 15]).possible(8));
    }

    #[test]
    fn few_filters_and_other_layers_publish_nothing() {
        let conv = |kernel, stride, dilation| ConvShape {
            cin: 4,
            h: 9,
            w: 9,
            cout: 8,
            kernel,
            stride,
            dilation,
            pads: [0; 4],
            groups: 1,
        };
        let published = |conv: &ConvShape, kernel: &[i32]| KernelSums::published(conv, kernel, 8);
        let (plain, mut kernel) = (conv([3, 3], [1, 1], [1, 1]), [1; 9 * MANY]);
        assert_eq!(published(&plain, &kernel), Some(KernelSums::of(&kernel, 8)));
        assert_eq!(published(&plain, &kernel[9..]), None);
        for other in [
            conv([1, 9], [1, 1], [1, 1]),
            conv([3, 3], [2, 1], [1, 1]),
            conv([3, 3], [1, 1], [1, 2]),
        ] {
            assert_eq!(published(&other, &kernel), None);
        }
        kernel[..9].fill(0);
        assert_eq!(published(&plain, &kernel), None);
    }
}
