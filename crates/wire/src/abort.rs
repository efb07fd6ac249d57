//! The one message that ends a session early.

use std::fmt;

/// Why a party gives up, as coarsely as the peer may know it.
///
/// *Security.* Once a message of a protocol depends on a secret, the only code to send is
/// [`AbortCode::Protocol`]: telling a peer which check failed is a selective-failure oracle. The
/// others are for before that point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AbortCode {
    /// Something went wrong during the protocol; nothing more is said.
    Protocol,
    /// The server has no room for another session now.
    Busy,
    /// The two parties do not agree on version, model or parameters.
    Incompatible,
    /// The session used up what it was allowed.
    Limit,
}

impl AbortCode {
    pub(crate) fn to_u16(self) -> u16 {
        match self {
            AbortCode::Protocol => 0,
            AbortCode::Busy => 1,
            AbortCode::Incompatible => 2,
            AbortCode::Limit => 3,
        }
    }

    /// Codes this version does not know mean the least specific one.
    pub(crate) fn from_u16(code: u16) -> Self {
        match code {
            1 => AbortCode::Busy,
            2 => AbortCode::Incompatible,
            3 => AbortCode::Limit,
            _ => AbortCode::Protocol,
        }
    }
}

impl fmt::Display for AbortCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            AbortCode::Protocol => "protocol failure",
            AbortCode::Busy => "it is busy, try again later",
            AbortCode::Incompatible => "version, model or parameters do not match",
            AbortCode::Limit => "the session used up what it was allowed",
        })
    }
}
