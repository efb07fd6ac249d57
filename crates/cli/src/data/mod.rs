//! Labelled inputs from files: MNIST idx, CIFAR binary, image folders, single pictures, tensors.
//!
//! [`Dataset::open`] recognises the format and gives a streaming iterator of [`Sample`]s, already
//! preprocessed for a network's input. Files are read as they are consumed; a damaged one gives
//! the samples before the damage and then an error that names the file.

mod cifar;
mod folder;
mod idx;
mod labels;
mod npy;
mod prepare;

pub use labels::{Classes, Labels};
pub use prepare::Prepare;

use crate::image::{self, Picture};
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Errors of reading data sets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A file cannot be opened or read.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {why}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong and, where there is something to do, what.
        why: String,
    },
    /// A picture that cannot be decoded or does not fit.
    #[error("{}: {source}", path.display())]
    Picture {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: image::Error,
    },
}

impl Error {
    fn io(path: &Path, source: std::io::Error) -> Self {
        Self::Io { path: path.to_owned(), source }
    }

    fn format(path: &Path, why: impl Into<String>) -> Self {
        Self::Format { path: path.to_owned(), why: why.into() }
    }

    fn picture(path: &Path, source: image::Error) -> Self {
        Self::Picture { path: path.to_owned(), source }
    }
}

/// One input of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// File name, or position in a file of many.
    pub name: String,
    /// Values in the order of the network's input.
    pub input: Vec<f32>,
    /// The right class, where the data says it.
    pub label: Option<usize>,
}

/// What a file holds before it is prepared for a network.
enum Item {
    Picture(Picture),
    Values(Vec<f32>),
}

struct Raw {
    name: String,
    item: Item,
    label: Option<usize>,
}

type Stream = Box<dyn Iterator<Item = Result<Raw, Error>>>;

/// A stream of samples.
pub struct Dataset {
    stream: Stream,
    prepare: Prepare,
    path: PathBuf,
    failed: bool,
}

impl Dataset {
    /// Opens `path`:
    /// * `*-images-idx3-ubyte`, plain or `.gz`; labels from the `labels-idx1` file beside it;
    /// * `*.bin`: CIFAR-10 or CIFAR-100 binary;
    /// * a folder: one idx pair, or pictures in one folder per class, or pictures listed in
    ///   `labels.csv` or `labels.txt` (`file,class` per line), or pictures without labels;
    /// * a picture; `.npy` and `.pb` tensors that already are inputs of the network.
    ///
    /// # Errors
    /// [`Error`] naming the file when it is missing, of no known format, or damaged at the start.
    pub fn open(
        path: &Path,
        labels: Labels<'_>,
        classes: &Classes,
        prepare: &Prepare,
    ) -> Result<Self, Error> {
        let meta = path.metadata().map_err(|e| Error::io(path, e))?;
        let beside = labels == Labels::Beside;
        let mut stream = if meta.is_dir() {
            match idx::images_in(path)? {
                Some(images) => idx::open(&images, beside)?,
                None => folder::open(path, beside.then_some(classes))?,
            }
        } else {
            open_file(path, beside, prepare)?
        };
        if let Labels::File(labels) = labels {
            stream = labels::attach(stream, labels, classes)?;
        }
        Ok(Self { stream, prepare: prepare.clone(), path: path.to_owned(), failed: false })
    }
}

fn open_file(path: &Path, find_labels: bool, prepare: &Prepare) -> Result<Stream, Error> {
    let name = path.file_name().unwrap_or_default().to_string_lossy().to_lowercase();
    let one = |item: Item| -> Stream {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Box::new(std::iter::once(Ok(Raw { name, item, label: None })))
    };
    if name.contains("idx3") {
        return idx::open(path, find_labels);
    }
    match name.rsplit_once('.').map_or("", |(_, end)| end) {
        "png" | "jpg" | "jpeg" => Ok(one(Item::Picture(read_picture(path)?))),
        "bin" => cifar::open(path),
        "npy" => npy::open(path, prepare.elements()),
        "pb" => {
            let bytes = read_bounded(path, MAX_TENSOR)?;
            let (_, tensor) = sordino_graph::onnx::named_tensor_from_bytes(&bytes)
                .map_err(|e| Error::format(path, e.to_string()))?;
            let values = tensor.as_f32().map_err(|e| Error::format(path, e.to_string()))?;
            Ok(one(Item::Values(values.to_vec())))
        }
        _ => Err(Error::format(
            path,
            "not a known kind of data; known are idx3 files (.gz too), CIFAR .bin, folders of \
             pictures, .png, .jpg, .npy and .pb",
        )),
    }
}

/// Bytes a tensor file may have.
const MAX_TENSOR: u64 = 1 << 30;
/// Bytes a picture file may have.
const MAX_PICTURE: u64 = 1 << 28;

fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>, Error> {
    let file = File::open(path).map_err(|e| Error::io(path, e))?;
    let mut bytes = Vec::new();
    file.take(limit + 1).read_to_end(&mut bytes).map_err(|e| Error::io(path, e))?;
    if bytes.len() as u64 > limit {
        return Err(Error::format(path, format!("larger than {} MiB", limit >> 20)));
    }
    Ok(bytes)
}

/// Reads and decodes a picture file.
///
/// # Errors
/// [`Error::Io`] or [`Error::Picture`].
pub fn read_picture(path: &Path) -> Result<Picture, Error> {
    let bytes = read_bounded(path, MAX_PICTURE)?;
    Picture::decode(&bytes).map_err(|e| Error::picture(path, e))
}

impl Iterator for Dataset {
    type Item = Result<Sample, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed {
            return None;
        }
        let sample = self.stream.next()?.and_then(|raw| {
            let input = self.prepare.input(&raw.item, &raw.name, &self.path)?;
            Ok(Sample { name: raw.name, input, label: raw.label })
        });
        self.failed = sample.is_err();
        Some(sample)
    }
}

#[cfg(test)]
mod tests;
