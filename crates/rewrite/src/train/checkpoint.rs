use crate::{Error, file};
use serde::{Deserialize, Serialize};
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
    /// Whatever happens, the file is the old or the new one.
    pub(crate) fn write(&self, path: &Path) -> Result<(), Error> {
        let body = postcard::to_allocvec(self).map_err(|e| fault(path, e.to_string()))?;
        file::replace(path, &[MAGIC, blake3::hash(&body).as_bytes(), &body])
    }

    /// `None` when there is no such file.
    pub(crate) fn read(path: &Path) -> Result<Option<Self>, Error> {
        let Some(bytes) = file::read(path)? else { return Ok(None) };
        let damaged = || fault(path, "damaged, or no checkpoint; remove it to start anew".into());
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (hash, body) = rest.split_at_checked(32).ok_or_else(damaged)?;
        if blake3::hash(body) != *<&[u8; 32]>::try_from(hash).map_err(|_| damaged())? {
            return Err(damaged());
        }
        postcard::from_bytes(body).map(Some).map_err(|_| damaged())
    }
}

pub(crate) fn fault(path: &Path, why: String) -> Error {
    Error::Checkpoint { path: path.to_owned(), why }
}
