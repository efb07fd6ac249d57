//! The few operations on files that durability rests on, in the terms of this crate's errors.
//! Unit tests record their order: no test can cut the power.

use crate::Error;
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// A new file that only its owner may read or write; `None` if the name is taken.
pub(crate) fn create_new(path: &Path) -> Result<Option<File>, Error> {
    log("create", path);
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(None),
        Err(e) => Err(Error::io("creating", path)(e)),
    }
}

/// Opens for reading; `None` if there is no such file.
pub(crate) fn open(path: &Path) -> Result<Option<File>, Error> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("opening", path)(e)),
    }
}

pub(crate) fn exists(path: &Path) -> Result<bool, Error> {
    path.try_exists().map_err(Error::io("looking for", path))
}

/// Makes the contents of a file, or the names in a directory, survive a loss of power.
pub(crate) fn sync(file: &File, path: &Path) -> Result<(), Error> {
    log("sync", path);
    file.sync_all().map_err(Error::io("writing to disk", path))
}

pub(crate) fn sync_dir(path: &Path) -> Result<(), Error> {
    let dir = File::open(path).map_err(Error::io("opening", path))?;
    sync(&dir, path)
}

/// A second name for a file; `false` if the name is taken. Unlike renaming, this never replaces.
pub(crate) fn link(from: &Path, to: &Path) -> Result<bool, Error> {
    log("link", to);
    match std::fs::hard_link(from, to) {
        Ok(()) => Ok(true),
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(Error::io("naming", to)(e)),
    }
}

/// Another name for a file, in the place of what has that name.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    log("rename", to);
    std::fs::rename(from, to).map_err(Error::io("naming", to))
}

/// Removes a name; fine if somebody else did.
pub(crate) fn unlink(path: &Path) -> Result<(), Error> {
    log("unlink", path);
    match std::fs::remove_file(path) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(Error::io("deleting", path)(e)),
        _ => Ok(()),
    }
}

#[cfg(not(test))]
fn log(_: &'static str, _: &Path) {}

#[cfg(test)]
thread_local! {
    static LOG: std::cell::RefCell<Vec<String>> = const { std::cell::RefCell::new(Vec::new()) };
}

#[cfg(test)]
fn log(what: &'static str, path: &Path) {
    LOG.with_borrow_mut(|log| log.push(format!("{what} {}", path.display())));
}

/// What this thread did to files since it last asked.
#[cfg(test)]
pub(crate) fn take_log() -> Vec<String> {
    LOG.take()
}
