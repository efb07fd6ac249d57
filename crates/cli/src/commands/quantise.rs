//! Options for turning a network into integers.

use super::args::{self, Words};
use super::protocol::lacks;
use crate::data::Labels;
use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::residue::{self, Gadgets, Integers, WEIGHT_BITS};
use anyhow::Result;
use clap::{Args, ValueEnum};
use sordino_engine::session::BackendChoice;
use sordino_engine::twoparty::in_wide_rings;
use sordino_graph::fixed::residue::{RangeMode, ResidueOptions, Style};
use sordino_graph::fixed::{Calibration, QuantiseOptions, quantise};
use sordino_graph::ir::Tensor;
use std::path::PathBuf;

/// Samples that show ranges, unless told otherwise. Clipping a table's tail asks for more of them.
const SAMPLES: u32 = 64;
const RESIDUE_SAMPLES: u32 = 128;

/// How the network becomes integers.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Fixed point")]
pub(super) struct QuantiseArgs {
    /// Sample inputs that show the range of every layer: a folder of pictures, an idx file, …
    #[arg(long, value_name = "PATH")]
    pub(super) calibrate: Option<PathBuf>,
    /// Use at most this many of them [default: 64, or 128 for garbled circuits]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    calibration_samples: Option<u32>,
    /// Bits of operands of linear layers, 6 to 8 for garbled circuits; without this and
    /// --weight-bits, the fewest bits that keep the samples' outputs close to float. `eval` takes
    /// several, as in 6,7,8
    #[arg(long, value_name = "BITS", value_delimiter = ',')]
    act_bits: Vec<u32>,
    /// Bits of weights
    #[arg(long, value_name = "BITS")]
    weight_bits: Option<u32>,
    /// How far values may exceed what calibration saw, as a factor [default: 2, or 1.25 for
    /// garbled circuits]
    #[arg(long, value_name = "FACTOR")]
    margin: Option<f64>,
    /// How garbled circuits rescale and activate [default: strict]
    #[arg(long, value_enum)]
    style: Option<StyleArg>,
    /// How far values of garbled circuits may go [default: calibrated]
    #[arg(long, value_enum)]
    range: Option<RangeArg>,
    /// How twoparty computes activations: by transfers, with the fewest bytes, or by garbled
    /// tables, in one round each and for any function
    #[arg(long, value_enum, default_value = "ot")]
    nonlinear: NonlinearArg,
}

