//! What a message is.

use std::fmt;

/// The kind of a message: the code on the wire and the name in error texts and transcripts.
///
/// A protocol declares its kinds as constants; the receiver names the kind that it expects, and
/// anything else is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Kind {
    code: u16,
    name: &'static str,
}

impl Kind {
    /// Codes from here up belong to this crate.
    pub const RESERVED: u16 = 0xfff0;
    pub(crate) const ABORT: Kind = Kind::own(0xf, "abort");

    /// A kind with this code, below [`Kind::RESERVED`], and name.
    ///
    /// *Panics* when the code is reserved: at compile time when the kind is a constant.
    pub const fn new(code: u16, name: &'static str) -> Self {
        assert!(code < Kind::RESERVED, "kind codes from 0xfff0 up are reserved");
        Kind { code, name }
    }

    /// One of this crate's own kinds.
    pub(crate) const fn own(n: u16, name: &'static str) -> Self {
        Kind { code: Kind::RESERVED | n, name }
    }

    /// The code on the wire.
    pub const fn code(self) -> u16 {
        self.code
    }

    /// The name in texts.
    pub const fn name(self) -> &'static str {
        self.name
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
