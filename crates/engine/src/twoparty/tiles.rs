use super::Needs;
use sordino_ot::Supply;
use std::ops::Range;

/// Transfers that one tile may hold in each party's memory, 16 bytes each.
const TRANSFERS: usize = 5 << 20;

/// How element-wise layers are cut, and the digit width of comparisons.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tiles {
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
        Self { radix }
    }

    /// Consecutive ranges covering `0..n`, as long as the memory for their transfers allows: a
    /// layer has few rounds and its memory is bounded.
    pub(crate) fn split(
        self,
        n: usize,
        needs: impl Fn(usize) -> Needs,
    ) -> impl Iterator<Item = Range<usize>> {
        let each = needs(1);
        let elements = TRANSFERS / (each.server_sends + each.client_sends).max(1);
        (0..n).step_by(elements).map(move |i| i..(i + elements).min(n))
    }
}
