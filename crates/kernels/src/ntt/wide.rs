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
pub(super) const MIN_DEGREE: usize = 256;
/// Words in a block that stays in the first-level cache: 16 KiB of 32, the rest being for roots.
const CACHED: usize = 2048;
/// Registers that the last layers work on at once.
const TAIL: usize = 8;

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

    /// The products with constants, step by step side by side: the chain of one product is longer than the
    /// schedulers of current cores reach.
    unsafe fn mul_by<const K: usize>(self, a: [Self::V; K], w: [[Self::V; 2]; K]) -> [Self::V; K];
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

/// One radix-4 step of a transform, on K butterflies side by side; M is 2 K, the multiplications of a layer.
trait Radix4<F: Field>: Copy {
    /// The root of the outer layer, those of the two halves of the inner one, and a scale.
    unsafe fn factors(self, index: usize) -> [[F::V; 2]; 4];
    unsafe fn read(f: F, from: *const u64) -> F::V;
    unsafe fn write(f: F, value: F::V, to: *mut u64);
    unsafe fn apply<const K: usize, const M: usize>(
        f: F,
        x: [[F::V; 4]; K],
        w: [[[F::V; 2]; 4]; K],
    ) -> [[F::V; 4]; K];
}

/// Two forward layers, the first two of the transform if `FIRST`.
#[derive(Clone, Copy)]
struct Forward<'a, const FIRST: bool>(&'a Factors);

// SAFETY: for all methods of the three steps, the module's condition; pointers are to one register's words.
impl<F: Field, const FIRST: bool> Radix4<F> for Forward<'_, FIRST> {
    #[inline(always)]
    unsafe fn factors(self, index: usize) -> [[F::V; 2]; 4] {
        unsafe { inner_factors::<F>(self.0, index, self.0.splat::<F>(index)) }
    }

    #[inline(always)]
    unsafe fn read(f: F, from: *const u64) -> F::V {
        unsafe { if FIRST { f.import(from) } else { F::load(from) } }
    }

    #[inline(always)]
    unsafe fn write(_: F, value: F::V, to: *mut u64) {
        unsafe { F::store(value, to) }
    }

    #[inline(always)]
    unsafe fn apply<const K: usize, const M: usize>(
        f: F,
        mut x: [[F::V; 4]; K],
        w: [[[F::V; 2]; 4]; K],
    ) -> [[F::V; 4]; K] {
        unsafe {
            let (mut a, mut b) = ([x[0][0]; M], [w[0][0]; M]);
            for i in 0..M {
                (a[i], b[i]) = (x[i / 2][2 + i % 2], w[i / 2][0]);
            }
            let v = f.mul_by(a, b);
            for k in 0..K {
                (x[k][0], x[k][2]) = f.forward_pair(f.settle(x[k][0]), v[2 * k]);
                (x[k][1], x[k][3]) = f.forward_pair(x[k][1], v[2 * k + 1]);
            }
            for i in 0..M {
                (a[i], b[i]) = (x[i / 2][1 + 2 * (i % 2)], w[i / 2][1 + i % 2]);
            }
            let v = f.mul_by(a, b);
            for k in 0..K {
                (x[k][0], x[k][1]) = f.forward_pair(x[k][0], v[2 * k]);
                (x[k][2], x[k][3]) = f.forward_pair(x[k][2], v[2 * k + 1]);
            }
            x
        }
    }
}

/// Two inverse layers, up to a factor 4.
#[derive(Clone, Copy)]
struct Inverse<'a>(&'a Factors);

