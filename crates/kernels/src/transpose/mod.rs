//! Transposition of bit matrices with 128 rows, the step between the column-wise and the row-wise half of OT
//! extension.

use crate::Block;
use crate::isa;
#[cfg(target_arch = "x86_64")]
use crate::isa::Isa;

mod scalar;
#[cfg(target_arch = "x86_64")]
mod x86;

/// Transposes a 128 by n bit matrix.
///
/// *Shapes*: `rows` is 128 rows of `n / 128` blocks, row-major; `out` is `n` blocks. Bit `r` of `out[i]` is bit `i`
/// of row `r`.
///
/// # Panics
/// If `out.len()` is not a multiple of 128 or `rows` has another length.
pub fn transpose128(rows: &[Block], out: &mut [Block]) {
    assert_eq!(out.len() % 128, 0, "the number of columns must be a multiple of 128");
    assert_eq!(rows.len(), out.len(), "rows hold as many bits as the output");
    match isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `active` returns only levels whose features were detected.
        Isa::Avx2 => unsafe { x86::transpose128_avx2(rows, out) },
        #[cfg(target_arch = "x86_64")]
        // SAFETY: as above.
        Isa::Avx512 | Isa::Avx512Ifma => unsafe { x86::transpose128_avx512(rows, out) },
        _ => scalar::transpose128(rows, out),
    }
}

/// The low bits of many blocks: bit `i` of `out[j * n / 64 ..][.. n / 64]`, counted through the words, is bit `j` of
/// `blocks[i]`, for the `n` blocks (filled up with zeros to a multiple of 64) and each `j` of `width`.
///
/// *Cost*: grows with `width`; meant for a few bits, where [`transpose128`] would make columns that nobody reads.
///
/// # Panics
/// If `out` has not `width` times the words of `n` bits, or `width` is more than 64.
pub fn low_columns(blocks: &[Block], width: usize, out: &mut [u64]) {
    let words = blocks.len().div_ceil(64);
    assert!(width <= 64, "at most 64 columns");
    assert_eq!(out.len(), width * words, "words of the columns");
    if words == 0 {
        return;
    }
    match isa::active() {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: `active` returns only levels whose features were detected.
        Isa::Avx512 | Isa::Avx512Ifma => unsafe { x86::low_columns_avx512(blocks, out) },
        _ => scalar::low_columns(blocks, out),
    }
}

#[cfg(test)]
mod tests;
