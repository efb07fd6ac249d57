//! What the parties of a popcorn session say to each other after the handshake.

use crate::Error;
use sordino_he::paillier::{Ciphertexts, PublicKey};
use sordino_wire::{Cipher, Dir, Kind, Lane, Meter, Underway};

pub(super) const PUBLIC_KEY: Kind = Kind::new(0x0500, "Paillier public key");
pub(super) const INPUT: Kind = Kind::new(0x0501, "encrypted input");
pub(super) const BLINDED: Kind = Kind::new(0x0502, "blinded values");
pub(super) const MASKED: Kind = Kind::new(0x0503, "masked values");
pub(super) const PARTS: Kind = Kind::new(0x0504, "encrypted upper parts");
pub(super) const BITS: Kind = Kind::new(0x0505, "encrypted bits");
pub(super) const PRODUCTS: Kind = Kind::new(0x0506, "encrypted products");
pub(super) const OUTPUT: Kind = Kind::new(0x0507, "encrypted output");
/// Empty: the server is at a long layer, and alive.
pub(super) const WORKING: Kind = Kind::new(0x0508, "sign of life");

/// Ciphertexts of a message.
const CHUNK: usize = 64;
/// Ciphertexts of input and output that are converted at a time.
pub(super) const BATCH: usize = 1024;

/// Numbers up to `count` in pieces.
pub(super) fn pieces(count: usize, size: usize) -> impl Iterator<Item = std::ops::Range<usize>> {
    (0..count).step_by(size).map(move |from| from..(from + size).min(count))
}

/// Sends ciphertexts, without flushing.
pub(super) fn send(lane: &mut Lane, kind: Kind, ciphertexts: &Ciphertexts) -> Result<(), Error> {
    let size = ciphertexts.key().strength().ciphertext_bytes();
    for chunk in ciphertexts.to_bytes().chunks(CHUNK * size) {
        lane.send(kind, Cipher::new(chunk))?;
    }
    Ok(())
}

pub(super) fn receive(
    lane: &mut Lane,
    kind: Kind,
    key: &PublicKey,
    count: usize,
) -> Result<Ciphertexts, Error> {
    let size = key.strength().ciphertext_bytes();
    let mut bytes = Vec::new();
    for piece in pieces(count, CHUNK) {
        bytes.extend(lane.recv(kind, piece.len() * size)?);
    }
    Ok(Ciphertexts::from_bytes(key, &bytes)?)
}

/// Replays the sending of so many ciphertexts of `size` bytes.
#[must_use = "messages that are never received are not counted by their receiver"]
pub(super) fn sent(meter: &mut Meter, dir: Dir, count: usize, size: usize) -> Vec<Underway> {
    pieces(count, CHUNK).map(|piece| meter.send(dir, piece.len() * size)).collect()
}

/// Replays the same, and that the receiver waits for each message.
pub(super) fn replay(meter: &mut Meter, dir: Dir, count: usize, size: usize) {
    for piece in pieces(count, CHUNK) {
        meter.message(dir, piece.len() * size);
    }
}
