//! The `#[target_feature]` boundaries of the vector levels.

pub(super) mod avx2 {
    use core::ops::Range;

    use super::super::{Operand, layout::Layout, portable};

    #[target_feature(enable = "avx2")]
    pub(crate) fn fill(layout: &Layout, x: &[u8], to: &mut [u8]) {
        layout.fill(x, to);
    }

    #[target_feature(enable = "avx2")]
    pub(crate) fn conv(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
        portable::conv(x, channels, kernel, y);
    }
}
pub(super) use avx2 as avx512;
