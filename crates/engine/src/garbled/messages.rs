//! What the parties of a garbled session say to each other after the handshake.

use crate::Error;
use sordino_garble::{Base, Labels};
use sordino_kernels::Block;
use sordino_store::Id;
use sordino_wire::{Kind, Lane, Public};

pub(super) const WEIGHTS: Kind = Kind::new(0x0400, "weights");
pub(super) const FINGERPRINT: Kind = Kind::new(0x0401, "circuit fingerprint");
pub(super) const REQUEST: Kind = Kind::new(0x0402, "garbler's request");
pub(super) const STATUS: Kind = Kind::new(0x0403, "evaluator's answer");
pub(super) const TABLES: Kind = Kind::new(0x0404, "garbled tables");
pub(super) const INPUT: Kind = Kind::new(0x0405, "input labels");
pub(super) const OUTPUT: Kind = Kind::new(0x0406, "output labels");

/// Bytes of one message of weights or tables.
pub(super) const CHUNK: usize = 1 << 20;
pub(super) const REQUEST_LEN: usize = 17;
pub(super) const STATUS_LEN: usize = 1;
pub(super) const BLOCK: usize = size_of::<Block>();

/// What a garbler wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// The session ends.
    Bye,
    /// A circuit of this id is about to be sent.
    Store(Id),
    /// This circuit is about to be evaluated.
    Use(Id),
}

impl Request {
    pub(super) fn send(self, lane: &mut Lane) -> Result<(), Error> {
        let (code, id) = match self {
            Self::Bye => (0, [0; 16]),
            Self::Store(id) => (1, id.to_bytes()),
            Self::Use(id) => (2, id.to_bytes()),
        };
        let mut bytes = [code; REQUEST_LEN];
        bytes[1..].copy_from_slice(&id);
        lane.send(REQUEST, Public::new(&bytes))?;
        Ok(lane.flush()?)
    }

    pub(super) fn receive(lane: &mut Lane) -> Result<Self, Error> {
        let bytes = lane.recv(REQUEST, REQUEST_LEN)?;
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[1..]);
        match bytes[0] {
            0 => Ok(Self::Bye),
            1 => Ok(Self::Store(Id::from_bytes(id))),
            2 => Ok(Self::Use(Id::from_bytes(id))),
            _ => Err(Error::Peer("it sent an unknown request".into())),
        }
    }
}

/// What an evaluator answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    /// Done.
    Ok,
    /// There is no such circuit (any more).
    Absent,
    /// It takes no more circuits.
    Full,
    /// The session has used its inferences.
    Spent,
}

impl Status {
    pub(super) fn send(self, lane: &mut Lane) -> Result<(), Error> {
        let code = match self {
            Self::Ok => 1,
            Self::Absent => 2,
            Self::Full => 3,
            Self::Spent => 4,
        };
        lane.send(STATUS, Public::new(&[code]))?;
        Ok(lane.flush()?)
    }

    pub(super) fn receive(lane: &mut Lane) -> Result<Self, Error> {
        match lane.recv(STATUS, STATUS_LEN)?[0] {
            1 => Ok(Self::Ok),
            2 => Ok(Self::Absent),
            3 => Ok(Self::Full),
            4 => Ok(Self::Spent),
            _ => Err(Error::Peer("it sent an unknown answer".into())),
        }
    }
}

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
