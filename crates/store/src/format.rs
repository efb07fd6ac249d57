//! Bytes of an entry: header, chunks, footer. All numbers are little-endian.
//!
//! ```text
//! header  magic 8 | version u64 | kind 32, zero-padded | label 32 | id 16 | checksum 32
//! chunk   length u64 | payload | checksum 32                  (any number of them)
//! footer  u64::MAX | chunks u64 | payload bytes u64 | checksum 32
//! ```
//!
//! Checksums are keyed BLAKE3 under a key derived from the header, over what they protect, the
//! position and a byte that says what it is.

use crate::{Error, Id};
use std::path::Path;

const MAGIC: &[u8; 8] = b"sordprep";
const VERSION: u64 = 1;
const CONTEXT: &str = "sordino-store 2026 entry version 1 checksums";
const FIELDS: usize = 96;

/// Bytes of a checksum.
pub(crate) const CHECKSUM: usize = 32;
/// Bytes of the header.
pub(crate) const HEADER: usize = FIELDS + CHECKSUM;
/// Bytes of a length field.
pub(crate) const LENGTH: usize = 8;
/// Bytes of the footer.
pub(crate) const FOOTER: usize = 3 * 8 + CHECKSUM;
/// Bytes that a chunk takes beside its payload.
pub(crate) const FRAME: usize = LENGTH + CHECKSUM;
/// What stands where a length would, before the footer's numbers.
pub(crate) const END: u64 = u64::MAX;

const CHUNK_TAG: u8 = 0;
const FOOTER_TAG: u8 = 1;
const HEADER_TAG: u8 = 2;

/// What an entry is, without its contents.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Its name.
    pub id: Id,
    /// What kind of material it is.
    pub kind: String,
    /// What it belongs to, such as a hash of a network and its parameters.
    pub label: [u8; 32],
    /// Sum of the sizes of its chunks.
    pub bytes: u64,
}

/// Fails unless `kind` is 1 to 32 characters out of `a-z`, `0-9` and `-`.
pub(crate) fn check_kind(kind: &str) -> Result<(), Error> {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    if (1..=32).contains(&kind.len()) && kind.bytes().all(allowed) {
        return Ok(());
    }
    Err(Error::Invalid(format!(
        "{kind:?} is no kind of material: 1 to 32 characters out of a-z, 0-9 and - are needed"
    )))
}

/// Checksums of one entry.
pub(crate) struct Checksums {
    key: [u8; 32],
}

impl Checksums {
    fn new(fields: &[u8]) -> Self {
        Self { key: blake3::derive_key(CONTEXT, fields) }
    }

    fn sum(&self, parts: &[&[u8]], tag: u8) -> blake3::Hash {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        for part in parts {
            hasher.update(part);
        }
        hasher.update(&[tag]).finalize()
    }

    /// Of the chunk at position `index`. The numbers follow the payload, which so stays aligned to
    /// the hash's blocks.
    pub(crate) fn chunk(&self, index: u64, payload: &[u8]) -> blake3::Hash {
        let length = payload.len() as u64;
        self.sum(&[payload, &index.to_le_bytes(), &length.to_le_bytes()], CHUNK_TAG)
    }

    /// The footer of an entry of `chunks` chunks and `bytes` bytes of payload.
    pub(crate) fn footer(&self, chunks: u64, bytes: u64) -> [u8; FOOTER] {
        let mut footer = [0; FOOTER];
        footer[..8].copy_from_slice(&END.to_le_bytes());
        footer[8..16].copy_from_slice(&chunks.to_le_bytes());
        footer[16..24].copy_from_slice(&bytes.to_le_bytes());
        let sum = self.sum(&[&footer[..24]], FOOTER_TAG);
        footer[24..].copy_from_slice(sum.as_bytes());
        footer
    }
}

/// The header of an entry. `kind` was checked.
pub(crate) fn header(id: Id, kind: &str, label: &[u8; 32]) -> ([u8; HEADER], Checksums) {
    let mut header = [0; HEADER];
    header[..8].copy_from_slice(MAGIC);
    header[8..16].copy_from_slice(&VERSION.to_le_bytes());
    header[16..16 + kind.len()].copy_from_slice(kind.as_bytes());
    header[48..80].copy_from_slice(label);
    header[80..96].copy_from_slice(&id.to_bytes());
    let checksums = Checksums::new(&header[..FIELDS]);
    let sum = checksums.sum(&[&header[..FIELDS]], HEADER_TAG);
    header[FIELDS..].copy_from_slice(sum.as_bytes());
    (header, checksums)
}

/// What header and footer say together.
pub(crate) struct Description {
    pub(crate) info: Info,
    pub(crate) chunks: u64,
    pub(crate) checksums: Checksums,
}

/// Reads header and footer of the file `path`, `length` bytes long, that is filed under `id`.
pub(crate) fn describe(
    path: &Path,
    id: Id,
    length: u64,
    header: &[u8; HEADER],
    footer: &[u8; FOOTER],
) -> Result<Description, Error> {
    let corrupt = |why| Err(Error::Corrupt { path: path.to_owned(), why });
    if &header[..8] != MAGIC {
        return corrupt("not an entry of a store");
    }
    if number(&header[8..]) != VERSION {
        return corrupt("an unknown version of the format");
    }
    let checksums = Checksums::new(&header[..FIELDS]);
    if checksums.sum(&[&header[..FIELDS]], HEADER_TAG) != array(&header[FIELDS..]) {
        return corrupt("the header's checksum is wrong");
    }
    if header[80..96] != id.to_bytes() {
        return corrupt("the entry belongs under another id");
    }
    let kind: String =
        header[16..48].iter().take_while(|&&b| b != 0).map(|&b| char::from(b)).collect();
    if check_kind(&kind).is_err() {
        return corrupt("the kind is malformed");
    }
    let (chunks, bytes) = (number(&footer[8..]), number(&footer[16..]));
    if checksums.footer(chunks, bytes) != *footer {
        return corrupt("the footer is missing or wrong: the file was cut or overwritten");
    }
    let framed = u128::from(chunks) * FRAME as u128 + u128::from(bytes);
    if framed + (HEADER + FOOTER) as u128 != u128::from(length) {
        return corrupt("the length does not fit the footer: the file was cut or extended");
    }
    let info = Info { id, kind, label: array(&header[48..]), bytes };
    Ok(Description { info, chunks, checksums })
}

fn array<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut out = [0; N];
    out.copy_from_slice(&bytes[..N]);
    out
}

/// The number at the start of `bytes`.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(array(bytes))
}
