//! Arithmetic on coefficient vectors.
//!
//! # Safety
//! The functions over a [`Field`] are `inline(always)` and may be called only where its features are enabled; chunks
//! that they load and store are exactly `LANES` words. Additions are plain loops that the compiler vectorises with
//! the features of the caller.

use super::scalar::Modulus;
#[cfg(target_arch = "x86_64")]
use super::wide::Field;

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn mul<F: Field>(f: F, modulus: &Modulus, a: &[u64], b: &[u64], out: &mut [u64]) {
    let (mut a, mut b) = (a.chunks_exact(F::LANES), b.chunks_exact(F::LANES));
    let mut out = out.chunks_exact_mut(F::LANES);
    for ((a, b), out) in (&mut a).zip(&mut b).zip(&mut out) {
        // SAFETY: the module's condition.
        unsafe {
            let product = f.mul(f.import(a.as_ptr()), f.import(b.as_ptr()));
            f.export(product, out.as_mut_ptr());
        }
    }
    modulus.mul_slice(a.remainder(), b.remainder(), out.into_remainder());
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn mul_acc<F: Field>(
    f: F,
    modulus: &Modulus,
    acc: &mut [u64],
    a: &[u64],
    b: &[u64],
) {
    let (mut a, mut b) = (a.chunks_exact(F::LANES), b.chunks_exact(F::LANES));
    let mut acc = acc.chunks_exact_mut(F::LANES);
    for ((a, b), acc) in (&mut a).zip(&mut b).zip(&mut acc) {
        // SAFETY: the module's condition.
        unsafe {
            let product = f.mul(f.import(a.as_ptr()), f.import(b.as_ptr()));
            f.export(f.sum_raw(product, f.import(acc.as_ptr())), acc.as_mut_ptr());
        }
    }
    modulus.mul_acc_slice(acc.into_remainder(), a.remainder(), b.remainder());
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
pub(super) unsafe fn mul_scalar<F: Field>(f: F, modulus: &Modulus, a: &mut [u64], scalar: u64) {
    let (w, quotient) = F::encode(scalar, modulus.p);
    let mut a = a.chunks_exact_mut(F::LANES);
    // SAFETY: the module's condition; `splat` reads one word.
    unsafe {
        let w = [F::splat(&w), F::splat(&quotient)];
        for a in &mut a {
            let [product] = f.mul_by([f.import(a.as_ptr())], [w]);
            f.export(product, a.as_mut_ptr());
        }
    }
    modulus.mul_scalar_slice(a.into_remainder(), scalar);
}

#[inline(always)]
pub(super) fn add(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = modulus.add(*a, *b);
    }
}

#[inline(always)]
pub(super) fn sub(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
    for (a, b) in a.iter_mut().zip(b) {
        *a = modulus.sub(*a, *b);
    }
}

#[inline(always)]
pub(super) fn neg(modulus: &Modulus, a: &mut [u64]) {
    for a in a {
        *a = modulus.sub(0, *a);
    }
}
