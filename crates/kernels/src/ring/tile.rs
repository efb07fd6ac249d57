//! Packed and tiled products: blocks of both matrices are copied into the order in which a register tile reads them.
//! A convolution is the product of its kernel with the matrix of input patches, whose rows are made while packing.
//!
//! # Safety
//! Every function marked so is `inline(always)` and may be called only where the features of its [`Lanes`] are
//! enabled. Register loads lie in packed buffers of whole tiles, at any alignment.

use super::{Conv2d, Word, direct};

/// Inner dimension of a block: a strip of each packed matrix then fits the first-level cache together.
const DEPTH: usize = 128;
/// Rows of a packed block of the left matrix.
const HEIGHT: usize = 64;
/// Columns of a packed block of the right matrix, which with DEPTH takes 256 KiB of the second-level cache.
const WIDTH: usize = 256;
/// Elements of the largest register tile.
const TILE: usize = 256;
/// With fewer rows than this, packing the right matrix costs more than it gains.
const FEW_ROWS: usize = 4;

/// Register arithmetic on `LANES` words.
pub(super) trait Lanes {
    type Word: Word;
    /// A factor, with what the multiplication wants precomputed.
    type Factor: Copy;
    type Sum: Copy;
    const LANES: usize;
    /// One word in all lanes.
    unsafe fn splat(from: &Self::Word) -> Self::Factor;
    /// Reads `LANES` words.
    unsafe fn load(from: *const Self::Word) -> Self::Factor;
    unsafe fn zero() -> Self::Sum;
    unsafe fn mul_add(sum: Self::Sum, a: Self::Factor, b: Self::Factor) -> Self::Sum;
    /// Writes `LANES` words.
    unsafe fn store(sum: Self::Sum, to: *mut Self::Word);
}

/// A matrix given by its rows.
pub(super) trait Rows<W> {
    /// Copies columns `first..first + out.len()` of row `row`.
    fn copy(&self, row: usize, first: usize, out: &mut [W]);
}

struct Stored<'a, W> {
    columns: usize,
    words: &'a [W],
}

impl<W: Word> Rows<W> for Stored<'_, W> {
    #[inline(always)]
    fn copy(&self, row: usize, first: usize, out: &mut [W]) {
        let at = row * self.columns + first;
        out.copy_from_slice(&self.words[at..at + out.len()]);
    }
}

/// Row (i, u, v) holds, for each output place, the input of channel i under kernel element (u, v).
struct Patches<'a, W> {
    conv: &'a Conv2d,
    input: &'a [W],
}

impl<W: Word> Rows<W> for Patches<'_, W> {
    #[inline(always)]
    fn copy(&self, row: usize, first: usize, mut out: &mut [W]) {
        let conv = self.conv;
        let (v, u) = (row % conv.kw, row / conv.kw % conv.kh);
        let plane = &self.input[row / (conv.kw * conv.kh) * conv.h * conv.w..];
        let (ow, columns) = (conv.out_w(), conv.columns(v));
        let (mut y, mut start) = (first / ow, first % ow);
        while !out.is_empty() {
            let end = ow.min(start + out.len());
            let (line, rest) = out.split_at_mut(end - start);
            line.fill(W::default());
            if let Some(at) = conv.input_row(y, u) {
                let from = columns.outputs.start.clamp(start, end);
                let to = columns.outputs.end.clamp(from, end);
                let skipped = (from - columns.outputs.start.min(from)) * conv.stride[1];
                let input = &plane[at * conv.w..(at + 1) * conv.w];
                let line = &mut line[from - start..to - start];
                if !line.is_empty() {
                    let input = &input[columns.first_input + skipped..];
                    if conv.stride[1] == 1 {
                        line.copy_from_slice(&input[..line.len()]);
                    } else {
                        for (to, from) in line.iter_mut().zip(input.iter().step_by(conv.stride[1]))
                        {
                            *to = *from;
                        }
                    }
                }
            }
            (out, y, start) = (rest, y + 1, 0);
        }
    }
}

/// c = a b, `MR` rows by `NV` registers being the register tile.
#[inline(always)]
pub(super) unsafe fn gemm<L: Lanes, const MR: usize, const NV: usize>(
    m: usize,
    k: usize,
    n: usize,
    a: &[L::Word],
    b: &[L::Word],
    c: &mut [L::Word],
) {
    if m < FEW_ROWS || n == 1 {
        direct::gemm(k, n, a, b, c);
    } else {
        // SAFETY: the module's condition.
        unsafe { product::<L, MR, NV>(k, n, a, &Stored { columns: n, words: b }, c) };
    }
}

