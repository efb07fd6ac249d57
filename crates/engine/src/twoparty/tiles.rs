use sordino_ot::Supply;
use std::ops::Range;

/// How element-wise layers are cut, and the digit width of comparisons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    /// Elements per tile: bounds the memory of a layer's transfers (some 40 blocks of 16 bytes
    /// per element) while keeping the rounds of a layer few.
    pub elements: usize,
    /// Bits per digit of a comparison.
    pub radix: u32,
}

impl Tiles {
    /// Digits of 4 bits halve the merges where a transfer costs bytes (SoftSpoken), digits of 3
    /// save table bytes where it costs none (Ferret).
    pub(crate) fn new(supply: Supply) -> Self {
        let radix = match supply {
            Supply::SoftSpoken { .. } => 4,
            Supply::Ferret => 3,
        };
        Self { elements: 1 << 17, radix }
    }

    /// Consecutive ranges covering `0..n`.
    pub(crate) fn split(self, n: usize) -> impl Iterator<Item = Range<usize>> {
        (0..n).step_by(self.elements).map(move |i| i..(i + self.elements).min(n))
    }
}
