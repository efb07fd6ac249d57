//! 1-out-of-2^r OT on short messages.
//!
//! *What*: for each instance the sender has a table of 2^radix messages of `msg_bits` bits, the receiver an index and
//! gets that entry. The sender learns nothing of the index, the receiver nothing of the other entries.
//!
//! *Cost*: `radix` COTs per instance; per batch `n * radix` bits from the receiver, then `n * 2^radix * msg_bits` bits from
//! the sender, each rounded up to bytes once. One round for the receiver, however many batches.
//!
//! *Security*: semi-honest, from correlation robustness of the tweaked hash. Each of the `radix` COT keys is hashed once
//! (or a few times if a table does not fit 128 bits) and cut into one slot per entry; entry `j` is masked by the xor of
//! slot `j` of the keys that the bits of `j` name. A slot of a key masks exactly one entry, and every entry but the
//! chosen one is masked by a slot of at least one unknown key.
//!
//! *Source*: Naor, Pinkas, "Computationally secure oblivious transfer", J. Cryptology 2005 (1-out-of-N from
//! log N key pairs), with slots of one hash in place of a pseudo-random function call per entry.

use sordino_kernels::Block;
use sordino_secret::Bits;
use sordino_wire::{Lane, Masked, Meter, Role};
use zeroize::Zeroize;

use crate::bits::{Reader, Writer, dense_len, low_mask};
use crate::error::{expect_len, expect_range};
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// Instances hashed at a time, so that keys stay in cache.
const BATCH: usize = 256;

/// COTs that `n` instances use.
pub const fn cots_needed(n: usize, radix: u32) -> usize {
    n * radix as usize
}

/// How the entries of a table lie in hash blocks.
#[derive(Clone, Copy)]
struct Slots {
    msg_bits: u32,
    per_block: u32,
    blocks: u32,
}

impl Slots {
    fn new(radix: u32, msg_bits: u32) -> Result<Self, Error> {
        expect_range("1-of-N OT radix", radix, 1, 8, "1 to 8 bits")?;
        expect_range("1-of-N OT message", msg_bits, 1, 8, "1 to 8 bits")?;
        let entries = 1 << radix;
        let per_block = entries.min(1 << (128 / msg_bits).ilog2());
        Ok(Self { msg_bits, per_block, blocks: entries / per_block })
    }

    fn width(self) -> u32 {
        self.per_block * self.msg_bits
    }

    fn message_len(self, n: usize) -> usize {
        dense_len(n * self.blocks as usize, self.width())
    }

    /// Bits of the slots of `block` whose entry number has bit `b` set.
    fn ones(self, block: u32, b: u32) -> u128 {
        (0..self.per_block)
            .filter(|slot| (block * self.per_block + slot) >> b & 1 == 1)
            .map(|slot| low_mask(self.msg_bits) << (slot * self.msg_bits))
            .fold(0, |a, m| a | m)
    }
}

/// What the sender of a batch of equal tables brings.
pub struct Tables<'a> {
    /// [`cots_needed`] of them.
    pub cots: SenderCots,
    /// Bits of a choice.
    pub radix: u32,
    /// Bits of an entry.
    pub msg_bits: u32,
    /// Tables of `2^radix` entries, of which the low `msg_bits` bits count.
    pub entries: &'a [u8],
}

/// What the receiver of a batch of equal tables brings.
pub struct Choices<'a> {
    /// [`cots_needed`] of them.
    pub cots: ReceiverCots,
    /// Bits of a choice.
    pub radix: u32,
    /// Bits of an entry.
    pub msg_bits: u32,
    /// Which entry of each table.
    pub choices: &'a [u8],
}

impl Tables<'_> {
    fn check(&self) -> Result<(Slots, usize), Error> {
        let slots = Slots::new(self.radix, self.msg_bits)?;
        let n = self.entries.len() >> self.radix;
        expect_len("entries of the tables", self.entries.len(), n << self.radix)?;
        expect_len("correlated OTs", self.cots.len(), cots_needed(n, self.radix))?;
        Ok((slots, n))
    }
}

impl Choices<'_> {
    fn check(&self) -> Result<(Slots, usize), Error> {
        let slots = Slots::new(self.radix, self.msg_bits)?;
        let n = self.choices.len();
        expect_len("correlated OTs", self.cots.len(), cots_needed(n, self.radix))?;
        Ok((slots, n))
    }
}

/// Serves batches of different shapes in one round: every batch's choices arrive before the first
/// tables leave.
///
/// *Errors*: on lengths that do not match, parameters out of range, or a failing lane.
pub fn send(lane: &mut Lane, batches: Vec<Tables<'_>>) -> Result<(), Error> {
    let shapes: Vec<_> = batches.iter().map(Tables::check).collect::<Result<_, _>>()?;
    let mut flips = Vec::with_capacity(batches.len());
    for (batch, (_, n)) in batches.iter().zip(&shapes) {
        flips.push(match n {
            0 => Bits::zero(0),
            _ => {
                let bytes = lane.recv(kinds::ONE_OF_N_CHOICES, dense_len(*n, batch.radix))?;
                Bits::from_bytes(n * batch.radix as usize, &bytes)
            }
        });
    }
    for ((batch, (slots, n)), flips) in batches.iter().zip(shapes).zip(&flips) {
        if n > 0 {
            let message = answer(batch, slots, n, flips);
            lane.send(kinds::ONE_OF_N_TABLES, Masked::new(&message))?;
        }
    }
    Ok(())
}

