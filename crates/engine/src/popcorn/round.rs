use super::messages::{BITS, PARTS, PRODUCTS};
use sordino_wire::Kind;

/// One question of an exchange, and its answer, about values of magnitude at most 2^(bits - 1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// What is above `shift` bits of masked values. Rounded to nearest first where it is `exact`.
    Split { bits: u32, shift: u32, exact: bool },
    /// Whether the parts below `shift` bits of masks and of what the client sees carry.
    Carry { shift: u32 },
    /// max(t, 0) of t = v / 2^shift, or min(max(t, 0), bound).
    Rectify { bits: u32, shift: u32, bound: Option<i64> },
}

impl Round {
    /// Blinded values for each element, and their bits.
    pub(super) fn blinded(self) -> Option<(usize, u32)> {
        match self {
            Self::Split { .. } => None,
            Self::Carry { shift } => Some((1, shift + 1)),
            Self::Rectify { bits, bound: None, .. } => Some((1, bits)),
            // The second test is of the difference to the bound.
            Self::Rectify { bits, bound: Some(_), .. } => Some((2, bits + 1)),
        }
    }

    /// How many blinded values that is.
    pub(super) fn tests(self) -> usize {
        self.blinded().map_or(0, |(tests, _)| tests)
    }

    /// Bits below what the client returns of masked values.
    pub(super) fn shift(self) -> u32 {
        match self {
            Self::Split { shift, .. } | Self::Rectify { shift, .. } => shift,
            Self::Carry { .. } => 0,
        }
    }

    /// The bits of the masked value of each element.
    pub(super) fn masked(self) -> Option<u32> {
        match self {
            Self::Split { bits, .. } | Self::Rectify { bits, .. } => Some(bits),
            Self::Carry { .. } => None,
        }
    }

    /// Ciphertexts of an answer for each element, in order.
    pub(super) fn answers(self) -> Vec<(Kind, usize)> {
        let tests = self.tests();
        match self {
            Self::Split { .. } => vec![(PARTS, 1)],
            Self::Carry { .. } => vec![(BITS, 1)],
            Self::Rectify { shift: 0, .. } => vec![(BITS, tests), (PRODUCTS, tests)],
            Self::Rectify { .. } => vec![(PARTS, 1), (BITS, tests), (PRODUCTS, tests)],
        }
    }
}