impl<F: Field> Radix4<F> for Inverse<'_> {
    #[inline(always)]
    unsafe fn factors(self, index: usize) -> [[F::V; 2]; 4] {
        unsafe { inner_factors::<F>(self.0, index, self.0.splat::<F>(index)) }
    }

    #[inline(always)]
    unsafe fn read(_: F, from: *const u64) -> F::V {
        unsafe { F::load(from) }
    }

    #[inline(always)]
    unsafe fn write(_: F, value: F::V, to: *mut u64) {
        unsafe { F::store(value, to) }
    }

    #[inline(always)]
    unsafe fn apply<const K: usize, const M: usize>(
        f: F,
        x: [[F::V; 4]; K],
        w: [[[F::V; 2]; 4]; K],
    ) -> [[F::V; 4]; K] {
        unsafe {
            let mut y = inverse_inner::<F, K, M>(f, x, w);
            let (mut a, mut b) = ([y[0][0]; M], [w[0][0]; M]);
            for i in 0..M {
                let y = y[i / 2];
                (a[i], b[i]) = (f.difference(y[i % 2], y[2 + i % 2]), w[i / 2][0]);
            }
            let v = f.mul_by(a, b);
            for k in 0..K {
                let [s0, d0, s1, d1] = y[k];
                y[k] = [f.sum(s0, s1), f.sum(d0, d1), v[2 * k], v[2 * k + 1]];
            }
            y
        }
    }
}

/// [`Inverse`] for the last two layers, with the factor 1/n and full reduction.
#[derive(Clone, Copy)]
struct InverseLast<'a>(&'a Tables);

impl<F: Field> Radix4<F> for InverseLast<'_> {
    #[inline(always)]
    unsafe fn factors(self, index: usize) -> [[F::V; 2]; 4] {
        let Tables { inverse, scale, .. } = self.0;
        unsafe {
            let mut w = inner_factors::<F>(inverse, index, scale.splat::<F>(1));
            w[3] = scale.splat::<F>(0);
            w
        }
    }

    #[inline(always)]
    unsafe fn read(_: F, from: *const u64) -> F::V {
        unsafe { F::load(from) }
    }

    #[inline(always)]
    unsafe fn write(f: F, value: F::V, to: *mut u64) {
        unsafe { f.export(value, to) }
    }

    #[inline(always)]
    unsafe fn apply<const K: usize, const M: usize>(
        f: F,
        x: [[F::V; 4]; K],
        w: [[[F::V; 2]; 4]; K],
    ) -> [[F::V; 4]; K] {
        unsafe {
            let mut y = inverse_inner::<F, K, M>(f, x, w);
            for k in 0..K {
                let [s0, d0, s1, d1] = y[k];
                let sums = [f.sum_raw(s0, s1), f.sum_raw(d0, d1)];
                let differences = [f.difference(s0, s1), f.difference(d0, d1)];
                let [a, b] = f.mul_by(sums, [w[k][3]; 2]);
                let [c, d] = f.mul_by(differences, [w[k][0]; 2]);
                y[k] = [a, b, c, d];
            }
            y
        }
    }
}

#[inline(always)]
unsafe fn inner_factors<F: Field>(
    roots: &Factors,
    index: usize,
    outer: [F::V; 2],
) -> [[F::V; 2]; 4] {
    // SAFETY: the module's condition.
    unsafe { [outer, roots.splat::<F>(2 * index), roots.splat::<F>(2 * index + 1), outer] }
}

/// The inner inverse layer: sums and products of differences, alternating.
#[inline(always)]
unsafe fn inverse_inner<F: Field, const K: usize, const M: usize>(
    f: F,
    x: [[F::V; 4]; K],
    w: [[[F::V; 2]; 4]; K],
) -> [[F::V; 4]; K] {
    // SAFETY: the module's condition.
    unsafe {
        let (mut a, mut b) = ([x[0][0]; M], [w[0][0]; M]);
        for i in 0..M {
            let (x, half) = (x[i / 2], i % 2);
            (a[i], b[i]) = (f.difference(x[2 * half], x[2 * half + 1]), w[i / 2][1 + half]);
        }
        let v = f.mul_by(a, b);
        let mut y = x;
        for k in 0..K {
            let [x0, x1, x2, x3] = x[k];
            y[k] = [f.sum_lazy(x0, x1), v[2 * k], f.sum_lazy(x2, x3), v[2 * k + 1]];
        }
        y
    }
}

