//! The transform over vector registers, written once for every arithmetic that implements [`Field`].
//!
//! Layers go two at a time (radix 4) to halve the passes over memory. Once a block fits the first-level cache, all its
//! layers are done before the next block. The last layers, whose butterflies lie inside one register, run on pairs of
//! registers that a perfect shuffle brings into place.
//!
//! # Safety
//! Every function is `inline(always)` so that it becomes part of a `#[target_feature]` function; calling one from
//! elsewhere than code with the features of its `Field` is undefined. They touch memory only through
//! [`Field::load`]-like methods on `LANES` words of slices whose lengths are multiples of `LANES`, at any alignment of
//! the words' own.

use super::prime::{inv_mod, mul_mod, primitive_root};
use super::scalar::powers_bit_reversed;

/// Below this degree blocks are too short for the register layers.
pub(super) const MIN_DEGREE: usize = 64;
/// Words in a block that stays in the first-level cache: 16 KiB of 32, the rest being for roots.
const CACHED: usize = 2048;
/// Registers that the last layers work on at once.
const TAIL: usize = 4;

/// Arithmetic modulo p on registers of `LANES` values in a redundant form.
///
/// The redundant form is what fits between layers; in-range arguments are given per method in units of p. `w` is a
/// constant factor as [`Field::encode`] makes it. Pointers are to `LANES` words (for `pattern`, `width` words).
pub(super) trait Field: Copy {
    type V: Copy;
    const LANES: usize;

    /// A constant factor below p in the form of this arithmetic, with its precomputed quotient.
    fn encode(w: u64, p: u64) -> (u64, u64);

    /// Reads values below p.
    unsafe fn import(self, from: *const u64) -> Self::V;
    /// Writes any form used here, fully reduced.
    unsafe fn export(self, value: Self::V, to: *mut u64);
    unsafe fn load(from: *const u64) -> Self::V;
    unsafe fn store(value: Self::V, to: *mut u64);
    /// One word in all lanes.
    unsafe fn splat(from: *const u64) -> Self::V;
    /// `width` words, repeated to fill the register; `width` is 2, 4, … `LANES`.
    unsafe fn pattern(from: *const u64, width: usize) -> Self::V;
    /// a0 b0 a1 b1 …
    unsafe fn zip(a: Self::V, b: Self::V) -> (Self::V, Self::V);
    /// The inverse of `zip`.
    unsafe fn unzip(a: Self::V, b: Self::V) -> (Self::V, Self::V);

    /// The product with a constant.
    unsafe fn mul_by(self, a: Self::V, w: [Self::V; 2]) -> Self::V;
    /// The product of two imported values.
    unsafe fn mul(self, a: Self::V, b: Self::V) -> Self::V;
    /// Prepares the first input of a radix-4 butterfly (or of a single radix-2 layer).
    unsafe fn settle(self, u: Self::V) -> Self::V;
    /// u + v and u - v in the forward direction.
    unsafe fn forward_pair(self, u: Self::V, v: Self::V) -> (Self::V, Self::V);
    /// u + v as wide as the next layer still takes it, in the inverse direction.
    unsafe fn sum_lazy(self, u: Self::V, v: Self::V) -> Self::V;
    /// u + v as narrow as a first layer wants it, in the inverse direction.
    unsafe fn sum(self, u: Self::V, v: Self::V) -> Self::V;
    /// u + v for a multiplication right after.
    unsafe fn sum_raw(self, u: Self::V, v: Self::V) -> Self::V;
    /// u - v for a multiplication right after.
    unsafe fn difference(self, u: Self::V, v: Self::V) -> Self::V;
}

/// Constant factors and their quotients in two arrays, so that both load as vectors.
struct Factors {
    w: Vec<u64>,
    quotient: Vec<u64>,
}

impl Factors {
    fn new<F: Field>(values: impl IntoIterator<Item = u64>, p: u64) -> Self {
        let (w, quotient) = values.into_iter().map(|w| F::encode(w, p)).unzip();
        Self { w, quotient }
    }

    #[inline(always)]
    unsafe fn splat<F: Field>(&self, i: usize) -> [F::V; 2] {
        // SAFETY: the module's condition; the indexing checks the bounds.
        unsafe { [F::splat(&self.w[i]), F::splat(&self.quotient[i])] }
    }

    #[inline(always)]
    unsafe fn pattern<F: Field>(&self, i: usize, width: usize) -> [F::V; 2] {
        let (w, quotient) = (&self.w[i..i + width], &self.quotient[i..i + width]);
        // SAFETY: the module's condition; the slices have `width` words.
        unsafe { [F::pattern(w.as_ptr(), width), F::pattern(quotient.as_ptr(), width)] }
    }
}

