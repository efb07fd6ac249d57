//! The directory of a store: where things lie, how it is set up, what is swept.

use crate::{Error, Id, fs};
use std::fs::{DirBuilder, File, TryLockError};
use std::io::{Read, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

const MARKER: &str = "sordino preprocessing store, format 1\n";
const UNFINISHED_MARKER: &str = "version.new";
const SUBDIRECTORIES: [&str; 3] = ["partial", "ready", "spent"];

/// Paths of a store.
pub(crate) struct Layout {
    root: PathBuf,
    pub(crate) partial: PathBuf,
    pub(crate) ready: PathBuf,
    pub(crate) spent: PathBuf,
}

impl Layout {
    /// Opens or sets up the store in `root` and sweeps it.
    pub(crate) fn open(root: &Path) -> Result<Self, Error> {
        create_dirs(root)?;
        let [partial, ready, spent] = SUBDIRECTORIES.map(|name| root.join(name));
        let layout = Self { root: root.to_owned(), partial, ready, spent };
        let _alone = layout.lock()?;
        let marker = root.join("version");
        match fs::open(&marker)? {
            Some(file) => {
                check_version(&marker, file)?;
                layout.check_permissions()?;
            }
            None => {
                layout.check_empty()?;
                layout.check_permissions()?;
                layout.set_up(&marker)?;
            }
        }
        for path in [&layout.partial, &layout.ready, &layout.spent] {
            if !fs::exists(path)? {
                return Err(layout.refuse(format!(
                    "{} is gone, and with it what was known about used material; delete the whole \
                     directory and prepare again",
                    path.display()
                )));
            }
        }
        layout.sweep()?;
        Ok(layout)
    }

    pub(crate) fn ready(&self, id: Id) -> PathBuf {
        self.ready.join(id.to_string())
    }

    pub(crate) fn tombstone(&self, id: Id) -> PathBuf {
        self.spent.join(id.to_string())
    }

    /// Ids under which files are filed in `ready`, the oldest first. Other names are ignored.
    pub(crate) fn filed(&self) -> Result<Vec<Id>, Error> {
        let mut found = Vec::new();
        for name in names(&self.ready)? {
            let Ok(id) = name.parse() else { continue };
            // Somebody may claim it meanwhile.
            if let Ok(meta) = std::fs::metadata(self.ready(id)) {
                found.push((meta.modified().ok(), id));
            }
        }
        found.sort();
        Ok(found.into_iter().map(|(_, id)| id).collect())
    }

    /// Keeps sweepers away for as long as the result lives. Writers hold this while they create and
    /// lock their file, so that a sweeper finds every living writer's file locked.
    pub(crate) fn lock_shared(&self) -> Result<File, Error> {
        let dir = File::open(&self.root).map_err(Error::io("opening", &self.root))?;
        dir.lock_shared().map_err(Error::io("locking", &self.root))?;
        Ok(dir)
    }

    fn lock(&self) -> Result<File, Error> {
        let dir = File::open(&self.root).map_err(Error::io("opening", &self.root))?;
        dir.lock().map_err(Error::io("locking", &self.root))?;
        Ok(dir)
    }

    fn refuse(&self, why: String) -> Error {
        Error::NotAStore { path: self.root.clone(), why }
    }

    fn check_permissions(&self) -> Result<(), Error> {
        let meta = std::fs::metadata(&self.root).map_err(Error::io("reading", &self.root))?;
        match meta.permissions().mode() & 0o077 {
            0 => Ok(()),
            _ => Err(self.refuse(format!(
                "other users may enter it, and its contents are secret; chmod 700 {}",
                self.root.display()
            ))),
        }
    }

    /// Accepts, besides nothing, what an interrupted [`set_up`](Self::set_up) left.
    fn check_empty(&self) -> Result<(), Error> {
        for name in names(&self.root)? {
            let leftover = SUBDIRECTORIES.contains(&name.as_str())
                && names(&self.root.join(&name))?.is_empty();
            if !leftover && name != UNFINISHED_MARKER {
                return Err(self.refuse(format!(
                    "it has no version file but holds {name:?}; name an empty or a new directory"
                )));
            }
        }
        Ok(())
    }

    /// The marker comes last and by renaming, so that a store with a marker is whole.
    fn set_up(&self, marker: &Path) -> Result<(), Error> {
        let temporary = self.root.join(UNFINISHED_MARKER);
        for name in SUBDIRECTORIES {
            create_dirs(&self.root.join(name))?;
        }
        fs::unlink(&temporary)?;
        let mut file = fs::create_new(&temporary)?
            .ok_or_else(|| self.refuse("another program writes to it".to_owned()))?;
        file.write_all(MARKER.as_bytes()).map_err(Error::io("writing", &temporary))?;
        fs::sync(&file, &temporary)?;
        fs::rename(&temporary, marker)?;
        fs::sync_dir(&self.root)
    }

    /// Deletes what interrupted processes left: files whose writer is gone, entries whose claimant
    /// had no time to unlink them.
    fn sweep(&self) -> Result<(), Error> {
        for name in names(&self.partial)? {
            let path = self.partial.join(name);
            let Some(file) = fs::open(&path)? else { continue };
            match file.try_lock() {
                Ok(()) => fs::unlink(&path)?,
                Err(TryLockError::WouldBlock) => {}
                Err(TryLockError::Error(e)) => return Err(Error::io("locking", &path)(e)),
            }
        }
        for id in self.filed()? {
            if fs::exists(&self.tombstone(id))? {
                fs::unlink(&self.ready(id))?;
            }
        }
        Ok(())
    }
}

/// Creates a directory and its missing parents for the owner alone, durably.
fn create_dirs(path: &Path) -> Result<(), Error> {
    let missing: Vec<&Path> = path
        .ancestors()
        .take_while(|p| !p.as_os_str().is_empty() && matches!(p.try_exists(), Ok(false)))
        .collect();
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .map_err(Error::io("creating", path))?;
    for created in missing {
        match created.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => fs::sync_dir(parent)?,
            _ => fs::sync_dir(Path::new("."))?,
        }
    }
    Ok(())
}

fn names(dir: &Path) -> Result<Vec<String>, Error> {
    let read = || -> std::io::Result<Vec<String>> {
        std::fs::read_dir(dir)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    read().map_err(Error::io("reading", dir))
}

fn check_version(path: &Path, file: File) -> Result<(), Error> {
    let mut found = Vec::new();
    file.take(100).read_to_end(&mut found).map_err(Error::io("reading", path))?;
    if found == MARKER.as_bytes() {
        return Ok(());
    }
    let found = String::from_utf8_lossy(&found).trim_end().to_owned();
    Err(Error::Version { path: path.to_owned(), found, needed: MARKER.trim_end() })
}
