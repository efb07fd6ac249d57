use super::ConvShape;
use serde::{Deserialize, Serialize};

/// Kernels that a layer has at least for its sums to be published: fewer would give too much away.
const MANY: usize = 32;

/// What a transform makes of three taps in a line: the same for rows and for columns of a kernel.
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

/// Two's-complement bits of the largest sums of a layer's 3x3 kernels that Winograd's transforms take
/// for weights, a public bound: one number for each unordered pair of a [`LineSum`] down and one across.
///
/// A sum of taps may need several bits more than a tap, but those of trained kernels seldom do; on transfers a bit less is a
/// transfer less. The numbers tell the data owner the largest sum of each kind over all kernels of the
/// layer to within a factor of two, and nothing about which kernel has it. The transforms are in the engine's `twoparty::transfer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct KernelSums([u8; 15]);

impl KernelSums {
    /// Whether a layer's tiles overlap as the transforms need it: a 3x3 kernel that moves by one pixel.
    pub fn exist(conv: &ConvShape) -> bool {
        conv.kernel == [3, 3] && conv.stride == [1, 1] && conv.dilation == [1, 1]
    }

    /// What the owner of a layer publishes: nothing where there is no transform, or where there are
    /// fewer than 32 kernels for the largest sums to be from.
    pub fn published(conv: &ConvShape, kernel: &[i32]) -> Option<Self> {
        (Self::exist(conv) && kernel.len() >= 9 * MANY).then(|| Self::of(kernel))
    }

    /// Of kernels of nine taps each.
    pub fn of(kernel: &[i32]) -> Self {
        let mut bits = [1; 15];
        for w in kernel.as_chunks::<9>().0 {
            let column = |f: &[i64; 3], c: usize| -> i64 {
                (0..3).map(|r| f[r] * i64::from(w[3 * r + c])).sum()
            };
            for down in LineSum::ALL {
                for f in down.factors() {
                    let line = [column(f, 0), column(f, 1), column(f, 2)];
                    for across in LineSum::ALL {
                        let to = &mut bits[place(down, across)];
                        for g in across.factors() {
                            let sum: i64 = line.iter().zip(g).map(|(v, g)| v * g).sum();
                            *to = signed_bits(sum).max(*to);
                        }
                    }
                }
            }
        }
        Self(bits)
    }

    /// What taps of so many bits (1 to 32) bound all sums by.
    pub fn worst(weight_bits: u32) -> Self {
        let mut bits = [0; 15];
        for down in LineSum::ALL {
            for across in LineSum::ALL {
                let factor = (down.largest() * across.largest()) as u64;
                // A sum has a positive factor, so the least tap's stays in range where there is but one.
                bits[place(down, across)] =
                    weight_bits as u8 + factor.next_power_of_two().ilog2() as u8;
            }
        }
        Self(bits)
    }

    /// Bits of a sum of these kinds.
    pub fn bits(&self, down: LineSum, across: LineSum) -> u32 {
        self.0[place(down, across)].into()
    }

    /// Whether every number is at least 1 and at most the other's.
    pub fn within(&self, bound: &Self) -> bool {
        self.0.iter().zip(&bound.0).all(|(own, most)| (1..=*most).contains(own))
    }
}

/// Where the number of a pair is.
fn place(a: LineSum, b: LineSum) -> usize {
    let (a, b) = (a.min(b) as usize, a.max(b) as usize);
    a * (9 - a) / 2 + b
}

fn signed_bits(v: i64) -> u8 {
    (65 - (v ^ v >> 63).leading_zeros()) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pair_has_a_place_of_its_own() {
        let pairs = LineSum::ALL.map(|a| LineSum::ALL.map(|b| (place(a, b), place(b, a))));
        assert!(pairs.iter().flatten().all(|(there, back)| there == back));
        let mut places: Vec<usize> = pairs.iter().flatten().map(|(there, _)| *there).collect();
        places.sort();
        places.dedup();
        assert_eq!(places, (0..15).collect::<Vec<_>>());
    }

    #[test]
    fn sums_of_one_kernel() {
        use LineSum::{Alternating, Difference, End, Powers, Sum};
        let sums = KernelSums::of(&[1, 2, 3, 4, -5, 6, -7, 8, 9]);
        for ((down, across), largest) in [
            ((End, End), 9),
            // Down 1 + 4 - 7 and 3 + 6 + 9; across 1 + 2 + 3 and -7 + 8 + 9.
            ((End, Sum), 18),
            // Down 1 - 4 - 7 and 3 - 6 + 9; across 1 - 2 + 3 and -7 - 8 + 9.
            ((End, Alternating), -10),
            // Down 1 + 7 and -6 - 9 apart; across -7 - 9.
            ((End, Difference), -16),
            ((Sum, Sum), 21),
            // Columns -2, 5, 18 and rows 6, 5, 10 by 1, 2, 4.
            ((Sum, Powers), 80),
        ] {
            assert_eq!(sums.bits(down, across), signed_bits(largest).into(), "{down:?} {across:?}");
            assert_eq!(sums.bits(across, down), sums.bits(down, across));
        }
        assert_eq!([0, -1, 1, -2, 127, -128, 128].map(signed_bits), [1, 1, 2, 2, 8, 8, 9]);
    }

    #[test]
    fn the_worst_case_holds_and_is_reached_but_for_powers_of_two() {
        for bits in [1, 2, 8, 32] {
            let worst = KernelSums::worst(bits);
            let (least, most) = (i32::MIN >> (32 - bits), i32::MAX >> (32 - bits));
            for pattern in 0..512 {
                let kernel: Vec<i32> =
                    (0..9).map(|t| if pattern >> t & 1 == 0 { least } else { most }).collect();
                assert!(KernelSums::of(&kernel).within(&worst), "{bits} {pattern}");
            }
            let sum = KernelSums::of(&[least; 9]).bits(LineSum::Sum, LineSum::Sum);
            assert_eq!(sum, worst.bits(LineSum::Sum, LineSum::Sum));
        }
        assert!(!KernelSums([0; 15]).within(&KernelSums::worst(8)));
    }

    #[test]
    fn few_kernels_and_other_layers_publish_nothing() {
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
        let (plain, kernel) = (conv([3, 3], [1, 1], [1, 1]), [1; 9 * MANY]);
        assert_eq!(KernelSums::published(&plain, &kernel), Some(KernelSums::of(&kernel)));
        assert_eq!(KernelSums::published(&plain, &kernel[9..]), None);
        for other in [
            conv([1, 9], [1, 1], [1, 1]),
            conv([3, 3], [2, 1], [1, 1]),
            conv([3, 3], [1, 1], [1, 2]),
        ] {
            assert_eq!(KernelSums::published(&other, &kernel), None);
        }
    }
}
