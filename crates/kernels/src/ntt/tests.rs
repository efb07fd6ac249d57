#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

/// Reproducible values below p, with the extremes well represented.
fn values(n: usize, p: u64, seed: u64) -> Vec<u64> {
    let mut state = seed;
    (0..n)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            match state >> 60 {
                0 => 0,
                1 => p - 1,
                2 => 1,
                3 => p / 2 + ((state >> 40) & 1),
                _ => ((u128::from(state) * u128::from(p)) >> 64) as u64,
            }
        })
        .collect()
}

fn schoolbook(a: &[u64], b: &[u64], p: u64) -> Vec<u64> {
    let n = a.len();
    let mut c = vec![0; n];
    for (i, a) in a.iter().enumerate() {
        for (j, b) in b.iter().enumerate() {
            let product = prime::mul_mod(*a, *b, p);
            let sum = if i + j < n { c[i + j] + product } else { c[i + j - n] + p - product };
            c[(i + j) % n] = sum % p;
        }
    }
    c
}

#[test]
fn product_is_the_negacyclic_one() {
    for isa in isa::available() {
        for (n, bits) in [(8, 20), (16, 50), (64, 50), (128, 31), (256, 50), (512, 44)] {
            for p in find_primes(n, bits, 2) {
                let ntt = isa::with(isa, || Ntt::new(n, p));
                let (a, b) = (values(n, p, 1), values(n, p, 2));
                let expected = schoolbook(&a, &b, p);
                let (mut fa, mut fb, mut c) = (a.clone(), b, vec![0; n]);
                ntt.forward(&mut fa);
                ntt.forward(&mut fb);
                ntt.mul(&fa, &fb, &mut c);
                ntt.inverse(&mut c);
                assert_eq!(c, expected, "{isa:?} n = {n} p = {p}");
                ntt.inverse(&mut fa);
                assert_eq!(fa, a);
            }
        }
    }
}

/// Everything a transform computes on one pair of inputs.
fn run_all(ntt: &Ntt, a: &[u64], b: &[u64]) -> Vec<Vec<u64>> {
    let apply = |f: &dyn Fn(&mut Vec<u64>)| {
        let mut out = a.to_vec();
        f(&mut out);
        out
    };
    vec![
        apply(&|x| ntt.forward(x)),
        apply(&|x| ntt.inverse(x)),
        apply(&|x| ntt.mul(a, b, x)),
        apply(&|x| ntt.mul_acc(x, a, b)),
        apply(&|x| ntt.mul_scalar(x, b[0])),
        apply(&|x| ntt.add(x, b)),
        apply(&|x| ntt.sub(x, b)),
        apply(&|x| ntt.neg(x)),
        apply(&|x| ntt.add_binomial(x, b, 21)),
        apply(&|x| ntt.ternary(x, b)),
        apply(&|x| {
            let mut fractions = vec![0.5; x.len()];
            ntt.add_quotients(b, x, &mut fractions);
            x.iter_mut().zip(fractions).for_each(|(x, f)| *x ^= f.to_bits());
        }),
    ]
}

/// Sums of products with the extents given, from factors of reproducible values (all the greatest if `extreme`).
fn run_sums(ntt: &Ntt, [rows, terms, width]: [usize; 3], extreme: bool) -> Vec<Vec<u64>> {
    let p = ntt.p();
    let draw = |n: usize, seed: u64| if extreme { vec![p - 1; n] } else { values(n, p, seed) };
    let factors = |mut a: Vec<u64>| {
        let rest = a.len().next_multiple_of(8);
        a.resize(rest, 0);
        ntt.factors(&mut a);
        a
    };
    let (w, a) = (factors(draw(rows * terms, 1)), factors(draw(terms * width, 2)));
    let stride = width + 3;
    let mut matrix = vec![7; rows * stride];
    ntt.mul_matrix(rows, width, &w[..rows * terms], &a, &mut matrix, stride);

    let mut sums: Vec<_> = (0..2 * rows).map(|i| draw(width, 3 + i as u64)).collect();
    let b = factors(draw(terms * width, 5));
    let pairs: Vec<[&[u64]; 2]> =
        a.chunks(width.max(1)).zip(b.chunks(width.max(1))).map(|(a, b)| [a, b]).collect();
    let c = factors(draw(rows * terms * width, 6));
    let w: Vec<&[u64]> = c.chunks(width.max(1)).collect();
    let mut out: Vec<[&mut [u64]; 2]> =
        sums.as_chunks_mut().0.iter_mut().map(|pair| pair.each_mut().map(|v| &mut v[..])).collect();
    ntt.add_products(&mut out, &pairs, &w);
    sums.push(matrix);
    sums
}

