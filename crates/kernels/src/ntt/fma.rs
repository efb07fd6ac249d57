//! Arithmetic modulo p < 2^50 in double precision with fused multiply-add.
//!
//! Values are integers held exactly in doubles, of either sign; |x| <= B below means B p. A product h = a b rounded
//! has the exact error l = fma(a, b, -h), and for q near a b / p both h - q p and its sum with l are exact, being
//! integers below 2^53. Rounding to an integer is done by adding and subtracting 1.5 * 2^52, which is right up to
//! 2^51. With constants balanced in |w| <= 1/2, [`Field::mul_by`] takes |a| <= 4 and returns |r| <= 1/2 + |a|/16.
//!
//! Bounds: forward radix-4 passes start from at most 1.8 (or 1), settle one input of four to 1/2 and end below 1.8;
//! the register layers then reach at most 3.8 without multiplying anything above 3.1. Inverse passes start from at
//! most 1 and end below 0.7, multiplying nothing above 4.
//!
//! *Source*: the representation of FLINT's `fft_small` (van der Hoeven, Lecerf, Quintin, "Modular SIMD arithmetic in
//! Mathemagix", ACM TOMS 43, 2016, section 4).

use core::arch::x86_64::*;

use super::sums::Accumulate;
use super::wide::Field;

/// 1.5 * 2^52: adding it leaves no fraction bits.
const ROUND: f64 = 6_755_399_441_055_744.0;
/// 2^52: an integer in 0..2^52 plus it has that integer as its low bits.
const SHIFT: f64 = 4_503_599_627_370_496.0;

fn encode_balanced(w: u64, p: u64) -> (u64, u64) {
    let w = if w > p / 2 { -((p - w) as f64) } else { w as f64 };
    (w.to_bits(), (w / p as f64).to_bits())
}

/// Stamps the methods that differ only in the prefix of the intrinsics. Loads and stores are the unaligned ones.
macro_rules! arithmetic {
    ($register:ty, $lanes:literal, $splat:ident, $load:ident, $store:ident, $add:ident, $sub:ident, $mul:ident,
     $fma:ident, $fms:ident, $fnma:ident) => {
        type V = $register;
        const LANES: usize = $lanes;

        fn encode(w: u64, p: u64) -> (u64, u64) {
            encode_balanced(w, p)
        }

        #[inline(always)]
        unsafe fn load(from: *const u64) -> Self::V {
            unsafe { $load(from.cast()) }
        }

        #[inline(always)]
        unsafe fn store(value: Self::V, to: *mut u64) {
            unsafe { $store(to.cast(), value) }
        }

        #[inline(always)]
        unsafe fn splat(from: *const u64) -> Self::V {
            unsafe { $splat(*from.cast::<f64>()) }
        }

        #[inline(always)]
        unsafe fn mul_by<const K: usize>(
            self,
            a: [Self::V; K],
            w: [[Self::V; 2]; K],
        ) -> [Self::V; K] {
            let (mut high, mut low, mut q) = (a, a, a);
            unsafe {
                for i in 0..K {
                    high[i] = $mul(a[i], w[i][0]);
                    q[i] = $fma(a[i], w[i][1], self.round);
                }
                for i in 0..K {
                    low[i] = $fms(a[i], w[i][0], high[i]);
                    q[i] = $sub(q[i], self.round);
                }
                for i in 0..K {
                    high[i] = $fnma(q[i], self.p, high[i]);
                }
                for i in 0..K {
                    high[i] = $add(high[i], low[i]);
                }
            }
            high
        }

        #[inline(always)]
        unsafe fn mul(self, a: Self::V, b: Self::V) -> Self::V {
            unsafe {
                let high = $mul(a, b);
                let low = $fms(a, b, high);
                let q = $sub($fma(high, self.inverse, self.round), self.round);
                $add($fnma(q, self.p, high), low)
            }
        }

        /// To |u| <= 1/2.
        #[inline(always)]
        unsafe fn settle(self, u: Self::V) -> Self::V {
            unsafe {
                let q = $sub($fma(u, self.inverse, self.round), self.round);
                $fnma(q, self.p, u)
            }
        }

        #[inline(always)]
        unsafe fn forward_pair(self, u: Self::V, v: Self::V) -> (Self::V, Self::V) {
            unsafe { ($add(u, v), $sub(u, v)) }
        }

        #[inline(always)]
        unsafe fn sum_lazy(self, u: Self::V, v: Self::V) -> Self::V {
            unsafe { $add(u, v) }
        }

        #[inline(always)]
        unsafe fn sum(self, u: Self::V, v: Self::V) -> Self::V {
            unsafe { self.settle($add(u, v)) }
        }

        #[inline(always)]
        unsafe fn sum_raw(self, u: Self::V, v: Self::V) -> Self::V {
            unsafe { $add(u, v) }
        }

        #[inline(always)]
        unsafe fn difference(self, u: Self::V, v: Self::V) -> Self::V {
            unsafe { $sub(u, v) }
        }
    };
}

