//! Folders of pictures: one folder per class, a list of labels, or no labels.

use super::{Classes, Error, Item, Raw, Stream, read_picture};
use std::path::{Path, PathBuf};

/// What a folder holds, hidden files left out, sorted by name.
pub(super) fn entries(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = Vec::new();
    for entry in folder.read_dir().map_err(|e| Error::io(folder, e))? {
        let path = entry.map_err(|e| Error::io(folder, e))?.path();
        if path.file_name().is_some_and(|n| !n.to_string_lossy().starts_with('.')) {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_picture(path: &Path) -> bool {
    let known = ["png", "jpg", "jpeg"];
    path.extension().is_some_and(|e| known.iter().any(|k| e.eq_ignore_ascii_case(k)))
}

/// Pictures of a folder, with labels where `classes` say what they mean.
pub(super) fn open(folder: &Path, classes: Option<&Classes>) -> Result<Stream, Error> {
    let found = entries(folder)?;
    let list = found.iter().find(|p| p.ends_with("labels.csv") || p.ends_with("labels.txt"));
    let files = match list {
        Some(list) => listed(folder, list, classes)?,
        None => {
            let folders: Vec<_> = found.iter().filter(|p| p.is_dir()).cloned().collect();
            let loose: Vec<_> =
                found.into_iter().filter(|p| p.is_file() && is_picture(p)).collect();
            if loose.is_empty() && !folders.is_empty() {
                by_class(folder, &folders, classes)?
            } else {
                loose.into_iter().map(|p| (p, None)).collect()
            }
        }
    };
    if files.is_empty() {
        return Err(Error::format(folder, "holds no picture (.png, .jpg) and no idx file"));
    }
    let folder = folder.to_owned();
    Ok(Box::new(files.into_iter().map(move |(path, label)| {
        let picture = read_picture(&path)?;
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        Ok(Raw { name, item: Item::Picture(picture), label })
    })))
}

type Labelled = Vec<(PathBuf, Option<usize>)>;

/// Lines `file,class` or `file class`; a first line that names no file is a heading.
fn listed(folder: &Path, list: &Path, classes: Option<&Classes>) -> Result<Labelled, Error> {
    let mut files = Vec::new();
    for (i, line) in super::labels::lines(list)?.iter().enumerate() {
        let line = line.trim();
        if line.is_empty() {
            continue;
        }
        let split = line.split_once(',').or_else(|| line.split_once(char::is_whitespace));
        let fail = |why: String| Err(Error::format(list, format!("line {}: {why}", i + 1)));
        let Some((name, class)) = split else {
            return fail(format!("'{line}' is not of the form file,class"));
        };
        let path = folder.join(name.trim());
        if !path.is_file() {
            if i == 0 {
                continue;
            }
            return fail(format!("there is no file '{}'", name.trim()));
        }
        let label = classes.map(|classes| classes.find(class));
        if label == Some(None) {
            return fail(format!("'{}' is neither a number nor a known class", class.trim()));
        }
        files.push((path, label.flatten()));
    }
    Ok(files)
}

/// Classes in turn, so that the first samples are a fair choice.
fn by_class(
    folder: &Path,
    folders: &[PathBuf],
    classes: Option<&Classes>,
) -> Result<Labelled, Error> {
    let name = |p: &PathBuf| p.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let find = |p| classes.map(|classes| classes.find(&name(p)));
    let named: Vec<Option<Option<usize>>> = folders.iter().map(find).collect();
    let nameless = classes.is_some_and(|classes| classes.names().is_empty());
    // Names that mean nothing are classes in alphabetical order, all of them or none.
    let by_order = nameless && named.iter().all(|n| *n == Some(None));
    let mut groups = Vec::new();
    for (i, path) in folders.iter().enumerate() {
        let label = match named[i] {
            Some(None) if by_order => Some(i),
            Some(None) => {
                let why = format!("'{}' is neither a number nor a known class", name(path));
                return Err(Error::format(folder, why));
            }
            label => label.flatten(),
        };
        let pictures: Vec<_> = entries(path)?.into_iter().filter(|p| is_picture(p)).collect();
        groups.push((label, pictures.into_iter()));
    }
    let mut files = Vec::new();
    loop {
        let before = files.len();
        for (label, pictures) in &mut groups {
            files.extend(pictures.next().map(|p| (p, *label)));
        }
        if files.len() == before {
            return Ok(files);
        }
    }
}