#[test]
fn sums_of_products_equal_scalar_whatever_their_length() {
    for bits in [50, 49, 45, 31, 20] {
        let p = find_primes(1024, bits, 1)[0];
        let scalar = isa::with(Isa::Scalar, || Ntt::new(1024, p));
        for isa in isa::available() {
            let ntt = isa::with(isa, || Ntt::new(1024, p));
            let extents = [[0, 3, 8], [1, 0, 8], [3, 1, 16], [11, 3, 8], [7, 40, 24], [5, 9, 64]];
            for (extents, extreme) in extents.into_iter().flat_map(|e| [(e, false), (e, true)]) {
                let same = run_sums(&ntt, extents, extreme) == run_sums(&scalar, extents, extreme);
                assert!(same, "{isa:?} p = {p} {extents:?}");
            }
            let extents = [2, 3000, 8];
            assert!(run_sums(&ntt, extents, true) == run_sums(&scalar, extents, true), "{isa:?}");
        }
    }
}

#[test]
fn polynomials_in_a_power_of_x_have_short_transforms() {
    let n = 512;
    let p = find_primes(n, 45, 1)[0];
    for isa in isa::available() {
        let ntt = isa::with(isa, || Ntt::new(n, p));
        for log_run in 0..=9 {
            let run = 1 << log_run;
            let mut short = values(n / run, p, 12);
            let mut long = vec![0; n];
            short.iter().enumerate().for_each(|(i, v)| long[i * run] = *v);
            isa::with(isa, || Ntt::new(n / run, p)).forward(&mut short);
            ntt.forward(&mut long);
            assert!(long.chunks(run).zip(&short).all(|(run, v)| run.iter().all(|r| r == v)));
        }
    }
}

#[test]
fn every_isa_equals_scalar_in_all_degrees() {
    for log_n in 0..=15 {
        let n = 1 << log_n;
        for (bits, index) in [(50, 0), (50, 1), (40, 0), (log_n.max(3) + 5, 0)] {
            let Some(&p) = find_primes(n, bits, 2).get(index) else { continue };
            let extremes = [vec![0; n], vec![p - 1; n], vec![p / 2; n], vec![p / 2 + 1; n]];
            let scalar = isa::with(Isa::Scalar, || Ntt::new(n, p));
            for isa in isa::available() {
                let ntt = isa::with(isa, || Ntt::new(n, p));
                for a in extremes.iter().cloned().chain([values(n, p, 9)]) {
                    let b = values(n, p, 10);
                    let same = run_all(&ntt, &a, &b) == run_all(&scalar, &a, &b);
                    assert!(same, "{isa:?} n = {n} p = {p}");
                }
            }
        }
    }
}

/// The shape of input that grows fastest: each layer's butterfly adds values of one sign.
#[test]
fn constant_transforms_do_not_overflow() {
    let n = 32768;
    let p = find_primes(n, 50, 1)[0];
    for isa in isa::available() {
        let ntt = isa::with(isa, || Ntt::new(n, p));
        let mut point = vec![0; n];
        point[0] = p - 1;
        let mut a = point.clone();
        ntt.forward(&mut a);
        assert_eq!(a, vec![p - 1; n], "{isa:?}");
        ntt.inverse(&mut a);
        assert_eq!(a, point, "{isa:?}");
    }
}

proptest! {
    /// A number modulo the product of two primes, scaled to powers of two.
    #[test]
    fn quotients_add_up_to_a_rounded_division(c: u128, bits in 1_u32..40) {
        let p = find_primes(64, 49, 2);
        let q = u128::from(p[0]) * u128::from(p[1]);
        let c = c % q;
        let (mut integers, mut fractions) = (vec![0], vec![0.0]);
        for (p, other) in [(p[0], p[1]), (p[1], p[0])] {
            let factor = prime::mul_mod(prime::inv_mod(other % p, p), 1 << bits, p);
            let a = prime::mul_mod((c % u128::from(p)) as u64, factor, p);
            Ntt::new(64, p).add_quotients(&[a], &mut integers, &mut fractions);
        }
        let got = integers[0].wrapping_add((fractions[0] + 0.5) as u64) & ((1 << bits) - 1);
        let exact = c as f64 / q as f64 * f64::from(bits).exp2();
        let distance = (got as f64 - exact).abs();
        prop_assert!(distance.min(f64::from(bits).exp2() - distance) <= 0.501);
    }

    #[test]
    fn every_isa_equals_scalar(seed: u64, log_n in 6_u32..11, len in 0_usize..70, prime in 0_usize..4) {
        let n = 1 << log_n;
        let p = find_primes(n, 50, 4)[prime];
        let (a, b) = (values(n, p, seed), values(n, p, !seed));
        let scalar = isa::with(Isa::Scalar, || Ntt::new(n, p));
        let len = len.min(n);
        for isa in isa::available() {
            let ntt = isa::with(isa, || Ntt::new(n, p));
            prop_assert!(run_all(&ntt, &a, &b) == run_all(&scalar, &a, &b), "{:?}", isa);
            let (mut x, mut y) = (a[..len].to_vec(), a[..len].to_vec());
            ntt.mul_acc(&mut x, &a[..len], &b[..len]);
            scalar.mul_acc(&mut y, &a[..len], &b[..len]);
            prop_assert_eq!(x, y);
        }
    }

    #[test]
    fn scalar_products_are_right(a: u64, b: u64, prime in 0_usize..40) {
        for bits in [50, 49, 33, 20] {
            let primes = find_primes(8, bits, 40);
            let modulus = Modulus::new(primes[prime]);
            let (a, b) = (a % modulus.p, b % modulus.p);
            prop_assert_eq!(modulus.mul(a, b), prime::mul_mod(a, b, modulus.p));
        }
    }
}

