//! The vector levels.

mod label;
mod scan;
mod select;
mod words;

/// The portable loops, compiled with AVX2.
pub(super) mod avx2 {
    use super::super::{Radix, portable};
    pub(crate) use super::scan::select;
    use crate::Block;

    #[target_feature(enable = "avx2")]
    pub(crate) fn pack(r: Radix, labels: &[u8], out: &mut [Block]) {
        portable::pack(r, labels, out);
    }

    #[target_feature(enable = "avx2")]
    pub(crate) fn unpack(r: Radix, packed: &[Block], out: &mut [u8]) {
        portable::unpack(r, packed, out);
    }

    #[target_feature(enable = "avx2")]
    pub(crate) fn keys(r: Radix, zero: &[u8], delta: &[u8], out: &mut [Block]) {
        portable::keys(r, zero, delta, out);
    }

    #[target_feature(enable = "avx2")]
    pub(crate) fn ladder(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
        portable::ladder(r, base, delta, out);
    }

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
