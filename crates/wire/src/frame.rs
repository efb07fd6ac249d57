//! Frames: an eight-byte header and a payload.
//!
//! ```text
//! 0       2          4              8
//! | kind  | reserved | length (LE)  | payload … |
//! |  u16  |  u16 = 0 |     u32      |           |
//! ```

use crate::{Error, Kind};
use std::io::{self, BufReader, Read};

/// Bytes of a frame header.
pub const HEADER: u64 = 8;
const HEADER_LEN: usize = HEADER as usize;

/// How much a payload of a length that the peer chose may grow ahead of the bytes that arrived.
const GROWTH: usize = 1 << 20;

/// A decoded frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// The code of the message's [`Kind`].
    pub kind: u16,
    /// The payload's length in bytes.
    pub len: u32,
}

/// Decodes the header at the start of `bytes`.
///
/// *Errors.* [`Error::PeerMisbehaved`] when there are fewer than [`HEADER`] bytes or the reserved
/// field is not zero.
pub fn decode_header(bytes: &[u8]) -> Result<Header, Error> {
    match bytes {
        [k0, k1, 0, 0, l0, l1, l2, l3, ..] => Ok(Header {
            kind: u16::from_le_bytes([*k0, *k1]),
            len: u32::from_le_bytes([*l0, *l1, *l2, *l3]),
        }),
        _ => Err(Error::PeerMisbehaved {
            expected: "a frame header".into(),
            got: if bytes.len() < HEADER_LEN {
                format!("{} bytes", bytes.len())
            } else {
                "bytes that are none (another protocol or version?)".into()
            },
        }),
    }
}

/// The header of a frame of this kind with `len` bytes of payload.
pub fn encode_header(kind: Kind, len: u32) -> [u8; HEADER_LEN] {
    let mut out = [0; HEADER_LEN];
    out[..2].copy_from_slice(&kind.code().to_le_bytes());
    out[4..].copy_from_slice(&len.to_le_bytes());
    out
}

/// Reads frames from any byte stream.
///
/// It does not trust the stream: payloads are read into memory that the caller sized, or that grows
/// with the bytes that really arrive.
pub struct Reader<R>(BufReader<R>);

impl<R: Read> Reader<R> {
    /// A reader of this stream.
    pub fn new(stream: R) -> Self {
        Reader(BufReader::with_capacity(64 << 10, stream))
    }

    /// The stream.
    pub fn get_ref(&self) -> &R {
        self.0.get_ref()
    }

    /// The stream, to change its settings.
    pub fn get_mut(&mut self) -> &mut R {
        self.0.get_mut()
    }

    /// The next header; `None` when the stream ends between two frames.
    pub fn header(&mut self) -> Result<Option<Header>, ReadError> {
        let mut bytes = [0; HEADER_LEN];
        let mut have = 0;
        while have < HEADER_LEN {
            match self.0.read(&mut bytes[have..]) {
                Ok(0) if have == 0 => return Ok(None),
                Ok(0) => {
                    // A TLS alert is shorter than a header, and worth telling from a cut.
                    decode_header(&bytes)?;
                    return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
                }
                Ok(n) => have += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(e.into()),
            }
        }
        Ok(Some(decode_header(&bytes)?))
    }

    /// The payload of the header just read, whose length the caller found to be `out.len()`.
    pub fn payload_into(&mut self, out: &mut [u8]) -> Result<(), ReadError> {
        Ok(self.0.read_exact(out)?)
    }

    /// The payload of the header just read, whose length the caller accepted. Memory grows with the
    /// bytes that arrive, at most 1 MiB ahead of them.
    pub fn payload(&mut self, len: usize) -> Result<Vec<u8>, ReadError> {
        let mut out = Vec::new();
        while out.len() < len {
            let have = out.len();
            out.resize(have + (len - have).min(GROWTH), 0);
            self.0.read_exact(&mut out[have..])?;
        }
        Ok(out)
    }
}

/// Why no frame could be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The stream failed or ended within a frame.
    #[error(transparent)]
    Stream(#[from] io::Error),
    /// The bytes are not a frame.
    #[error(transparent)]
    Frame(#[from] Error),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    /// Gives one byte per read.
    struct Drip<'a>(&'a [u8]);

    impl Read for Drip<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let n = buf.len().min(1);
            self.0.read(&mut buf[..n])
        }
    }

    fn decode_all(bytes: &[u8], max: usize) -> Result<Vec<(u16, Vec<u8>)>, ReadError> {
        let mut reader = Reader::new(Drip(bytes));
        let mut frames = Vec::new();
        while let Some(header) = reader.header()? {
            if header.len as usize > max {
                break;
            }
            frames.push((header.kind, reader.payload(header.len as usize)?));
        }
        Ok(frames)
    }

    proptest! {
        #[test]
        fn frames_come_back(
            frames in prop::collection::vec((0..Kind::RESERVED, prop::collection::vec(any::<u8>(), 0..300)), 0..8)
        ) {
            let mut bytes = Vec::new();
            for (code, payload) in &frames {
                bytes.extend(encode_header(Kind::new(*code, "test"), payload.len() as u32));
                bytes.extend(payload);
            }
            prop_assert_eq!(decode_all(&bytes, 300).unwrap(), frames);
        }

        #[test]
        fn a_cut_stream_is_an_error_or_a_prefix(cut in 0usize..40) {
            let mut bytes = encode_header(Kind::new(7, "test"), 12).to_vec();
            bytes.extend([1; 12]);
            bytes.extend_from_within(..);
            let got = decode_all(&bytes[..cut], 12);
            match cut {
                0 | 20 | 40 => prop_assert_eq!(got.unwrap().len(), cut / 20),
                _ => prop_assert!(matches!(
                    got,
                    Err(ReadError::Stream(e)) if e.kind() == io::ErrorKind::UnexpectedEof
                )),
            }
        }

        #[test]
        fn any_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let _ = decode_all(&bytes, 1 << 16);
            let header = decode_header(&bytes);
            prop_assert_eq!(header.is_ok(), bytes.len() >= 8 && bytes[2..4] == [0, 0]);
        }
    }

    #[test]
    fn memory_follows_the_bytes_that_arrive() {
        let mut reader = Reader::new(io::repeat(0).take(100));
        assert!(reader.payload(u32::MAX as usize).is_err());
    }
}
