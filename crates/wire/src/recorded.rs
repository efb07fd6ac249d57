//! Transcripts: what was said, without the content.

use crate::{Dir, Kind};
use std::fmt;

/// One message of a [`Transcript`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who sent it.
    pub dir: Dir,
    /// What it was.
    pub kind: Kind,
    /// Its payload's length in bytes.
    pub len: usize,
}

/// The messages of a session in the order in which this party sent and received them.
///
/// Printed, it has one line per run of equal messages, made for golden tests: a protocol that
/// starts to say more, or something else, changes its transcript.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    messages: Vec<Message>,
}

impl Transcript {
    /// The messages.
    pub fn messages(&self) -> &[Message] {
        &self.messages
    }

    pub(crate) fn push(&mut self, dir: Dir, kind: Kind, len: usize) {
        self.messages.push(Message { dir, kind, len });
    }
}

impl fmt::Display for Transcript {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for run in self.messages.chunk_by(|a, b| a == b) {
            let Message { dir, kind, len } = run[0];
            let dir = match dir {
                Dir::Up => "up  ",
                Dir::Down => "down",
            };
            match run.len() {
                1 => writeln!(f, "{dir} {kind} {len}")?,
                n => writeln!(f, "{dir} {kind} {len} x{n}")?,
            }
        }
        Ok(())
    }
}
