//! MNIST's idx container: two zero bytes, element type, number of axes, extents (big-endian).

use super::{Error, Item, Raw, Stream};
use crate::image::Picture;
use flate2::read::GzDecoder;
use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

/// The idx3 file of a folder, if it has exactly one.
pub(super) fn images_in(folder: &Path) -> Result<Option<PathBuf>, Error> {
    let mut found: Vec<PathBuf> = super::folder::entries(folder)?
        .into_iter()
        .filter(|p| p.file_name().is_some_and(|n| n.to_string_lossy().contains("-idx3-ubyte")))
        .collect();
    match found.len() {
        0 => Ok(None),
        1 => Ok(found.pop()),
        n => Err(Error::format(
            folder,
            format!("holds {n} idx3 files; name the one to use, such as {}", found[0].display()),
        )),
    }
}

/// Pictures of an idx3 file, with labels from the idx1 file beside it when `find_labels`.
pub(super) fn open(path: &Path, find_labels: bool) -> Result<Stream, Error> {
    let images = Idx::open(path, 3)?;
    let (count, height, width) = (images.extents[0], images.extents[1], images.extents[2]);
    let labels =
        if find_labels { beside(path).map(|p| Idx::open(&p, 1)).transpose()? } else { None };
    if let Some(labels) = &labels
        && labels.extents[0] != count
    {
        let why = format!("has {} labels for {count} pictures", labels.extents[0]);
        return Err(Error::format(&labels.path, why));
    }
    Ok(Box::new(Samples { images, labels, count, height, width, next: 0 }))
}

/// Every label of an idx1 file.
pub(super) fn labels(path: &Path) -> Result<Vec<usize>, Error> {
    let mut file = Idx::open(path, 1)?;
    let mut labels = Vec::new();
    for i in 0..file.extents[0] {
        labels.push(usize::from(file.take(1, i)?[0]));
    }
    Ok(labels)
}

fn beside(images: &Path) -> Option<PathBuf> {
    let name = images.file_name()?.to_string_lossy();
    let labels = name.replace("images", "labels").replace("idx3", "idx1");
    let plain = labels.strip_suffix(".gz").unwrap_or(&labels);
    [labels.clone(), plain.to_owned(), format!("{plain}.gz")]
        .iter()
        .map(|l| images.with_file_name(l))
        .find(|p| p.is_file() && p != images)
}

struct Idx {
    path: PathBuf,
    reader: Box<dyn Read>,
    extents: Vec<u32>,
}

impl Idx {
    fn open(path: &Path, axes: u8) -> Result<Self, Error> {
        let file = File::open(path).map_err(|e| Error::io(path, e))?;
        let packed = path.extension().is_some_and(|e| e == "gz");
        let mut reader: Box<dyn Read> = if packed {
            Box::new(BufReader::new(GzDecoder::new(BufReader::new(file))))
        } else {
            Box::new(BufReader::new(file))
        };
        let mut head = [0u8; 16];
        let head = &mut head[..4 + 4 * usize::from(axes)];
        reader.read_exact(head).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                Error::format(path, "too short or damaged to be an idx file")
            }
            _ => Error::io(path, e),
        })?;
        if head[..4] != [0, 0, 8, axes] {
            let why = format!("not an idx file of bytes with {axes} axes");
            return Err(Error::format(path, why));
        }
        let extents = head[4..]
            .chunks_exact(4)
            .map(|b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
            .collect();
        Ok(Self { path: path.to_owned(), reader, extents })
    }

    fn take(&mut self, bytes: usize, index: u32) -> Result<Vec<u8>, Error> {
        let mut buf = vec![0u8; bytes];
        self.reader.read_exact(&mut buf).map_err(|e| match e.kind() {
            ErrorKind::UnexpectedEof | ErrorKind::InvalidInput | ErrorKind::InvalidData => {
                let total = self.extents[0];
                Error::format(&self.path, format!("ends or is damaged at item {index} of {total}"))
            }
            _ => Error::io(&self.path, e),
        })?;
        Ok(buf)
    }
}

struct Samples {
    images: Idx,
    labels: Option<Idx>,
    count: u32,
    height: u32,
    width: u32,
    next: u32,
}

impl Samples {
    fn read(&mut self, index: u32) -> Result<Raw, Error> {
        let pixels = u64::from(self.height) * u64::from(self.width);
        if pixels == 0 || pixels > 1 << 27 {
            let why = format!("pictures of {}x{} pixels", self.width, self.height);
            return Err(Error::format(&self.images.path, why));
        }
        let data = self.images.take(pixels as usize, index)?;
        let picture = Picture::new(self.height, self.width, 1, data)
            .map_err(|e| Error::picture(&self.images.path, e))?;
        let label = match &mut self.labels {
            Some(labels) => Some(usize::from(labels.take(1, index)?[0])),
            None => None,
        };
        Ok(Raw { name: format!("#{index}"), item: Item::Picture(picture), label })
    }
}

impl Iterator for Samples {
    type Item = Result<Raw, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let index = self.next;
        (index < self.count).then(|| {
            self.next += 1;
            self.read(index)
        })
    }
}
