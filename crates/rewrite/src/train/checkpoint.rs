use crate::Error;
use serde::{Deserialize, Serialize};
use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::Path;

const MAGIC: &[u8; 16] = b"sordino-train-1\n";

/// Everything that a training carries from one step to the next.
#[derive(Serialize, Deserialize)]
pub(crate) struct Checkpoint {
    /// Network, data and settings that it belongs to.
    pub(crate) fingerprint: [u8; 32],
    pub(crate) step: u64,
    /// Constants that training changes, as [`crate::Network::state`] lists them.
    pub(crate) constants: Vec<Vec<f32>>,
    pub(crate) optimiser: Vec<Vec<f32>>,
    /// Sum of losses, right answers and samples of the current pass.
    pub(crate) tally: (f64, u64, u64),
}

impl Checkpoint {
    /// Writes it under another name first: whatever happens, the file is the old or the new one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let body = postcard::to_allocvec(self).map_err(|e| fault(path, e.to_string()))?;
        let fresh = path.with_extension("partial");
        let written = write_all(&fresh, &body).and_then(|()| fs::rename(&fresh, path));
        written.and_then(|()| sync_folder(path)).map_err(|e| {
            // A part of a file is of no use, and may be what filled the disk.
            let _ = fs::remove_file(&fresh);
            fault(path, format!("cannot be written: {e}"))
        })
    }

    /// `None` when there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let bytes = match fs::read(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(None),
            other => other.map_err(|e| fault(path, e.to_string()))?,
        };
        let damaged = || fault(path, "damaged, or no checkpoint; remove it to start anew".into());
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (hash, body) = rest.split_at_checked(32).ok_or_else(damaged)?;
        if blake3::hash(body) != *<&[u8; 32]>::try_from(hash).map_err(|_| damaged())? {
            return Err(damaged());
        }
        postcard::from_bytes(body).map(Some).map_err(|_| damaged())
    }
}

fn write_all(path: &Path, body: &[u8]) -> std::io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(MAGIC)?;
    file.write_all(blake3::hash(body).as_bytes())?;
    file.write_all(body)?;
    file.sync_all()
}

/// Makes a renaming durable.
fn sync_folder(path: &Path) -> std::io::Result<()> {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

pub(crate) fn fault(path: &Path, why: String) -> Error {
    Error::Checkpoint { path: path.to_owned(), why }
}
