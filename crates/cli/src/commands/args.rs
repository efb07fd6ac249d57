//! Options that several commands share.

use crate::data::{Dataset, Labels, Sample};
use crate::image::{Channels, Layout, Settings};
use crate::model::{Model, Source};
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use sordino_graph::ir::Graph;
use sordino_graph::onnx::{ImportOptions, load_with};
use sordino_store::{Error as StoreError, Id, Store};
use std::path::{Path, PathBuf};

#[derive(Debug, Clone, Args)]
pub(super) struct ModelArgs {
    /// ONNX file; MODEL.toml beside it says how inputs are prepared
    pub(super) model: PathBuf,
    /// Read preprocessing from this TOML file instead
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Names of the classes, one per line
    #[arg(long, value_name = "FILE")]
    class_names: Option<PathBuf>,
    /// Shape of the input, such as 1,3,224,224, for files that leave it open
    #[arg(long, value_name = "N,N,…", value_delimiter = ',')]
    input_shape: Option<Vec<usize>>,
    #[command(flatten)]
    picture: PictureArgs,
}

impl ModelArgs {
    pub(super) fn load(&self) -> Result<Model> {
        Model::load(&Source {
            path: self.model.clone(),
            settings: self.settings.clone(),
            labels: self.class_names.clone(),
            overrides: self.picture.settings(),
            input_shape: self.input_shape.clone(),
        })
    }

    /// The same on a command line.
    pub(super) fn words(&self) -> Vec<String> {
        let mut words = Words(vec![self.model.display().to_string()]);
        words.option("--settings", self.settings.as_ref().map(|p| p.display()));
        words.option("--class-names", self.class_names.as_ref().map(|p| p.display()));
        words.option("--input-shape", self.input_shape.as_deref().map(list));
        self.picture.words(&mut words);
        words.0
    }

    /// The network as it is in the file, for tools that change it.
    pub(super) fn graph(&self) -> Result<Graph> {
        self.graph_of(&self.model)
    }

    /// Another network that takes the same inputs, as it is in its file.
    pub(super) fn graph_of(&self, model: &Path) -> Result<Graph> {
        let options = ImportOptions {
            input_shape: self.input_shape.clone(),
            data_folder: model.parent().map(Path::to_owned),
            ..ImportOptions::default()
        };
        let bytes = std::fs::read(model);
        let bytes = bytes.with_context(|| format!("reading {}", model.display()))?;
        Ok(load_with(&bytes, &options)?)
    }
}