/// Powers of the 2n-th root of unity in bit-reversed order, like the scalar tables.
pub(super) struct Tables {
    forward: Factors,
    inverse: Factors,
    /// 1/n, and the root of the last inverse layer over n.
    scale: Factors,
}

impl Tables {
    pub(super) fn new<F: Field>(n: usize, p: u64) -> Self {
        let psi = primitive_root(2 * n as u64, p);
        let inverse = powers_bit_reversed(n, inv_mod(psi, p), p);
        let scale = inv_mod(n as u64, p);
        Self {
            scale: Factors::new::<F>([scale, mul_mod(scale, inverse[1], p)], p),
            forward: Factors::new::<F>(powers_bit_reversed(n, psi, p), p),
            inverse: Factors::new::<F>(inverse, p),
        }
    }
}

/// Whether the first forward pass (the last inverse one) is radix 4 rather than radix 2.
fn starts_with_radix4<F: Field>(n: usize) -> bool {
    (n / F::LANES).trailing_zeros().is_multiple_of(2)
}

#[inline(always)]
pub(super) unsafe fn forward<F: Field>(f: F, tables: &Tables, a: &mut [u64]) {
    let n = a.len();
    let roots = &tables.forward;
    // SAFETY: the module's condition. All lengths are powers of two, at least LANES in each pass.
    unsafe {
        let mut blocks = if starts_with_radix4::<F>(n) {
            forward4::<F, true>(f, roots, 1, a);
            4
        } else {
            forward2(f, roots, a);
            2
        };
        while n / blocks > CACHED {
            for (i, block) in a.chunks_exact_mut(n / blocks).enumerate() {
                forward4::<F, false>(f, roots, blocks + i, block);
            }
            blocks *= 4;
        }
        for (b, block) in a.chunks_exact_mut(n / blocks).enumerate() {
            let mut parts = 1;
            while block.len() / parts > F::LANES {
                let first = (blocks + b) * parts;
                for (i, part) in block.chunks_exact_mut(block.len() / parts).enumerate() {
                    forward4::<F, false>(f, roots, first + i, part);
                }
                parts *= 4;
            }
            let first = b * block.len() / F::LANES;
            for (i, part) in block.chunks_exact_mut(TAIL * F::LANES).enumerate() {
                forward_tail(f, roots, n, first + i * TAIL, part);
            }
        }
    }
}

#[inline(always)]
unsafe fn forward2<F: Field>(f: F, roots: &Factors, a: &mut [u64]) {
    let (low, high) = a.split_at_mut(a.len() / 2);
    // SAFETY: the module's condition; both halves are whole registers of equal number.
    unsafe {
        let w = roots.splat::<F>(1);
        for (x, y) in low.chunks_exact_mut(F::LANES).zip(high.chunks_exact_mut(F::LANES)) {
            let v = f.mul_by(f.import(y.as_ptr()), w);
            let (u, v) = f.forward_pair(f.settle(f.import(x.as_ptr())), v);
            F::store(u, x.as_mut_ptr());
            F::store(v, y.as_mut_ptr());
        }
    }
}

/// Reads one register: as input of the transform, or between layers.
#[inline(always)]
unsafe fn take<F: Field, const FIRST: bool>(f: F, from: &[u64]) -> F::V {
    // SAFETY: the module's condition; callers pass a chunk of one register.
    unsafe { if FIRST { f.import(from.as_ptr()) } else { F::load(from.as_ptr()) } }
}

/// Two layers on block `index` of a level, levels being numbered as in a heap: root `index`, then its two children.
#[inline(always)]
unsafe fn forward4<F: Field, const FIRST: bool>(
    f: F,
    roots: &Factors,
    index: usize,
    a: &mut [u64],
) {
    let quarter = a.len() / 4;
    let (low, high) = a.split_at_mut(2 * quarter);
    let ((a0, a1), (a2, a3)) = (low.split_at_mut(quarter), high.split_at_mut(quarter));
    let a01 = a0.chunks_exact_mut(F::LANES).zip(a1.chunks_exact_mut(F::LANES));
    let a23 = a2.chunks_exact_mut(F::LANES).zip(a3.chunks_exact_mut(F::LANES));
    // SAFETY: the module's condition; each chunk is one register.
    unsafe {
        let w = roots.splat::<F>(index);
        let (w0, w1) = (roots.splat::<F>(2 * index), roots.splat::<F>(2 * index + 1));
        for ((a0, a1), (a2, a3)) in a01.zip(a23) {
            let (x0, x1) = (f.settle(take::<F, FIRST>(f, a0)), take::<F, FIRST>(f, a1));
            let (x2, x3) = (take::<F, FIRST>(f, a2), take::<F, FIRST>(f, a3));
            let (x2, x3) = (f.mul_by(x2, w), f.mul_by(x3, w));
            let (x0, x2) = f.forward_pair(x0, x2);
            let (x1, x3) = f.forward_pair(x1, x3);
            let (x0, x1) = f.forward_pair(x0, f.mul_by(x1, w0));
            let (x2, x3) = f.forward_pair(x2, f.mul_by(x3, w1));
            F::store(x0, a0.as_mut_ptr());
            F::store(x1, a1.as_mut_ptr());
            F::store(x2, a2.as_mut_ptr());
            F::store(x3, a3.as_mut_ptr());
        }
    }
}

