//! Inference on Paillier's encryption alone: the server computes on ciphertexts of single values, the client answers
//! questions about blinded ones.
//!
//! The client holds the key. Linear layers, sums and movement happen under the encryption at the server, on integers
//! that do not wrap. What is not linear is one of two exchanges:
//!
//! * *Compare*: the server blinds every value v so that its sign is left; the client answers with the encrypted bit
//!   [z > 0].
//! * *Rectify*: the same, and beside the blinded values the values themselves under additive masks, packed into few
//!   ciphertexts; the client answers with the bit b and b times the masked value. From both the server has max(v, 0),
//!   exactly: b (v + rho) - rho b. The mask costs a share of a packed ciphertext; dividing the factor out of a product
//!   would cost an exponent of the length of n.
//!
//! A truncation is one packed round and a comparison: the client splits v + rho at the shift and returns both parts
//! encrypted; whether the lower parts of v and rho carried is the comparison of the client's lower part with the
//! server's. So truncation is exact, and values keep their scale: plaintexts grow by nothing from layer to layer, and
//! any depth fits. max(a, b) is b + max(a - b, 0), level by level.
//!
//! The output equals `clear`'s, bit for bit, for inputs with which no edge leaves its ring. Where one does `clear` wraps, and
//! this backend gives another wrong answer.
//!
//! *Cost*, in ciphertexts per value: comparison 1 down, 1 up; rectifier 1 down (and a slot), 2 up; truncation a slot
//! down, 2 up, and a comparison. Rounds: 1 per exchange.
//!
//! # Security
//!
//! Semi-honest parties. **The server** sees encryptions only, under the assumptions of [`sordino_he::paillier`].
//!
//! **The client** sees blinded and masked values. Masks exceed values of the width of their edge's ring by 40 bits: within 2^-40
//! of the same distribution for each, once per truncation and rectifier. A value that leaves its ring by k bits is masked by
//! k bits less. Ciphertexts are re-randomised. What blinded values tell depends on the mode, and is about *the model*
//! (together with the client's own input); nothing protects intermediate values from a client that knows the weights.
//!
//! ## `affine`
//!
//! z = s (r (2v - 1) + r'), fresh for each value: s a fair sign, r log-uniform in \[2^L, 2^T), r' uniform in (-r/2, r/2).
//!
//! * *No zeros, right signs.* y = 2v - 1 is odd, so |r y| >= r > |r'|: z has the sign of s y, and y > 0 means v > 0.
//! * *The sign is a coin.* s is uniform and independent of all else, and |z| has the same law for y and -y, because
//!   r' is symmetric. So the sign of z is a fair coin, independent of v and of |z|: neither a value's sign nor the number of
//!   active units shows.
//! * *The magnitude is nearly independent.* For m = |y| the law of |z| at z is the sum of p(r) / (2 floor((r-1)/2) + 1) over
//!   those r in \[2^L, 2^T) with |z - r m| < r / 2, that is, z / (m + 1/2) < r < z / (m - 1/2). With p(r) = c / r, 1 / c =
//!   (T - L) ln 2, the integral over that interval is c / z, whatever m is. The sum differs from it by a factor within 1 +- 4 (m + 1) / 2^L,
//!   for it has at least 2^L / (2 (m + 1)) terms of a monotone function. The ends of the range of r move with m: where
//!   the intervals are cut off, which has probability log2((m + 1/2) / (m - 1/2)) / (T - L), at most 1.6 / (T - L), and
//!   where only one of two values' laws reaches.
//!
//!   For |y1| <= |y2| < 2^b the statistical distance is therefore at most
//!   (log2 |y2| - log2 |y1| + 2) / (T - L) + 2^(b + 3 - L), see [`distance`]. L = b + 10 and T - L >= 192
//!   here: two values that differ by a factor of two are told apart with advantage 2.4 %, those of a factor of 2^15 with 9.7 %.
//!
//! **This is small, not negligible, and adds up**: over values, and over inferences with the same or related inputs, a client
//! averages it out. Who cannot accept that takes `twoparty --linear paillier`, which leaks nothing here.
//!
//! *Truncation* compares the client's own lower part with the server's uniform one: the difference is a
//! value like any other, and the client knows one of its terms, but no more of it than the blinding tells.
//!
//! ## `paper`
//!
//! z = r v with a fresh r, uniform below 2^64; values of a layer permuted, among a quarter as many dummies. It leaks, by
//! design of the original:
//!
//! * which values are zero;
//! * how many are positive, up to the dummies, which averages out over inferences: moving an input along a line shows each unit
//!   that flips, the oracle of extraction attacks;
//! * divisors and size: v divides z, and the length of z tells log2 |v| to about a bit;
//! * if ever a factor were used twice, the values themselves, by a gcd;
//! * in truncations the same about differences to a part that the client knows: low bits of values.
//!
//! It shows what the original shows; the answer is the bit and the masked product instead of the rectified blinded value.
//!
//! It is there to measure against, not to protect a model.
//!
//! *Source*: Wang, Jin, Meftah, Aung, "Popcorn: Paillier meets compression for efficient oblivious neural network
//! inference", arXiv 2107.01786 (linear layers, blinding, permutation, dummies, pooling before activation); the affine
//! blinding, masked rectifier and exact truncation are ours.

mod answer;
mod ask;
mod blind;
mod client;
mod cost;
mod evaluator;
#[cfg(test)]
mod leaks;
mod messages;
mod order;
mod plan;
mod round;
mod schedule;
mod server;
mod supply;
mod support;

pub use client::PopcornSession;
pub use cost::{Exposure, PopcornCost};
pub use server::{PopcornModel, PopcornOffer, serve};
pub use support::PopcornBackend;
