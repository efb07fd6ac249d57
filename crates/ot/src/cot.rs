use sordino_kernels::{Block, hash};
use sordino_secret::Bits;
use sordino_wire::Role;
use zeroize::Zeroize;

use crate::Error;

/// Where a COT stands among all hashes under one delta.
///
/// A tweak is, from the top: 1 bit direction, 7 bits block number, 56 bits index of the COT since the set-up. The
/// supplier counts the index, so two COTs of one delta never share a tweak; the block number separates the several
/// blocks that one COT key may be stretched to, its last value the nodes of Ferret's trees (which hash under the same
/// delta) from COT keys; the direction separates the two deltas of a session.
#[derive(Clone, Copy)]
pub(crate) struct Tweak(u64);

impl Tweak {
    const INDEX_BITS: u32 = 56;
    const TREES: u32 = 127;

    pub(crate) fn new(sender: Role, index: u64) -> Self {
        debug_assert!(index >> Self::INDEX_BITS == 0);
        let direction = u64::from(sender == Role::Server) << 63;
        Self(direction | index)
    }

    pub(crate) fn skip(self, n: usize) -> Self {
        Self(self.0 + n as u64)
    }

    /// For block number `block` (below 127) of a COT key.
    pub(crate) fn block(self, block: u32) -> u64 {
        debug_assert!(block < Self::TREES);
        self.0 | u64::from(block) << Self::INDEX_BITS
    }

    /// For a node of a tree.
    pub(crate) fn tree(self) -> u64 {
        self.0 | u64::from(Self::TREES) << Self::INDEX_BITS
    }
}

/// The COT sender's half of `len()` random correlated OTs: `delta` and `q[i]`.
///
/// The two keys of OT `i` are H(q\[i\]) and H(q\[i\] ^ delta). Consumed by the protocols, not `Clone`, zeroised on drop:
///
/// ```compile_fail,E0382
/// # use sordino_ot::{Error, SenderCots, ring_cot};
/// fn twice(cots: SenderCots) -> Result<(), Error> {
///     ring_cot::SenderPads::derive(cots, 8)?;
///     ring_cot::SenderPads::derive(cots, 8)?;
///     Ok(())
/// }
/// ```
pub struct SenderCots {
    pub(crate) delta: Block,
    pub(crate) q: Vec<Block>,
    pub(crate) tweak: Tweak,
}

/// The COT receiver's half: random bits `choice[i]` and `t[i] = q[i] ^ choice[i] * delta`.
///
/// Consumed by the protocols, not `Clone`, zeroised on drop.
pub struct ReceiverCots {
    pub(crate) choice: Bits,
    pub(crate) t: Vec<Block>,
    pub(crate) tweak: Tweak,
}

impl Drop for SenderCots {
    fn drop(&mut self) {
        self.delta.zeroize();
        self.q.zeroize();
    }
}

impl Drop for ReceiverCots {
    fn drop(&mut self) {
        self.t.zeroize();
    }
}

impl SenderCots {
    /// How many OTs are left.
    pub fn len(&self) -> usize {
        self.q.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.q.is_empty()
    }

    /// Splits off `n` OTs. The peer must take the same numbers in the same order.
    ///
    /// *Errors*: if fewer than `n` are left; nothing is taken then.
    pub fn take(&mut self, n: usize) -> Result<Self, Error> {
        let rest = rest(self.len(), n)?;
        let q = split_end(&mut self.q, rest);
        Ok(Self { delta: self.delta, q, tweak: self.tweak.skip(rest) })
    }

    /// Both keys of the OTs `start..start + out0.len()`, stretched to block number `block`.
    pub(crate) fn keys(&self, start: usize, block: u32, out0: &mut [Block], out1: &mut [Block]) {
        let q = &self.q[start..start + out0.len()];
        hash::tmmo_cot(q, self.delta, self.tweak.skip(start).block(block), out0, out1);
    }
}

impl ReceiverCots {
    /// How many OTs are left.
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// Splits off `n` OTs. The peer must take the same numbers in the same order.
    ///
    /// *Errors*: if fewer than `n` are left; nothing is taken then.
    pub fn take(&mut self, n: usize) -> Result<Self, Error> {
        let rest = rest(self.len(), n)?;
        let choice = self.choice.slice(rest, n);
        self.choice = self.choice.slice(0, rest);
        let t = split_end(&mut self.t, rest);
        Ok(Self { choice, t, tweak: self.tweak.skip(rest) })
    }

    /// The chosen keys of the OTs `start..start + out.len()`, stretched to block number `block`.
    pub(crate) fn keys(&self, start: usize, block: u32, out: &mut [Block]) {
        let t = &self.t[start..start + out.len()];
        hash::tmmo(t, self.tweak.skip(start).block(block), out);
    }
}

fn rest(len: usize, n: usize) -> Result<usize, Error> {
    len.checked_sub(n).ok_or(Error::Length { what: "correlated OTs", got: len, want: n })
}

/// Splits `v[rest..]` off and leaves no copy of it behind in the spare capacity.
pub(crate) fn split_end(v: &mut Vec<Block>, rest: usize) -> Vec<Block> {
    let end = v[rest..].to_vec();
    v[rest..].iter_mut().zeroize();
    v.truncate(rest);
    end
}

/// Appends `n` zeros and leaves no copy of the old contents behind if the vector moves.
pub(crate) fn append_zeros(v: &mut Vec<Block>, n: usize) {
    if v.capacity() - v.len() < n {
        let mut moved = Vec::with_capacity(v.len() + n);
        moved.extend_from_slice(v);
        v.zeroize();
        *v = moved;
    }
    v.resize(v.len() + n, Block::ZERO);
}
