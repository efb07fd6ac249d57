//! Oblivious transfer: base OTs, extensions to millions of correlated OTs, and what is derived from them.
//!
//! A correlated OT (COT) gives the *COT sender* a block `q` and the *COT receiver* a random bit `c` and the block
//! `t = q ^ c * delta`, where `delta` is the sender's secret for the whole session. [`CotSender`] and [`CotReceiver`]
//! make them in bulk, [`one_of_n`], [`block`], [`triple`], [`ring_cot`] and [`product`] spend them. Each protocol has a function
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
//! * Correlations are consumed by value, cannot be cloned, and are zeroised when dropped: using one twice does not
//!   compile.
//! * Every hash of a COT key is tweaked by the COT's index, counted over the life of `delta`, by the direction, and by a
//!   block number, so no tweak repeats under one `delta`; the nodes of Ferret's trees, hashed under the same `delta`, have
//!   a block number of their own.
//! * `delta` is uniform on 128 bits with SoftSpoken; with Ferret its lowest bit is 1 and the rest is uniform.
//! * Seeds: a GGM tree serves one set-up (SoftSpoken) or one iteration (Ferret); the generators below run on a counter
//!   that never goes back, also across extensions. Base-OT keys are bound to the transcript, instance and position.
//! * What a secret decides is never a branch or a memory index: trees are punctured by passes over all nodes, SoftSpoken
//!   re-orders its seeds by delta once so that the unknown one is always the first, and 1-of-N choices select by masks.
//! * A peer that deviates can make outputs wrong or learn secrets (this is what semi-honest means) but cannot cause a
//!   panic, a hang, or an allocation larger than both parties planned.
#![forbid(unsafe_code)]

pub mod base;
mod bits;
pub mod block;
pub mod cost;
mod cot;
mod error;
mod ferret;
#[cfg(any(test, feature = "testing"))]
pub mod ideal;
mod kinds;
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
