//! The messages of the handshake.

use super::{Open, Wish};
use crate::Error;
use serde::{Deserialize, Serialize};
use sordino_wire::Kind;

/// Version of the protocol; parties of different versions refuse each other, and material prepared under another version
/// is left alone.
pub const VERSION: u32 = 6;

const MAGIC: [u8; 4] = *b"SRDN";
pub(super) const HELLO: Kind = Kind::new(0x0001, "hello");
pub(super) const ANSWER: Kind = Kind::new(0x0002, "answer");
pub(super) const GRAPH: Kind = Kind::new(0x0003, "graph");
pub(super) const CARD: Kind = Kind::new(0x0004, "card");
pub(super) const CONFIRM: Kind = Kind::new(0x0005, "confirm");
pub(super) const WAYS: Kind = Kind::new(0x0007, "ways");

pub(super) const MAX_HELLO: usize = 256;
pub(super) const MAX_CONFIRM: usize = 128;
/// Graphs that a client is offered at most: one for each kind of integers.
pub(super) const MAX_GRAPHS: usize = 2;
/// Ways that a client is offered at most: each takes it some computing to compare.
pub(super) const MAX_WAYS: usize = 8;
/// Bytes of them.
pub(super) const MAX_WAYS_BYTES: usize = 1 << 22;
/// Largest public graph a client accepts.
pub const MAX_GRAPH: usize = sordino_graph::fixed::limits::GRAPH_BYTES;
/// Largest card a client accepts.
pub const MAX_CARD: usize = 1 << 20;

/// A client's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What it asks for.
    pub wish: Wish,
    /// What of it is to be chosen later, by the link.
    pub open: Option<Open>,
}

/// Why a server refuses a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The server speaks another version.
    Version,
    /// The server reveals labels only.
    LabelOnly,
    /// The server has no room for another session.
    Busy,
    /// The client's wish is not one this server understands.
    Wish,
    /// The server runs its network with another backend.
    Backend,
    /// The server does not run linear layers on Paillier's encryption.
    Paillier,
    /// No backend of the server reveals the label alone.
    Label,
}

impl Refusal {
    pub(super) fn describe(self) -> &'static str {
        match self {
            Self::Version => "it speaks another version of the protocol",
            Self::LabelOnly => "it reveals the label only; ask with --reveal label",
            Self::Busy => "it serves as many clients as it can; try again later",
            Self::Wish => "it does not understand the requested settings",
            Self::Backend => "it serves this network with another --backend",
            Self::Paillier => {
                "it does not compute on Paillier's encryption, which takes much of its time: its owner has to start it \
                 with --paillier"
            }
            Self::Label => "none of its backends reveals the label alone; ask with --reveal logits",
        }
    }
}

/// The server's first message. Lengths are in bytes.
#[derive(Serialize, Deserialize)]
pub(super) enum Answer {
    Welcome { graphs: Vec<u32>, card: u32, ways: u32 },
    Refused(Refusal),
}

/// What the client settled on.
#[derive(Serialize, Deserialize)]
pub(super) struct Confirm {
    /// One of the ways.
    pub(super) way: u32,
    pub(super) wish: Wish,
    /// Of everything that was said.
    pub(super) digest: [u8; 32],
    /// Of what will be sent, if everything was open.
    pub(super) plan: Option<[u8; 32]>,
}

/// Behind magic and version.
pub(super) fn framed(body: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_le_bytes(), body].concat()
}

/// Body after magic and version, or what is wrong with them.
pub(super) fn unframe(bytes: &[u8]) -> Result<&[u8], Error> {
    let Some((head, body)) = bytes.split_at_checked(8) else {
        return Err(Error::Peer("its first message is too short to be Sordino's".into()));
    };
    if head[..4] != MAGIC {
        return Err(Error::Peer("it does not speak the Sordino protocol".into()));
    }
    let version = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if version != VERSION {
        return Err(Error::Config(format!(
            "the peer speaks protocol version {version}, this program version {VERSION}; \
             use the same release on both sides"
        )));
    }
    Ok(body)
}

pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_allocvec(value).map_err(|e| Error::Config(format!("cannot encode a message: {e}")))
}

pub(super) fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Error::Peer(format!("its {what} message is malformed"))),
    }
}

/// What the server said, and what the client settled on.
pub(super) fn digest(
    ways: &[u8],
    graphs: &[Vec<u8>],
    card: &[u8],
    way: u32,
    wish: &Wish,
) -> Result<[u8; 32], Error> {
    let mut h = blake3::Hasher::new_derive_key("sordino session terms v2");
    let picked = encode(&(way, wish))?;
    let parts = graphs.iter().map(Vec::as_slice).chain([ways, card, &picked]);
    for part in parts {
        h.update(&(part.len() as u64).to_le_bytes());
        h.update(part);
    }
    Ok(*h.finalize().as_bytes())
}
