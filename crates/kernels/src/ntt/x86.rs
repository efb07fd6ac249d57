//! The `#[target_feature]` boundaries around the transforms and the coefficient-wise loops.

/// Stamps the entry points for one arithmetic; callers must have detected the features.
macro_rules! entry_points {
    ($field:ty, $pair:literal, $features:literal) => {
        use super::super::scalar::Modulus;
        use super::super::{convert, pointwise, sums, wide};

        pub(crate) fn tables(n: usize, p: u64) -> wide::Tables {
            wide::Tables::new::<$field>(n, p)
        }

        #[target_feature(enable = $features)]
        pub(crate) fn forward(tables: &wide::Tables, p: u64, a: &mut [u64]) {
            // SAFETY: the features of the field are enabled here; so below.
            unsafe { wide::forward::<_, $pair>(<$field>::new(p), tables, a) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn inverse(tables: &wide::Tables, p: u64, a: &mut [u64]) {
            // SAFETY: as above.
            unsafe { wide::inverse::<_, $pair>(<$field>::new(p), tables, a) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn mul(modulus: &Modulus, a: &[u64], b: &[u64], out: &mut [u64]) {
            // SAFETY: as above.
            unsafe { pointwise::mul(<$field>::new(modulus.p), modulus, a, b, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn mul_acc(modulus: &Modulus, acc: &mut [u64], a: &[u64], b: &[u64]) {
            // SAFETY: as above.
            unsafe { pointwise::mul_acc(<$field>::new(modulus.p), modulus, acc, a, b) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn mul_scalar(modulus: &Modulus, a: &mut [u64], scalar: u64) {
            // SAFETY: as above.
            unsafe { pointwise::mul_scalar(<$field>::new(modulus.p), modulus, a, scalar) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn multiplicand(p: u64, a: &mut [u64]) {
            // SAFETY: as above.
            unsafe { sums::multiplicand(<$field>::new(p), a) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn matrix(p: u64, m: &sums::Matrix<'_>, out: &mut [u64]) {
            // SAFETY: as above; callers have checked the extents.
            unsafe { sums::matrix::<_, $pair>(<$field>::new(p), p, m, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn products(p: u64, v: &sums::Vectors<'_>, out: &mut [[&mut [u64]; 2]]) {
            // SAFETY: as above; callers have checked the lengths.
            unsafe { sums::products::<_, $pair>(<$field>::new(p), p, v, out) }
        }

        #[target_feature(enable = $features)]
        pub(crate) fn add_binomial(m: &Modulus, a: &mut [u64], words: &[u64], pairs: u32) {
            convert::add_binomial(m, a, words, pairs);
        }

        #[target_feature(enable = $features)]
        pub(crate) fn ternary(m: &Modulus, a: &mut [u64], words: &[u64]) {
            convert::ternary(m, a, words);
        }

        #[target_feature(enable = $features)]
        pub(crate) fn add_quotients(
            p: u64,
            inverse: u64,
            a: &[u64],
            integers: &mut [u64],
            fractions: &mut [f64],
        ) {
            convert::add_quotients(p, inverse, a, integers, fractions);
        }

        #[target_feature(enable = $features)]
        pub(crate) fn add(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
            pointwise::add(modulus, a, b);
        }

        #[target_feature(enable = $features)]
        pub(crate) fn sub(modulus: &Modulus, a: &mut [u64], b: &[u64]) {
            pointwise::sub(modulus, a, b);
        }

        #[target_feature(enable = $features)]
        pub(crate) fn neg(modulus: &Modulus, a: &mut [u64]) {
            pointwise::neg(modulus, a);
        }
    };
}

/// Doubles, four at a time.
pub(super) mod avx2 {
    entry_points!(super::super::fma::Doubles4, false, "avx2,fma");
}

/// Doubles, eight at a time.
pub(super) mod avx512 {
    entry_points!(super::super::fma::Doubles8, true, "avx512f,avx512dq,avx512vl,avx512bw,avx2,fma");
}

/// 52-bit integers, eight at a time.
pub(super) mod ifma {
    entry_points!(
        super::super::ifma::Integers8<super::super::ifma::Native>,
        true,
        "avx512f,avx512dq,avx512vl,avx512bw,avx512ifma"
    );
}