/// Applies `step` to all blocks of `len` words in `a`, whose roots start at `first`. `PAIR` tells to work on two
/// butterflies at once, which wants 32 registers.
#[inline(always)]
unsafe fn level<F: Field, S: Radix4<F>, const PAIR: bool>(
    f: F,
    step: S,
    first: usize,
    len: usize,
    a: &mut [u64],
) {
    let quarter = len / 4;
    // SAFETY: the module's condition; blocks are whole, and places are multiples of LANES below a quarter (in `two`,
    // of the first or the second block).
    unsafe {
        if PAIR && quarter == F::LANES {
            for (i, two) in a.chunks_exact_mut(2 * len).enumerate() {
                let w = [step.factors(first + 2 * i), step.factors(first + 2 * i + 1)];
                butterflies::<F, S, 2, 4>(f, w, [0, len], quarter, two);
            }
            return;
        }
        for (i, block) in a.chunks_exact_mut(len).enumerate() {
            let w = step.factors(first + i);
            if PAIR {
                for j in (0..quarter).step_by(2 * F::LANES) {
                    butterflies::<F, S, 2, 4>(f, [w; 2], [j, j + F::LANES], quarter, block);
                }
            } else {
                for j in (0..quarter).step_by(F::LANES) {
                    butterflies::<F, S, 1, 2>(f, [w], [j], quarter, block);
                }
            }
        }
    }
}

/// The butterflies at `places`, each with its other inputs `quarter` words apart.
#[inline(always)]
unsafe fn butterflies<F: Field, S: Radix4<F>, const K: usize, const M: usize>(
    f: F,
    w: [[[F::V; 2]; 4]; K],
    places: [usize; K],
    quarter: usize,
    a: &mut [u64],
) {
    debug_assert!(places.iter().all(|at| at + 3 * quarter + F::LANES <= a.len()));
    let base = a.as_mut_ptr();
    // SAFETY: the module's condition; callers pass places whose four registers lie in `a`.
    unsafe {
        let mut x = [[S::read(f, base); 4]; K];
        for (x, at) in x.iter_mut().zip(places) {
            for (q, x) in x.iter_mut().enumerate() {
                *x = S::read(f, base.add(at + q * quarter));
            }
        }
        for (y, at) in S::apply::<K, M>(f, x, w).into_iter().zip(places) {
            for (q, y) in y.into_iter().enumerate() {
                S::write(f, y, base.add(at + q * quarter));
            }
        }
    }
}

#[inline(always)]
pub(super) unsafe fn forward<F: Field, const PAIR: bool>(f: F, tables: &Tables, a: &mut [u64]) {
    let n = a.len();
    let roots = &tables.forward;
    let step = Forward::<false>(roots);
    // SAFETY: the module's condition. All lengths are powers of two, at least LANES in each pass.
    unsafe {
        let mut blocks = if starts_with_radix4::<F>(n) {
            level::<F, _, PAIR>(f, Forward::<true>(roots), 1, n, a);
            4
        } else {
            forward2(f, roots, a);
            2
        };
        while n / blocks > CACHED {
            level::<F, _, PAIR>(f, step, blocks, n / blocks, a);
            blocks *= 4;
        }
        for (b, block) in a.chunks_exact_mut(n / blocks).enumerate() {
            let mut len = block.len();
            let mut first = blocks + b;
            while len > F::LANES {
                level::<F, _, PAIR>(f, step, first, len, block);
                len /= 4;
                first *= 4;
            }
            let first = b * block.len() / F::LANES;
            for (i, part) in block.chunks_exact_mut(TAIL * F::LANES).enumerate() {
                forward_tail(f, roots, n, first + i * TAIL, part);
            }
        }
    }
}

#[inline(always)]
pub(super) unsafe fn inverse<F: Field, const PAIR: bool>(f: F, tables: &Tables, a: &mut [u64]) {
    let n = a.len();
    let roots = &tables.inverse;
    let step = Inverse(roots);
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
            let mut len = 4 * F::LANES;
            while len <= block.len() {
                level::<F, _, PAIR>(f, step, n / len + b * (block.len() / len), len, block);
                len *= 4;
            }
        }
        while blocks > outer {
            blocks /= 4;
            level::<F, _, PAIR>(f, step, blocks, n / blocks, a);
        }
        if radix4 {
            level::<F, _, PAIR>(f, InverseLast(tables), 1, n, a);
        } else {
            inverse2_last(f, tables, a);
        }
    }
}