/// Products that one sum takes: their number times p is at most 2^52.
fn terms(p: u64) -> usize {
    ((1 << 52) / p).min(1 << 20) as usize
}

/// Where the high halves of sums start: 1.5 * 2^(m + 52), so that they are multiples of 2^m, for the least m for which
/// K = `terms` products of factors balanced in p/2 stay below 2^(m + 51).
///
/// Then the low halves, K values of at most 2^(m - 1), add up to at most (K p)^2 / 3 / 2^51 < 2^52, exactly, and a high
/// half is at most K p^2 / 3 < 2^51 p, so that it is reduced by one rounded quotient.
fn sum_start(p: u64) -> f64 {
    let bound = terms(p) as f64 * (p as f64) * (p as f64) / 3.0;
    let m = (bound.log2().ceil() as i32 - 51).max(0);
    1.5 * 2_f64.powi(m + 52)
}

/// Stamps [`Accumulate`]: the high halves of the products are summed where the rounding of the multiply-add cuts
/// every sum at the same bit, and the low halves, what it cut off, apart. Both sums are exact: four operations for a
/// product, and no reduction.
macro_rules! accumulation {
    ($add:ident, $sub:ident, $fma:ident, $fms:ident, $fnma:ident) => {
        type Sum = [Self::V; 2];

        fn terms(p: u64) -> usize {
            terms(p)
        }

        #[inline(always)]
        unsafe fn balance(self, value: Self::V) -> Self::V {
            unsafe { self.settle(value) }
        }

        #[inline(always)]
        unsafe fn start(self, value: Self::V) -> Self::Sum {
            [self.start, value]
        }

        #[inline(always)]
        unsafe fn accumulate(self, [high, low]: Self::Sum, a: Self::V, b: Self::V) -> Self::Sum {
            unsafe {
                let sum = $fma(a, b, high);
                let rest = $fms(a, b, $sub(sum, high));
                [sum, $add(low, rest)]
            }
        }

        #[inline(always)]
        unsafe fn fold(self, [high, low]: Self::Sum) -> Self::V {
            unsafe {
                let high = $sub(high, self.start);
                let q = $sub($fma(high, self.inverse, self.round), self.round);
                self.settle($add($fnma(q, self.p, high), low))
            }
        }
    };
}

/// Eight doubles: AVX-512 F and DQ.
#[derive(Clone, Copy)]
pub(super) struct Doubles8 {
    p: __m512d,
    inverse: __m512d,
    round: __m512d,
    start: __m512d,
    integer_p: __m512i,
}

impl Doubles8 {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(p: u64) -> Self {
        Self {
            p: _mm512_set1_pd(p as f64),
            inverse: _mm512_set1_pd(1.0 / p as f64),
            round: _mm512_set1_pd(ROUND),
            start: _mm512_set1_pd(sum_start(p)),
            integer_p: _mm512_set1_epi64(p as i64),
        }
    }
}

// SAFETY: for all methods, the trait's condition: they are inlined into functions that enable the features, and
// pointers cover the words that the trait states, at any alignment.
impl Field for Doubles8 {
    arithmetic!(
        __m512d,
        8,
        _mm512_set1_pd,
        _mm512_loadu_pd,
        _mm512_storeu_pd,
        _mm512_add_pd,
        _mm512_sub_pd,
        _mm512_mul_pd,
        _mm512_fmadd_pd,
        _mm512_fmsub_pd,
        _mm512_fnmadd_pd
    );

    #[inline(always)]
    unsafe fn import(self, from: *const u64) -> Self::V {
        unsafe { _mm512_cvtepu64_pd(_mm512_loadu_si512(from.cast())) }
    }