/// The layers inside registers, on `TAIL` registers of which `first` lie before.
#[inline(always)]
unsafe fn forward_tail<F: Field>(f: F, roots: &Factors, n: usize, first: usize, a: &mut [u64]) {
    // SAFETY: the module's condition; `a` is TAIL registers.
    unsafe {
        let mut x = [F::load(a.as_ptr()); TAIL];
        for (i, x) in x.iter_mut().enumerate() {
            *x = F::load(a.as_ptr().add(i * F::LANES));
        }
        let mut width = 2;
        while width <= F::LANES {
            let level = n / F::LANES * width / 2 + first * width / 2;
            for i in 0..TAIL / 2 {
                let w = roots.pattern::<F>(level + i * width, width);
                let (u, v) = F::zip(x[2 * i], x[2 * i + 1]);
                (x[2 * i], x[2 * i + 1]) = f.forward_pair(u, f.mul_by(v, w));
            }
            width *= 2;
        }
        for i in 0..TAIL / 2 {
            (x[2 * i], x[2 * i + 1]) = F::zip(x[2 * i], x[2 * i + 1]);
        }
        for (i, x) in x.into_iter().enumerate() {
            f.export(x, a.as_mut_ptr().add(i * F::LANES));
        }
    }
}

#[inline(always)]
pub(super) unsafe fn inverse<F: Field>(f: F, tables: &Tables, a: &mut [u64]) {
    let n = a.len();
    let roots = &tables.inverse;
    let radix4 = starts_with_radix4::<F>(n);
    let outer = if radix4 { 4 } else { 2 };
    let mut blocks = outer;
    while n / blocks > CACHED {
        blocks *= 4;
    }
    // SAFETY: the module's condition. All lengths are powers of two, at least LANES in each pass.
    unsafe {
        for (b, block) in a.chunks_exact_mut(n / blocks).enumerate() {
            let first = b * block.len() / F::LANES;
            for (i, part) in block.chunks_exact_mut(TAIL * F::LANES).enumerate() {
                inverse_tail(f, roots, n, first + i * TAIL, part);
            }
            let mut parts = block.len() / F::LANES;
            while parts > 1 {
                parts /= 4;
                let first = (blocks + b) * parts;
                for (i, part) in block.chunks_exact_mut(block.len() / parts).enumerate() {
                    inverse4(f, roots, first + i, part);
                }
            }
        }
        while blocks > outer {
            blocks /= 4;
            for (i, block) in a.chunks_exact_mut(n / blocks).enumerate() {
                inverse4(f, roots, blocks + i, block);
            }
        }
        if radix4 {
            inverse4_last(f, tables, a);
        } else {
            inverse2_last(f, tables, a);
        }
    }
}

#[inline(always)]
unsafe fn inverse_tail<F: Field>(f: F, roots: &Factors, n: usize, first: usize, a: &mut [u64]) {
    // SAFETY: the module's condition; `a` is TAIL registers.
    unsafe {
        let mut x = [f.import(a.as_ptr()); TAIL];
        for (i, x) in x.iter_mut().enumerate() {
            *x = f.import(a.as_ptr().add(i * F::LANES));
        }
        for i in 0..TAIL / 2 {
            (x[2 * i], x[2 * i + 1]) = F::unzip(x[2 * i], x[2 * i + 1]);
        }
        let mut width = F::LANES;
        while width >= 2 {
            let level = n / F::LANES * width / 2 + first * width / 2;
            for i in 0..TAIL / 2 {
                let w = roots.pattern::<F>(level + i * width, width);
                let (u, v) = (x[2 * i], x[2 * i + 1]);
                let sum = if width == F::LANES { f.sum_lazy(u, v) } else { f.sum(u, v) };
                let difference = f.mul_by(f.difference(u, v), w);
                (x[2 * i], x[2 * i + 1]) = F::unzip(sum, difference);
            }
            width /= 2;
        }
        for (i, x) in x.into_iter().enumerate() {
            F::store(x, a.as_mut_ptr().add(i * F::LANES));
        }
    }
}

