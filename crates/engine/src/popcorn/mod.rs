//! Inference on Paillier's encryption alone: the server computes on ciphertexts of single values, the client answers
//! questions about blinded ones.
//!
//! The client holds the key. Linear layers, sums and movement happen under the encryption at the server, on integers
//! that do not wrap. What is not linear is asked of the client, in rounds of one message each way:
//!
//! * *Split*: values v under additive masks mu, packed into few ciphertexts; the client answers with the encrypted upper part
//!   h = (v + mu) >> s. Then h - (mu >> s) is v / 2^s, rounded down or up.
//! * *Carry*: whether it was up: the lower part of mu exceeds that of v + mu, and their difference, which the server knows
//!   under the encryption, is asked for its sign. With it truncation is exact.
//! * *Rectify*: blinded values, of which the sign is left, and the masked ones; the client answers with the encrypted bit b that
//!   tells whether the blinded value is positive, and with b h. From both the server has max(t, 0) = b h - (mu >> s) b:
//!   nothing is divided by a blinding factor, which would cost an exponent of the length of n.
//!
//! With exact truncation an activation is a split, a carry and a rectifier of what came out (4 ciphertexts up for each
//! value). With [`Truncation::OneLsb`](crate::session::Truncation) it is one rectifier, which returns h, too (3 up):
//! t = h - (mu >> s) is v / 2^s rounded down or up, up with the probability of the fraction, for mu's lower bits are
//! uniform; the sign is that of v, so that 0 stays 0. A bounded rectifier tests v and v less its bound: min(max(t, 0), c) is
//! max(t, 0) - max(t - c, 0), of the same t. max(a, b) is b + max(a - b, 0), level by level.
//!
//! So values keep their scale: plaintexts grow by nothing from layer to layer, and any depth fits. The output equals `clear`'s,
//! with exact truncation bit for bit, for inputs with which no edge leaves its ring, nor comes within half a unit of the result
//! of its top, where `clear` wraps as it rounds. Where one does `clear` wraps, and this backend gives another wrong answer; from
//! twice the ring on a blinded value may outgrow its slot, at which the client ends the inference with an error that the
//! server sees.
//!
//! *Streaming.* The values of an exchange are cut into tiles of about a thousand. The server asks about the next tile before it reads
//! the answer about this one, in every round, and both parties make the encryptions of zero that they need while they
//! wait. At most one tile and round is under way for each round of an exchange, some MiB, far below what a lane buffers. Long
//! linear layers give signs of life, empty messages between parts of about equal work, so that the client can tell a long
//! layer from a dead peer. When they come tells it how many of the weights of a part are not zero, and how long they are.
//!
//! *Cost* for each value whose sign is asked, at n of 2048 bits and values of 24 bits: an eighth of a ciphertext down for the
//! blinded value and a thirtieth for the masked one, up as above. On a Xeon core with IFMA some 0.4
//! milliseconds in all with one-lsb and 0.6 exact (the bench `popcorn`, MiniONN's MNIST network), 1.7 times that without: a
//! quarter at the client, for encryptions of the answer, mostly, and at the server most to blind and pack, then to pack
//! masked values, to take masks off products, to read and to re-randomise. [`PopcornCost`] replays bytes and rounds.
//!
//! # Security
//!
//! Semi-honest parties. **The server** sees encryptions only, under the assumptions of [`sordino_he::paillier`].
//!
//! **The client** sees blinded and masked values. Masks exceed values of the width of their edge's ring by 40 bits: within 2^-40
//! of the same distribution for each, once per split and rectifier. A value that leaves its ring by k bits is masked by
//! k bits less. Everything sent is re-randomised. What blinded values tell depends on the mode, and is about *the model*
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
//!   (T - L) ln 2, the integral over that interval is c / z, whatever m is. The sum exceeds it, or falls short of it where
//!   the interval is not cut off, by a factor within 1 +- e, e = 2^(b + 2 - L) for |y| <= 2^b + 1, since it has at least
//!   2^L / (m + 1/2) terms of a monotone function.
//!
//!   *Distance.* Let m1 < m2. Above 2^L (m2 + 1/2) the law of m1 exceeds that of m2 by 2 e c / z at most, for that of m2
//!   reaches further. Below, m1 has at most (1 + e) log2((m2 + 1/2) / (m1 - 1/2)) / (T - L), which is (1 + e) (log2(m2 / m1) +
//!   1.23) / (T - L) or less. So the statistical distance is at most (1 + e) (log2(m2 / m1) + 1.23) / (T - L) + 2 e.
//!
//!   *Information.* All laws are at most (1 + e) c / z and live between 2^(L - 1) and 2^(T + b + 1), where numbers with
//!   probabilities c' / z have 1 / c' = (T - L + b + 2) ln 2. The relative entropy of any law to that one, and so
//!   what a blinded value tells whatever is known of its value, is at most log2((1 + e) (T - L + b + 2) / (T - L)) bits. It
//!   adds up over values and inferences.
//!
//!   L = b + 11 and T - L = 192 here: two values that differ by a factor of two are told apart with advantage 1.6 %, those of a
//!   factor of 2^15 with 8.9 %, and a value of 24 bits gives 0.19 bits away. [`PopcornCost::exposure`] sums this up for a
//!   network; tests compare both bounds with laws computed integer by integer.
//!
//! The values of an exchange are asked about in a random order, fresh each time and the same in all its rounds. It is no part of
//! the bounds, which hold for each value by itself.
//!
//! **This is small, not negligible, and adds up**: over values, and over inferences with the same or related inputs, a client
//! averages it out. Who cannot accept that takes `twoparty --linear paillier`, which leaks nothing here.
//!
//! *Carries* compare the client's own lower part with the server's uniform one: the difference is a
//! value like any other, and the client knows one of its terms, but no more of it than the blinding tells. *One-lsb* has
//! no carries: a value is rounded up where its fraction exceeds the lower part that the client sees, so that the client knows
//! the coins of all roundings, as in `twoparty`.
//!
//! Running time and access to memory do not depend on values, signs or factors, but where factors are drawn, and for the order;
//! on weights they depend as [`sordino_he::paillier::Linear`] says.
//!
//! ## `paper`
//!
//! z = r v with a fresh r, uniform below 2^64; values of a layer permuted, among a quarter as many dummies of all lengths. Blinded values are
//! packed as in `affine`, where the original sends a ciphertext for each. It leaks, by design of the original:
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
//! blinding, its packing, the masked rectifier and truncation are ours.

mod answer;
mod ask;
mod blind;
mod blocks;
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
mod work;

pub use client::PopcornSession;
pub use cost::{Exposure, PopcornCost};
pub use server::{PopcornModel, PopcornOffer, serve};
pub use support::PopcornBackend;
