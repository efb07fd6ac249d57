//! Where tables are between garbling and evaluation.

use super::messages::{BLOCK, CHUNK, TABLES};
use crate::Error;
use sordino_garble::{Sink, Source, Tables};
use sordino_kernels::Block;
use sordino_store::Entry;
use sordino_wire::{Garbled, Lane};
use std::io;

/// How much of a stored circuit an evaluator holds in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableMemory {
    /// Circuits up to this size are loaded and verified before the input arrives, larger ones
    /// are read and verified layer by layer during evaluation. In bytes.
    pub resident: u64,
}

impl Default for TableMemory {
    fn default() -> Self {
        Self { resident: 4 << 30 }
    }
}

/// Sends tables in chunks of one size.
pub(super) struct LaneSink<'a> {
    lane: &'a mut Lane,
    buffer: Vec<Block>,
}

impl<'a> LaneSink<'a> {
    pub(super) fn new(lane: &'a mut Lane) -> Self {
        Self { lane, buffer: Vec::with_capacity(CHUNK / BLOCK) }
    }

    /// Sends what is left.
    pub(super) fn finish(mut self) -> Result<(), Error> {
        if !self.buffer.is_empty() {
            self.send()?;
        }
        Ok(self.lane.flush()?)
    }

    fn send(&mut self) -> Result<(), sordino_wire::Error> {
        self.lane.send(TABLES, Garbled::pod(&self.buffer))?;
        self.buffer.clear();
        Ok(())
    }
}

impl Sink for LaneSink<'_> {
    fn put(&mut self, mut rows: &[Block]) -> Result<(), sordino_garble::Error> {
        while !rows.is_empty() {
            let (now, later) = rows.split_at(rows.len().min(CHUNK / BLOCK - self.buffer.len()));
            self.buffer.extend_from_slice(now);
            rows = later;
            if self.buffer.len() == CHUNK / BLOCK {
                self.send().map_err(|e| sordino_garble::Error::Io(io::Error::other(e)))?;
            }
        }
        Ok(())
    }
}

/// A circuit's tables, claimed and ready to be used once.
pub(super) enum Ready {
    Resident(Tables),
    Stored(Box<StoredTables>),
}

impl Ready {
    /// Tables of a claimed entry.
    pub(super) fn from_store(entry: Entry, rows: u64, memory: TableMemory) -> Result<Self, Error> {
        let mut stored = StoredTables { entry, chunk: Vec::new(), buffer: Vec::new(), used: 0 };
        if rows * BLOCK as u64 > memory.resident {
            return Ok(Self::Stored(Box::new(stored)));
        }
        stored.buffer.reserve_exact(rows as usize);
        stored.read(rows as usize)?;
        Ok(Self::Resident(Tables::new(stored.buffer)))
    }
}

impl Source for Ready {
    fn take(&mut self, count: usize) -> Result<&[Block], sordino_garble::Error> {
        match self {
            Self::Resident(tables) => tables.take(count),
            Self::Stored(tables) => tables.take(count),
        }
    }
}

/// Tables read from the store as they are used.
pub(super) struct StoredTables {
    entry: Entry,
    chunk: Vec<u8>,
    /// Rows read; the first `used` of them were given out.
    buffer: Vec<Block>,
    used: usize,
}

impl StoredTables {
    /// Reads until the buffer has `count` rows or the entry ends.
    fn read(&mut self, count: usize) -> Result<(), sordino_store::Error> {
        while self.buffer.len() < count && self.entry.next_chunk_into(CHUNK, &mut self.chunk)? {
            let rows = self.chunk.as_chunks().0.iter().map(|c| Block(u128::from_le_bytes(*c)));
            self.buffer.extend(rows);
        }
        Ok(())
    }
}

impl Source for StoredTables {
    fn take(&mut self, count: usize) -> Result<&[Block], sordino_garble::Error> {
        self.buffer.drain(..self.used);
        self.used = 0;
        self.read(count).map_err(|e| sordino_garble::Error::Io(io::Error::other(e)))?;
        let rows = self.buffer.get(..count).ok_or_else(|| {
            sordino_garble::Error::Tables("the stored circuit ends too early".into())
        })?;
        self.used = count;
        Ok(rows)
    }
}
