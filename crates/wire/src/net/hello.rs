//! The first message on a connection: which session and which lane of it this is.

use crate::{AbortCode, Error, Kind, Lane, Public};

const HELLO: Kind = Kind::own(0, "hello");
const WELCOME: Kind = Kind::own(1, "welcome");
const MAGIC: [u8; 8] = *b"sordino\x01";
const LEN: usize = 32;

/// Names a session among those that a server is setting up. Whoever knows it can add a lane.
#[derive(Clone, PartialEq, Eq, Hash)]
pub(super) struct Token([u8; 16]);

impl Token {
    pub(super) fn random() -> Result<Self, Error> {
        let mut token = [0; 16];
        getrandom::fill(&mut token).map_err(|e| Error::Io {
            what: "drawing a session token".into(),
            source: std::io::Error::other(e.to_string()),
        })?;
        Ok(Token(token))
    }
}

pub(super) struct Hello {
    /// Lanes of the session.
    pub(super) lanes: u16,
    /// Which of them this is.
    pub(super) index: u16,
    pub(super) token: Token,
}

impl Hello {
    pub(super) fn send(&self, lane: &mut Lane) -> Result<(), Error> {
        let mut bytes = [0; LEN];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..10].copy_from_slice(&self.lanes.to_le_bytes());
        bytes[10..12].copy_from_slice(&self.index.to_le_bytes());
        bytes[16..].copy_from_slice(&self.token.0);
        // The token goes to the one party that has to know it.
        lane.send(HELLO, Public::new(&bytes))?;
        lane.flush()
    }

    pub(super) fn receive(lane: &mut Lane) -> Result<Self, Error> {
        let mut bytes = [0; LEN];
        lane.recv_into(HELLO, &mut bytes)?;
        let [m0, m1, m2, m3, m4, m5, m6, version, rest @ ..] = bytes;
        let [l0, l1, i0, i1, z0, z1, z2, z3, token @ ..] = rest;
        let hello = Hello {
            lanes: u16::from_le_bytes([l0, l1]),
            index: u16::from_le_bytes([i0, i1]),
            token: Token(token),
        };
        let known = [m0, m1, m2, m3, m4, m5, m6, version] == MAGIC && [z0, z1, z2, z3] == [0; 4];
        if known && hello.index < hello.lanes {
            return Ok(hello);
        }
        lane.abort(AbortCode::Incompatible);
        Err(Error::PeerMisbehaved {
            expected: format!("a client of wire version {}", MAGIC[7]),
            got: format!("a hello of version {version}"),
        })
    }
}

/// Tells the client that its session is known and further lanes may come.
pub(super) fn welcome(lane: &mut Lane) -> Result<(), Error> {
    lane.send(WELCOME, Public::new(&[]))?;
    lane.flush()
}

pub(super) fn welcomed(lane: &mut Lane) -> Result<(), Error> {
    lane.recv_into(WELCOME, &mut [])
}
