//! CIFAR's binary format: per picture one label byte (CIFAR-100: coarse, then fine) and three
//! planes of 32 x 32 bytes.

use super::{Error, Item, Raw, Stream};
use crate::image::Picture;
use std::fs::File;
use std::io::{BufReader, Read};
use std::path::{Path, PathBuf};

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;

pub(super) fn open(path: &Path) -> Result<Stream, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let bytes = file.metadata().map_err(|e| Error::io(path, e))?.len() as usize;
    let whole = |label_bytes: usize| bytes > 0 && bytes.is_multiple_of(3 * PLANE + label_bytes);
    let label_bytes = match (whole(1), whole(2)) {
        (true, _) => 1,
        (false, true) => 2,
        _ => {
            let why = "not CIFAR: its length is no multiple of 3073 (CIFAR-10) or 3074 (CIFAR-100)";
            return Err(Error::format(path, why));
        }
    };
    let count = bytes / (3 * PLANE + label_bytes);
    let reader = BufReader::new(file);
    Ok(Box::new(Samples { path: path.to_owned(), reader, label_bytes, count, next: 0 }))
}

struct Samples {
    path: PathBuf,
    reader: BufReader<File>,
    label_bytes: usize,
    count: usize,
    next: usize,
}

impl Samples {
    fn read(&mut self, index: usize) -> Result<Raw, Error> {
        let mut record = vec![0u8; self.label_bytes + 3 * PLANE];
        self.reader.read_exact(&mut record).map_err(|e| Error::io(&self.path, e))?;
        let (labels, planes) = record.split_at(self.label_bytes);
        let data = (0..PLANE).flat_map(|i| [0, 1, 2].map(|c| planes[c * PLANE + i])).collect();
        let side = SIDE as u32;
        let picture =
            Picture::new(side, side, 3, data).map_err(|e| Error::picture(&self.path, e))?;
        let label = labels.last().map(|&l| usize::from(l));
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
