//! What can go wrong on a lane.

use crate::abort::AbortCode;
use std::io;
use std::time::Duration;

/// Why a lane, a listener or a connection failed.
///
/// No variant ever carries payload bytes: texts name kinds, lengths, addresses and durations only.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The caller asked for something that cannot be set up; the text says what to change.
    #[error("{0}")]
    Config(String),
    /// The operating system refused an operation.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: String,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The peer neither sent nor took a byte for too long, or the session's deadline passed.
    #[error("timed out after {after:.1?} while {what}")]
    Timeout {
        /// What was being waited for.
        what: String,
        /// How long this party waited.
        after: Duration,
    },
    /// The peer closed the connection, or vanished.
    #[error("the peer closed the connection while {what}")]
    Closed {
        /// What was being done.
        what: String,
    },
    /// The peer sent something the protocol does not allow here.
    #[error("the peer misbehaved: expected {expected}, got {got}")]
    PeerMisbehaved {
        /// What the protocol prescribes at this point.
        expected: String,
        /// What arrived.
        got: String,
    },
    /// The peer gave up and said so.
    #[error("the peer aborted the session: {0}")]
    PeerAborted(AbortCode),
    /// The session would exceed one of the [`Limits`](crate::Limits) set on this lane.
    #[error("the session's limit of {limit} bytes is used up ({what})")]
    LimitReached {
        /// What would have exceeded the limit.
        what: String,
        /// The limit, in bytes both ways, headers included.
        limit: u64,
    },
    /// The secure channel could not be established: the peer is not who it should be, or does not
    /// speak the same protocol.
    #[error("no secure connection with {peer}: {why}")]
    Handshake {
        /// The peer's address.
        peer: String,
        /// Why not, and what to do about it.
        why: String,
    },
    /// The lane failed earlier and cannot be used any more.
    #[error("this lane already failed: {first}")]
    Poisoned {
        /// The text of the first failure.
        first: String,
    },
}

impl Error {
    /// Sorts an I/O error of an established connection into what it means for the session. A layer
    /// below that knows better puts its [`Error`] into the I/O error.
    pub(crate) fn from_io(source: io::Error, what: impl Into<String>, after: Duration) -> Self {
        use io::ErrorKind::*;
        let source = match source.downcast::<Error>() {
            Ok(known) => return known,
            Err(source) => source,
        };
        let what = what.into();
        match source.kind() {
            UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe | NotConnected => {
                Error::Closed { what }
            }
            WouldBlock | TimedOut => Error::Timeout { what, after },
            InvalidData => Error::PeerMisbehaved {
                expected: "an intact connection".into(),
                got: source.to_string(),
            },
            PermissionDenied => {
                Error::PeerMisbehaved { expected: "to be let in".into(), got: source.to_string() }
            }
            _ => Error::Io { what, source },
        }
    }
}
