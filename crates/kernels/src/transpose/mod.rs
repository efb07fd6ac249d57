//! Transposition of bit matrices with 128 rows, the step between the column-wise and the row-wise half of OT
//! extension.

use crate::Block;

mod scalar;

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
    scalar::transpose128(rows, out);
}
