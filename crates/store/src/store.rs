use crate::entry::Candidate;
use crate::layout::Layout;
use crate::{Entry, Error, Id, Info, Writer, fs};
use std::path::Path;
use std::sync::Arc;

/// A directory of material that can be used once; see the [crate]. Several threads and processes
/// may have it open at once.
#[derive(Clone)]
pub struct Store {
    layout: Arc<Layout>,
}

impl Store {
    /// Opens the store in `dir`, creating it (for the owner alone) if there is nothing or an empty
    /// directory, and sweeps what interrupted processes left there.
    ///
    /// # Errors
    /// [`Error::NotAStore`] for a directory that holds something else, that other users may enter
    /// or that has lost a part; [`Error::Version`] if another version wrote it.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        Ok(Self { layout: Arc::new(Layout::open(dir)?) })
    }

    /// Begins a new entry. `kind` says what the material is, in 1 to 32 characters out of `a-z`,
    /// `0-9` and `-`; `label` what it belongs to. Others see the entry once it is
    /// [committed](Writer::commit).
    ///
    /// # Errors
    /// [`Error::Exists`] if an entry of this id is there, or was.
    pub fn create(&self, id: Id, kind: &str, label: [u8; 32]) -> Result<Writer, Error> {
        Writer::new(Arc::clone(&self.layout), id, kind, label)
    }

    /// The entries that can be claimed, the oldest first. Reads header and footer of each. Leaves
    /// out [damaged](Self::damaged) ones.
    pub fn list(&self) -> Result<Vec<Info>, Error> {
        let mut list = Vec::new();
        for found in self.candidates()? {
            match found {
                Ok(candidate) => list.push(candidate.description.info),
                Err(Error::Corrupt { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(list)
    }

    /// What is wrong with the unclaimed entries whose header, footer or length is: one
    /// [`Error::Corrupt`] each.
    pub fn damaged(&self) -> Result<Vec<Error>, Error> {
        let mut list = Vec::new();
        for found in self.candidates()? {
            match found {
                Ok(_) => {}
                Err(error @ Error::Corrupt { .. }) => list.push(error),
                Err(error) => return Err(error),
            }
        }
        Ok(list)
    }

    /// Claims an entry: from now on nobody else gets it, ever, whatever becomes of this process and
    /// of the power. That is on the disk when this returns. Costs two waits for the disk.
    ///
    /// # Errors
    /// [`Error::Consumed`] if it was claimed or removed before, [`Error::Unknown`] if it never was
    /// there, [`Error::Corrupt`] if header, footer or length are wrong (which claims nothing). After
    /// [`Error::Io`] and [`Error::Full`] the entry may be claimed or not.
    pub fn claim(&self, id: &Id) -> Result<Entry, Error> {
        match Candidate::open(&self.layout, *id)? {
            Some(candidate) => candidate.claim(&self.layout),
            None => Err(self.absent(*id)?),
        }
    }

    /// Claims the oldest entry of this kind and label; `None` if there is none.
    ///
    /// # Errors
    /// As for [`claim`](Self::claim). Damaged entries are passed over, and reported only if nothing
    /// else is left.
    pub fn claim_any(&self, kind: &str, label: &[u8; 32]) -> Result<Option<Entry>, Error> {
        let mut damaged = None;
        for found in self.candidates()? {
            match found {
                Ok(candidate) if !candidate.is(kind, label) => {}
                Ok(candidate) => match candidate.claim(&self.layout) {
                    Err(Error::Consumed(_)) => {}
                    claimed => return claimed.map(Some),
                },
                Err(error @ Error::Corrupt { .. }) => damaged = damaged.or(Some(error)),
                Err(error) => return Err(error),
            }
        }
        damaged.map_or(Ok(None), Err)
    }

    /// Deletes an entry, damaged or not, without using it. Its id stays used.
    ///
    /// # Errors
    /// [`Error::Consumed`] and [`Error::Unknown`] as for [`claim`](Self::claim).
    pub fn remove(&self, id: &Id) -> Result<(), Error> {
        match fs::exists(&self.layout.ready(*id))? {
            true => bury(&self.layout, *id),
            false => Err(self.absent(*id)?),
        }
    }

    /// Unclaimed entries, the oldest first, one open file at a time.
    fn candidates(&self) -> Result<impl Iterator<Item = Result<Candidate, Error>>, Error> {
        let unclaimed = |id| match fs::exists(&self.layout.tombstone(id)) {
            Ok(true) => None,
            Ok(false) => Candidate::open(&self.layout, id).transpose(),
            Err(error) => Some(Err(error)),
        };
        Ok(self.layout.filed()?.into_iter().filter_map(unclaimed))
    }

    /// Why there is no entry of this id.
    fn absent(&self, id: Id) -> Result<Error, Error> {
        Ok(match fs::exists(&self.layout.tombstone(id))? {
            true => Error::Consumed(id),
            false => Error::Unknown(id),
        })
    }
}

/// Makes an entry used, durably, and deletes its file. Of all that try, one succeeds.
pub(crate) fn bury(layout: &Layout, id: Id) -> Result<(), Error> {
    let tombstone = layout.tombstone(id);
    let file = fs::create_new(&tombstone)?.ok_or(Error::Consumed(id))?;
    fs::sync(&file, &tombstone)?;
    fs::sync_dir(&layout.spent)?;
    fs::unlink(&layout.ready(id))
}