/// Convolution, with the register tile as in [`gemm`].
#[inline(always)]
pub(super) unsafe fn conv<L: Lanes, const MR: usize, const NV: usize>(
    conv: &Conv2d,
    x: &[L::Word],
    kernel: &[L::Word],
    y: &mut [L::Word],
) {
    let (cig, cog) = (conv.cin / conv.groups, conv.cout / conv.groups);
    let (k, n) = (cig * conv.kh * conv.kw, conv.out_h() * conv.out_w());
    if cog < FEW_ROWS || k * n * conv.h * conv.w == 0 {
        direct::conv(conv, x, kernel, y);
        return;
    }
    let inputs = x.chunks_exact(cig * conv.h * conv.w);
    let outputs = y.chunks_exact_mut(cog * n);
    for ((input, kernel), output) in inputs.zip(kernel.chunks_exact(cog * k)).zip(outputs) {
        // SAFETY: the module's condition.
        unsafe { product::<L, MR, NV>(k, n, kernel, &Patches { conv, input }, output) };
    }
}

#[inline(always)]
unsafe fn product<L: Lanes, const MR: usize, const NV: usize>(
    k: usize,
    n: usize,
    a: &[L::Word],
    b: &impl Rows<L::Word>,
    c: &mut [L::Word],
) {
    let nr = NV * L::LANES;
    let zero = L::Word::default();
    c.fill(zero);
    let width = n.min(WIDTH);
    let mut packed_a = vec![zero; HEIGHT.next_multiple_of(MR) * DEPTH.min(k)];
    let mut packed_b = vec![zero; width.next_multiple_of(nr) * DEPTH.min(k)];
    let mut line = vec![zero; width];
    let mut sums = [zero; TILE];
    for first_column in (0..n).step_by(WIDTH) {
        let columns = WIDTH.min(n - first_column);
        for first_inner in (0..k).step_by(DEPTH) {
            let depth = DEPTH.min(k - first_inner);
            for inner in 0..depth {
                let line = &mut line[..columns];
                b.copy(first_inner + inner, first_column, line);
                for (strip, words) in line.chunks(nr).enumerate() {
                    let at = (strip * depth + inner) * nr;
                    packed_b[at..at + words.len()].copy_from_slice(words);
                }
            }
            for (block, c) in c.chunks_mut(HEIGHT * n).enumerate() {
                let rows = c.len() / n;
                pack_left::<_, MR>(
                    &a[block * HEIGHT * k..],
                    k,
                    first_inner,
                    depth,
                    rows,
                    &mut packed_a,
                );
                for (strip, first) in (0..columns).step_by(nr).enumerate() {
                    let b = &packed_b[strip * depth * nr..][..depth * nr];
                    for (a, c) in packed_a.chunks_exact(depth * MR).zip(c.chunks_mut(MR * n)) {
                        // SAFETY: the module's condition.
                        unsafe { tile::<L, MR, NV>(a, b, &mut sums) };
                        let used = nr.min(columns - first);
                        for (c, sums) in c.chunks_exact_mut(n).zip(sums.chunks_exact(nr)) {
                            let c = &mut c[first_column + first..][..used];
                            for (c, sum) in c.iter_mut().zip(sums) {
                                *c = c.add(*sum);
                            }
                        }
                    }
                }
            }
        }
    }
}

/// Strips of MR rows, each column by column; rows beyond the matrix stay as they were and are not read back.
#[inline(always)]
fn pack_left<W: Word, const MR: usize>(
    a: &[W],
    k: usize,
    first_inner: usize,
    depth: usize,
    rows: usize,
    packed: &mut [W],
) {
    for (strip, packed) in packed.chunks_exact_mut(depth * MR).enumerate() {
        for i in 0..MR.min(rows.saturating_sub(strip * MR)) {
            let row = &a[(strip * MR + i) * k + first_inner..][..depth];
            for (packed, word) in packed.iter_mut().skip(i).step_by(MR).zip(row) {
                *packed = *word;
            }
        }
    }
}

/// The product of a strip of MR rows with one of NV registers of columns, row-major into `out`.
#[inline(always)]
unsafe fn tile<L: Lanes, const MR: usize, const NV: usize>(
    a: &[L::Word],
    b: &[L::Word],
    out: &mut [L::Word; TILE],
) {
    const { assert!(MR * NV * L::LANES <= TILE) };
    // SAFETY: the module's condition; `b` has NV registers for each MR words of `a`, and the tile fits `out`.
    unsafe {
        let mut sums = [[L::zero(); NV]; MR];
        for (a, b) in a.chunks_exact(MR).zip(b.chunks_exact(NV * L::LANES)) {
            let mut columns = [L::load(b.as_ptr()); NV];
            for (v, column) in columns.iter_mut().enumerate() {
                *column = L::load(b.as_ptr().add(v * L::LANES));
            }
            for (sums, a) in sums.iter_mut().zip(a) {
                let a = L::splat(a);
                for (sum, &column) in sums.iter_mut().zip(&columns) {
                    *sum = L::mul_add(*sum, a, column);
                }
            }
        }
        for (i, sums) in sums.into_iter().enumerate() {
            for (v, sum) in sums.into_iter().enumerate() {
                L::store(sum, out.as_mut_ptr().add((i * NV + v) * L::LANES));
            }
        }
    }
}
