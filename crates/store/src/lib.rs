//! A directory of preprocessing material, each entry of which can be used at most once: not
//! twice by two threads, two processes, after a crash or after a loss of power.
//!
//! Garbled circuits and correlations are one-time pads in disguise: a second use reveals what they
//! hide. So an entry is *claimed* before its first byte can be read, the claim is on the disk
//! before [`Store::claim`] returns, and a claim is never undone: a process that dies right after
//! it wastes the entry.
//!
//! ```
//! # fn main() -> Result<(), sordino_store::Error> {
//! # let dir = tempfile::tempdir().unwrap();
//! use sordino_store::{Id, Store};
//!
//! let store = Store::open(&dir.path().join("store"))?;
//! let mut writer = store.create(Id::random()?, "example", [7; 32])?;
//! writer.append(b"tables")?;
//! let id = writer.commit()?.id;
//!
//! let mut entry = store.claim(&id)?;
//! assert_eq!(entry.next_chunk(1 << 20)?.as_deref(), Some(&b"tables"[..]));
//! assert_eq!(entry.next_chunk(1 << 20)?, None);
//! entry.finish()?;
//! assert!(store.claim(&id).is_err());
//! # Ok(())
//! # }
//! ```
//!
//! # What the directory holds
//!
//! | name | content |
//! |---|---|
//! | `version` | what this directory is, and the version of its format |
//! | `partial/` | entries being written, each locked by its writer |
//! | `ready/` | one file per entry, named after its id |
//! | `spent/` | one empty file per id that was claimed or removed: a tombstone, kept for good |
//!
//! An entry is there once its file is linked into `ready`, and gone once its tombstone exists; the
//! exclusive creation of the tombstone decides who wins. The file is unlinked as soon as the
//! tombstone is durable and lives on only as the winner's open file, so the space and the secrets
//! are given back even when the winner is killed. What interrupted processes and losses of power
//! leave behind, [`Store::open`] deletes; it harms no living process.
//!
//! # What it protects against, and what not
//!
//! * Checksums (BLAKE3 under a key derived from id, kind and label, over every chunk with its
//!   position) find damage, truncation, reordering and files under a wrong name before a byte of
//!   the chunk is handed out. They are no defence against somebody who can write to the directory: who can do
//!   that can also delete tombstones.
//! * The material is secret and lies in the directory unencrypted, protected by its permissions
//!   (directories 0700, files 0600; a directory that others can enter is refused). Put it on an
//!   encrypted disk if disks can be lost. Buffers of this crate are overwritten when dropped; the
//!   bytes of deleted files are not.
//! * **Never restore a store from a backup, a snapshot or a copy**: entries used since would be
//!   there again. Exclude the directory from backups; after restoring a machine, delete it.
//! * Durability is what `fsync` means on the file system below. Locks and exclusive creation must
//!   work there: a local file system, not an old network one. Unix only.
#![forbid(unsafe_code)]

mod entry;
mod error;
mod format;
mod fs;
mod id;
mod layout;
#[cfg(test)]
mod order;
mod store;
mod writer;

pub use entry::Entry;
pub use error::Error;
pub use format::Info;
pub use id::Id;
pub use store::Store;
pub use writer::Writer;
