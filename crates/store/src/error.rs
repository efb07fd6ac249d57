use crate::Id;
use std::io;
use std::path::{Path, PathBuf};

/// Why the store refused or failed. Texts name files and ids, never contents.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The entry was claimed or removed before; what it held must not be used again.
    #[error("entry {0} was used already or removed: prepare new material")]
    Consumed(Id),
    /// There is no such entry and there never was one.
    #[error("the store has no entry {0}: prepare it first")]
    Unknown(Id),
    /// An entry with this id is there, or was.
    #[error("the store has or had an entry {0}: prepare under a new id")]
    Exists(Id),
    /// An entry is not what was once committed.
    #[error("{} is damaged ({why}): delete it if it is still there and prepare again", path.display())]
    Corrupt {
        /// The damaged file.
        path: PathBuf,
        /// What does not hold.
        why: &'static str,
    },
    /// The next chunk is larger than the caller takes. It can be read with a larger limit.
    #[error("the next chunk has {bytes} bytes, more than the {max} expected here")]
    ChunkTooLarge {
        /// Size of the chunk, in bytes.
        bytes: u64,
        /// What the caller takes, in bytes.
        max: usize,
    },
    /// The disk, a quota or a limit on the size of files leaves no room.
    #[error(
        "no room while {what} {}: {source}; make room, or keep the store elsewhere", path.display()
    )]
    Full {
        /// What was being done.
        what: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
    /// The directory holds something else, or what is left of a store.
    #[error("{} is not a store of preprocessing material: {why}", path.display())]
    NotAStore {
        /// The directory.
        path: PathBuf,
        /// What is wrong with it and what to do.
        why: String,
    },
    /// The store was written by another version of this program.
    #[error(
        "{} says {found:?} but this program needs {needed:?}: use the version that wrote the \
         store, or delete the store and prepare again", path.display()
    )]
    Version {
        /// The marker file.
        path: PathBuf,
        /// What it says.
        found: String,
        /// What this program writes.
        needed: &'static str,
    },
    /// An argument is malformed, or an object is used after it failed; the text says which.
    #[error("{0}")]
    Invalid(String),
    /// The operating system has no randomness for an id.
    #[error("no randomness from the operating system: {0}")]
    Entropy(getrandom::Error),
    /// The operating system refused an operation.
    #[error("{what} {}: {source}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the operating system answered.
        source: io::Error,
    },
}

impl Error {
    /// For `map_err`: names what was being done to what.
    pub(crate) fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
        move |source| {
            use io::ErrorKind::{FileTooLarge, QuotaExceeded, StorageFull};
            let path = path.to_owned();
            match source.kind() {
                StorageFull | QuotaExceeded | FileTooLarge => Error::Full { what, path, source },
                _ => Error::Io { what, path, source },
            }
        }
    }
}
