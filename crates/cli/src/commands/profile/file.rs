//! Where the profile of this machine is kept.

use anyhow::{Context, Result, anyhow};
use sordino_plan::Profile;
use sordino_rewrite::file;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// The file of this user, in the folder that the system has for settings.
pub(super) fn path() -> Result<PathBuf> {
    let folder = folder(|name| std::env::var_os(name));
    let missing = || anyhow!("neither XDG_CONFIG_HOME nor HOME is set; name a file with --output");
    Ok(folder.ok_or_else(missing)?.join("sordino").join("profile.toml"))
}

fn folder(variable: impl Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let named = |name| variable(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let absolute = named("XDG_CONFIG_HOME").filter(|path| path.is_absolute());
    absolute.or_else(|| named("APPDATA")).or_else(|| Some(named("HOME")?.join(".config")))
}

/// Reads a profile.
pub(super) fn read(path: &Path) -> Result<Profile> {
    let text =
        std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Profile::from_toml(&text).with_context(|| format!("reading {}", path.display()))
}

/// Makes the folder of a profile, and refuses a place where none can be written.
pub(super) fn check_writable(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("creating {}", folder.display()))?;
    }
    Ok(file::check_writable(path)?)
}

/// Writes a profile, all of it or nothing.
pub(super) fn write(path: &Path, profile: &Profile) -> Result<()> {
    Ok(file::replace(path, &[profile.to_toml()?.as_bytes()])?)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_folder_is_the_users() {
        let with = |set: &[(&str, &str)]| {
            let set: Vec<_> = set.iter().map(|(k, v)| (k.to_string(), OsString::from(v))).collect();
            folder(|name| set.iter().find(|(k, _)| k == name).map(|(_, v)| v.clone()))
        };
        assert_eq!(with(&[("HOME", "/h")]).unwrap(), Path::new("/h/.config"));
        let both = [("HOME", "/h"), ("XDG_CONFIG_HOME", "/x")];
        assert_eq!(with(&both).unwrap(), Path::new("/x"));
        // One that is not absolute is to be ignored.
        let odd = [("HOME", "/h"), ("XDG_CONFIG_HOME", "x")];
        assert_eq!(with(&odd).unwrap(), Path::new("/h/.config"));
        assert_eq!(with(&[("HOME", "")]), None);
    }

    #[test]
    fn what_is_written_is_read_and_a_broken_file_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("new").join("profile.toml");
        let profile = Profile::built_in().unwrap();
        check_writable(&path).unwrap();
        write(&path, &profile).unwrap();
        let again = read(&path).unwrap();
        assert_eq!((again.machine(), again.is_built_in()), (profile.machine(), false));
        std::fs::write(&path, "version = 99").unwrap();
        let why = format!("{:#}", read(&path).unwrap_err());
        assert!(why.contains("profile.toml") && why.contains("version is 99"), "{why}");
    }
}
