//! Options that several commands share.

use crate::data::{Dataset, Sample};
use crate::exit::{Exit, Failure};
use crate::image::{Channels, Layout, Settings};
use crate::model::{Model, Source};
use anyhow::Result;
use clap::{Args, ValueEnum};
use sordino_engine::session::{BackendChoice, Reveal, SupplyChoice};
use sordino_graph::fixed::{Calibration, FixedModel, QuantiseOptions, quantise};
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
    /// Factor for bytes 0 to 255 [default: 1/255]
    #[arg(long, value_name = "X", allow_negative_numbers = true)]
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
}

/// How the network becomes integers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fixed point")]
pub(super) struct QuantiseArgs {
    /// Sample inputs that show the range of every layer: a folder of pictures, an idx file, …
    #[arg(long, value_name = "PATH")]
    pub(super) calibrate: Option<PathBuf>,
    /// Use at most this many of them
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..))]
    calibration_samples: u32,
    /// Bits of operands of linear layers; without this and --weight-bits, the fewest bits that
    /// keep the samples' outputs close to float
    #[arg(long, value_name = "BITS")]
    act_bits: Option<u32>,
    /// Bits of weights
    #[arg(long, value_name = "BITS")]
    weight_bits: Option<u32>,
    /// How far values may exceed what calibration saw, as a factor
    #[arg(long, value_name = "FACTOR", default_value_t = QuantiseOptions::default().margin)]
    margin: f64,
}

impl QuantiseArgs {
    /// The network in integers, calibrated on the samples given, or on `inputs` without.
    pub(super) fn quantise(&self, model: &Model, inputs: &[Vec<f32>]) -> Result<FixedModel> {
        let mut samples = Vec::new();
        match &self.calibrate {
            Some(path) => {
                for sample in open(path, None, model)?.take(self.calibration_samples as usize) {
                    samples.push(model.tensor(&sample?.input)?);
                }
            }
            None => {
                for input in inputs {
                    samples.push(model.tensor(input)?);
                }
            }
        }
        if samples.is_empty() {
            let text = "no sample inputs to calibrate with: give --calibrate PATH";
            return Err(Failure::new(Exit::Usage, text).into());
        }
        let calibration = Calibration::run(&model.graph, &samples)?;
        let options = QuantiseOptions { margin: self.margin, ..QuantiseOptions::default() };
        if self.act_bits.is_none() && self.weight_bits.is_none() {
            return Ok(model.fit(&calibration, &samples, &options)?.model);
        }
        let options = QuantiseOptions {
            act_bits: self.act_bits.unwrap_or(options.act_bits),
            weight_bits: self.weight_bits.unwrap_or(options.weight_bits),
            ..options
        };
        Ok(quantise(&model.graph, &calibration, &options)?)
    }
}

/// Opens data for a model.
pub(super) fn open(path: &Path, labels: Option<&Path>, model: &Model) -> Result<Dataset> {
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

/// How the parties run the protocol.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Protocol")]
pub(super) struct ProtocolArgs {
    /// What the data owner learns: all scores, or only the best class
    #[arg(long, value_enum, default_value = "logits")]
    reveal: RevealArg,
    /// Oblivious transfer: SoftSpoken with K = 1, 2, 4, 8: fewer bytes, more computing
    #[arg(long, value_name = "softspoken-K|ferret", default_value = "softspoken-8", value_parser = supply)]
    supply: SupplyChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RevealArg {
    Logits,
    Label,
}

impl From<RevealArg> for Reveal {
    fn from(arg: RevealArg) -> Self {
        match arg {
            RevealArg::Logits => Self::Logits,
            RevealArg::Label => Self::Label,
        }
    }
}

/// The source of correlated transfers unless a client asks for another.
pub(super) const SUPPLY: SupplyChoice = SupplyChoice::SoftSpoken(8);

fn supply(text: &str) -> Result<SupplyChoice, String> {
    if text == "ferret" {
        return Ok(SupplyChoice::Ferret);
    }
    match text.strip_prefix("softspoken-").and_then(|k| k.parse().ok()) {
        Some(k @ (1 | 2 | 4 | 8)) => Ok(SupplyChoice::SoftSpoken(k)),
        _ => Err("use softspoken-K with K = 1, 2, 4 or 8, or ferret".into()),
    }
}

impl ProtocolArgs {
    pub(super) fn wish(&self) -> sordino_engine::session::Wish {
        sordino_engine::session::Wish { backend: sordino_engine::session::BackendChoice::TwoParty, supply: self.supply, reveal: self.reveal.into() }
    }
}
