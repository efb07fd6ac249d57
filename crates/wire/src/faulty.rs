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
    /// Its last byte is missing, and its header says so; an empty message is dropped.
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
    /// For tests of the other party. Whatever the fault, that one has to return an error; where
    /// kinds and lengths still match, one of a semi-honest protocol may return a wrong result. It
    /// must not hang beyond its idle limit, panic, or allocate what the fault announces.
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
            Fault::Truncate if payload.is_empty() => frame.clear(),
            Fault::Truncate => {
                frame.pop();
                set_len(&mut frame, payload.len() as u32 - 1);
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::{Limits, Public, memory_pair};
    use std::thread;
    use std::time::Duration;

    const FIRST: Kind = Kind::new(2, "first");
    const SECOND: Kind = Kind::new(4, "second");
    const ANSWER: Kind = Kind::new(6, "answer");
    const LAST: Kind = Kind::new(8, "last");

    fn client(mut lane: Lane) -> Result<(), Error> {
        lane.send(FIRST, Public::new(&[1; 10]))?;
        lane.send(SECOND, Public::new(&[]))?;
        lane.recv(ANSWER, 5)?;
        lane.send(LAST, Public::new(&[3; 20]))?;
        lane.close()
    }

    fn server(mut lane: Lane, idle: Duration) -> Result<bool, Error> {
        lane.set_limits(Limits { idle: Some(idle), ..Limits::default() });
        let first = lane.recv(FIRST, 10)?;
        lane.recv(SECOND, 0)?;
        lane.send(ANSWER, Public::new(&[2; 5]))?;
        let last = lane.recv(LAST, 20)?;
        Ok(first == [1; 10] && last == [3; 20])
    }

    fn run(before: usize, fault: Option<Fault>) -> Result<bool, Error> {
        use Fault::{Drop, Reorder, Stall, Truncate};
        let (mut ours, theirs) = memory_pair();
        let idle = match fault {
            // The server may wait in vain. Where it must not, no machine is too slow.
            Some(Drop | Reorder | Stall { .. } | Truncate) => Duration::from_millis(50),
            _ => Duration::from_secs(10),
        };
        if let Some(fault) = fault {
            ours.inject(before, fault);
        }
        let other = thread::spawn(move || client(ours));
        let seen = server(theirs, idle);
        // Its own fault is nothing to it; what matters is that it ended.
        let _ = other.join().unwrap();
        seen
    }

    #[test]
    fn every_fault_in_every_message_is_noticed() {
        assert!(run(0, None).unwrap());
        for before in 0..3 {
            for fault in Fault::ALL {
                let seen = run(before, Some(fault));
                match (fault, before) {
                    (Fault::Flip { .. }, 0 | 2) => assert!(!seen.unwrap()),
                    (Fault::Repeat, 2) => assert!(seen.unwrap()),
                    _ => assert!(seen.is_err(), "{fault:?} in message {before}"),
                }
            }
        }
    }

    #[test]
    fn faults_are_told_apart() {
        let misbehaved = |e| matches!(e, Error::PeerMisbehaved { .. });
        for fault in [Fault::WrongKind, Fault::HugeLength, Fault::Garbage, Fault::Extend] {
            assert!(misbehaved(run(0, Some(fault)).unwrap_err()), "{fault:?}");
        }
        let stalled = run(0, Some(Fault::Stall { after: 12 })).unwrap_err();
        assert!(matches!(stalled, Error::Timeout { .. }), "{stalled}");
        let vanished = run(2, Some(Fault::Vanish { after: 12 })).unwrap_err();
        assert!(matches!(vanished, Error::Closed { .. }), "{vanished}");
    }
}
