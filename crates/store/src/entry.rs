use crate::format::{self, CHECKSUM, Description, END, FOOTER, HEADER, LENGTH};
use crate::layout::Layout;
use crate::store::bury;
use crate::{Error, Id, Info, fs};
use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::path::PathBuf;
use zeroize::Zeroize;

/// An unclaimed entry whose header, footer and length are right. Holds the file open, so that its
/// contents outlive its name.
pub(crate) struct Candidate {
    file: File,
    path: PathBuf,
    pub(crate) description: Description,
    first: u64,
}

impl Candidate {
    /// `None` if no file is filed under this id.
    pub(crate) fn open(layout: &Layout, id: Id) -> Result<Option<Self>, Error> {
        let path = layout.ready(id);
        let Some(mut file) = fs::open(&path)? else { return Ok(None) };
        let length = file.metadata().map_err(Error::io("reading", &path))?.len();
        let (mut header, mut footer) = ([0; HEADER], [0; FOOTER]);
        let mut first = [0; LENGTH];
        let mut read = || {
            file.seek(SeekFrom::Start(length.saturating_sub(FOOTER as u64)))?;
            file.read_exact(&mut footer)?;
            file.seek(SeekFrom::Start(0))?;
            file.read_exact(&mut header)?;
            file.read_exact(&mut first)
        };
        read().map_err(|e| failed(e, &path))?;
        let description = format::describe(&path, id, length, &header, &footer)?;
        Ok(Some(Self { file, path, description, first: u64::from_le_bytes(first) }))
    }

    pub(crate) fn is(&self, kind: &str, label: &[u8; 32]) -> bool {
        self.description.info.kind == kind && self.description.info.label == *label
    }

    /// Durable when it returns.
    pub(crate) fn claim(self, layout: &Layout) -> Result<Entry, Error> {
        bury(layout, self.description.info.id)?;
        let bytes_left = self.description.info.bytes;
        Ok(Entry {
            file: self.file,
            path: self.path,
            ready: layout.ready.clone(),
            description: self.description,
            next: self.first,
            index: 0,
            bytes_left,
            failed: false,
        })
    }
}

/// A claimed entry: the one right to read it, once, from front to back. Its file has no name any
/// more and is gone when this is dropped, read or not, unless the power fails at that moment.
pub struct Entry {
    file: File,
    path: PathBuf,
    ready: PathBuf,
    description: Description,
    /// Length field of the next chunk, or the footer's marker. Not verified yet.
    next: u64,
    index: u64,
    bytes_left: u64,
    failed: bool,
}

impl Entry {
    /// What this is.
    pub fn info(&self) -> &Info {
        &self.description.info
    }

    /// The next chunk, verified, or `None` after the last. A chunk of more than `max` bytes is
    /// refused before memory is taken for it.
    ///
    /// # Errors
    /// [`Error::ChunkTooLarge`], after which a larger `max` may be tried; [`Error::Corrupt`], after
    /// which nothing more can be read.
    pub fn next_chunk(&mut self, max: usize) -> Result<Option<Vec<u8>>, Error> {
        let mut chunk = Vec::new();
        Ok(self.next_chunk_into(max, &mut chunk)?.then_some(chunk))
    }

    /// The same into `chunk`, whose contents are replaced; `false` after the last, when `chunk` is
    /// left empty. A vector that is too small is overwritten before it is given back.
    pub fn next_chunk_into(&mut self, max: usize, chunk: &mut Vec<u8>) -> Result<bool, Error> {
        if self.failed {
            return Err(self.corrupt("reading it failed before"));
        }
        let read = self.read(max, chunk);
        if !matches!(read, Ok(true)) {
            chunk.zeroize();
        }
        self.failed = !matches!(read, Ok(_) | Err(Error::ChunkTooLarge { .. }));
        read
    }

    /// Declares the entry used: when this returns, its data is gone for good, even if the power
    /// fails. Nothing need have been read. A file system may take a second per gigabyte for that:
    /// answer first.
    pub fn finish(self) -> Result<(), Error> {
        let Self { file, ready, .. } = self;
        drop(file);
        fs::sync_dir(&ready)
    }

    fn read(&mut self, max: usize, chunk: &mut Vec<u8>) -> Result<bool, Error> {
        if self.index == self.description.chunks {
            return match self.next == END && self.bytes_left == 0 {
                true => Ok(false),
                false => Err(self.corrupt("the chunks do not add up to what the footer says")),
            };
        }
        if self.next > self.bytes_left {
            return Err(self.corrupt("a chunk is longer than what is left"));
        }
        let length = usize::try_from(self.next).ok().filter(|&length| length <= max);
        let length = length.ok_or(Error::ChunkTooLarge { bytes: self.next, max })?;
        // The checksum and the next length come with the payload: one read per chunk.
        let framed = length.saturating_add(CHECKSUM + LENGTH);
        if chunk.capacity() < framed {
            chunk.zeroize();
            *chunk = Vec::with_capacity(framed);
        }
        chunk.resize(framed, 0);
        self.file.read_exact(chunk).map_err(|e| failed(e, &self.path))?;
        let (payload, rest) = chunk.split_at(length);
        let (sum, next) = rest.split_at(CHECKSUM);
        if self.description.checksums.chunk(self.index, payload).as_bytes() != sum {
            return Err(self.corrupt("a chunk's checksum is wrong"));
        }
        self.next = format::number(next);
        self.index += 1;
        self.bytes_left -= length as u64;
        chunk.truncate(length);
        Ok(true)
    }

    fn corrupt(&self, why: &'static str) -> Error {
        Error::Corrupt { path: self.path.clone(), why }
    }
}

fn failed(error: std::io::Error, path: &std::path::Path) -> Error {
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            Error::Corrupt { path: path.to_owned(), why: "the file was cut" }
        }
        _ => Error::io("reading", path)(error),
    }
}