/// The 52-bit integer arithmetic on imitated multiply-adds, for machines without IFMA.
#[cfg(target_arch = "x86_64")]
#[test]
fn integer_arithmetic_equals_scalar() {
    if !isa::available().contains(&Isa::Avx512) {
        return;
    }
    for bits in [50, 49, 45, 30] {
        let p = find_primes(256, bits, 1)[0];
        let scalar = isa::with(Isa::Scalar, || Ntt::new(256, p));
        let (w, a) = (vec![p - 1; 3 * 300], values(300 * 16, p, 8));
        let (mut expected, mut got) = (vec![0; 48], vec![0; 48]);
        scalar.mul_matrix(3, 16, &w, &a, &mut expected, 16);
        // SAFETY: AVX-512 is available.
        unsafe {
            emulated::matrix(
                p,
                &Matrix { rows: 3, terms: 300, width: 16, stride: 16, w: &w, a: &a },
                &mut got,
            )
        };
        assert!(got == expected, "p = {p}");
    }
    for (n, bits) in [(256, 50), (512, 30), (2048, 50), (8192, 50), (16384, 49)] {
        let p = find_primes(n, bits, 1)[0];
        let scalar = isa::with(Isa::Scalar, || Ntt::new(n, p));
        let tables = emulated::tables(n, p);
        for a in [values(n, p, 3), vec![p - 1; n]] {
            let b = values(n, p, 4);
            let expected = run_all(&scalar, &a, &b);
            // SAFETY: AVX-512 is available.
            let got = unsafe { emulated::run(&tables, &scalar.modulus, &a, &b) };
            assert!(got[..] == expected[..5], "n = {n} p = {p}");
        }
    }
}

#[cfg(target_arch = "x86_64")]
pub(crate) use emulated::Imitated;

#[cfg(target_arch = "x86_64")]
mod emulated {
    use core::arch::x86_64::*;

    use super::super::ifma::{Integers8, MultiplyAdd};
    use super::super::{pointwise, scalar::Modulus, sums, wide};

    #[derive(Clone, Copy)]
    pub(crate) struct Imitated;

    const MASK: u64 = (1 << 52) - 1;

    #[target_feature(enable = "avx512f")]
    fn each(acc: __m512i, a: __m512i, b: __m512i, shift: u32) -> __m512i {
        let words = |v: __m512i| {
            let mut words = [0_u64; 8];
            // SAFETY: eight words are one register.
            unsafe { _mm512_storeu_si512(words.as_mut_ptr().cast(), v) };
            words
        };
        let (mut acc, a, b) = (words(acc), words(a), words(b));
        for i in 0..8 {
            let product = u128::from(a[i] & MASK) * u128::from(b[i] & MASK);
            acc[i] = acc[i].wrapping_add((product >> shift) as u64 & MASK);
        }
        // SAFETY: as above.
        unsafe { _mm512_loadu_si512(acc.as_ptr().cast()) }
    }

    // SAFETY: the caller has enabled AVX-512.
    impl MultiplyAdd for Imitated {
        unsafe fn low(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
            unsafe { each(acc, a, b, 0) }
        }
        unsafe fn high(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
            unsafe { each(acc, a, b, 52) }
        }
    }

    pub(super) fn tables(n: usize, p: u64) -> wide::Tables {
        wide::Tables::new::<Integers8<Imitated>>(n, p)
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    pub(super) fn matrix(p: u64, m: &sums::Matrix<'_>, out: &mut [u64]) {
        // SAFETY: as below; the extents fit.
        unsafe { sums::matrix::<_, true>(Integers8::<Imitated>::new(p), p, m, out) }
    }

    #[target_feature(enable = "avx512f,avx512dq")]
    pub(super) fn run(tables: &wide::Tables, m: &Modulus, a: &[u64], b: &[u64]) -> [Vec<u64>; 5] {
        let f = Integers8::<Imitated>::new(m.p);
        let mut out: [Vec<u64>; 5] = core::array::from_fn(|_| a.to_vec());
        let [forward, inverse, mul, mul_acc, mul_scalar] = &mut out;
        // SAFETY: the features of the field, with imitated multiply-adds, are enabled here.
        unsafe {
            wide::forward::<_, true>(f, tables, forward);
            wide::inverse::<_, true>(f, tables, inverse);
            pointwise::mul(f, m, a, b, mul);
            pointwise::mul_acc(f, m, mul_acc, a, b);
            pointwise::mul_scalar(f, m, mul_scalar, b[0]);
        }
        out
    }
}
