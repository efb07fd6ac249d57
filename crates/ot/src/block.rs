//! Chosen 1-of-2 transfers of blocks.
//!
//! *What*: the sender has pairs of blocks, the receiver a choice bit for each pair and gets that block. The receiver
//! sends all its choices at once, the sender answers in parts of any size.
//!
//! *Cost*: one COT per pair; `n` bits from the receiver, rounded up to bytes once, then 32 bytes per pair.
//!
//! *Security*: semi-honest, from correlation robustness of the hash: blocks may depend on each other (labels of a
//! garbled circuit do) but not on the sender's `delta`.
//!
//! *Source*: Beaver's derandomisation of random transfers; Ishai, Kilian, Nissim, Petrank, CRYPTO 2003.

use sordino_kernels::Block;
use sordino_secret::Bits;
use sordino_wire::{Lane, Masked, Meter, Role};
use zeroize::Zeroize;

use crate::error::expect_len;
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// The sender's end, after it has the choices.
pub struct BlockSender {
    cots: SenderCots,
    flips: Bits,
    sent: usize,
}

impl BlockSender {
    /// Receives the masked choices of as many transfers as there are COTs.
    ///
    /// *Errors*: a failing lane.
    pub fn new(lane: &mut Lane, cots: SenderCots) -> Result<Self, Error> {
        let n = cots.len();
        let bytes = lane.recv(kinds::BLOCK_CHOICES, n.div_ceil(8))?;
        Ok(Self { cots, flips: Bits::from_bytes(n, &bytes), sent: 0 })
    }

    /// Sends the next pairs.
    ///
    /// *Errors*: when there are more pairs than transfers left, or the lane fails.
    pub fn send(&mut self, lane: &mut Lane, pairs: &[[Block; 2]]) -> Result<(), Error> {
        let left = self.cots.len() - self.sent;
        if pairs.len() > left {
            return expect_len("pairs of blocks", pairs.len(), left);
        }
        let mut keys = [vec![Block::ZERO; pairs.len()], vec![Block::ZERO; pairs.len()]];
        let [key0, key1] = &mut keys;
        self.cots.keys(self.sent, key0, key1);
        let mut masked = Vec::with_capacity(2 * pairs.len());
        for (i, (pair, (x, y))) in pairs.iter().zip(key0.iter().zip(key1.iter())).enumerate() {
            let flip = u128::from(self.flips.get(self.sent + i)).wrapping_neg();
            let swap = (x.0 ^ y.0) & flip;
            masked.push(Block(pair[0].0 ^ x.0 ^ swap));
            masked.push(Block(pair[1].0 ^ y.0 ^ swap));
        }
        keys.iter_mut().for_each(Zeroize::zeroize);
        self.sent += pairs.len();
        lane.send(kinds::BLOCK_PAIRS, Masked::pod(&masked))?;
        Ok(())
    }
}

/// The receiver's end, after it has sent its choices.
pub struct BlockReceiver {
    cots: ReceiverCots,
    choice: Bits,
    received: usize,
}

impl BlockReceiver {
    /// Sends the masked choices, one for each COT.
    ///
    /// *Errors*: when the numbers differ, or the lane fails.
    pub fn new(lane: &mut Lane, cots: ReceiverCots, choice: Bits) -> Result<Self, Error> {
        expect_len("choices", choice.len(), cots.len())?;
        let mut flips = choice.clone();
        flips.xor_assign(&cots.choice());
        lane.send(kinds::BLOCK_CHOICES, Masked::new(&flips.to_bytes()))?;
        Ok(Self { cots, choice, received: 0 })
    }

    /// Receives the next `n` chosen blocks.
    ///
    /// *Errors*: when fewer transfers are left, or the lane fails.
    pub fn recv(&mut self, lane: &mut Lane, n: usize) -> Result<Vec<Block>, Error> {
        let left = self.cots.len() - self.received;
        if n > left {
            expect_len("pairs of blocks", n, left)?;
        }
        let bytes = lane.recv(kinds::BLOCK_PAIRS, 32 * n)?;
        let block = |b: &[u8; 16]| u128::from_le_bytes(*b);
        let mut keys = vec![Block::ZERO; n];
        self.cots.keys(self.received, &mut keys);
        let pairs = bytes.as_chunks::<16>().0.as_chunks::<2>().0;
        for (i, (key, [a, b])) in keys.iter_mut().zip(pairs).enumerate() {
            let pick = u128::from(self.choice.get(self.received + i)).wrapping_neg();
            key.0 ^= block(a) ^ ((block(a) ^ block(b)) & pick);
        }
        self.received += n;
        Ok(keys)
    }
}

/// Replays the receiver's choices for `n` transfers.
pub fn cost_choices(m: &mut Meter, sender: Role, n: usize) {
    m.message(sender.peer().sends(), n.div_ceil(8));
}

/// Replays one part of the sender's answer.
pub fn cost_pairs(m: &mut Meter, sender: Role, n: usize) {
    m.message(sender.sends(), 32 * n);
}
