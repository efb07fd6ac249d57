//! A party that misbehaves, for tests.

use crate::frame::encode_header;
use crate::{Error, Kind, Lane};

/// What goes wrong with one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// One bit of the payload is inverted (of the header, when the payload is empty).
    Flip {
        /// Which bit, modulo the length.
        bit: usize,
    },
    /// It is not sent.
    Drop,
    /// It is sent twice.
    Repeat,
    /// Its last byte is missing, and its header says so.
    Truncate,
    /// It has one byte more, and its header says so.
    Extend,
    /// It is sent after the next one.
    Reorder,
    /// It has another kind.
    WrongKind,
    /// Its header announces 4 GiB.
    HugeLength,
    /// Its reserved header field is set.
    Garbage,
    /// The party stops within it, and stays connected.
    Stall {
        /// Bytes of the frame that are still sent, at most.
        after: usize,
    },
    /// The party vanishes within it.
    Vanish {
        /// Bytes of the frame that are still sent, at most.
        after: usize,
    },
}

impl Fault {
    /// One of each.
    pub const ALL: [Fault; 11] = [
        Fault::Flip { bit: 0 },
        Fault::Drop,
        Fault::Repeat,
        Fault::Truncate,
        Fault::Extend,
        Fault::Reorder,
        Fault::WrongKind,
        Fault::HugeLength,
        Fault::Garbage,
        Fault::Stall { after: 5 },
        Fault::Vanish { after: 9 },
    ];
}

/// Applies a fault to the messages of a lane.
pub(crate) struct Injector {
    fault: Fault,
    /// Messages until the fault.
    before: usize,
    held: Option<Vec<u8>>,
    silent: bool,
}

impl Lane {
    /// Makes this party misbehave in the message that it sends after `before` others.
    ///
    /// For tests of the other party: whatever the fault, that one has to return an error, or, in a
    /// semi-honest protocol and for [`Fault::Flip`] only, may return a wrong result. It must not
    /// hang beyond its idle limit, panic, or allocate what the fault announces.
    pub fn inject(&mut self, before: usize, fault: Fault) {
        self.injector = Some(Injector { fault, before, held: None, silent: false });
    }
}

impl Injector {
    pub(crate) fn send(
        &mut self,
        lane: &mut Lane,
        kind: Kind,
        payload: &[u8],
    ) -> Result<(), Error> {
        if self.silent {
            return Ok(());
        }
        let mut frame = encode_header(kind, payload.len() as u32).to_vec();
        frame.extend_from_slice(payload);
        if self.before > 0 {
            self.before -= 1;
            return lane.put(kind, &frame);
        }
        if let Some(held) = self.held.take() {
            lane.put(kind, &frame)?;
            self.before = usize::MAX;
            return lane.put(kind, &held);
        }
        match self.fault {
            Fault::Flip { bit } => {
                let from = if payload.is_empty() { 0 } else { 8 };
                let bit = bit % (8 * (frame.len() - from));
                frame[from + bit / 8] ^= 1 << (bit % 8);
            }
            Fault::Drop => frame.clear(),
            Fault::Repeat => frame.extend_from_within(..),
            Fault::Truncate => {
                if frame.pop().is_some() && payload.is_empty() {
                    self.silent = true;
                } else {
                    set_len(&mut frame, payload.len() as u32 - 1);
                }
            }
            Fault::Extend => {
                frame.push(0);
                set_len(&mut frame, payload.len() as u32 + 1);
            }
            Fault::Reorder => {
                self.held = Some(frame);
                return Ok(());
            }
            Fault::WrongKind => frame[0] ^= 1,
            Fault::HugeLength => set_len(&mut frame, u32::MAX),
            Fault::Garbage => frame[2] = 1,
            Fault::Stall { after } => {
                frame.truncate(after);
                self.silent = true;
            }
            Fault::Vanish { after } => {
                frame.truncate(after);
                lane.put(kind, &frame)?;
                return Err(lane.vanish());
            }
        }
        self.before = usize::MAX;
        lane.put(kind, &frame)
    }
}

fn set_len(frame: &mut [u8], len: u32) {
    frame[4..8].copy_from_slice(&len.to_le_bytes());
}