#[derive(Debug, Clone, Copy, ValueEnum, PartialEq, Eq)]
enum NonlinearArg {
    /// Comparisons by oblivious transfer
    Ot,
    /// Garbled tables on shares
    Garbled,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum StyleArg {
    /// Tables, for any activation
    Strict,
    /// The gadgets of Dash and ReDash, for comparison; Relu only
    DashCompat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum RangeArg {
    /// What the samples show, and --margin
    Calibrated,
    /// Whatever any input can cause: never wraps, costs bits
    Proof,
}

impl QuantiseArgs {
    /// # Errors
    /// [`Exit::Usage`] for options that none of these backends has, or one that one of them cannot have.
    pub(super) fn check(
        &self,
        backends: impl IntoIterator<Item = BackendChoice>,
    ) -> Result<(), Failure> {
        let usage = |text: &str| Err(Failure::new(Exit::Usage, text));
        let on_shares = self.nonlinear == NonlinearArg::Garbled;
        let mut garbled = false;
        for backend in backends {
            match backend {
                BackendChoice::TwoParty => {}
                BackendChoice::Garbled if on_shares => {
                    return usage(
                        "--nonlinear is for --backend twoparty; --backend garbled garbles all",
                    );
                }
                BackendChoice::Garbled => garbled = true,
                BackendChoice::Popcorn(_) if on_shares => {
                    let why = "it has no shares to garble tables on";
                    return Err(lacks(backend, "--nonlinear garbled", why));
                }
                BackendChoice::Popcorn(_) => {}
            }
        }
        if on_shares && matches!(self.style, Some(StyleArg::DashCompat)) {
            return usage("--nonlinear garbled has tables only: leave out --style dash-compat");
        }
        if !garbled && !on_shares && (self.style.is_some() || self.range.is_some()) {
            return usage(
                "--style and --range only make sense with --backend garbled or --nonlinear garbled",
            );
        }
        if self.range == Some(RangeArg::Proof) && self.margin.is_some() {
            return usage("--margin widens a calibrated range; leave it out with --range proof");
        }
        if matches!(self.style, Some(StyleArg::DashCompat))
            && (!self.act_bits.is_empty() || self.weight_bits.is_some())
        {
            return usage(
                "--act-bits and --weight-bits are for --style strict: the bits of dash-compat \
                 follow from its modulus",
            );
        }
        Ok(())
    }

    /// The only bits of activations that are asked for, if any are.
    ///
    /// # Errors
    /// [`Exit::Usage`] when there are several.
    pub(super) fn act_bits(&self) -> Result<Option<u32>, Failure> {
        match self.act_bits[..] {
            [] => Ok(None),
            [bits] => Ok(Some(bits)),
            _ => Err(Failure::new(
                Exit::Usage,
                "several --act-bits are for `sordino eval`; give one",
            )),
        }
    }

    /// The same with tables on shares for twoparty's activations, which are never in Dash's way.
    pub(super) fn on_tables(&self) -> Option<Self> {
        let tables = !matches!(self.style, Some(StyleArg::DashCompat));
        tables.then(|| Self { nonlinear: NonlinearArg::Garbled, ..self.clone() })
    }

    /// The same on a command line of a backend, which may be told more about the bits of activations. Without samples,
    /// a place is left for them.
    pub(super) fn words(&self, tables: bool, act_bits: Option<u32>) -> Vec<String> {
        let mut words = Words(Vec::new());
        let samples = self.calibrate.as_ref().map(|p| p.display().to_string());
        words.option("--calibrate", Some(samples.unwrap_or_else(|| "SAMPLES".into())));
        words.option("--calibration-samples", self.calibration_samples);
        words.option("--act-bits", act_bits.or_else(|| self.act_bits.first().copied()));
        words.option("--weight-bits", self.weight_bits);
        words.option("--margin", self.margin);
        if tables {
            words.choice("--style", self.style);
            words.choice("--range", self.range);
        }
        words.0
    }

    /// Every choice of bits of activations, `None` for the fewest that do.
    pub(super) fn every_act_bits(&self) -> Vec<Option<u32>> {
        match &self.act_bits[..] {
            [] => vec![None],
            all => all.iter().copied().map(Some).collect(),
        }
    }

    /// Samples of the data themselves that show ranges where no others are given.
    pub(super) fn first(&self) -> usize {
        self.calibration_samples.unwrap_or(RESIDUE_SAMPLES) as usize
    }

    /// The network in a backend's integers, calibrated on the samples given, or on `inputs`
    /// without.
    pub(super) fn quantise(
        &self,
        model: &Model,
        inputs: &[Vec<f32>],
        backend: BackendChoice,
        act_bits: Option<u32>,
    ) -> Result<Integers> {
        // The same integers in the same rings.
        let backend = match backend {
            BackendChoice::Popcorn(_) => BackendChoice::TwoParty,
            other => other,
        };
        let count = self.calibration_samples.unwrap_or(match backend {
            BackendChoice::TwoParty if self.nonlinear == NonlinearArg::Ot => SAMPLES,
            _ => RESIDUE_SAMPLES,
        });
        let mut samples = Vec::new();
        match &self.calibrate {
            Some(path) => {
                for sample in args::open(path, Labels::Ignored, model)?.take(count as usize) {
                    samples.push(model.tensor(&sample?.input)?);
                }
            }
            None => {
                for input in inputs.iter().take(count as usize) {
                    samples.push(model.tensor(input)?);
                }
            }
        }
        if samples.is_empty() {
            let text = "no sample inputs to calibrate with: give --calibrate PATH";
            return Err(Failure::new(Exit::Usage, text).into());
        }
        let calibration = Calibration::run(&model.graph, &samples)?;
        match backend {
            BackendChoice::TwoParty if self.nonlinear == NonlinearArg::Ot => {
                self.rings(model, &calibration, &samples, act_bits)
            }
            _ => {
                let settings = self.residues(act_bits);
                let mut integers =
                    residue::integers(&model.graph, &calibration, &samples, &settings)?;
                if backend == BackendChoice::TwoParty {
                    integers.model = in_wide_rings(integers.model)?;
                }
                Ok(integers)
            }
        }
    }

    fn rings(
        &self,
        model: &Model,
        calibration: &Calibration,
        samples: &[Tensor],
        act_bits: Option<u32>,
    ) -> Result<Integers> {
        let default = QuantiseOptions::default();
        let options = QuantiseOptions { margin: self.margin.unwrap_or(default.margin), ..default };
        if act_bits.is_none() && self.weight_bits.is_none() {
            let fitted = model.fit(calibration, samples, &options)?;
            let act_bits = Some(fitted.options.act_bits);
            return Ok(Integers { model: fitted.model, act_bits });
        }
        let options = QuantiseOptions {
            act_bits: act_bits.unwrap_or(options.act_bits),
            weight_bits: self.weight_bits.unwrap_or(options.weight_bits),
            ..options
        };
        let act_bits = Some(options.act_bits);
        Ok(Integers { model: quantise(&model.graph, calibration, &options)?, act_bits })
    }

    fn residues(&self, act_bits: Option<u32>) -> residue::Settings {
        let usual = ResidueOptions::new(Style::Strict { forms: Vec::new(), weight_bits: 0 }).range;
        let range = match (self.range, self.margin) {
            (Some(RangeArg::Proof), _) => RangeMode::Proof,
            (_, Some(margin)) => RangeMode::Calibrated { margin },
            (_, None) => usual,
        };
        let gadgets = match self.style {
            Some(StyleArg::DashCompat) => Gadgets::DashCompat,
            _ => Gadgets::Strict,
        };
        let weight_bits = self.weight_bits.unwrap_or(WEIGHT_BITS);
        residue::Settings { gadgets, act_bits, weight_bits, range }
    }
}
