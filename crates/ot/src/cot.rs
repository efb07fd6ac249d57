use core::ops::Range;
use std::sync::Arc;

use sordino_kernels::hash::Mmo;
use sordino_kernels::{Block, Wiped, prg};
use sordino_secret::Bits;
use zeroize::Zeroize;

use crate::Error;
use crate::memory::Blocks;

/// COTs hashed under one key.
const HASHED: u64 = 1 << 10;
/// Blocks that a COT key may be expanded to, as a power of two.
const EXPANDED: u32 = 28;

/// Where a COT stands among all of one delta, which says under which public key it is hashed.
///
/// The session's key comes from the base OTs; the number of the COT, which the supplier counts, changes it every
/// [`HASHED`] COTs, so that a computation of the hash can be held against few COTs only.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    session: Block,
    index: u64,
}

impl Place {
    pub(crate) fn new(session: Block, index: u64) -> Self {
        Self { session, index }
    }

    fn skip(self, n: usize) -> Self {
        Self { index: self.index + n as u64, ..self }
    }

    /// Expands the keys of the COTs from here on, each to `row` blocks after the first `skip`. A counter serves at most
    /// [`HASHED`] COTs of a session, which starts at a place of its own.
    fn expand(self, keys: &[Block], skip: usize, row: usize, out: &mut [Block]) {
        let first = (self.session.0 as u64 >> 1) + skip as u64;
        for (run, _) in self.runs(keys.len()) {
            let group = (self.index + run.start as u64) / HASHED;
            let out = &mut out[run.start * row..run.end * row];
            prg::expand(&keys[run], first + (group << EXPANDED), out);
        }
    }

    /// Cuts `len` COTs from here on into runs under one hash each.
    fn runs(self, len: usize) -> impl Iterator<Item = (Range<usize>, Mmo)> {
        let mut from = 0;
        core::iter::from_fn(move || {
            let index = self.index + from as u64;
            let to = len.min(from + (HASHED - index % HASHED) as usize);
            let run = from..to;
            from = to;
            let key = self.session ^ Block(u128::from(index / HASHED));
            (!run.is_empty()).then(|| (run, Mmo::new(key)))
        })
    }
}

/// The COT sender's half of `len()` random correlated OTs: `delta` and `q[i]`.
///
/// The two keys of OT `i` are H(q\[i\]) and H(q\[i\] ^ delta). Consumed by the protocols, not `Clone`; its memory goes back to the supplier:
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
    pub(crate) q: Blocks,
    pub(crate) place: Place,
}

/// The COT receiver's half: random bits `choice[i]` and `t[i] = q[i] ^ choice[i] * delta`.
///
/// Consumed by the protocols, not `Clone`; its memory goes back to the supplier.
pub struct ReceiverCots {
    /// May be longer than `t`: the bits of what was split off stay.
    choice: Arc<Bits>,
    first: usize,
    pub(crate) t: Blocks,
    pub(crate) place: Place,
}

impl Drop for SenderCots {
    fn drop(&mut self) {
        self.delta.zeroize();
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

    /// Splits off `n` OTs, without copying. The peer must take the same numbers in the same order.
    ///
    /// *Errors*: if fewer than `n` are left; nothing is taken then.
    pub fn take(&mut self, n: usize) -> Result<Self, Error> {
        let rest = rest(self.len(), n)?;
        Ok(Self { delta: self.delta, q: self.q.split_off(rest), place: self.place.skip(rest) })
    }

    /// Both keys of the OTs `start..start + out0.len()`.
    pub(crate) fn keys(&self, start: usize, out0: &mut [Block], out1: &mut [Block]) {
        let q = &self.q[start..start + out0.len()];
        for (run, hash) in self.place.skip(start).runs(q.len()) {
            hash.cot(&q[run.clone()], self.delta, &mut out0[run.clone()], &mut out1[run]);
        }
    }

    /// Both keys of the OTs from `start` on, each expanded to `row` blocks after the first `skip` (below 2^28 together).
    pub(crate) fn pads(
        &self,
        start: usize,
        skip: usize,
        row: usize,
        out0: &mut [Block],
        out1: &mut [Block],
    ) {
        let n = out0.len() / row.max(1);
        let mut keys = [(); 2].map(|()| Wiped::zeros(n));
        let [keys0, keys1] = &mut keys;
        self.keys(start, keys0, keys1);
        for (keys, out) in keys.iter().zip([out0, out1]) {
            self.place.skip(start).expand(keys, skip, row, out);
        }
    }
}

impl ReceiverCots {
    pub(crate) fn new(choice: Bits, t: Blocks, place: Place) -> Self {
        Self { choice: Arc::new(choice), first: 0, t, place }
    }

    /// How many OTs are left.
    pub fn len(&self) -> usize {
        self.t.len()
    }

    /// Whether none is left.
    pub fn is_empty(&self) -> bool {
        self.t.is_empty()
    }

    /// Splits off `n` OTs, without copying. The peer must take the same numbers in the same order.
    ///
    /// *Errors*: if fewer than `n` are left; nothing is taken then.
    pub fn take(&mut self, n: usize) -> Result<Self, Error> {
        let rest = rest(self.len(), n)?;
        Ok(Self {
            choice: Arc::clone(&self.choice),
            first: self.first + rest,
            t: self.t.split_off(rest),
            place: self.place.skip(rest),
        })
    }

    /// The choices of all OTs.
    pub(crate) fn choice(&self) -> Bits {
        self.choice.slice(self.first, self.len())
    }

    /// The chosen keys of the OTs `start..start + out.len()`.
    pub(crate) fn keys(&self, start: usize, out: &mut [Block]) {
        let t = &self.t[start..start + out.len()];
        for (run, hash) in self.place.skip(start).runs(t.len()) {
            hash.hash(&t[run.clone()], &mut out[run]);
        }
    }

    /// The chosen keys of the OTs from `start` on, each expanded to `row` blocks after the first `skip` (below 2^28
    /// together).
    pub(crate) fn pads(&self, start: usize, skip: usize, row: usize, out: &mut [Block]) {
        let mut keys = Wiped::zeros(out.len() / row.max(1));
        self.keys(start, &mut keys);
        self.place.skip(start).expand(&keys, skip, row, out);
    }
}

fn rest(len: usize, n: usize) -> Result<usize, Error> {
    len.checked_sub(n).ok_or(Error::Length { what: "correlated OTs", got: len, want: n })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_serves_aligned_runs() {
        let place = Place::new(Block(5), 3000);
        let runs: Vec<_> = place.skip(60).runs(2100).map(|(run, _)| run).collect();
        assert_eq!(runs, [0..12, 12..1036, 1036..2060, 2060..2100]);
        assert_eq!(place.runs(0).count(), 0);
    }

    #[test]
    fn keys_do_not_depend_on_cuts_and_change_with_the_place() {
        let t: Vec<Block> = (0..2500).map(|i| Block(i % 2)).collect();
        let home = crate::memory::Home::default();
        let cots = ReceiverCots::new(Bits::zero(2500), home.lend(t, 2500), Place::new(Block(9), 0));
        let mut all = vec![Block::ZERO; 2500];
        cots.keys(0, &mut all);
        let mut part = vec![Block::ZERO; 1200];
        cots.keys(1000, &mut part);
        assert!(part[..] == all[1000..2200]);
        assert!(all[0] == all[2] && all[0] != all[1] && all[0] != all[1024]);
    }
}
