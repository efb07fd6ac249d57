//! Conversions between words and `crypto-bigint`'s integers, for what is done once per key or per message.

use crypto_bigint::{BoxedUint, ConcatenatingMul, NonZero, Odd};
use sordino_secret::SecretRng;
use zeroize::Zeroizing;

/// The number with these words, least significant first. Zeroised when dropped.
pub(super) fn number(words: &[u64]) -> Zeroizing<BoxedUint> {
    Zeroizing::new(BoxedUint::from_words(words.iter().copied()))
}

/// The low words of a number, with zeros above it.
pub(super) fn words(x: &BoxedUint, len: usize) -> Vec<u64> {
    let mut out = vec![0; len];
    for (out, word) in out.iter_mut().zip(x.as_words()) {
        *out = *word;
    }
    out
}

/// A modulus for divisions. Callers know that it is not 0. Zeroised when dropped.
pub(super) fn nonzero(words: &[u64]) -> Zeroizing<NonZero<BoxedUint>> {
    let number = BoxedUint::from_words(words.iter().copied());
    Zeroizing::new(NonZero::new(number).or_panic("a modulus of 0"))
}

/// A modulus for inversions. Callers know that it is odd. Zeroised when dropped.
pub(super) fn odd(words: &[u64]) -> Zeroizing<Odd<BoxedUint>> {
    let number = BoxedUint::from_words(words.iter().copied());
    Zeroizing::new(Odd::new(number).or_panic("an even modulus"))
}

/// For what is known to be there.
trait OrPanic<T> {
    fn or_panic(self, why: &str) -> T;
}

impl<T> OrPanic<T> for crypto_bigint::CtOption<T> {
    fn or_panic(self, why: &str) -> T {
        self.into_option().unwrap_or_else(|| panic!("{why}"))
    }
}

/// The product, of as many words as both together.
pub(super) fn product(a: &[u64], b: &[u64]) -> Vec<u64> {
    words(&Zeroizing::new(number(a).concatenating_mul(&*number(b))), a.len() + b.len())
}

/// The remainder, of as many words as the modulus.
pub(super) fn remainder(a: &[u64], modulus: &[u64]) -> Vec<u64> {
    words(&Zeroizing::new(number(a).rem(&nonzero(modulus))), modulus.len())
}

/// The inverse modulo an odd number, if there is one.
pub(super) fn inverse(a: &[u64], modulus: &[u64]) -> Option<Vec<u64>> {
    let reduced = number(&Zeroizing::new(remainder(a, modulus)));
    let inverse = Zeroizing::new(reduced.invert_odd_mod(&odd(modulus)).into_option()?);
    Some(words(&inverse, modulus.len()))
}

/// The same in a time that depends on the numbers, which are public.
pub(super) fn inverse_of_public(a: &[u64], modulus: &[u64]) -> Option<Vec<u64>> {
    let inverse = number(a).invert_odd_mod_vartime(&odd(modulus)).into_option()?;
    Some(words(&inverse, modulus.len()))
}

/// a - b modulo a modulus above both.
pub(super) fn difference(a: &[u64], b: &[u64], modulus: &[u64]) -> Vec<u64> {
    words(&Zeroizing::new(number(a).sub_mod(&number(b), &nonzero(modulus))), modulus.len())
}

/// Whether a < b, of the same length, in a time that depends on them.
pub(super) fn is_below(a: &[u64], b: &[u64]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// Uniform below 2^bits.
pub(super) fn random_bits(bits: usize, rng: &mut SecretRng) -> Zeroizing<Vec<u64>> {
    let mut out = Zeroizing::new(vec![0; bits.div_ceil(64)]);
    rng.fill_words(&mut out);
    if let Some(top) = out.last_mut().filter(|_| !bits.is_multiple_of(64)) {
        *top &= (1 << (bits % 64)) - 1;
    }
    out
}
