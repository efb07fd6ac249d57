//! The vector levels.

mod label;
mod narrow;
mod scan;
mod select;
mod words;

/// 256-bit registers.
pub(super) mod avx2 {
    use super::super::{Radix, portable};
    pub(crate) use super::narrow::{keys, ladder, pack, unpack};
    pub(crate) use super::scan::select;
    use crate::Block;

    #[target_feature(enable = "avx2")]
    pub(crate) fn residues(r: Radix, stream: &[Block], out: &mut [u8]) -> u64 {
        portable::residues(r, stream, out)
    }

    #[target_feature(enable = "avx2")]
    pub(crate) fn rotate(f: &[u8], by: u8, out: &mut [u8]) {
        portable::rotate(f, by, out);
    }
}

/// 512-bit registers.
pub(super) mod avx512 {
    pub(crate) use super::label::{keys, ladder, pack, unpack};
    pub(crate) use super::select::{rotate, select};
    pub(crate) use super::words::{add_each, residues};
}
