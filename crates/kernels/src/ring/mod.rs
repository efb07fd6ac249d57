//! Matrix products and convolutions over Z_2^32 and Z_2^64 (wrapping arithmetic).

mod conv;

pub use conv::{Conv2d, conv2d_u32, conv2d_u64};

/// `c = a * b` over Z_2^64. *Shapes*: `a` is m by k, `b` is k by n, `c` is m by n, all row-major.
///
/// # Panics
/// If a slice has another length.
pub fn gemm_u64(m: usize, k: usize, n: usize, a: &[u64], b: &[u64], c: &mut [u64]) {
    check(m, k, n, a.len(), b.len(), c.len());
    c.fill(0);
    for i in 0..m {
        for l in 0..k {
            for j in 0..n {
                c[i * n + j] = c[i * n + j].wrapping_add(a[i * k + l].wrapping_mul(b[l * n + j]));
            }
        }
    }
}

/// `c = a * b` over Z_2^32, otherwise as [`gemm_u64`].
///
/// # Panics
/// If a slice has another length.
pub fn gemm_u32(m: usize, k: usize, n: usize, a: &[u32], b: &[u32], c: &mut [u32]) {
    check(m, k, n, a.len(), b.len(), c.len());
    c.fill(0);
    for i in 0..m {
        for l in 0..k {
            for j in 0..n {
                c[i * n + j] = c[i * n + j].wrapping_add(a[i * k + l].wrapping_mul(b[l * n + j]));
            }
        }
    }
}

fn check(m: usize, k: usize, n: usize, a: usize, b: usize, c: usize) {
    assert!(a == m * k && b == k * n && c == m * n, "matrix sizes: {a}, {b}, {c} for {m}x{k}x{n}");
}
