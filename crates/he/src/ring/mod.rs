//! Arithmetic in the ciphertext ring.

mod basis;
mod modulus;
mod round;
mod sample;
mod scale;

pub(crate) use basis::{Basis, Poly, primes_of};
pub(crate) use round::{Rounding, Values};
pub(crate) use sample::{ERROR_PAIRS, ternary, uniform, words};
pub(crate) use scale::{Scale, round_fraction};
