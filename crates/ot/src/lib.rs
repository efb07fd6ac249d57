//! Oblivious transfer: base OTs, extensions to millions of correlated OTs, and what is derived from them.
//!
//! A correlated OT (COT) gives the *COT sender* a block `q` and the *COT receiver* a random bit `c` and the block
//! `t = q ^ c * delta`, where `delta` is the sender's secret for the whole session. [`CotSender`] and [`CotReceiver`]
//! make them in bulk, [`one_of_n`], [`block`], [`triple`], [`ring_cot`], [`product`] and [`matrix`] spend
//! them. Each protocol has a function
//! that replays its messages on a [`sordino_wire::Meter`], so that its exact cost is known beforehand.
//!
//! # Security
//!
//! * Model: static semi-honest adversary corrupting either party, 128-bit computational security. The model is a type
//!   ([`SemiHonest`]) that reaches down to the base OTs.
//! * Assumptions: gap Diffie-Hellman on Ristretto255 with BLAKE3 as a random oracle (base OT); AES-128 as a
//!   pseudo-random permutation (generators) and as an ideal permutation under fixed keys (correlation-robust hashing,
//!   GGM trees); for [`Supply::Ferret`] in addition learning parity with regular noise.
//! * The lane must be authenticated and confidential; nothing here defends against a third party on the wire.
//! * Correlations are consumed by value and cannot be cloned: using one twice does not compile. What is derived from COTs
//!   is zeroised when dropped; the memory of COTs goes back to their supplier, which overwrites it with the next ones and
//!   zeroises it when it is dropped itself.
//! * A COT key is hashed once, by P(x) ^ x with P being AES under a public key ([`sordino_kernels::hash::Mmo`]), which
//!   is correlation robust if AES is an ideal cipher (Guo, Katz, Wang, Yu, eprint 2019/074, section 7.2). No more is
//!   needed: parties are semi-honest, so the `t` of a corrupted COT receiver are pseudo-random and (but for the
//!   chance below) distinct, and nothing that is masked by a hash depends on `delta`. The key of P is a hash of the base
//!   OTs' transcript plus the number of the COT divided by 1024 (as in eprint 2019/1168, against searching for many
//!   hashes at once, also those of other sessions). T calls of AES against n COTs have an advantage of at most about
//!   `T * 2^-117 + n * 2^-119`; the first term is `T * 2^-116` with Ferret.
//! * The nodes of Ferret's trees are hashed under the same `delta` and with outputs that depend on it, so by a hash that is
//!   circular correlation robust ([`sordino_kernels::hash::Ccr`]), under a key for every tree that is no COT's.
//! * `delta` is uniform on 128 bits with SoftSpoken; with Ferret its lowest bit is 1 and the rest is uniform.
//! * Seeds: a GGM tree serves one set-up (SoftSpoken) or one iteration (Ferret); the generators below run on a counter
//!   that never goes back, also across extensions. Base-OT keys are bound to the transcript, instance and position.
//! * What a secret decides is never a branch or a memory index: trees are punctured by passes over all nodes, SoftSpoken
//!   re-orders its seeds by delta once so that the unknown one is always the first, and 1-of-N choices select by masks and by
//!   shifts of constant time.
//! * A peer that deviates can make outputs wrong or learn secrets (this is what semi-honest means) but cannot cause a
//!   panic, a hang, or an allocation larger than both parties planned.
#![forbid(unsafe_code)]

pub mod base;
pub mod block;
pub mod cost;
mod cot;
mod error;
mod ferret;
#[cfg(any(test, feature = "testing"))]
pub mod ideal;
mod kinds;
pub mod matrix;
mod memory;
pub mod one_of_n;
pub mod product;
pub mod ring_cot;
mod security;
mod softspoken;
mod supply;
pub mod triple;

pub use cot::{ReceiverCots, SenderCots};
pub use error::Error;
pub use security::{Security, SemiHonest};
pub use supply::{CotReceiver, CotSender, Supply};