/// How a picture becomes an input, where it differs from what the model's TOML file says.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Preprocessing")]
pub(super) struct PictureArgs {
    /// Resize the shorter side to this many pixels before cutting out the middle
    #[arg(long, value_name = "PIXELS")]
    resize: Option<u32>,
    /// Refuse pictures that do not have exactly the network's size
    #[arg(long)]
    exact: bool,
    /// Order of axes
    #[arg(long, value_enum)]
    layout: Option<LayoutArg>,
    /// Order of channels
    #[arg(long, value_enum)]
    channels: Option<ChannelsArg>,
    /// Turn dark on light into light on dark
    #[arg(long)]
    invert: bool,
    /// Factor for bytes 0 to 255, a number or a fraction [default: 1/255]
    #[arg(long, value_name = "X", allow_hyphen_values = true, value_parser = factor)]
    scale: Option<f32>,
    /// Subtract after scaling, one value or one per channel
    #[arg(long, value_name = "X,…", value_delimiter = ',', allow_negative_numbers = true)]
    mean: Option<Vec<f32>>,
    /// Divide by after subtracting, one value or one per channel
    #[arg(long, value_name = "X,…", value_delimiter = ',')]
    std: Option<Vec<f32>>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum LayoutArg {
    Nchw,
    Nhwc,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ChannelsArg {
    Grey,
    Rgb,
    Bgr,
}

/// A number, or two with a slash.
fn factor(text: &str) -> Result<f32, String> {
    let number = |text: &str| {
        let parsed = text.parse::<f32>().ok().filter(|x| x.is_finite());
        parsed.ok_or_else(|| format!("'{text}' is no number: write 0.5 or 1/255"))
    };
    let Some((above, below)) = text.split_once('/') else { return number(text) };
    let factor = number(above)? / number(below)?;
    Some(factor).filter(|f| f.is_finite()).ok_or_else(|| format!("'{text}' is no finite number"))
}

impl PictureArgs {
    pub(super) fn settings(&self) -> Settings {
        Settings {
            resize: self.resize,
            exact: self.exact.then_some(true),
            layout: self.layout.map(|l| match l {
                LayoutArg::Nchw => Layout::Nchw,
                LayoutArg::Nhwc => Layout::Nhwc,
            }),
            channels: self.channels.map(|c| match c {
                ChannelsArg::Grey => Channels::Grey,
                ChannelsArg::Rgb => Channels::Rgb,
                ChannelsArg::Bgr => Channels::Bgr,
            }),
            invert: self.invert.then_some(true),
            scale: self.scale,
            mean: self.mean.clone(),
            std: self.std.clone(),
        }
    }

    fn words(&self, words: &mut Words) {
        words.option("--resize", self.resize);
        words.flag("--exact", self.exact);
        words.choice("--layout", self.layout);
        words.choice("--channels", self.channels);
        words.flag("--invert", self.invert);
        words.option("--scale", self.scale);
        words.option("--mean", self.mean.as_deref().map(list));
        words.option("--std", self.std.as_deref().map(list));
    }
}

/// A command line being written.
pub(super) struct Words(pub(super) Vec<String>);

impl Words {
    /// An option with a value, where there is one.
    pub(super) fn option(&mut self, name: &str, value: Option<impl ToString>) {
        self.0
            .extend(value.map(|value| [name.to_owned(), value.to_string()]).into_iter().flatten());
    }

    /// An option without one, where it is set.
    pub(super) fn flag(&mut self, name: &str, set: bool) {
        self.0.extend(set.then(|| name.to_owned()));
    }

    /// An option with the name of a value, where there is one.
    pub(super) fn choice(&mut self, name: &str, value: Option<impl ValueEnum>) {
        let value = value.and_then(|value| value.to_possible_value());
        self.option(name, value.map(|value| value.get_name().to_owned()));
    }
}

/// Values of an option that takes several.
fn list<T: ToString>(values: &[T]) -> String {
    values.iter().map(T::to_string).collect::<Vec<_>>().join(",")
}

/// Opens data for a model.
pub(super) fn open(path: &Path, labels: Labels<'_>, model: &Model) -> Result<Dataset> {
    Ok(Dataset::open(path, labels, &model.classes, &model.prepare)?)
}

/// Reads every sample of several paths.
pub(super) fn samples(
    paths: &[PathBuf],
    open: impl Fn(&Path) -> Result<Dataset>,
) -> Result<Vec<Sample>> {
    let mut samples = Vec::new();
    for path in paths {
        for sample in open(path)? {
            let sample = sample?;
            // Positions in a file say nothing without the file.
            let name = match sample.name.strip_prefix('#') {
                Some(_) => format!("{}{}", path.display(), sample.name),
                None => sample.name,
            };
            samples.push(Sample { name, ..sample });
        }
    }
    Ok(samples)
}

/// Opens a store of circuits. Damaged entries are deleted: whoever names one could not go on to
/// the next.
pub(super) fn open_store(dir: &Path) -> Result<Store> {
    let store = Store::open(dir)?;
    for damage in store.damaged()? {
        let id = match &damage {
            StoreError::Corrupt { path, .. } => path.file_name().and_then(|n| n.to_str()),
            _ => None,
        };
        if let Some(id) = id.and_then(|n| n.parse::<Id>().ok()) {
            match store.remove(&id) {
                Ok(()) => eprintln!("warning: removed entry {id} of the store: {damage}"),
                Err(StoreError::Consumed(_) | StoreError::Unknown(_)) => {}
                Err(e) => return Err(e.into()),
            }
        }
    }
    Ok(store)
}
