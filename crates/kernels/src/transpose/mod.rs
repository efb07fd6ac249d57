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

#[cfg(test)]
mod tests;
