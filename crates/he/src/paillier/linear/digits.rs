//! Weights as signed sums of odd numbers times powers of two.

use super::layout::Tap;

/// A digit of a weight, `±(2 multiple + 1) 2^position`: this multiple of the tap's input goes into this position's
/// product.
#[derive(Clone, Copy, Debug)]
pub(super) struct Term {
    pub(super) tap: Tap,
    pub(super) position: u8,
    pub(super) multiple: u8,
    pub(super) negative: bool,
}

/// The digits of a weight in the non-adjacent form of this width: odd, of magnitudes below 2^(width - 1), at most one in
/// `width` consecutive positions. Position and value.
fn digits(width: u32, weight: i32) -> impl Iterator<Item = (usize, i64)> {
    let (mut rest, mut position) = (i64::from(weight), 0);
    std::iter::from_fn(move || {
        if rest == 0 {
            return None;
        }
        let zeros = rest.trailing_zeros();
        (rest, position) = (rest >> zeros, position + zeros as usize);
        let (range, half) = (1 << width, 1 << (width - 1));
        let digit = ((rest + half) & (range - 1)) - half;
        rest -= digit;
        Some((position, digit))
    })
}

/// The terms of an output channel from its weights and their taps.
pub(super) fn terms(width: u32, taps: impl Iterator<Item = (Tap, i32)>) -> Vec<Term> {
    let one = |(tap, weight)| {
        digits(width, weight).map(move |(position, digit)| Term {
            tap,
            // Below 32, and half of a digit of eight bits.
            position: position as u8,
            multiple: (digit.unsigned_abs() / 2) as u8,
            negative: digit < 0,
        })
    };
    taps.flat_map(one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_add_up() {
        for width in 2..=9 {
            for largest in [0, 1, 2, 3, 7, 8, 127, 128, 255, 1000, 1 << 25] {
                let step = 1 + largest as usize / 300;
                for weight in (-largest..=largest).step_by(step).chain([largest]) {
                    let (mut sum, mut last) = (0, None);
                    for (position, digit) in digits(width, weight) {
                        assert!(digit & 1 == 1 && digit.abs() < 1 << (width - 1), "{digit}");
                        assert!(last.is_none_or(|last| position >= last + width as usize));
                        sum += digit << position;
                        last = Some(position);
                    }
                    assert_eq!(sum, i64::from(weight), "width {width}");
                }
            }
        }
    }

    #[test]
    fn wide_digits_take_one_term() {
        for weight in (-127_i32..=127).filter(|weight| *weight != 0) {
            assert_eq!(digits(8, weight).count(), 1, "{weight}");
        }
    }
}
