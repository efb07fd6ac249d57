//! Options that several commands share.

use crate::data::{Dataset, Sample};
use crate::exit::{Exit, Failure};
use crate::image::{Channels, Layout, Settings};
use crate::model::{Model, Source};
use anyhow::Result;
use clap::{Args, ValueEnum};
use sordino_engine::Backend;
use sordino_engine::garbled::GarbledBackend;
use sordino_engine::session::{
    Ask, BackendChoice, Choose, LinearChoice, PaillierBits, Reveal, SupplyChoice, Terms,
    Truncation, Wish,
};
use sordino_engine::twoparty::TwoPartyBackend;
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
    /// Where oblivious transfers come from (twoparty): SoftSpoken with K = 1, 2, 4, 8, the larger the
    /// fewer bytes and the more computing; Ferret, the fewest bytes; or what is fastest on this
    /// link, which is then measured
    #[arg(long, value_name = "auto|softspoken-K|ferret", default_value = "auto", value_parser = supply)]
    supply: SupplyArg,
    /// How fraction bits are dropped (twoparty): as the model says, or with an error of at most one
    /// unit in the last place of each activation, for fewer bytes and less computing
    #[arg(long, value_enum, default_value = "exact")]
    truncation: TruncationArg,
    /// What linear layers run on (twoparty): lattice ciphertexts, oblivious transfers like everything
    /// else, for far more bytes, for each layer what takes fewer of the two, or Paillier's encryption with a
    /// key of 3072 or 2048 bits (112-bit security), for far more computing
    #[arg(long, value_enum, default_value = "lattice")]
    linear: LinearArg,
    /// Do without Winograd's transforms where linear layers run on oblivious transfers
    #[arg(long)]
    no_winograd: bool,
    /// Images that run together (twoparty), as many as the server takes: rounds, kernels and ciphertexts are
    /// shared, for less per image; results come later, and memory grows
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LinearArg {
    Lattice,
    Ot,
    Auto,
    Paillier,
    #[value(name = "paillier-2048")]
    Paillier2048,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SupplyArg {
    Auto,
    Of(SupplyChoice),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TruncationArg {
    Exact,
    OneLsb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RevealArg {
    Logits,
    Label,
}

impl RevealArg {
    /// # Errors
    /// [`Exit::Usage`] for a choice that the backend does not have.
    pub(super) fn check(self, backend: BackendChoice) -> Result<(), Failure> {
        if self == Self::Label && backend != BackendChoice::TwoParty {
            let text = "--reveal label is not possible with --backend garbled: the data owner \
                        decodes the scores itself; use --backend twoparty";
            return Err(Failure::new(Exit::Usage, text));
        }
        Ok(())
    }
}

impl From<RevealArg> for Reveal {
    fn from(arg: RevealArg) -> Self {
        match arg {
            RevealArg::Logits => Self::Logits,
            RevealArg::Label => Self::Label,
        }
    }
}

/// What a client wishes for unless it says otherwise.
pub(super) fn wish(backend: BackendChoice) -> Wish {
    Wish {
        backend,
        supply: SupplyChoice::Ferret,
        reveal: Reveal::Logits,
        truncation: Truncation::Exact,
        linear: LinearChoice::Lattice,
        winograd: true,
    }
}

fn supply(text: &str) -> Result<SupplyArg, String> {
    match text {
        "auto" => return Ok(SupplyArg::Auto),
        "ferret" => return Ok(SupplyArg::Of(SupplyChoice::Ferret)),
        _ => {}
    }
    match text.strip_prefix("softspoken-").and_then(|k| k.parse().ok()) {
        Some(k @ (1 | 2 | 4 | 8)) => Ok(SupplyArg::Of(SupplyChoice::SoftSpoken(k))),
        _ => Err("use auto, ferret, or softspoken-K with K = 1, 2, 4 or 8".into()),
    }
}

impl ProtocolArgs {
    /// What is asked of a server.
    ///
    /// # Errors
    /// [`Exit::Usage`] for a choice that the backend does not have.
    pub(super) fn ask(&self, backend: BackendChoice) -> Result<Ask<'static>, Failure> {
        let open = self.supply == SupplyArg::Auto && backend == BackendChoice::TwoParty;
        let choose: &Choose<'_> = &sordino_plan::supply;
        Ok(Ask { wish: self.wish(backend)?, choose: open.then_some(choose) })
    }

    /// Images that run together.
    pub(super) fn batch(&self) -> usize {
        self.batch.into()
    }

    /// The same at a server that has said how many it takes.
    ///
    /// # Errors
    /// [`Exit::Protocol`] when it takes fewer.
    pub(super) fn batch_of(&self, terms: &Terms) -> Result<usize, Failure> {
        if u32::from(self.batch) <= terms.images {
            return Ok(self.batch());
        }
        let text = format!(
            "--batch {}: the server takes at most {} images of this network at once",
            self.batch, terms.images
        );
        Err(Failure::new(Exit::Protocol, text))
    }

    /// The wish for a link on which no session runs yet; a supply that was left open is that of [`wish`].
    ///
    /// # Errors
    /// [`Exit::Usage`] for a choice that the backend does not have.
    pub(super) fn wish(&self, backend: BackendChoice) -> Result<Wish, Failure> {
        self.reveal.check(backend)?;
        if self.batch > 1 && backend != BackendChoice::TwoParty {
            let text = "--batch is not possible with --backend garbled: a circuit is for one input, and \
                        several run one after the other; use --backend twoparty";
            return Err(Failure::new(Exit::Usage, text));
        }
        let truncation = match self.truncation {
            TruncationArg::Exact => Truncation::Exact,
            TruncationArg::OneLsb => Truncation::OneLsb,
        };
        let linear = match self.linear {
            LinearArg::Lattice if matches!(backend, BackendChoice::Popcorn(_)) => {
                LinearChoice::Paillier(PaillierBits::N3072)
            }
            LinearArg::Lattice => LinearChoice::Lattice,
            LinearArg::Ot => LinearChoice::Transfer,
            LinearArg::Auto => LinearChoice::Cheapest,
            LinearArg::Paillier => LinearChoice::Paillier(PaillierBits::N3072),
            LinearArg::Paillier2048 => LinearChoice::Paillier(PaillierBits::N2048),
        };
        let supply = match self.supply {
            SupplyArg::Auto => wish(backend).supply,
            SupplyArg::Of(supply) => supply,
        };
        Ok(Wish {
            backend,
            supply,
            reveal: self.reveal.into(),
            truncation,
            linear,
            winograd: !self.no_winograd,
        })
    }
}

/// A private backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Private {
    /// Shares, lattice encryption and oblivious transfer: the weights stay with the server
    Twoparty,
    /// One garbled circuit, made by the client: one online round; clients get the weights
    Garbled,
}

impl Private {
    /// What it promises.
    pub(super) fn backend(self) -> &'static dyn Backend {
        match self {
            Self::Twoparty => &TwoPartyBackend,
            Self::Garbled => &GarbledBackend,
        }
    }
}

impl From<Private> for BackendChoice {
    fn from(arg: Private) -> Self {
        match arg {
            Private::Twoparty => Self::TwoParty,
            Private::Garbled => Self::Garbled,
        }
    }
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
