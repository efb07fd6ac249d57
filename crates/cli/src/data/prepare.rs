use super::{Error, Item};
use crate::image::{self, Preprocess, Settings};
use std::path::Path;

/// How items become a network's input: its shape, and preprocessing where that is a picture.
#[derive(Clone, Debug)]
pub struct Prepare {
    shape: Vec<usize>,
    preprocess: Result<Preprocess, String>,
}

impl Prepare {
    /// For an input of `shape`. A shape that is not a picture's is fine as long as no picture
    /// comes, unless `settings` ask for one.
    ///
    /// # Errors
    /// [`image::Error::Settings`] when `settings` say something that does not fit.
    pub fn new(shape: &[usize], settings: &Settings) -> Result<Self, image::Error> {
        let preprocess = match Preprocess::new(shape, settings) {
            Err(e) if *settings == Settings::default() => Err(e.to_string()),
            other => Ok(other?),
        };
        Ok(Self { shape: shape.to_vec(), preprocess })
    }

    /// With preprocessing that a model owner sent, if any, for an input of `shape`.
    pub fn with(shape: &[usize], preprocess: Option<Preprocess>) -> Self {
        let missing = "the model owner did not say how to prepare pictures; give .npy or .pb";
        Self { shape: shape.to_vec(), preprocess: preprocess.ok_or_else(|| missing.to_owned()) }
    }

    /// Number of values of an input.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// Preprocessing, where the input is a picture.
    pub fn preprocess(&self) -> Option<&Preprocess> {
        self.preprocess.as_ref().ok()
    }

    pub(super) fn input(&self, item: &Item, name: &str, path: &Path) -> Result<Vec<f32>, Error> {
        match item {
            Item::Picture(picture) => {
                let preprocess =
                    self.preprocess.as_ref().map_err(|e| Error::format(path, e.clone()))?;
                preprocess.apply(picture).map_err(|e| Error::picture(path, e))
            }
            Item::Values(values) if values.len() == self.elements() => Ok(values.clone()),
            Item::Values(values) => Err(Error::format(
                path,
                format!(
                    "{name} has {} values, the network's input of shape {:?} has {}",
                    values.len(),
                    self.shape,
                    self.elements()
                ),
            )),
        }
    }
}
