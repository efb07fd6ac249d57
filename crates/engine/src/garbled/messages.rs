//! What the parties of a garbled session say to each other after the handshake.

use crate::Error;
use sordino_garble::{Base, Labels};
use sordino_kernels::Block;
use sordino_store::Id;
use sordino_wire::{Kind, Lane, Public};

pub(super) const WEIGHTS: Kind = Kind::new(0x0400, "weights");
pub(super) const FINGERPRINT: Kind = Kind::new(0x0401, "circuit fingerprint");
pub(super) const TABLES: Kind = Kind::new(0x0404, "garbled tables");
pub(super) const INPUT: Kind = Kind::new(0x0405, "input labels");
pub(super) const OUTPUT: Kind = Kind::new(0x0406, "output labels");

/// Bytes of one message of weights or tables.
pub(super) const CHUNK: usize = 1 << 20;
pub(super) const BLOCK: usize = size_of::<Block>();

/// A circuit's id as its hash takes it.
pub(super) fn number(id: Id) -> Block {
    Block(u128::from_le_bytes(id.to_bytes()))
}

/// Lengths of the messages that carry `len` bytes.
pub(super) fn chunks(len: usize) -> impl Iterator<Item = usize> {
    (0..len).step_by(CHUNK).map(move |at| CHUNK.min(len - at))
}

/// Public bytes in chunks.
pub(super) fn send_public(lane: &mut Lane, kind: Kind, bytes: &[u8]) -> Result<(), Error> {
    for chunk in bytes.chunks(CHUNK) {
        lane.send(kind, Public::new(chunk))?;
    }
    Ok(lane.flush()?)
}

pub(super) fn receive_public(lane: &mut Lane, kind: Kind, len: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    for n in chunks(len) {
        bytes.extend(lane.recv(kind, n)?);
    }
    Ok(bytes)
}

/// Labels of a tensor in all moduli of a base, as blocks.
pub(super) fn pack(labels: &[Labels]) -> Vec<Block> {
    labels.iter().flat_map(Labels::pack).collect()
}

/// The inverse of [`pack`] for `len` elements.
pub(super) fn unpack(base: &Base, len: usize, bytes: &[u8]) -> Vec<Labels> {
    let blocks: Vec<Block> =
        bytes.as_chunks().0.iter().map(|c| Block(u128::from_le_bytes(*c))).collect();
    let tensors = blocks.chunks_exact(len.max(1));
    base.primes().iter().zip(tensors).map(|(&p, blocks)| Labels::unpack(p, blocks)).collect()
}