/// The first layer alone.
#[inline(always)]
unsafe fn forward2<F: Field>(f: F, roots: &Factors, a: &mut [u64]) {
    let (low, high) = a.split_at_mut(a.len() / 2);
    // SAFETY: the module's condition; both halves are whole pairs of registers, equally many.
    unsafe {
        let w = roots.splat::<F>(1);
        for (x, y) in low.chunks_exact_mut(2 * F::LANES).zip(high.chunks_exact_mut(2 * F::LANES)) {
            let second = F::LANES;
            let v = [f.import(y.as_ptr()), f.import(y.as_ptr().add(second))];
            let v = f.mul_by(v, [w; 2]);
            let (u0, v0) = f.forward_pair(f.settle(f.import(x.as_ptr())), v[0]);
            let (u1, v1) = f.forward_pair(f.settle(f.import(x.as_ptr().add(second))), v[1]);
            F::store(u0, x.as_mut_ptr());
            F::store(v0, y.as_mut_ptr());
            F::store(u1, x.as_mut_ptr().add(second));
            F::store(v1, y.as_mut_ptr().add(second));
        }
    }
}

/// The last inverse layer alone, with the factor 1/n and full reduction.
#[inline(always)]
unsafe fn inverse2_last<F: Field>(f: F, tables: &Tables, a: &mut [u64]) {
    let (low, high) = a.split_at_mut(a.len() / 2);
    // SAFETY: the module's condition; both halves are whole registers of equal number.
    unsafe {
        let w = [tables.scale.splat::<F>(0), tables.scale.splat::<F>(1)];
        for (x, y) in low.chunks_exact_mut(F::LANES).zip(high.chunks_exact_mut(F::LANES)) {
            let (u, v) = (F::load(x.as_ptr()), F::load(y.as_ptr()));
            let [u, v] = f.mul_by([f.sum_raw(u, v), f.difference(u, v)], w);
            f.export(u, x.as_mut_ptr());
            f.export(v, y.as_mut_ptr());
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
            let w = tail_factors::<F>(roots, n, first, width);
            let (mut u, mut v) = ([x[0]; TAIL / 2], [x[0]; TAIL / 2]);
            for i in 0..TAIL / 2 {
                (u[i], v[i]) = F::zip(x[2 * i], x[2 * i + 1]);
            }
            let v = f.mul_by(v, w);
            for i in 0..TAIL / 2 {
                (x[2 * i], x[2 * i + 1]) = f.forward_pair(u[i], v[i]);
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

/// Undoes [`forward_tail`] up to a power of 2.
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
            let w = tail_factors::<F>(roots, n, first, width);
            let mut d = [x[0]; TAIL / 2];
            for i in 0..TAIL / 2 {
                d[i] = f.difference(x[2 * i], x[2 * i + 1]);
            }
            let d = f.mul_by(d, w);
            for i in 0..TAIL / 2 {
                let (u, v) = (x[2 * i], x[2 * i + 1]);
                let sum = if width == F::LANES { f.sum_lazy(u, v) } else { f.sum(u, v) };
                (x[2 * i], x[2 * i + 1]) = F::unzip(sum, d[i]);
            }
            width /= 2;
        }
        for (i, x) in x.into_iter().enumerate() {
            F::store(x, a.as_mut_ptr().add(i * F::LANES));
        }
    }
}

/// The roots of the layer that has `width` groups in two registers, from register `first` on.
#[inline(always)]
unsafe fn tail_factors<F: Field>(
    roots: &Factors,
    n: usize,
    first: usize,
    width: usize,
) -> [[F::V; 2]; TAIL / 2] {
    let level = (n / F::LANES + first) * width / 2;
    // SAFETY: the module's condition.
    unsafe {
        let mut w = [roots.pattern::<F>(level, width); TAIL / 2];
        for (i, w) in w.iter_mut().enumerate().skip(1) {
            *w = roots.pattern::<F>(level + i * width, width);
        }
        w
    }
}
