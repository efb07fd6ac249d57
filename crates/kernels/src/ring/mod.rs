//! Matrix products and convolutions over Z_2^32 and Z_2^64 (wrapping arithmetic).

use crate::isa::dispatch;

mod conv;
mod direct;
#[cfg(target_arch = "x86_64")]
mod tile;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use conv::{Conv2d, conv2d_u32, conv2d_u64};

/// An element of the ring.
trait Word: Copy + Default {
    /// self + a b.
    fn mul_add(self, a: Self, b: Self) -> Self;
    #[cfg(target_arch = "x86_64")]
    fn add(self, other: Self) -> Self;
}

macro_rules! word {
    ($word:ty) => {
        impl Word for $word {
            #[inline(always)]
            fn mul_add(self, a: Self, b: Self) -> Self {
                self.wrapping_add(a.wrapping_mul(b))
            }

            #[cfg(target_arch = "x86_64")]
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
        }
    };
}

word!(u32);
word!(u64);

/// `c = a * b` over Z_2^64. *Shapes*: `a` is m by k, `b` is k by n, `c` is m by n, all row-major.
///
/// # Panics
/// If a slice has another length.
pub fn gemm_u64(m: usize, k: usize, n: usize, a: &[u64], b: &[u64], c: &mut [u64]) {
    check(m, k, n, a.len(), b.len(), c.len());
    dispatch!(gemm_u64(m, k, n, a, b, c), direct::gemm(k, n, a, b, c));
}

/// `c = a * b` over Z_2^32, otherwise as [`gemm_u64`].
///
/// # Panics
/// If a slice has another length.
pub fn gemm_u32(m: usize, k: usize, n: usize, a: &[u32], b: &[u32], c: &mut [u32]) {
    check(m, k, n, a.len(), b.len(), c.len());
    dispatch!(gemm_u32(m, k, n, a, b, c), direct::gemm(k, n, a, b, c));
}

fn check(m: usize, k: usize, n: usize, a: usize, b: usize, c: usize) {
    assert!(a == m * k && b == k * n && c == m * n, "matrix sizes: {a}, {b}, {c} for {m}x{k}x{n}");
}

#[cfg(test)]
mod tests;
