//! The definition in the order of the layout: the scalar twin, and the direct loop for depthwise convolutions.

use core::ops::Range;

use super::Operand;

/// Sums of one row of outputs kept at a time.
const COLUMNS: usize = 256;

#[inline(always)]
pub(super) fn conv(x: &Operand, channels: Range<usize>, kernel: &[i8], y: &mut [u8]) {
    let (shape, layout) = (&x.shape, &x.layout);
    let (taps, columns, lanes) = (layout.taps(), layout.out_columns, layout.lanes);
    let (per_group, outputs) = (shape.cin / shape.groups, shape.cout / shape.groups);
    let p = i64::from(x.radix.p());
    let rows = layout.out_rows;
    let filters = kernel.chunks_exact(per_group * taps.len());
    for ((o, filter), y) in channels.zip(filters).zip(y.chunks_exact_mut(rows * columns)) {
        let group = &x.digits[o / outputs * layout.group()..];
        for (row, y) in y.chunks_exact_mut(columns).enumerate() {
            for (strip, y) in y.chunks_mut(COLUMNS).enumerate() {
                let mut sums = [0_i64; COLUMNS];
                let sums = &mut sums[..y.len()];
                let first = row * layout.row() + strip * COLUMNS * lanes;
                for (channel, filter) in filter.chunks_exact(taps.len()).enumerate() {
                    let at = channel / lanes * layout.block() + first + channel % lanes;
                    for (&tap, &weight) in taps.iter().zip(filter) {
                        let x = group[at + tap..].iter().step_by(lanes);
                        for (sum, &digit) in sums.iter_mut().zip(x) {
                            *sum += i64::from(weight) * i64::from(digit);
                        }
                    }
                }
                for (y, sum) in y.iter_mut().zip(sums) {
                    *y = sum.rem_euclid(p) as u8;
                }
            }
        }
    }
}
