//! Sums of products, reduced once for many terms.
//!
//! # Safety
//! As in [`super::wide`]: every function is `inline(always)` into code that has enabled the features of its field, and
//! touches memory only where the slices it is given reach.

#[cfg(target_arch = "x86_64")]
use super::wide::Field;

/// Arithmetic that puts off reductions. Factors are in the form that [`multiplicand`] makes.
#[cfg(target_arch = "x86_64")]
pub(super) trait Accumulate: Field {
    /// A sum of products.
    type Sum: Copy;

    /// Products that a sum takes before it must be folded.
    fn terms(p: u64) -> usize;
    /// Prepares a factor.
    unsafe fn balance(self, value: Self::V) -> Self::V;
    /// The sum of one imported or folded value.
    unsafe fn start(self, value: Self::V) -> Self::Sum;
    /// sum + a b
    unsafe fn accumulate(self, sum: Self::Sum, a: Self::V, b: Self::V) -> Self::Sum;
    /// The sum in a form for `export` or `start`.
    unsafe fn fold(self, sum: Self::Sum) -> Self::V;
}

/// Turns reduced values into factors, in place; the length is a multiple of `LANES`.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn multiplicand<F: Accumulate>(f: F, a: &mut [u64]) {
    for a in a.chunks_exact_mut(F::LANES) {
        // SAFETY: the module's condition.
        unsafe { F::store(f.balance(f.import(a.as_ptr())), a.as_mut_ptr()) }
    }
}

/// A product of matrices: `out[r stride + j] = sum_k w[r terms + k] a[k width + j]`.
pub(super) struct Matrix<'a> {
    pub(super) rows: usize,
    pub(super) terms: usize,
    pub(super) width: usize,
    pub(super) stride: usize,
    pub(super) w: &'a [u64],
    pub(super) a: &'a [u64],
}

impl Matrix<'_> {
    /// What the kernels rely on; `lanes` is a bound of every `LANES`.
    pub(super) fn check(&self, lanes: usize, out: &[u64]) {
        let product = |a: usize, b: usize| a.checked_mul(b);
        assert!(
            self.width.is_multiple_of(lanes)
                && product(self.rows, self.terms) == Some(self.w.len())
                && product(self.terms, self.width) == Some(self.a.len())
                && self.width <= self.stride
                && product(self.rows - 1, self.stride)
                    .and_then(|at| at.checked_add(self.width))
                    .is_some_and(|end| end <= out.len()),
            "extents of a product of matrices"
        );
    }
}

/// `WIDE` tells that there are 32 registers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn matrix<F: Accumulate, const WIDE: bool>(
    f: F,
    p: u64,
    m: &Matrix<'_>,
    out: &mut [u64],
) {
    // SAFETY: the module's condition; the caller has called `check`.
    unsafe {
        let mut column = 0;
        while column < m.width {
            let vectors = (m.width - column) / F::LANES;
            if WIDE && vectors >= 4 {
                columns::<F, 2, 4>(f, p, m, column, out);
                column += 4 * F::LANES;
            } else if vectors >= 2 {
                if WIDE {
                    columns::<F, 4, 2>(f, p, m, column, out);
                } else {
                    columns::<F, 2, 2>(f, p, m, column, out);
                }
                column += 2 * F::LANES;
            } else {
                if WIDE {
                    columns::<F, 8, 1>(f, p, m, column, out);
                } else {
                    columns::<F, 4, 1>(f, p, m, column, out);
                }
                column += F::LANES;
            }
        }
    }
}

