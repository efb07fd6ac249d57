use super::{Error, Raw, Stream};
use std::path::Path;

/// Where the labels of data come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels<'a> {
    /// From the data itself or a file beside it, where there are any.
    Beside,
    /// From an idx1 file, or a file of one class per line.
    File(&'a Path),
    /// Not wanted: a list beside the data still says which files there are, but may name classes that
    /// the network does not have.
    Ignored,
}

impl<'a> From<Option<&'a Path>> for Labels<'a> {
    fn from(file: Option<&'a Path>) -> Self {
        file.map_or(Self::Beside, Self::File)
    }
}

/// Names of a network's classes, in order; empty when unknown.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    names: Vec<String>,
}

/// Bytes a list of labels may have.
const MAX_LIST: u64 = 1 << 26;

impl Classes {
    /// From a list.
    pub fn new(names: Vec<String>) -> Self {
        Self { names }
    }

    /// From a file with one name per line; line k, counted from 0, names class k.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read or is not UTF-8.
    pub fn read(path: &Path) -> Result<Self, Error> {
        Ok(Self { names: lines(path)?.iter().map(|l| l.trim().to_owned()).collect() })
    }

    /// Every name.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a class, or its number where it has none.
    pub fn name(&self, class: usize) -> String {
        match self.names.get(class) {
            Some(name) if !name.is_empty() => name.clone(),
            _ => class.to_string(),
        }
    }

    /// The class that `text` names: a number, or a name of which one synonym (they are separated
    /// by commas) is `text`, upper and lower case alike.
    pub fn find(&self, text: &str) -> Option<usize> {
        let text = text.trim();
        let same = |name: &str| name.trim().eq_ignore_ascii_case(text);
        self.names
            .iter()
            .position(|n| same(n))
            .or_else(|| self.names.iter().position(|n| n.split(',').any(same)))
            .or_else(|| text.parse().ok())
    }
}

/// Lines of a text file.
pub(super) fn lines(path: &Path) -> Result<Vec<String>, Error> {
    let text = String::from_utf8(super::read_bounded(path, MAX_LIST)?)
        .map_err(|_| Error::format(path, "not a text file in UTF-8"))?;
    Ok(text.lines().map(str::to_owned).collect())
}

/// Replaces the labels of a stream by those of a file: idx1, or one class per line.
pub(super) fn attach(stream: Stream, path: &Path, classes: &Classes) -> Result<Stream, Error> {
    let labels: Vec<usize> = if path.to_string_lossy().contains("idx1") {
        super::idx::labels(path)?
    } else {
        let mut labels = Vec::new();
        for (i, line) in lines(path)?.iter().enumerate() {
            let found = classes.find(line).ok_or_else(|| {
                Error::format(path, format!("line {}: '{line}' is no known class", i + 1))
            })?;
            labels.push(found);
        }
        labels
    };
    let (path, count) = (path.to_owned(), labels.len());
    let mut labels = labels.into_iter();
    Ok(Box::new(stream.map(move |raw| {
        let label = labels.next().ok_or_else(|| {
            Error::format(&path, format!("holds {count} labels, the data has more samples"))
        })?;
        raw.map(|raw| Raw { label: Some(label), ..raw })
    })))
}
