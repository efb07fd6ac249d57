//! Fermat's test of eight numbers at a time.

use super::LANES;

/// Whether 2^(n - 1) is 1 modulo each of eight odd numbers n: so it is for all primes, and for hardly any random number
/// that is none. None without vectors of eight.
///
/// 2^-(n - 1) is computed, since the form of 2^-t is a power of two below n where t is what R exceeds n by: so nothing needs to
/// be known of a number but -1/n modulo a few words.
///
/// *Cost*: a square per bit, for all numbers together.
///
/// *Security*: the time depends on the numbers' length alone. What is kept of them is wiped.
///
/// # Panics
/// If the numbers are not of as many words each, even, or have not all 64 bits of their top word and
/// [`super::MIN_BITS`] to [`super::MAX_BITS`] bits.
pub fn fermat(n: [&[u64]; LANES]) -> Option<[bool; LANES]> {
    let words = n[0].len();
    let fits = |n: &&[u64]| n.len() == words && n[0] % 2 == 1 && n[words - 1] >> 63 == 1;
    assert!(
        (super::MIN_BITS..=super::MAX_BITS).contains(&(64 * words)) && n.iter().all(fits),
        "numbers that are even or of different lengths"
    );
    tested(n)
}

#[cfg(not(target_arch = "x86_64"))]
fn tested(_: [&[u64]; LANES]) -> Option<[bool; LANES]> {
    None
}

#[cfg(target_arch = "x86_64")]
fn tested(n: [&[u64]; LANES]) -> Option<[bool; LANES]> {
    use super::{Limbs, Task, wide, x86};
    use crate::Wiped;
    use crate::isa::{self, Isa};

    let isa = isa::active();
    if isa < Isa::Avx512 {
        return None;
    }
    let bits = 64 * n[0].len();
    let limbs = wide::limbs(n[0].len());
    let radix = 52 * limbs;
    // SAFETY: the level is active, so its features were detected; so below.
    let prepare = |a: &[Limbs], out: &mut [Limbs]| unsafe { x86::prepare(isa, a, out) };
    let constants = wide::Constants::each(n, limbs, prepare);
    let [mut x, mut next, mut work] = [limbs, limbs, 3 * limbs].map(Wiped::<Limbs>::zeros);
    // n - 1 is t 2^left - d with d below 2^left, and t at least what R's bits exceed n's by.
    let left = bits - (radix - bits).ilog2() as usize - 2;
    let d = n.map(|n| low_bits_of_negative(n, left));
    for (lane, (n, d)) in n.iter().zip(&d).enumerate() {
        let up = d.iter().fold(0, |any, word| any | word) != 0;
        let t = (n[left / 64] >> (left % 64)) as usize + usize::from(up);
        let place = radix - t;
        // Where the bit goes tells the number's top: every limb is written.
        for (i, x) in x.iter_mut().enumerate() {
            let here = std::hint::black_box(((i ^ (place / 52)) as u64).wrapping_sub(1) >> 63);
            x.0[lane] = here << (place % 52);
        }
    }
    for bit in (0..left).rev() {
        unsafe { x86::run(isa, &constants, Task::Square(&x), &mut work, &mut next) };
        let digits = d.each_ref().map(|d| d[bit / 64] >> (bit % 64) & 1);
        let mut carry = [0; LANES];
        for (x, next) in x.iter_mut().zip(next.iter()) {
            for lane in 0..LANES {
                let sum = (next.0[lane] << digits[lane]) + carry[lane];
                (x.0[lane], carry[lane]) = (sum & ((1 << 52) - 1), sum >> 52);
            }
        }
    }
    unsafe { x86::run(isa, &constants, Task::Value(&x), &mut work, &mut next) };
    let is = |lane: usize| {
        let rest =
            next.iter().enumerate().fold(0, |rest, (i, x)| rest | x.0[lane] ^ u64::from(i == 0));
        rest == 0
    };
    Some(core::array::from_fn(is))
}

/// 1 - n modulo 2^bits, for an odd n.
#[cfg(target_arch = "x86_64")]
fn low_bits_of_negative(n: &[u64], bits: usize) -> crate::Wiped<u64> {
    let mut out = crate::Wiped::zeros(bits.div_ceil(64));
    let mut carry = 2;
    for (out, n) in out.iter_mut().zip(n) {
        let (sum, over) = (!n).overflowing_add(carry);
        (*out, carry) = (sum, u64::from(over));
    }
    if let Some(top) = out.last_mut().filter(|_| !bits.is_multiple_of(64)) {
        *top &= (1 << (bits % 64)) - 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa;
    use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
    use crypto_bigint::{BoxedUint, Odd};

    /// 2^(n - 1) modulo n by another implementation.
    fn passes(n: &[u64]) -> bool {
        let number = |words: &[u64]| BoxedUint::from_words(words.iter().copied());
        let (mut two, mut exponent) = (vec![0; n.len()], n.to_vec());
        (two[0], exponent[0]) = (2, exponent[0] - 1);
        let Some(odd) = Odd::new(number(n)).into_option() else { return false };
        let params = BoxedMontyParams::new(odd);
        let power = BoxedMontyForm::new(number(&two), &params).pow(&number(&exponent)).retrieve();
        power == BoxedUint::one_with_precision(64 * n.len() as u32)
    }

    /// 2^bits - c, primes for these c (OEIS A013603).
    const PRIMES: [(usize, u64); 3] = [(512, 569), (1024, 105), (1536, 3453)];

    fn tests(isa: isa::Isa) {
        for (bits, c) in PRIMES {
            let near = |c: u64| {
                let mut n = vec![u64::MAX; bits / 64];
                n[0] -= c - 1;
                n
            };
            // 1 + 2^(bits - 1): nothing but zeros below the top.
            let mut sparse = vec![0; bits / 64];
            (sparse[0], sparse[bits / 64 - 1]) = (1, 1 << 63);
            for lane in 0..LANES {
                let numbers: [Vec<u64>; LANES] = core::array::from_fn(|i| match i {
                    _ if i == lane => near(c),
                    _ if i == (lane + 1) % LANES => sparse.clone(),
                    _ => near(c + 2 * (i as u64 + 1)),
                });
                let found = isa::with(isa, || fermat(numbers.each_ref().map(|n| &n[..])));
                let Some(found) = found else {
                    assert!(isa < isa::Isa::Avx512);
                    return;
                };
                for (n, found) in numbers.iter().zip(found) {
                    assert_eq!(found, passes(n), "{bits} bits");
                }
                assert!(found[lane]);
            }
        }
    }

    #[test]
    fn primes_pass_and_others_as_by_another_implementation() {
        isa::available().into_iter().for_each(tests);
    }

    #[test]
    #[should_panic(expected = "even or of different lengths")]
    fn even_numbers_are_refused() {
        let (odd, even) = ([u64::MAX; 8], [u64::MAX - 1; 8]);
        fermat([&odd, &odd, &odd, &odd, &odd, &odd, &odd, &even]);
    }
}
