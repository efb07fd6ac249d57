//! 1-out-of-2^r OT on short messages.
//!
//! *What*: for each instance the sender has a table of 2^radix messages of `msg_bits` bits, the receiver an index and
//! gets that entry. The sender learns nothing of the index, the receiver nothing of the other entries.
//!
//! In two steps: [`SenderPads`] and [`ReceiverPads`] come from COTs alone, before table and index are known (a random
//! 1-of-N OT: a table of random pads, one of which the receiver holds); [`send`] and [`recv`] use them up.
//!
//! *Cost*: `radix` COTs per instance; per batch `n * radix` bits from the receiver, then `n * 2^radix * msg_bits` bits from
//! the sender, each rounded up to bytes once. One round for the receiver, however many batches.
//!
//! *Security*: semi-honest, from correlation robustness of the hash. Each of the `radix` COT keys is hashed once and cut
//! into one slot per entry; pad `j` is the xor of slot `j` of the keys that the bits of `j` name. A slot of a key takes
//! part in exactly one pad, and every pad but the receiver's contains a slot of at least one key that it does not know.
//!
//! *Source*: Naor, Pinkas, "Computationally secure oblivious transfer", J. Cryptology 2005 (1-out-of-N from
//! log N key pairs), with slots of one hash in place of a pseudo-random function call per entry; Beaver, "Precomputing
//! oblivious transfer", CRYPTO 1995 (pads first, corrections later).

mod pads;
mod slots;

use sordino_secret::{pack, packed_len, unpack};
use sordino_wire::{Lane, Masked, Meter, Role};

use crate::error::expect_len;
use crate::{Error, kinds};

pub use pads::{ReceiverPads, SenderPads};

/// COTs that `n` instances use.
pub const fn cots_needed(n: usize, radix: u32) -> usize {
    n * radix as usize
}

/// What the sender of a batch of equal tables brings.
pub struct Tables<'a> {
    /// One per table.
    pub pads: SenderPads,
    /// Tables: entry `j` of one is at the bits `j * msg_bits..`, those above the last entry are zero.
    pub words: &'a [u64],
}

/// What the receiver of a batch of equal tables brings.
pub struct Choices<'a> {
    /// One per table.
    pub pads: ReceiverPads,
    /// Which entry of each table.
    pub choices: &'a [u8],
}

/// Serves batches of different shapes in one round: every batch's choices arrive before the first
/// tables leave.
///
/// *Errors*: on lengths that do not match or a failing lane.
pub fn send(lane: &mut Lane, batches: Vec<Tables<'_>>) -> Result<(), Error> {
    for b in &batches {
        expect_len("pads of tables", b.pads.len(), b.words.len())?;
    }
    let mut flips = Vec::with_capacity(batches.len());
    for Tables { pads, words } in &batches {
        let radix = pads.radix();
        flips.push(match words.len() {
            0 => Vec::new(),
            n => unpack(&lane.recv(kinds::ONE_OF_N_CHOICES, packed_len(n, radix))?, radix, n),
        });
    }
    for (Tables { pads, words }, flips) in batches.into_iter().zip(flips) {
        if !words.is_empty() {
            let width = pads.width();
            let message = pack(&pads.mask(words, &flips), width);
            lane.send(kinds::ONE_OF_N_TABLES, Masked::new(&message))?;
        }
    }
    Ok(())
}

/// Gets entry `choices[i]` of table `i`, for every `i` of every batch.
///
/// *Errors*: on lengths that do not match, choices out of range, or a failing lane.
pub fn recv(lane: &mut Lane, batches: Vec<Choices<'_>>) -> Result<Vec<Vec<u8>>, Error> {
    let mut flips = Vec::with_capacity(batches.len());
    for Choices { pads, choices } in &batches {
        expect_len("pads of choices", pads.len(), choices.len())?;
        flips.push(pads.flips(choices)?);
    }
    for (flips, b) in flips.iter().zip(&batches) {
        if !flips.is_empty() {
            let message = pack(flips, b.pads.radix());
            lane.send(kinds::ONE_OF_N_CHOICES, Masked::new(&message))?;
        }
    }
    let mut out = Vec::with_capacity(batches.len());
    for Choices { pads, choices } in batches {
        out.push(match choices.len() {
            0 => Vec::new(),
            n => {
                let width = pads.width();
                let masked = lane.recv(kinds::ONE_OF_N_TABLES, packed_len(n, width))?;
                pads.open(choices, &unpack(&masked, width, n))
            }
        });
    }
    Ok(out)
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
        m.message(sender.peer().sends(), packed_len(b.n, b.radix));
    }
    for b in batches.iter().filter(|b| b.n > 0) {
        m.message(sender.sends(), packed_len(b.n, b.msg_bits << b.radix));
    }
}
