//! Linear layers on lattice ciphertexts: convolutions and matrix products between a client that holds (a share of) the
//! input and a server that holds the weights.
//!
//! The scheme is BFV over Z_q\[X\]/(X^n + 1) with plaintext modulus 2^l, so that plaintexts are the additive shares of
//! the two-party protocol as they are. Tensors are packed into coefficients, and one product of polynomials is a
//! convolution of several channels: no rotations, no evaluation keys, one multiplicative level.
//!
//! 1. [`SessionPlan::new`] chooses parameters and layouts for all layers ([`Params::choose`] and [`ConvLayout::new`] for
//!    one): functions of public numbers that both parties compute.
//! 2. [`ClientKeys::generate`] once per session and set of parameters; its public key goes to the server.
//! 3. Per layer, [`linear::client`] and [`linear::server`], or [`encrypt`], [`evaluate`] and [`decrypt`] without a lane.
//!
//! # One layer
//!
//! The parties hold x = x_c + x_s modulo 2^l. Shares are scaled to q by D(x) = (q - 1) x / 2^l, x balanced in 2^(l-1):
//! the primes of q are 1 modulo 2^l, so that D is the multiplication by a constant. For rings too wide to have such
//! primes below 2^50, D(x) is q x / 2^l, rounded at random, so that its error has mean zero and its sum over the weights
//! grows like their Euclidean norm.
//!
//! * Client: for each input ciphertext c1 is the expansion of a fresh seed, c0 = e - c1 s + D(x_c). It sends the seed and
//!   c0.
//! * Server: adds D(x_s) to c0, multiplies (c0, c1) by the kernel polynomials, sums over the inputs, and adds an
//!   encryption of zero under the client's public key (b, a = seed): u b and u a + e1 with u ternary. From each
//!   coefficient of c0 that holds an output it subtracts D(r), r uniform in Z_{2^l}, and adds f, uniform in
//!   \[-2^F, 2^F). Then it rounds to powers of two, `round(2^B c / q)`, and sends those coefficients of c0 and all of
//!   c1. Its share of the output is r, plus the bias.
//! * Client: computes c0 / 2^B0 + c1 s / 2^B1 modulo 1, exactly, and rounds to Z_{2^l}: its share, w x - r, exactly.
//!
//! *Cost*: n log2 q bits and a seed per input ciphertext, n B1 + (outputs) B0 bits per result, with n = 4096,
//! log2 q = 98, B1 = 47 and B0 = 40 at l = 37, 8-bit weights and 576 taps; 90, 36 and 29 at l = 26, 9-bit weights and
//! 4608 taps. One round per layer. Computation: with AVX-512 about 3 microseconds of a core for a product of a ciphertext
//! with a 1x1 kernel, 20 with any other (most of it the kernel's transform), and 0.3 milliseconds for each ciphertext
//! sent, on both sides together.
//!
//! # Exactness
//!
//! A layer is wrong with probability at most 2^-40, over at most 2^24 outputs. Bounds come from sub-Gaussian tails of
//! the whole error (input errors times the weights, key error times u, secret key times e1, flooding, rounding of the
//! response) and from |w|_1 + 2 for exact scaling: D is linear up to D(2^l) = -1 modulo q, and w x - r exceeds its
//! residue by less than 2^l (|w|_1 + 1). (With dithers both roundings times the weights take its place.)
//! [`Params::choose`] takes the smallest q for which the sum stays below half of the plaintext's least bit, and
//! [`ConvLayout::new`] refuses layers that exceed the products and weights it was chosen for.
//!
//! # Security
//!
//! Against either party, semi-honest: both follow the protocol, and a client makes its keys and errors honestly. Weight
//! values are the server's secret; shapes and the number of bits per weight are public. 128 bits of computational
//! security under the decision RLWE assumption (uniform ternary secrets, centred binomial errors of standard deviation
//! 3.24, n and log2 q within the Homomorphic Encryption Standard's table), and AES as an ideal cipher where public
//! seeds are expanded.
//!
//! **The server** sees the public key and input ciphertexts, which are RLWE samples under s with fresh seeds and
//! errors: pseudo-random.
//!
//! **The client** sees, for each result, c1 and the output coefficients of c0. It holds s, and its errors. That it
//! learns its share alone, which r makes uniform, follows in three steps:
//!
//! 1. *Noise.* Before rounding, c0 + c1 s = q (w x - r mod 2^l) / 2^l + v + f at every output, where v, a sum of (input
//!    errors) w + (key error) u + e1 s and the errors of scaling, is what depends on the weights. |v| is at most the
//!    bound V of
//!    [`Params::noise_bound`] but with probability 2^-40 per layer, and 2^F >= 2^40 V. So f + v is within statistical
//!    distance |v| / 2^(F+1) <= 2^-41 of f, for every output: replacing v by 0 changes the client's view by at most
//!    2^-41 per output (2^-21 for a million outputs), and after that the view of c0 is a function of c1, s, w x - r
//!    and f.
//! 2. *c1.* What is left that depends on w is c1 = (sum of products) + (u a + e1). u and e1 are fresh for each result
//!    and occur nowhere else any more, since step 1 removed them from c0; a is uniform. Hence (a, u a + e1) is an RLWE
//!    sample with secret u, which the client does not know: c1 is pseudo-random although the client holds s.
//! 3. *Rounding.* Modulus switching and dropping the other coefficients of c0 is a function of the masked, flooded
//!    and re-randomised ciphertext, computed after both: it shows nothing more. A result's first rounding comes last
//!    in the code, too.
//!
//! So the client's view is simulated from its share: draw c1 uniform and f, set c0 = q share / 2^l + f - c1 s, round.
//! The order matters: a result that was rounded before flooding, or a c1 without a fresh u, gives linear equations in
//! the weights.
//!
//! *Not protected*: a client that deviates can choose its key or noise so that the flooding does not cover w, and
//! learn weights; so can any client that asks often enough and learns outputs, by the function itself.
//!
//! Keys, errors, masks and intermediate polynomials are zeroised. No branch or index depends on a secret; sampling by
//! rejection occurs for public seeds only.
//!
//! *Source*: Huang, Lu, Hong, Ding, "Cheetah", USENIX Security 2022 (eprint 2022/207), its protocols for linear layers: the
//! packing, the plaintext modulus 2^l and the extraction of coefficients. We differ: channels and rows share their guards of
//! zeros, strides are taken apart into phases, small groups are merged; c0 and c1 are compressed by rounding to
//! powers of two; results are flooded where Cheetah masks by uniform elements of Z_q and accepts an error in the last
//! bit. Flooding: the smudging lemma, Asharov, Jain, Wichs, eprint 2011/613, lemma 2.1.
//!
//! # Paillier
//!
//! [`paillier`] is the other encryption, for layers that need few bytes rather than little work.
#![forbid(unsafe_code)]

mod client;
mod codec;
mod error;
mod kernel;
mod keys;
mod layout;
pub mod linear;
#[cfg(test)]
mod measured;
pub mod paillier;
mod params;
mod plain;
mod product;
mod ring;
mod server;
mod session;
mod shape;
mod work;

pub use client::{decrypt, encrypt};
pub use error::Error;
pub use kernel::{EncodedKernel, KERNEL_BUDGET};
pub use keys::{ClientKeys, ServerKeys, public_key_len};
pub use layout::ConvLayout;
pub use params::Params;
pub use server::evaluate;
pub use session::{LayerSpec, SessionPlan};
pub use shape::ConvShape;
pub use work::{LayerWork, residues};
