//! Convolutions with one input channel per output channel, in loops that the compiler vectorises.

use core::ops::Range;

use super::Operand;

/// Sums kept at a time.
const COLUMNS: usize = 512;

/// Convolution of a layout of single lanes with at most 64,000 taps, so that sums stay below 2^31.
#[inline(always)]
pub(super) fn conv(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
    let layout = &x.layout;
    let (taps, columns) = (layout.taps(), layout.out_columns);
    let outputs = x.shape.cout / x.shape.groups;
    let filters = kernel.chunks_exact(taps.len());
    let planes = y.chunks_exact_mut(layout.out_rows * columns);
    for ((o, filter), y) in channels.zip(filters).zip(planes) {
        let group = &x.digits[o / outputs * layout.group()..];
        for (row, y) in y.chunks_exact_mut(columns).enumerate() {
            for (strip, y) in y.chunks_mut(COLUMNS).enumerate() {
                let mut sums = [0_i32; COLUMNS];
                let sums = &mut sums[..y.len()];
                let group = &group[row * layout.row() + strip * COLUMNS..];
                for (&tap, &weight) in taps.iter().zip(filter) {
                    for (sum, &digit) in sums.iter_mut().zip(&group[tap..]) {
                        // The product of a weight and a digit fits 16 bits with its sign.
                        *sum += i32::from(i16::from(weight) * i16::from(digit));
                    }
                }
                residues(x.radix.p(), sums, y);
            }
        }
    }
}

/// The residues of sums above -2^31 + p. The quotient of x + offset by p is at most one too small, see
/// [`super::super::Radix::reduce`].
#[inline(always)]
fn residues(p: u8, sums: &[i32], y: &mut [u8]) {
    let p = u32::from(p);
    let reciprocal = (1_u64 << 32) / u64::from(p);
    let offset = (1 << 31) / p * p;
    for (y, &sum) in y.iter_mut().zip(sums) {
        let x = (sum as u32).wrapping_add(offset);
        let quotient = ((u64::from(x) * reciprocal) >> 32) as u32;
        let rest = x.wrapping_sub(quotient.wrapping_mul(p));
        *y = rest.min(rest.wrapping_sub(p)) as u8;
    }
}
