use crate::format::{self, Checksums, FRAME, HEADER};
use crate::layout::Layout;
use crate::{Error, Id, Info, fs};
use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use zeroize::Zeroizing;

/// Small chunks are gathered up to this many bytes; larger ones go to the file directly.
const BUFFER: usize = 1 << 16;

/// An entry being written, sequentially. Dropped without [`commit`](Self::commit), it leaves
/// nothing behind.
pub struct Writer {
    layout: Arc<Layout>,
    path: PathBuf,
    file: File,
    info: Info,
    checksums: Checksums,
    chunks: u64,
    buffer: Zeroizing<Vec<u8>>,
    failed: bool,
}

impl Writer {
    pub(crate) fn new(
        layout: Arc<Layout>,
        id: Id,
        kind: &str,
        label: [u8; 32],
    ) -> Result<Self, Error> {
        format::check_kind(kind)?;
        if fs::exists(&layout.ready(id))? || fs::exists(&layout.tombstone(id))? {
            return Err(Error::Exists(id));
        }
        // Writers of one id do not meet before they commit.
        let path = layout.partial.join(format!("{id}.{}", Id::random()?));
        let no_sweeper = layout.lock_shared()?;
        let file = fs::create_new(&path)?.ok_or(Error::Exists(id))?;
        file.lock().map_err(Error::io("locking", &path))?;
        drop(no_sweeper);
        let (header, checksums) = format::header(id, kind, &label);
        let mut buffer = Zeroizing::new(Vec::with_capacity(BUFFER));
        buffer.extend_from_slice(&header);
        let info = Info { id, kind: kind.to_owned(), label, bytes: 0 };
        Ok(Self { layout, path, file, info, checksums, chunks: 0, buffer, failed: false })
    }

    /// The id under which the entry will be filed.
    pub fn id(&self) -> Id {
        self.info.id
    }

    /// Appends a chunk of any size; it will be read back whole. Chunks of 64 KiB and more cost
    /// three writes and no copy. After an error the writer is of no use.
    pub fn append(&mut self, chunk: &[u8]) -> Result<(), Error> {
        self.check()?;
        let sum = self.checksums.chunk(self.chunks, chunk);
        self.put(&(chunk.len() as u64).to_le_bytes())?;
        self.put(chunk)?;
        self.put(sum.as_bytes())?;
        self.chunks += 1;
        self.info.bytes += chunk.len() as u64;
        Ok(())
    }

    /// Makes the entry durable and visible. When this returns, the entry survives a loss of power;
    /// when it fails, the entry is not there.
    ///
    /// # Errors
    /// [`Error::Exists`] if another writer committed the same id first.
    pub fn commit(mut self) -> Result<Info, Error> {
        self.check()?;
        let footer = self.checksums.footer(self.chunks, self.info.bytes);
        self.put(&footer)?;
        self.flush()?;
        fs::sync(&self.file, &self.path)?;
        let (id, ready) = (self.info.id, self.layout.ready(self.info.id));
        if !fs::link(&self.path, &ready)? {
            return Err(Error::Exists(id));
        }
        // An entry of this id that was claimed and unlinked since this writer began has left its
        // tombstone before its name became free.
        let published = match fs::exists(&self.layout.tombstone(id)) {
            Ok(true) => Err(Error::Exists(id)),
            Ok(false) => fs::sync_dir(&self.layout.ready),
            Err(error) => Err(error),
        };
        if let Err(error) = published {
            fs::unlink(&ready)?;
            return Err(error);
        }
        Ok(self.info.clone())
    }

    fn check(&self) -> Result<(), Error> {
        match self.failed {
            true => Err(Error::Invalid(format!("writing entry {} failed before", self.info.id))),
            false => Ok(()),
        }
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.buffer.len() + bytes.len() > BUFFER {
            self.flush()?;
        }
        if bytes.len() > BUFFER {
            return self.write(bytes);
        }
        self.buffer.extend_from_slice(bytes);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Error> {
        let buffer = std::mem::take(&mut self.buffer);
        self.write(&buffer)?;
        self.buffer = buffer;
        self.buffer.clear();
        Ok(())
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let written = self.file.write_all(bytes);
        self.failed |= written.is_err();
        written.map_err(Error::io("writing", &self.path))
    }
}

impl Drop for Writer {
    /// The name in `partial` goes in any case; a committed entry has another one.
    fn drop(&mut self) {
        let _ = fs::unlink(&self.path);
    }
}

const _: () = assert!(HEADER + FRAME < BUFFER);
