//! Arithmetic modulo n^2 on pairs x = x0 + x1 n, which takes no number longer than n.
//!
//! Let q be the quotient of Montgomery's reduction of x0 y0, x0 y0 + q n = R t. Then x y / R is, modulo n^2,
//!
//! > t + n (x0 y1 + x1 y0 - q) / R,
//!
//! and the second part is reduced modulo n in turn, after the multiple of n from R on was added, which is above q. A
//! product takes the work of five products of n's length, a square of three and a half, where factors of twice the length
//! take eight and six.
//!
//! *Bounds*: R is at least 256 n. A reduction gives at most n more than its columns / R. So a product of numbers below
//! 8 n gives a first number below n + 64 n / 256, and a second below n + 128 n / 256 + (R + n) / R, together below
//! 2 n. A sum of four numbers below R times weights, numbers below 1.1 n, gives numbers below n + 4.4 n + 2.
//!
//! *Source*: the base n is that of Damgard and Jurik, "A generalisation, a simplification and some applications of
//! Paillier's probabilistic public-key system", PKC 2001, section 4.2, who compute powers of 1 + n so; the quotient is
//! Montgomery's.
//!
//! # Safety
//! As in [`super::wide`].

use core::arch::x86_64::*;

use super::sweep::{Window, load, store};
use super::wide::{
    Constants, Multiplier, ROWS, carried, multiply, operands, reduce, rows, split, square,
};
use super::{Limbs, Task};

/// Does a task modulo n^2; `scratch` is three groups.
#[inline(always)]
pub(super) unsafe fn run<M: Multiplier>(
    m: M,
    c: &Constants,
    task: Task<'_>,
    scratch: &mut [Limbs],
    out: &mut [Limbs],
) {
    // SAFETY: the module's condition.
    unsafe {
        let limbs = c.n.len();
        let (b, sums) = scratch.split_at_mut(2 * limbs);
        sums.fill(Limbs::default());
        let (low, high) = sums.split_at_mut(2 * limbs);
        match task {
            Task::Product(x, y) => {
                operands(m, y, b);
                product(m, x, b, low, high);
            }
            Task::Square(x) => {
                let (b, doubled) = b.split_at_mut(limbs);
                operands(m, &x[..limbs], b);
                square(m, &x[..limbs], b, low);
                twice(m, &x[limbs..], doubled);
                multiply(m, &x[..limbs], doubled, high);
            }
            Task::Sum(x, weights) => {
                for (x, weight) in x.chunks_exact(limbs).zip(weights.chunks_exact(2 * limbs)) {
                    operands(m, weight, b);
                    multiply(m, x, &b[..limbs], low);
                    multiply(m, x, &b[limbs..], high);
                }
            }
            Task::Value(x) => {
                low[..limbs].copy_from_slice(&x[..limbs]);
                high[..limbs].copy_from_slice(&x[limbs..]);
            }
        }
        reduce(m, c, [&mut *low, high], out);
        if matches!(task, Task::Value(_)) {
            // At most n + n (n + 1).
            low.fill(Limbs::default());
            low[..limbs].copy_from_slice(&out[..limbs]);
            multiply(m, &out[limbs..], &c.n, low);
            carried(low, out);
        }
    }
}

/// Adds x0 y0 to the first columns and x0 y1 + x1 y0 to the second.
#[inline(always)]
unsafe fn product<M: Multiplier>(
    m: M,
    x: &[Limbs],
    y: &[Limbs],
    low: &mut [Limbs],
    high: &mut [Limbs],
) {
    // SAFETY: the module's condition.
    unsafe {
        let limbs = y.len() / 2;
        let (y0, y1) = y.split_at(limbs);
        for i in (0..limbs).step_by(ROWS) {
            let (x0, x1) = (rows(m, &x[i..]), rows(m, &x[limbs + i..]));
            let (low, high) = (&mut low[i..i + limbs + ROWS], &mut high[i..i + limbs + ROWS]);
            let (mut first, mut second) = (Window::open::<M>(low, 1), Window::open::<M>(high, 2));
            let (lows, highs) = (low.as_mut_ptr(), high.as_mut_ptr());
            for (j, (y0, y1)) in y0.iter().zip(y1).enumerate() {
                let (y0, y1) = (load(y0), load(y1));
                first.add(m, &x0, y0);
                second.add(m, &x0, y1);
                second.add(m, &x1, y0);
                first.shift(lows, j);
                second.shift(highs, j);
            }
            first.close::<M>(low, 1);
            second.close::<M>(high, 2);
        }
    }
}

/// Twice a number, as operands.
#[inline(always)]
unsafe fn twice<M: Multiplier>(m: M, x: &[Limbs], out: &mut [Limbs]) {
    // SAFETY: the module's condition.
    unsafe {
        let mut carry = _mm512_setzero_si512();
        for (x, out) in x.iter().zip(out) {
            let x = load(x);
            let limb;
            (limb, carry) = split(_mm512_add_epi64(_mm512_add_epi64(x, x), carry));
            store(out, m.operand(limb));
        }
    }
}