/// `V` registers of columns from `column` on, in tiles of `R` rows.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn columns<F: Accumulate, const R: usize, const V: usize>(
    f: F,
    p: u64,
    m: &Matrix<'_>,
    column: usize,
    out: &mut [u64],
) {
    let whole = m.rows / R * R;
    // SAFETY: the module's condition.
    unsafe {
        for row in (0..whole).step_by(R) {
            tile::<F, R, V>(f, p, m, [row, column], out);
        }
        for row in whole..m.rows {
            tile::<F, 1, V>(f, p, m, [row, column], out);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn tile<F: Accumulate, const R: usize, const V: usize>(
    f: F,
    p: u64,
    m: &Matrix<'_>,
    [row, column]: [usize; 2],
    out: &mut [u64],
) {
    const ZERO: [u64; 16] = [0; 16];
    let limit = F::terms(p);
    // SAFETY: the module's condition; rows, terms and columns stay within what `check` has seen.
    unsafe {
        let mut sums = [[f.start(f.import(ZERO.as_ptr())); V]; R];
        let mut term = 0;
        while term < m.terms {
            let end = m.terms.min(term + limit);
            while term < end {
                let a = m.a.as_ptr().add(term * m.width + column);
                let mut x = [F::load(a); V];
                for (v, x) in x.iter_mut().enumerate().skip(1) {
                    *x = F::load(a.add(v * F::LANES));
                }
                for (r, sums) in sums.iter_mut().enumerate() {
                    let w = F::splat(m.w.as_ptr().add((row + r) * m.terms + term));
                    for (sum, x) in sums.iter_mut().zip(x) {
                        *sum = f.accumulate(*sum, x, w);
                    }
                }
                term += 1;
            }
            for sum in sums.as_flattened_mut() {
                *sum = f.start(f.fold(*sum));
            }
        }
        for (r, sums) in sums.into_iter().enumerate() {
            let out = out.as_mut_ptr().add((row + r) * m.stride + column);
            for (v, sum) in sums.into_iter().enumerate() {
                f.export(f.fold(sum), out.add(v * F::LANES));
            }
        }
    }
}

/// Sums of products of vectors: `out[r][part][i] += sum_k a[k][part][i] w[r terms + k][i]`.
pub(super) struct Vectors<'a> {
    pub(super) a: &'a [[&'a [u64]; 2]],
    pub(super) w: &'a [&'a [u64]],
}

impl Vectors<'_> {
    /// What the kernels rely on: all lengths are equal, and a multiple of `lanes`.
    pub(super) fn check(&self, lanes: usize, out: &[[&mut [u64]; 2]]) {
        let n = out.first().map_or(0, |out| out[0].len());
        assert!(
            n.is_multiple_of(lanes)
                && out.len().checked_mul(self.a.len()) == Some(self.w.len())
                && out.as_flattened().iter().all(|out| out.len() == n)
                && self.a.as_flattened().iter().chain(self.w).all(|slice| slice.len() == n),
            "extents of sums of products"
        );
    }
}

/// `WIDE` tells that there are 32 registers.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn products<F: Accumulate, const WIDE: bool>(
    f: F,
    p: u64,
    v: &Vectors<'_>,
    out: &mut [[&mut [u64]; 2]],
) {
    let terms = v.a.len();
    // SAFETY: the module's condition; the caller has called `check`.
    unsafe {
        let (mut out, mut w) = (out, v.w);
        let mut rows = 4;
        while !out.is_empty() {
            while rows > out.len() || (rows == 4 && !WIDE) {
                rows /= 2;
            }
            let (these, others) = out.split_at_mut(rows);
            let (factors, rest) = w.split_at(rows * terms);
            match rows {
                4 => rows_of_products::<F, 4>(f, p, v.a, factors, these),
                2 => rows_of_products::<F, 2>(f, p, v.a, factors, these),
                _ => rows_of_products::<F, 1>(f, p, v.a, factors, these),
            }
            (out, w) = (others, rest);
        }
    }
}

/// `R` rows, register by register.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
unsafe fn rows_of_products<F: Accumulate, const R: usize>(
    f: F,
    p: u64,
    a: &[[&[u64]; 2]],
    w: &[&[u64]],
    out: &mut [[&mut [u64]; 2]],
) {
    let (limit, terms) = (F::terms(p), a.len());
    let n = out[0][0].len();
    // SAFETY: the module's condition.
    unsafe {
        for at in (0..n).step_by(F::LANES) {
            let mut sums = [[f.start(f.import(out[0][0].as_ptr().add(at))); 2]; R];
            for (sums, out) in sums.iter_mut().zip(out.iter()) {
                for (sum, out) in sums.iter_mut().zip(out) {
                    *sum = f.start(f.import(out.as_ptr().add(at)));
                }
            }
            let mut term = 0;
            while term < terms {
                let end = terms.min(term + limit);
                while term < end {
                    let [c0, c1] = a[term];
                    let x = [F::load(c0.as_ptr().add(at)), F::load(c1.as_ptr().add(at))];
                    for (r, sums) in sums.iter_mut().enumerate() {
                        let w = F::load(w[r * terms + term].as_ptr().add(at));
                        for (sum, x) in sums.iter_mut().zip(x) {
                            *sum = f.accumulate(*sum, x, w);
                        }
                    }
                    term += 1;
                }
                for sum in sums.as_flattened_mut() {
                    *sum = f.start(f.fold(*sum));
                }
            }
            for (sums, out) in sums.into_iter().zip(out.iter_mut()) {
                for (sum, out) in sums.into_iter().zip(out) {
                    f.export(f.fold(sum), out.as_mut_ptr().add(at));
                }
            }
        }
    }
}
