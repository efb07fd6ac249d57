//! Paillier's encryption: linear layers on ciphertexts that hold an integer modulo n, or many in slots.
//!
//! A ciphertext of m is (1 + n)^m h^(n a) modulo n^2, a random. Multiplying ciphertexts adds plaintexts; raising one to
//! a power multiplies its plaintext.
//!
//! 1. [`SecretKey::generate`] at the client; [`PublicKey::to_bytes`] goes to the server.
//! 2. Each side fills a [`Pool`] while it waits: then an encryption costs two products.
//! 3. [`PublicKey::encrypt`], [`Linear::apply`] under a [`Layout`], [`Computed::release`], [`SecretKey::decrypt`];
//!    [`Packing`] puts many values into one ciphertext and masks them, [`Slots`] multiplies them by secret factors on the
//!    way.
//!
//! *Cost*: a product modulo n^2 is the unit, see [`sordino_kernels::bigint`]. On a core of an Intel Xeon with IFMA, in
//! microseconds for n of 2048 and 3072 bits (`sordino profile`): an encryption of zero takes its owner 28 and 62, others 75 and 170; a
//! decryption 110 and 250; re-randomising with a pool 0.6 and 1.3. Without IFMA all take 1.5 to twice as long.
//!
//! # Keys
//!
//! n = P Q, where P - 1 = 2 p k and Q - 1 = 2 q l with primes p and q of 224 bits (n of 2048 bits) or 256 bits (3072), k
//! and l random and odd, gcd(P - 1, Q - 1) = 2. h has order p modulo P and q modulo Q. Then
//!
//! * exponents a need the bits of p q, and 64 more to come within 2^-64 of uniform powers, 512 or 576 bits instead
//!   of n's; the owner's, modulo p and q, need no more than p's and q's;
//! * the owner decrypts by powers of p modulo P^2 and q modulo Q^2 instead of P - 1 and Q - 1.
//!
//! # Security
//!
//! **Inputs against the server.** Semantic security under two assumptions: decisional composite residuosity for n, and
//! that random powers of h are indistinguishable from random squares modulo n, given n and h. The best attack known on
//! the second is to find a collision of powers of h modulo P or Q alone, in about 2^112 or 2^128 steps, which factors n.
//! n of 2048 bits is rated at 112 bits of security, of 3072 at 128.
//!
//! **Weights against the client**, who knows p, q and all randomness it chose. A computed ciphertext is
//! (1 + n)^m h^(n t), t depending on the weights, if the client's were of the form it should give them. Released, it
//! is (1 + n)^m h^(n (t + a)): h^n has order p q and a is 64 bits longer, so that it is within statistical distance
//! 2^-63 of a fresh encryption of m, whatever t is. The argument needs no assumption, but a client whose ciphertexts
//! have that form: it is for semi-honest clients. What m itself tells is the protocol's affair; [`Packing::mask`] hides
//! it statistically.
//!
//! **What is checked of a peer's key** stands at [`PublicKey::from_bytes`], of its ciphertexts at
//! [`Ciphertexts::from_bytes`]; the owner of the key decrypts only what was made with it, see [`SecretKey::decrypt`].
//! Not checked is what would need a proof in zero knowledge: that n has two prime factors
//! with gcd(n, phi(n)) = 1, that all ciphertexts are h's powers times powers of 1 + n, and that plaintexts stay in their
//! slots. A client that deviates there can make released ciphertexts carry more of t than it should, and with it something
//! of the weights; it gains nothing about anybody else's data. A semi-honest client does not.
//!
//! Secrets are zeroised, but for temporaries inside `crypto-bigint`. Encryption, decryption and re-randomisation run in
//! constant time; see [`Linear`] for weights and [`SecretKey::generate`] for keys.
//!
//! *Sources*: Paillier, EUROCRYPT 1999; Damgard, Jurik, Nielsen, "A generalization of Paillier's public-key system with
//! applications to electronic voting", 2010, section 4.2 (powers of a fixed h); Ma, Han, Lei, "Optimized Paillier's
//! cryptosystem with fast encryption and decryption", ACSAC 2021 (small subgroups). We differ from the last: k and l
//! need not be prime, h has no factor -1, and exponents are 64 bits longer for the sake of the weights.

mod batch;
mod cipher;
mod linear;
mod number;
mod order;
mod packing;
mod plain;
mod pool;
mod prime;
mod public;
mod secret;
mod slots;
mod strength;
#[cfg(test)]
mod tests;
mod wire;

pub use cipher::{Ciphertexts, Computed};
pub use linear::{Cost, Layout, Linear};
pub use packing::{MASK_BITS, Masks, Packing};
pub use plain::Plaintexts;
pub use pool::Pool;
pub use public::PublicKey;
pub use secret::SecretKey;
pub use slots::Slots;
pub use strength::Strength;
