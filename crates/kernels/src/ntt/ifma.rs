//! Arithmetic modulo p < 2^50 with 52-bit multiply-add, values unsigned and lazily reduced (Harvey's butterflies with
//! Shoup quotients of 52 bits). Forward layers keep values below 4p, inverse ones below 2p; 4p < 2^52.

use core::arch::x86_64::*;
use core::marker::PhantomData;

use super::sums::Accumulate;
use super::wide::Field;

/// The two multiply-add instructions, so that tests can imitate them.
pub(crate) trait MultiplyAdd: Copy {
    /// acc + the low 52 bits of the product of the low 52 bits of `a` and `b`.
    unsafe fn low(acc: __m512i, a: __m512i, b: __m512i) -> __m512i;
    /// acc + bits 52 to 103 of that product.
    unsafe fn high(acc: __m512i, a: __m512i, b: __m512i) -> __m512i;
}

/// The processor's own.
#[derive(Clone, Copy)]
pub(crate) struct Native;

// SAFETY: the caller has enabled IFMA.
impl MultiplyAdd for Native {
    #[inline(always)]
    unsafe fn low(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_madd52lo_epu64(acc, a, b) }
    }

    #[inline(always)]
    unsafe fn high(acc: __m512i, a: __m512i, b: __m512i) -> __m512i {
        unsafe { _mm512_madd52hi_epu64(acc, a, b) }
    }
}

/// Eight 52-bit integers.
#[derive(Clone, Copy)]
pub(super) struct Integers8<M> {
    p: __m512i,
    twice_p: __m512i,
    /// -p modulo 2^52.
    minus_p: __m512i,
    mask: __m512i,
    /// floor(2^(k + 51) / p) for p of k bits.
    barrett: __m512i,
    /// 52 - k.
    align: __m128i,
    /// 1 and 2^52 modulo p, with their quotients.
    one: [__m512i; 2],
    two52: [__m512i; 2],
    multiplier: PhantomData<M>,
}

impl<M: MultiplyAdd> Integers8<M> {
    #[inline]
    #[target_feature(enable = "avx512f")]
    pub(super) fn new(p: u64) -> Self {
        let bits = u64::BITS - p.leading_zeros();
        let barrett = ((1_u128 << (bits + 51)) / u128::from(p)) as i64;
        let factor = |w: u64| {
            let (w, quotient) = Self::encode(w, p);
            [_mm512_set1_epi64(w as i64), _mm512_set1_epi64(quotient as i64)]
        };
        Self {
            p: _mm512_set1_epi64(p as i64),
            twice_p: _mm512_set1_epi64(2 * p as i64),
            minus_p: _mm512_set1_epi64((1_i64 << 52) - p as i64),
            mask: _mm512_set1_epi64((1 << 52) - 1),
            barrett: _mm512_set1_epi64(barrett),
            align: _mm_cvtsi64_si128(52 - i64::from(bits)),
            one: factor(1),
            two52: factor((1 << 52) % p),
            multiplier: PhantomData,
        }
    }

    /// a b - q p modulo 2^52.
    #[inline(always)]
    unsafe fn remainder(self, a: __m512i, b: __m512i, q: __m512i) -> __m512i {
        // SAFETY: the trait's condition.
        unsafe {
            let product = M::low(_mm512_setzero_si512(), a, b);
            _mm512_and_si512(M::low(product, q, self.minus_p), self.mask)
        }
    }

    /// Subtracts `bound` from what is not below it.
    #[inline(always)]
    unsafe fn below(a: __m512i, bound: __m512i) -> __m512i {
        // SAFETY: the trait's condition.
        unsafe { _mm512_min_epu64(a, _mm512_sub_epi64(a, bound)) }
    }
}

// SAFETY: for all methods, the trait's condition: they are inlined into functions that enable the features, and
// pointers cover the words that the trait states, at any alignment.
impl<M: MultiplyAdd> Field for Integers8<M> {
    type V = __m512i;
    const LANES: usize = 8;

    fn encode(w: u64, p: u64) -> (u64, u64) {
        (w, ((u128::from(w) << 52) / u128::from(p)) as u64)
    }

