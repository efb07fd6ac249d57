//! Weights as sums of signed digits.

use super::layout::Tap;

/// A digit of a weight: its input goes, inverted if the digit is negative, into a bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) tap: Tap,
    pub(super) bucket: usize,
    pub(super) negative: bool,
}

/// How weights are taken apart: into digits of `width` bits, of magnitudes up to `largest`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Digits {
    pub(super) width: usize,
    pub(super) largest: usize,
    pub(super) positions: usize,
}

impl Digits {
    /// Digits of `width` bits for weights of magnitudes up to `largest`.
    pub(super) fn new(width: usize, largest: u32) -> Self {
        let bits = (u32::BITS - largest.leading_zeros()) as usize;
        if bits <= width {
            return Self { width, largest: largest.max(1) as usize, positions: 1 };
        }
        // Digits are at most half of their range, so that the last one may carry.
        Self { width, largest: 1 << (width - 1), positions: (bits + 1) / width + 1 }
    }

    pub(super) fn buckets(self) -> usize {
        self.largest * self.positions
    }

    /// The digits that are not zero: position and value. Single bits are taken in the non-adjacent form.
    pub(super) fn of(self, weight: i32) -> impl Iterator<Item = (usize, i64)> {
        let (mut rest, width) = (i64::from(weight), self.width);
        (0..self.positions).filter_map(move |position| {
            let digit = if self.positions == 1 {
                rest
            } else if width == 1 {
                // 1 or -1, so that what remains is divisible by 4.
                if rest & 1 == 1 { 2 - (rest & 3) } else { 0 }
            } else {
                let half = 1 << (width - 1);
                ((rest + half) & ((1 << width) - 1)) - half
            };
            rest = (rest - digit) >> width;
            (digit != 0).then_some((position, digit))
        })
    }

    /// The terms of an output channel from its weights and their taps.
    pub(super) fn terms(self, taps: impl Iterator<Item = (Tap, i32)>) -> Vec<Term> {
        let one = |(tap, weight)| {
            self.of(weight).map(move |(position, digit)| Term {
                tap,
                bucket: position * self.largest + digit.unsigned_abs() as usize - 1,
                negative: digit < 0,
            })
        };
        taps.flat_map(one).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_add_up() {
        for width in 1..=9 {
            for largest in [0, 1, 2, 3, 7, 8, 127, 128, 255, 1000, 32768] {
                let digits = Digits::new(width, largest as u32);
                for weight in
                    (-largest..=largest).step_by(1 + largest as usize / 300).chain([largest])
                {
                    let mut sum = 0;
                    for (position, digit) in digits.of(weight) {
                        assert!(digit.unsigned_abs() as usize <= digits.largest);
                        sum += digit << (position * width);
                    }
                    assert_eq!(sum, i64::from(weight), "{digits:?}");
                }
            }
        }
    }
}
