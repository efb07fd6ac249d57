//! What the tools have in common that concerns files, and errors.

use crate::exit::{Exit, Failure};
use anyhow::{Context, Result};
use clap::Args;
use sordino_rewrite::{Error, file};
use std::path::{Path, PathBuf};

/// Where a rewritten network goes.
#[derive(Debug, Args)]
pub(super) struct Target {
    /// File for the network, as ONNX; MODEL.toml is copied beside it
    #[arg(short, long, value_name = "FILE")]
    out: PathBuf,
    /// Overwrite FILE
    #[arg(long)]
    force: bool,
}

impl Target {
    /// Refuses what is there, and a place that cannot be written: now, not after hours.
    pub(super) fn check(&self) -> Result<()> {
        if self.out.exists() && !self.force {
            let text = format!("{} exists; --force overwrites it", self.out.display());
            return Err(Failure::new(Exit::Usage, text).into());
        }
        file::check_writable(&self.out).map_err(failed)
    }

    /// Writes the network, and how its inputs are prepared as it is known of `model`.
    pub(super) fn write(&self, model: &Path, bytes: &[u8]) -> Result<()> {
        write(&self.out, bytes)?;
        copy_settings(model, &self.out, self.force)
    }
}

/// Writes a file, all of it or none.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    file::replace(path, &[bytes]).map_err(failed)
}

/// The file beside a model that says how inputs are prepared goes with the rewritten one.
pub(super) fn copy_settings(model: &Path, out: &Path, force: bool) -> Result<()> {
    let (from, to) = (model.with_extension("toml"), out.with_extension("toml"));
    if from == to || !from.is_file() {
        return Ok(());
    }
    if to.exists() && !force {
        eprintln!("note: {} is there already, and stays", to.display());
        return Ok(());
    }
    let text = std::fs::read_to_string(&from);
    let text = text.with_context(|| format!("reading {}", from.display()))?;
    let mut table: toml::Table = text.parse()?;
    if let Some(toml::Value::String(labels)) = table.get_mut("labels") {
        *labels = moved(labels, &from, &to)?.to_string_lossy().into_owned();
    }
    write(&to, table.to_string().as_bytes())
}

/// The same path, said relative to another file. It stays relative, so that a folder can be moved as a whole.
fn moved(path: &str, from: &Path, to: &Path) -> Result<PathBuf> {
    if Path::new(path).is_absolute() {
        return Ok(path.into());
    }
    let folder = |file: &Path| {
        let folder = file.parent().filter(|f| !f.as_os_str().is_empty());
        let folder = folder.unwrap_or(Path::new("."));
        folder.canonicalize().with_context(|| format!("finding the folder {}", folder.display()))
    };
    let (from, to) = (folder(from)?, folder(to)?);
    let named = from.join(path);
    let whole = named.canonicalize().unwrap_or(named);
    Ok(pathdiff::diff_paths(&whole, to).unwrap_or(whole))
}

/// An error of rewriting with its exit code.
pub(super) fn failed(error: Error) -> anyhow::Error {
    match error {
        Error::Config(_) | Error::Data(_) => Failure::new(Exit::Usage, error).into(),
        Error::Unsupported { .. } => Failure::new(Exit::Model, error).into(),
        Error::Graph(error) => error.into(),
        error => error.into(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::commands::output;
    use std::io;

    #[test]
    fn paths_stay_relative() {
        let dir = tempfile::TempDir::new().unwrap();
        let at = |path: &str| dir.path().canonicalize().unwrap().join(path);
        std::fs::create_dir_all(at("a/b")).unwrap();
        std::fs::write(at("l.txt"), "").unwrap();
        std::fs::write(at("a/l.txt"), "").unwrap();
        let found = |path, from: &str, to: &str| moved(path, &at(from), &at(to)).unwrap();
        assert_eq!(found("l.txt", "a/m.toml", "a/n.toml"), Path::new("l.txt"));
        assert_eq!(found("l.txt", "a/m.toml", "a/b/n.toml"), Path::new("../l.txt"));
        assert_eq!(found("../l.txt", "a/m.toml", "n.toml"), Path::new("l.txt"));
        assert_eq!(found("gone.txt", "m.toml", "a/n.toml"), Path::new("../gone.txt"));
        let whole = at("l.txt");
        assert_eq!(found(whole.to_str().unwrap(), "a/m.toml", "a/b/n.toml"), whole);
        // A bare name lies in the current folder.
        let bare = moved("Cargo.toml", Path::new("m.toml"), Path::new("n.toml")).unwrap();
        assert_eq!(bare, Path::new("Cargo.toml"));
    }

    #[test]
    fn errors_keep_their_kind() {
        let full = io::Error::from(io::ErrorKind::StorageFull);
        let path = PathBuf::from("/x/run.state");
        let error = failed(Error::File { what: "writing", path, source: full });
        assert_eq!(Exit::of(&error), Exit::Other);
        let source = error.chain().find_map(|e| e.downcast_ref::<io::Error>()).unwrap();
        assert_eq!(source.kind(), io::ErrorKind::StorageFull);
        assert_eq!(output::describe(&error), "writing /x/run.state: no storage space");
        let cases = [
            (Error::Config("x".into()), Exit::Usage),
            (Error::Data("x".into()), Exit::Usage),
            (Error::Graph(sordino_graph::Error::Config("x".into())), Exit::Usage),
            (Error::Graph(sordino_graph::Error::Decode("x".into())), Exit::Model),
            (Error::Device("x".into()), Exit::Other),
        ];
        for (error, exit) in cases {
            assert_eq!(Exit::of(&failed(error)), exit);
        }
    }
}
