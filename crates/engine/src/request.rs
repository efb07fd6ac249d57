//! What the parties of a session say to each other between inferences.

use crate::Error;
use sordino_store::Id;
use sordino_wire::{Kind, Lane, Public};

const REQUEST: Kind = Kind::new(0x0010, "request");
const STATUS: Kind = Kind::new(0x0011, "answer to a request");

/// Bytes of a request.
pub(crate) const REQUEST_LEN: usize = 21;
/// Bytes of an answer.
pub(crate) const STATUS_LEN: usize = 1;

/// What a client wants, for how many images at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// The session ends.
    Bye,
    /// Material of this id is about to be made.
    Prepare(Id, u32),
    /// This material is about to be used.
    Use(Id, u32),
    /// An inference with nothing prepared. Not answered: the protocol starts.
    Infer(u32),
}

impl Request {
    pub(crate) fn send(self, lane: &mut Lane) -> Result<(), Error> {
        let (code, images, id) = match self {
            Self::Bye => (0, 0, [0; 16]),
            Self::Prepare(id, images) => (1, images, id.to_bytes()),
            Self::Use(id, images) => (2, images, id.to_bytes()),
            Self::Infer(images) => (3, images, [0; 16]),
        };
        let mut bytes = [code; REQUEST_LEN];
        bytes[1..5].copy_from_slice(&images.to_le_bytes());
        bytes[5..].copy_from_slice(&id);
        lane.send(REQUEST, Public::new(&bytes))?;
        Ok(lane.flush()?)
    }

    pub(crate) fn receive(lane: &mut Lane) -> Result<Self, Error> {
        let bytes = lane.recv(REQUEST, REQUEST_LEN)?;
        let images = u32::from_le_bytes([bytes[1], bytes[2], bytes[3], bytes[4]]);
        let mut id = [0; 16];
        id.copy_from_slice(&bytes[5..]);
        match bytes[0] {
            0 => Ok(Self::Bye),
            1 => Ok(Self::Prepare(Id::from_bytes(id), images)),
            2 => Ok(Self::Use(Id::from_bytes(id), images)),
            3 => Ok(Self::Infer(images)),
            _ => Err(Error::Peer("it sent an unknown request".into())),
        }
    }
}

/// What a server answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    /// Done.
    Ok,
    /// There is no such material (any more).
    Absent,
    /// It takes no more.
    Full,
    /// The session has used its inferences.
    Spent,
}

impl Status {
    pub(crate) fn send(self, lane: &mut Lane) -> Result<(), Error> {
        let code = match self {
            Self::Ok => 1,
            Self::Absent => 2,
            Self::Full => 3,
            Self::Spent => 4,
        };
        lane.send(STATUS, Public::new(&[code]))?;
        Ok(lane.flush()?)
    }

    pub(crate) fn receive(lane: &mut Lane) -> Result<Self, Error> {
        match lane.recv(STATUS, STATUS_LEN)?[0] {
            1 => Ok(Self::Ok),
            2 => Ok(Self::Absent),
            3 => Ok(Self::Full),
            4 => Ok(Self::Spent),
            _ => Err(Error::Peer("it sent an unknown answer".into())),
        }
    }

    /// # Errors
    /// [`Error::Config`] with the server's reason not to do `what`.
    pub(crate) fn expect_ok(self, what: &str) -> Result<(), Error> {
        let why = match self {
            Self::Ok => return Ok(()),
            Self::Absent => "it does not have it",
            Self::Full => "it keeps no more; use what is stored, or have its limit raised",
            Self::Spent => "the session has used its inferences",
        };
        Err(Error::Config(format!("the server does not {what}: {why}")))
    }
}
