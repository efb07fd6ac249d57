//! The two ways to multiply 52-bit integers in AVX-512 registers.

use core::arch::x86_64::*;
use core::marker::PhantomData;

use super::wide::Multiplier;
use crate::ntt::MultiplyAdd;

/// 52-bit multiply-add.
#[derive(Clone, Copy)]
pub(super) struct Integers<A>(PhantomData<A>);

// SAFETY: the caller has enabled AVX-512 F, and IFMA where `A` needs it.
impl<A: MultiplyAdd> Multiplier for Integers<A> {
    const LOW: u64 = 0;
    const HIGH: u64 = 0;

    #[inline(always)]
    unsafe fn new() -> Self {
        Self(PhantomData)
    }

    #[inline(always)]
    unsafe fn operand(self, a: __m512i) -> __m512i {
        a
    }

    #[inline(always)]
    unsafe fn add_product(self, [low, high]: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
        unsafe { [A::low(low, a, b), A::high(high, a, b)] }
    }
}

/// Fused multiply-add of doubles: with 2^104 added and rounded towards zero, a product keeps the bits from 52 on, and a
/// second one with that subtracted gives the others exactly. The bits of both doubles are integers plus a constant.
///
/// *Source*: the technique is Emmart, Zheng, Weems, "Faster modular exponentiation using double precision floating point
/// arithmetic on the GPU", ARITH 2018.
#[derive(Clone, Copy)]
pub(super) struct Doubles {
    /// 2^104, and 2^104 + 2^52.
    high: __m512d,
    both: __m512d,
}

const TWO_52: f64 = (1_u64 << 52) as f64;

// SAFETY: the caller has enabled AVX-512 F and DQ.
impl Multiplier for Doubles {
    const LOW: u64 = TWO_52.to_bits();
    const HIGH: u64 = (TWO_52 * TWO_52).to_bits();

    #[inline(always)]
    unsafe fn new() -> Self {
        unsafe {
            Self {
                high: _mm512_set1_pd(TWO_52 * TWO_52),
                both: _mm512_set1_pd(TWO_52 * TWO_52 + TWO_52),
            }
        }
    }

    #[inline(always)]
    unsafe fn operand(self, a: __m512i) -> __m512i {
        unsafe { _mm512_castpd_si512(_mm512_cvtepu64_pd(a)) }
    }

    #[inline(always)]
    unsafe fn add_product(self, [low, high]: [__m512i; 2], a: __m512i, b: __m512i) -> [__m512i; 2] {
        unsafe {
            const TRUNCATE: i32 = _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC;
            let (a, b) = (_mm512_castsi512_pd(a), _mm512_castsi512_pd(b));
            let top = _mm512_fmadd_round_pd::<TRUNCATE>(a, b, self.high);
            let rest = _mm512_fmadd_pd(a, b, _mm512_sub_pd(self.both, top));
            [
                _mm512_add_epi64(low, _mm512_castpd_si512(rest)),
                _mm512_add_epi64(high, _mm512_castpd_si512(top)),
            ]
        }
    }
}
