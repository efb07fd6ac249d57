use super::stock::Part;
use crate::session::Truncation;
use sordino_ot::Supply;
use std::ops::Range;

/// Bytes of correlations that one tile may hold in each party's memory.
const STOCK: usize = 40 << 20;

/// How element-wise layers are cut and compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
    /// Bits per digit of a comparison.
    pub radix: u32,
    /// How activations drop fraction bits.
    pub truncation: Truncation,
}

impl Tiles {
    /// Digits of 4 bits halve the merges where a transfer costs bytes (SoftSpoken), digits of 3
    /// save table bytes where it costs none (Ferret).
    pub(crate) fn new(supply: Supply, truncation: Truncation) -> Self {
        let radix = match supply {
            Supply::SoftSpoken { .. } => 4,
            Supply::Ferret => 3,
        };
        Self { radix, truncation }
    }

    /// Consecutive ranges covering `0..n`, as long as the memory for their correlations allows: a
    /// layer has few rounds and its memory is bounded.
    pub(crate) fn split(
        self,
        n: usize,
        parts: impl Fn(usize) -> Vec<Part>,
    ) -> impl Iterator<Item = Range<usize>> {
        // Of many elements, so that what is packed by bits counts as what it is.
        let many = 64;
        let bytes: usize = parts(many).into_iter().map(Part::bytes).sum();
        let elements = (STOCK * many / bytes.max(1)).max(1);
        (0..n).step_by(elements).map(move |i| i..(i + elements).min(n))
    }
}