    #[inline(always)]
    unsafe fn import(self, from: *const u64) -> Self::V {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn export(self, value: Self::V, to: *mut u64) {
        unsafe {
            let x = Self::below(Self::below(value, self.twice_p), self.p);
            _mm512_storeu_si512(to.cast(), x);
        }
    }

    #[inline(always)]
    unsafe fn load(from: *const u64) -> Self::V {
        unsafe { _mm512_loadu_si512(from.cast()) }
    }

    #[inline(always)]
    unsafe fn store(value: Self::V, to: *mut u64) {
        unsafe { _mm512_storeu_si512(to.cast(), value) }
    }

    #[inline(always)]
    unsafe fn splat(from: *const u64) -> Self::V {
        unsafe { _mm512_set1_epi64(*from.cast()) }
    }

    #[inline(always)]
    unsafe fn pattern(from: *const u64, width: usize) -> Self::V {
        unsafe {
            match width {
                2 => _mm512_broadcast_i64x2(_mm_loadu_si128(from.cast())),
                4 => _mm512_broadcast_i64x4(_mm256_loadu_si256(from.cast())),
                _ => _mm512_loadu_si512(from.cast()),
            }
        }
    }

    #[inline(always)]
    unsafe fn zip(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let low = _mm512_set_epi64(11, 3, 10, 2, 9, 1, 8, 0);
            let high = _mm512_set_epi64(15, 7, 14, 6, 13, 5, 12, 4);
            (_mm512_permutex2var_epi64(a, low, b), _mm512_permutex2var_epi64(a, high, b))
        }
    }

    #[inline(always)]
    unsafe fn unzip(a: Self::V, b: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let even = _mm512_set_epi64(14, 12, 10, 8, 6, 4, 2, 0);
            let odd = _mm512_set_epi64(15, 13, 11, 9, 7, 5, 3, 1);
            (_mm512_permutex2var_epi64(a, even, b), _mm512_permutex2var_epi64(a, odd, b))
        }
    }

    /// Below 2p for any `a` below 2^52.
    #[inline(always)]
    unsafe fn mul_by<const K: usize>(self, a: [Self::V; K], w: [[Self::V; 2]; K]) -> [Self::V; K] {
        let mut q = a;
        unsafe {
            for i in 0..K {
                q[i] = M::high(_mm512_setzero_si512(), a[i], w[i][1]);
            }
            for i in 0..K {
                q[i] = self.remainder(a[i], w[i][0], q[i]);
            }
        }
        q
    }

    /// Barrett: the estimated quotient is short by at most 3, so that the remainder is below 4p.
    #[inline(always)]
    unsafe fn mul(self, a: Self::V, b: Self::V) -> Self::V {
        unsafe {
            let zero = _mm512_setzero_si512();
            let top = M::high(zero, _mm512_sll_epi64(a, self.align), b);
            let q = M::high(zero, _mm512_add_epi64(top, top), self.barrett);
            Self::below(self.remainder(a, b, q), self.twice_p)
        }
    }

    #[inline(always)]
    unsafe fn settle(self, u: Self::V) -> Self::V {
        u
    }

    #[inline(always)]
    unsafe fn forward_pair(self, u: Self::V, v: Self::V) -> (Self::V, Self::V) {
        unsafe {
            let u = Self::below(u, self.twice_p);
            (_mm512_add_epi64(u, v), self.difference(u, v))
        }
    }

    #[inline(always)]
    unsafe fn sum_lazy(self, u: Self::V, v: Self::V) -> Self::V {
        unsafe { self.sum(u, v) }
    }

    #[inline(always)]
    unsafe fn sum(self, u: Self::V, v: Self::V) -> Self::V {
        unsafe { Self::below(_mm512_add_epi64(u, v), self.twice_p) }
    }

    #[inline(always)]
    unsafe fn sum_raw(self, u: Self::V, v: Self::V) -> Self::V {
        unsafe { _mm512_add_epi64(u, v) }
    }

    #[inline(always)]
    unsafe fn difference(self, u: Self::V, v: Self::V) -> Self::V {
        unsafe { _mm512_add_epi64(_mm512_sub_epi64(u, v), self.twice_p) }
    }
}

// SAFETY: for all methods, the trait's condition.
impl<M: MultiplyAdd> Accumulate for Integers8<M> {
    /// Low and high words.
    type Sum = [__m512i; 2];

    /// The high words, below p^2 / 2^52 each, add up to less than 2^51.
    fn terms(p: u64) -> usize {
        let bits = u64::BITS - p.leading_zeros();
        1 << (103_u32.saturating_sub(2 * bits)).min(11)
    }

    #[inline(always)]
    unsafe fn balance(self, value: Self::V) -> Self::V {
        value
    }

    #[inline(always)]
    unsafe fn start(self, value: Self::V) -> Self::Sum {
        unsafe { [value, _mm512_setzero_si512()] }
    }

    #[inline(always)]
    unsafe fn accumulate(self, [low, high]: Self::Sum, a: Self::V, b: Self::V) -> Self::Sum {
        unsafe { [M::low(low, a, b), M::high(high, a, b)] }
    }

    /// Below 4p.
    #[inline(always)]
    unsafe fn fold(self, [low, high]: Self::Sum) -> Self::V {
        unsafe {
            let high = _mm512_add_epi64(high, _mm512_srli_epi64::<52>(low));
            let low = _mm512_and_si512(low, self.mask);
            let [low, high] = self.mul_by([low, high], [self.one, self.two52]);
            _mm512_add_epi64(low, high)
        }
    }
}