    #[inline(always)]
    unsafe fn export(self, value: Self::V, to: *mut u64) {
        unsafe {
            let x = _mm512_cvtpd_epi64(self.settle(value));
            // A negative x is a huge unsigned one.
            let x = _mm512_min_epu64(x, _mm512_add_epi64(x, self.integer_p));
            _mm512_storeu_si512(to.cast(), x);
        }
    }

    #[inline(always)]
    unsafe fn pattern(from: *const u64, width: usize) -> Self::V {
        unsafe {
            match width {
                2 => _mm512_broadcast_f64x2(_mm_loadu_pd(from.cast())),
                4 => _mm512_broadcast_f64x4(_mm256_loadu_pd(from.cast())),
                _ => _mm512_loadu_pd(from.cast()),
            }
        }
    }

    #[inline(always)]
    unsafe fn zip(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
            let high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
            (_mm512_permutex2var_pd(a, low, b), _mm512_permutex2var_pd(a, high, b))
        }
    }

    #[inline(always)]
    unsafe fn unzip(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
            let odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
            (_mm512_permutex2var_pd(a, even, b), _mm512_permutex2var_pd(a, odd, b))
        }
    }
}

// SAFETY: for all methods, the trait's condition.
impl Accumulate for Doubles8 {
    accumulation!(_mm512_add_pd, _mm512_sub_pd, _mm512_fmadd_pd, _mm512_fmsub_pd, _mm512_fnmadd_pd);
}

/// Four doubles: AVX2 and FMA.
#[derive(Clone, Copy)]
pub(super) struct Doubles4 {
    p: __m256d,
    inverse: __m256d,
    round: __m256d,
    start: __m256d,
}

impl Doubles4 {
    #[inline]
    #[target_feature(enable = "avx2")]
    pub(super) fn new(p: u64) -> Self {
        Self {
            p: _mm256_set1_pd(p as f64),
            inverse: _mm256_set1_pd(1.0 / p as f64),
            round: _mm256_set1_pd(ROUND),
            start: _mm256_set1_pd(sum_start(p)),
        }
    }
}

// SAFETY: as for `Doubles8`.
impl Field for Doubles4 {
    arithmetic!(
        __m256d,
        4,
        _mm256_set1_pd,
        _mm256_loadu_pd,
        _mm256_storeu_pd,
        _mm256_add_pd,
        _mm256_sub_pd,
        _mm256_mul_pd,
        _mm256_fmadd_pd,
        _mm256_fmsub_pd,
        _mm256_fnmadd_pd
    );

    #[inline(always)]
    unsafe fn import(self, from: *const u64) -> Self::V {
        unsafe {
            let shift = _mm256_set1_pd(SHIFT);
            let bits = _mm256_or_pd(_mm256_loadu_pd(from.cast()), shift);
            _mm256_sub_pd(bits, shift)
        }
    }

    #[inline(always)]
    unsafe fn export(self, value: Self::V, to: *mut u64) {
        unsafe {
            let x = self.settle(value);
            let negative = _mm256_cmp_pd::<_CMP_LT_OQ>(x, _mm256_setzero_pd());
            let x = _mm256_add_pd(x, _mm256_and_pd(negative, self.p));
            let shift = _mm256_set1_pd(SHIFT);
            _mm256_storeu_pd(to.cast(), _mm256_xor_pd(_mm256_add_pd(x, shift), shift));
        }
    }

    #[inline(always)]
    unsafe fn pattern(from: *const u64, width: usize) -> Self::V {
        unsafe {
            match width {
                2 => _mm256_broadcast_pd(&_mm_loadu_pd(from.cast())),
                _ => _mm256_loadu_pd(from.cast()),
            }
        }
    }

    #[inline(always)]
    unsafe fn zip(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let (even, odd) = (_mm256_unpacklo_pd(a, b), _mm256_unpackhi_pd(a, b));
            (_mm256_permute2f128_pd::<0x20>(even, odd), _mm256_permute2f128_pd::<0x31>(even, odd))
        }
    }

    #[inline(always)]
    unsafe fn unzip(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let low = _mm256_permute2f128_pd::<0x20>(a, b);
            let high = _mm256_permute2f128_pd::<0x31>(a, b);
            (_mm256_unpacklo_pd(low, high), _mm256_unpackhi_pd(low, high))
        }
    }
}

// SAFETY: for all methods, the trait's condition.
impl Accumulate for Doubles4 {
    accumulation!(_mm256_add_pd, _mm256_sub_pd, _mm256_fmadd_pd, _mm256_fmsub_pd, _mm256_fnmadd_pd);
}
