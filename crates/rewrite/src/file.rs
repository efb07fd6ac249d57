//! Files that are replaced at once: whatever happens, a file is the old or the new one.

use crate::Error;
use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use tempfile::{Builder, NamedTempFile};

/// Replaces a file by `parts` one after the other. They go to a new file in the same folder, which
/// takes the place of the old one when all of it is on the disk. What is no regular file, such as a
/// pipe, is written to as it is; a link stays, and the file that it leads to is replaced.
///
/// # Errors
/// [`Error::File`]; the old file is then unharmed, and nothing is left beside it.
pub fn replace(path: &Path, parts: &[&[u8]]) -> Result<(), Error> {
    replace_with(path, parts).map_err(fault("writing", path))
}

fn replace_with(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let Some(target) = regular(path)? else {
        let mut file = File::options().write(true).open(path)?;
        return parts.iter().try_for_each(|part| file.write_all(part));
    };
    let mut file = fresh(&target)?;
    parts.iter().try_for_each(|part| file.as_file_mut().write_all(part))?;
    if let Ok(old) = fs::metadata(&target) {
        // Those that it was created with lost what the process's mask takes away.
        file.as_file().set_permissions(old.permissions())?;
    }
    file.as_file().sync_all()?;
    file.persist(&target)?;
    // The new name is on the disk when its folder is.
    File::open(folder(&target))?.sync_all()
}

/// Refuses a place where [`replace`] would fail, before the work is done that is to be kept there.
/// What is no regular file is not looked at.
///
/// # Errors
/// [`Error::File`].
pub fn check_writable(path: &Path) -> Result<(), Error> {
    let check = || match regular(path)? {
        Some(target) => fresh(&target).map(drop),
        // Opening a pipe waits for a reader, who would then see its end.
        None => Ok(()),
    };
    check().map_err(fault("writing", path))
}

/// Reads a regular file, `None` where there is nothing.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    let read = || match regular(path)? {
        Some(target) => match fs::read(target) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            bytes => bytes.map(Some),
        },
        None => Err(io::Error::new(ErrorKind::InvalidInput, "not a regular file")),
    };
    read().map_err(fault("reading", path))
}

/// Where a regular file is or will be, behind links; `None` for anything else that is there.
fn regular(path: &Path) -> io::Result<Option<PathBuf>> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(found) if found.is_file() => fs::canonicalize(path).map(Some),
        Ok(_) => Ok(None),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(Some(path.to_owned())),
        Err(e) => Err(e),
    }
}

/// A file of a name that no other has, removed unless it is given the target's.
fn fresh(target: &Path) -> io::Result<NamedTempFile> {
    let name = target.file_name().ok_or(ErrorKind::InvalidInput)?.to_string_lossy();
    let permissions = match fs::metadata(target) {
        Ok(old) => old.permissions(),
        // What is left of it after the process's mask, as for any new file.
        Err(_) => Permissions::from_mode(0o666),
    };
    Builder::new()
        .prefix(&format!(".{name}."))
        .suffix(".partial")
        .permissions(permissions)
        .tempfile_in(folder(target))
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn fault(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Error {
    let path = path.to_owned();
    move |source| Error::File { what, path, source }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<String> =
            entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn only_the_named_file_changes() {
        let dir = tempfile::tempdir().unwrap();
        let [file, beside] = ["run.state", "run.partial"].map(|name| dir.path().join(name));
        fs::write(&beside, "mine").unwrap();
        for text in ["first", "second"] {
            replace(&file, &[&text.as_bytes()[..2], &text.as_bytes()[2..]]).unwrap();
            assert_eq!(fs::read_to_string(&file).unwrap(), text);
        }
        check_writable(&file).unwrap();
        assert_eq!(fs::read_to_string(&beside).unwrap(), "mine");
        assert_eq!(names(dir.path()), ["run.partial", "run.state"]);
    }

    #[test]
    fn links_and_permissions_stay() {
        let dir = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| dir.path().join(name));
        fs::write(&file, "old").unwrap();
        std::os::unix::fs::symlink(&file, &link).unwrap();
        for mode in [0o640, 0o666] {
            fs::set_permissions(&file, Permissions::from_mode(mode)).unwrap();
            replace(&link, &[b"new"]).unwrap();
            assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
            assert_eq!(fs::read_to_string(&file).unwrap(), "new");
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, mode);
        }
    }

    #[test]
    fn faults_name_file_and_cause() {
        let dir = tempfile::tempdir().unwrap();
        let missing = dir.path().join("missing/file");
        for result in [replace(&missing, &[b"x"]), check_writable(&missing)] {
            let text = result.unwrap_err().to_string();
            assert!(text.contains("missing/file") && text.contains("No such file"), "{text}");
        }
        assert!(replace(dir.path(), &[b"x"]).unwrap_err().to_string().contains("directory"));
        assert!(read(Path::new("/dev/null")).unwrap_err().to_string().contains("regular"));
        assert!(read(&missing).unwrap().is_none());
        assert!(names(dir.path()).is_empty());
    }

    #[test]
    fn a_full_disk_is_an_error_of_its_kind() {
        let Err(Error::File { source, .. }) = replace(Path::new("/dev/full"), &[b"x"]) else {
            panic!("no error")
        };
        assert_eq!(source.kind(), ErrorKind::StorageFull);
        assert!(fs::metadata("/dev/full").is_ok_and(|m| !m.is_file()));
    }
}