/// Undoes [`forward4`] up to a factor 4.
#[inline(always)]
unsafe fn inverse4<F: Field>(f: F, roots: &Factors, index: usize, a: &mut [u64]) {
    // SAFETY: the module's condition.
    unsafe {
        let w = roots.splat::<F>(index);
        let (w0, w1) = (roots.splat::<F>(2 * index), roots.splat::<F>(2 * index + 1));
        for_quarters::<F>(
            a,
            #[inline(always)]
            |x| {
                let (s0, s1) = (f.sum_lazy(x[0], x[1]), f.sum_lazy(x[2], x[3]));
                let d0 = f.mul_by(f.difference(x[0], x[1]), w0);
                let d1 = f.mul_by(f.difference(x[2], x[3]), w1);
                [
                    f.sum(s0, s1),
                    f.sum(d0, d1),
                    f.mul_by(f.difference(s0, s1), w),
                    f.mul_by(f.difference(d0, d1), w),
                ]
            },
            #[inline(always)]
            |value, to| F::store(value, to),
        );
    }
}

/// [`inverse4`] on the whole vector, with the factor 1/n and full reduction.
#[inline(always)]
unsafe fn inverse4_last<F: Field>(f: F, tables: &Tables, a: &mut [u64]) {
    // SAFETY: the module's condition.
    unsafe {
        let (scale, w) = (tables.scale.splat::<F>(0), tables.scale.splat::<F>(1));
        let (w0, w1) = (tables.inverse.splat::<F>(2), tables.inverse.splat::<F>(3));
        for_quarters::<F>(
            a,
            #[inline(always)]
            |x| {
                let (s0, s1) = (f.sum_lazy(x[0], x[1]), f.sum_lazy(x[2], x[3]));
                let d0 = f.mul_by(f.difference(x[0], x[1]), w0);
                let d1 = f.mul_by(f.difference(x[2], x[3]), w1);
                [
                    f.mul_by(f.sum_raw(s0, s1), scale),
                    f.mul_by(f.sum_raw(d0, d1), scale),
                    f.mul_by(f.difference(s0, s1), w),
                    f.mul_by(f.difference(d0, d1), w),
                ]
            },
            #[inline(always)]
            |value, to| f.export(value, to),
        );
    }
}

/// Applies `step` to the registers at equal places of the four quarters of `a`.
#[inline(always)]
unsafe fn for_quarters<F: Field>(
    a: &mut [u64],
    step: impl Fn([F::V; 4]) -> [F::V; 4],
    store: impl Fn(F::V, *mut u64),
) {
    let quarter = a.len() / 4;
    let (low, high) = a.split_at_mut(2 * quarter);
    let ((a0, a1), (a2, a3)) = (low.split_at_mut(quarter), high.split_at_mut(quarter));
    let a01 = a0.chunks_exact_mut(F::LANES).zip(a1.chunks_exact_mut(F::LANES));
    let a23 = a2.chunks_exact_mut(F::LANES).zip(a3.chunks_exact_mut(F::LANES));
    for ((a0, a1), (a2, a3)) in a01.zip(a23) {
        // SAFETY: the module's condition; each chunk is one register.
        let x = unsafe {
            [F::load(a0.as_ptr()), F::load(a1.as_ptr()), F::load(a2.as_ptr()), F::load(a3.as_ptr())]
        };
        let [y0, y1, y2, y3] = step(x);
        store(y0, a0.as_mut_ptr());
        store(y1, a1.as_mut_ptr());
        store(y2, a2.as_mut_ptr());
        store(y3, a3.as_mut_ptr());
    }
}

/// The last layer with the factor 1/n and full reduction.
#[inline(always)]
unsafe fn inverse2_last<F: Field>(f: F, tables: &Tables, a: &mut [u64]) {
    let (low, high) = a.split_at_mut(a.len() / 2);
    // SAFETY: the module's condition; both halves are whole registers of equal number.
    unsafe {
        let (scale, w) = (tables.scale.splat::<F>(0), tables.scale.splat::<F>(1));
        for (x, y) in low.chunks_exact_mut(F::LANES).zip(high.chunks_exact_mut(F::LANES)) {
            let (u, v) = (F::load(x.as_ptr()), F::load(y.as_ptr()));
            f.export(f.mul_by(f.sum_raw(u, v), scale), x.as_mut_ptr());
            f.export(f.mul_by(f.difference(u, v), w), y.as_mut_ptr());
        }
    }
}
