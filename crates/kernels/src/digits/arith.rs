//! Arithmetic on tensors of digits: loops that the compiler vectorises.

use super::{Radix, check_labels, whole_labels};
use crate::isa::dispatch;

/// `out` = a + b, digit by digit.
///
/// # Panics
/// If the lengths differ.
pub fn add(r: Radix, a: &[u8], b: &[u8], out: &mut [u8]) {
    assert!(a.len() == out.len() && b.len() == out.len(), "lengths of digits");
    dispatch!(add(r, a, b, out), portable::add(r, a, b, out));
}

/// `out` = a - b, digit by digit.
///
/// # Panics
/// If the lengths differ.
pub fn sub(r: Radix, a: &[u8], b: &[u8], out: &mut [u8]) {
    assert!(a.len() == out.len() && b.len() == out.len(), "lengths of digits");
    dispatch!(sub(r, a, b, out), portable::sub(r, a, b, out));
}

/// `out` = c x for a public or secret digit c.
///
/// # Panics
/// If the lengths differ.
pub fn scale(r: Radix, c: u8, x: &[u8], out: &mut [u8]) {
    assert_eq!(x.len(), out.len(), "lengths of digits");
    dispatch!(scale(r, c, x, out), portable::scale(r, c, x, out));
}

/// x = (x - e) c: one elimination step of a mixed-radix conversion.
///
/// # Panics
/// If the lengths differ.
pub fn sub_scale(r: Radix, x: &mut [u8], e: &[u8], c: u8) {
    assert_eq!(x.len(), e.len(), "lengths of digits");
    dispatch!(sub_scale(r, x, e, c), portable::sub_scale(r, x, e, c));
}

/// y += c x.
///
/// # Panics
/// If the lengths differ.
pub fn add_scaled(r: Radix, y: &mut [u8], c: u8, x: &[u8]) {
    assert_eq!(x.len(), y.len(), "lengths of digits");
    dispatch!(add_scaled(r, y, c, x), portable::add_scaled(r, y, c, x));
}

/// y_i += c_i x_i for labels i: `c` holds one digit per label, `x` as many labels as `y` or one for all.
///
/// *Security*: running time does not depend on `c`.
///
/// # Panics
/// If the lengths do not fit.
pub fn add_each(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
    check_labels(r, y.len(), c.len());
    assert!(
        x.len() == y.len() || whole_labels(r, x.len()) == 1,
        "{} bytes are neither one label nor {}",
        x.len(),
        c.len()
    );
    dispatch!(add_each(r, y, c, x), portable::add_each(r, y, c, x));
}

mod portable {
    use super::Radix;

    #[inline(always)]
    pub(super) fn add(r: Radix, a: &[u8], b: &[u8], out: &mut [u8]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = r.fold(u16::from(*a) + u16::from(*b)) as u8;
        }
    }

    #[inline(always)]
    fn difference(r: Radix, a: u8, b: u8) -> u16 {
        r.fold(u16::from(a) + u16::from(r.p()) - u16::from(b))
    }

    #[inline(always)]
    pub(super) fn sub(r: Radix, a: &[u8], b: &[u8], out: &mut [u8]) {
        for ((out, a), b) in out.iter_mut().zip(a).zip(b) {
            *out = difference(r, *a, *b) as u8;
        }
    }

    #[inline(always)]
    pub(super) fn scale(r: Radix, c: u8, x: &[u8], out: &mut [u8]) {
        for (out, x) in out.iter_mut().zip(x) {
            *out = r.reduce(u16::from(c) * u16::from(*x)) as u8;
        }
    }

    #[inline(always)]
    pub(super) fn sub_scale(r: Radix, x: &mut [u8], e: &[u8], c: u8) {
        for (x, e) in x.iter_mut().zip(e) {
            *x = r.reduce(difference(r, *x, *e) * u16::from(c)) as u8;
        }
    }

    #[inline(always)]
    pub(super) fn add_scaled(r: Radix, y: &mut [u8], c: u8, x: &[u8]) {
        for (y, x) in y.iter_mut().zip(x) {
            *y = r.reduce(u16::from(*y) + u16::from(c) * u16::from(*x)) as u8;
        }
    }

    #[inline(always)]
    pub(super) fn add_each(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
        let n = r.digits();
        let one = x.len() == n;
        for (i, (y, &c)) in y.chunks_exact_mut(n).zip(c).enumerate() {
            let at = if one { 0 } else { i * n };
            add_scaled(r, y, c, &x[at..at + n]);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    /// Stamps the loops for one set of features.
    macro_rules! entry_points {
        ($features:literal) => {
            use super::super::{Radix, portable};

            #[target_feature(enable = $features)]
            pub(crate) fn add(r: Radix, a: &[u8], b: &[u8], out: &mut [u8]) {
                portable::add(r, a, b, out);
            }

            #[target_feature(enable = $features)]
            pub(crate) fn sub(r: Radix, a: &[u8], b: &[u8], out: &mut [u8]) {
                portable::sub(r, a, b, out);
            }

            #[target_feature(enable = $features)]
            pub(crate) fn scale(r: Radix, c: u8, x: &[u8], out: &mut [u8]) {
                portable::scale(r, c, x, out);
            }

            #[target_feature(enable = $features)]
            pub(crate) fn sub_scale(r: Radix, x: &mut [u8], e: &[u8], c: u8) {
                portable::sub_scale(r, x, e, c);
            }

            #[target_feature(enable = $features)]
            pub(crate) fn add_scaled(r: Radix, y: &mut [u8], c: u8, x: &[u8]) {
                portable::add_scaled(r, y, c, x);
            }
        };
    }

    pub(super) mod avx2 {
        entry_points!("avx2");

        #[target_feature(enable = "avx2")]
        pub(crate) fn add_each(r: Radix, y: &mut [u8], c: &[u8], x: &[u8]) {
            portable::add_each(r, y, c, x);
        }
    }

    pub(super) mod avx512 {
        pub(crate) use super::super::super::x86::avx512::add_each;

        entry_points!("avx512f,avx512dq,avx512vl,avx512bw");
    }
}