/// Gets entry `choices[i]` of table `i`, for every `i` of every batch.
///
/// *Errors*: on lengths that do not match, parameters or choices out of range, or a failing lane.
pub fn recv(lane: &mut Lane, batches: Vec<Choices<'_>>) -> Result<Vec<Vec<u8>>, Error> {
    let shapes: Vec<_> = batches.iter().map(Choices::check).collect::<Result<_, _>>()?;
    for (batch, (_, n)) in batches.iter().zip(&shapes) {
        if *n > 0 {
            lane.send(kinds::ONE_OF_N_CHOICES, Masked::new(&ask(batch, *n)?))?;
        }
    }
    let mut out = Vec::with_capacity(batches.len());
    for (batch, (slots, n)) in batches.iter().zip(shapes) {
        out.push(match n {
            0 => Vec::new(),
            _ => collect(batch, slots, &lane.recv(kinds::ONE_OF_N_TABLES, slots.message_len(n))?),
        });
    }
    Ok(out)
}

/// The masked tables of one batch.
fn answer(batch: &Tables<'_>, slots: Slots, n: usize, flips: &Bits) -> Vec<u8> {
    let Tables { cots, radix, msg_bits, entries: tables } = batch;
    let (radix, msg_bits) = (*radix, *msg_bits);
    let (r, entries) = (radix as usize, 1usize << radix);
    let masks: Vec<u128> =
        (0..slots.blocks).flat_map(|k| (0..radix).map(move |b| slots.ones(k, b))).collect();
    let mut out = Writer::with_capacity(slots.message_len(n));
    let mut keys0 = vec![Block::ZERO; BATCH * r * slots.blocks as usize];
    let mut keys1 = keys0.clone();
    let low = low_mask(msg_bits);
    for (batch, tables) in tables.chunks(BATCH * entries).enumerate() {
        let (start, count) = (batch * BATCH * r, tables.len() / entries * r);
        for k in 0..slots.blocks as usize {
            let span = k * count..(k + 1) * count;
            cots.keys(start, k as u32, &mut keys0[span.clone()], &mut keys1[span]);
        }
        for (i, table) in tables.chunks_exact(entries).enumerate() {
            for (k, part) in table.chunks_exact(slots.per_block as usize).enumerate() {
                let mut word = part.iter().rev().fold(0u128, |w, e| {
                    // A slot is at most 64 bits wide here, so the shift is in range.
                    w << msg_bits | u128::from(*e) & low
                });
                for b in 0..r {
                    let at = i * r + b;
                    let (x, y) = (keys0[k * count + at].0, keys1[k * count + at].0);
                    // The slots with bit b set take the key of "1", which the receiver's correction may exchange.
                    let ones = masks[k * r + b] ^ u128::from(flips.get(start + at)).wrapping_neg();
                    word ^= x ^ (x ^ y) & ones;
                }
                out.put(word & low_mask(slots.width()), slots.width());
            }
        }
    }
    keys0.zeroize();
    keys1.zeroize();
    out.finish()
}

/// The corrections that turn one batch's random choices into the wanted ones.
fn ask(batch: &Choices<'_>, n: usize) -> Result<Vec<u8>, Error> {
    let Choices { cots, radix, choices, .. } = batch;
    let (radix, r) = (*radix, *radix as usize);
    let mut flips = Writer::with_capacity(dense_len(n, radix));
    let mut excess = 0;
    for choice in choices.iter() {
        excess |= choice >> (radix - 1) >> 1;
        flips.put(u128::from(*choice) & low_mask(radix), radix);
    }
    if excess != 0 {
        return Err(Error::Parameter {
            what: "a 1-of-N OT choice",
            got: 1 << radix,
            supported: "below 2^radix",
        });
    }
    let mut flips = Bits::from_bytes(n * r, &flips.finish());
    flips.xor_assign(&cots.choice);
    Ok(flips.to_bytes())
}

/// The chosen entries of one batch.
fn collect(batch: &Choices<'_>, slots: Slots, masked: &[u8]) -> Vec<u8> {
    let Choices { cots, radix, msg_bits, choices } = batch;
    let (r, msg_bits, n) = (*radix as usize, *msg_bits, choices.len());
    let mut masked = Reader::new(masked);
    let mut keys = vec![Block::ZERO; BATCH * r * slots.blocks as usize];
    let mut out = Vec::with_capacity(n);
    let low = low_mask(msg_bits) as u8;
    for (batch, choices) in choices.chunks(BATCH).enumerate() {
        let count = choices.len() * r;
        for k in 0..slots.blocks as usize {
            cots.keys(batch * BATCH * r, k as u32, &mut keys[k * count..(k + 1) * count]);
        }
        for (i, choice) in choices.iter().enumerate() {
            // Masks and shifts: a division's time would depend on the choice.
            let slot = u32::from(*choice) & (slots.per_block - 1);
            let block = u32::from(*choice) >> slots.per_block.trailing_zeros();
            let mut entry = 0;
            for k in 0..slots.blocks {
                let pads = &keys[k as usize * count + i * r..][..r];
                let word = pads.iter().fold(masked.get(slots.width()), |w, pad| w ^ pad.0);
                let chosen = u8::from(k == block).wrapping_neg();
                entry |= (word >> (slot * msg_bits)) as u8 & low & chosen;
            }
            out.push(entry);
        }
    }
    keys.zeroize();
    out
}

/// Numbers that the cost of one batch depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Tables.
    pub n: usize,
    /// Bits of a choice.
    pub radix: u32,
    /// Bits of an entry.
    pub msg_bits: u32,
}

/// Replays the messages of [`send`] and [`recv`] on batches of these shapes.
pub fn cost(m: &mut Meter, sender: Role, batches: &[Shape]) {
    for b in batches.iter().filter(|b| b.n > 0) {
        m.message(sender.peer().sends(), dense_len(b.n, b.radix));
    }
    for b in batches.iter().filter(|b| b.n > 0) {
        m.message(sender.sends(), dense_len(b.n << b.radix, b.msg_bits));
    }
}
