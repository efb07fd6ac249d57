//! A model as its owner holds it: the network, how its input is prepared, names of its classes.

use crate::data::{Classes, Prepare};
use crate::exit::{Exit, Failure};
use crate::image::{Preprocess, Settings};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sordino_graph::fixed::{Calibration, Fitted, MAX_ERROR, QuantiseOptions, fit};
use sordino_graph::ir::{DType, Graph, Tensor};
use sordino_graph::onnx::{ImportOptions, load_with};
use sordino_graph::passes::simplify;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// Samples on which bit widths are tried: each costs an exact run per width.
const FIT_SAMPLES: usize = 16;

/// Bytes a model file may have.
const MAX_MODEL: u64 = 2 << 30;

/// The TOML file beside a model: preprocessing, and where the names of the classes are.
struct Sidecar {
    settings: Settings,
    labels: Option<PathBuf>,
}

impl Sidecar {
    fn read(file: &Path) -> Result<Self> {
        let text =
            std::fs::read_to_string(file).with_context(|| format!("reading {}", file.display()))?;
        let wrong = |e: toml::de::Error| {
            Failure::new(Exit::Usage, format!("{}: {}", file.display(), e.to_string().trim()))
        };
        let mut table: toml::Table = text.parse().map_err(wrong)?;
        let labels = table.remove("labels").map(PathBuf::deserialize).transpose().map_err(wrong)?;
        Ok(Self {
            settings: table.try_into().map_err(wrong)?,
            // Relative to the file that says so.
            labels: labels.map(|l| file.with_file_name(l)),
        })
    }
}

/// Where a model comes from and what the command line says about it.
#[derive(Clone, Debug, Default)]
pub struct Source {
    /// The ONNX file.
    pub path: PathBuf,
    /// Its TOML file; left out: the one beside it, if there is one.
    pub settings: Option<PathBuf>,
    /// Names of its classes, one per line; left out: what the TOML file says.
    pub labels: Option<PathBuf>,
    /// Settings that override the TOML file's.
    pub overrides: Settings,
    /// Shape of the input, for files that leave it open.
    pub input_shape: Option<Vec<usize>>,
}

/// A network ready to be run in float, checked, or quantised.
pub struct Model {
    /// Name, from the file's.
    pub name: String,
    /// The network.
    pub graph: Graph,
    /// How inputs are prepared.
    pub prepare: Prepare,
    /// Names of the classes.
    pub classes: Classes,
}

impl Model {
    /// Reads the model and what lies beside it.
    ///
    /// # Errors
    /// The file cannot be read, is no ONNX model, has more than one input, or settings contradict
    /// it; each with the file's name.
    pub fn load(source: &Source) -> Result<Self> {
        let path = &source.path;
        let bytes = read(path)?;
        let beside = path.with_extension("toml");
        let settings = source.settings.clone().or_else(|| beside.is_file().then_some(beside));
        let sidecar = match &settings {
            Some(file) => Sidecar::read(file)?,
            None => Sidecar { settings: Settings::default(), labels: None },
        };
        let classes = match source.labels.as_ref().or(sidecar.labels.as_ref()) {
            Some(file) => Classes::read(file)?,
            None => Classes::default(),
        };
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let settings = source.overrides.clone().or(sidecar.settings);
        Self::from_bytes(&name, &bytes, source, &settings, classes)
            .with_context(|| path.display().to_string())
    }

    /// A model held in memory.
    ///
    /// # Errors
    /// As [`Model::load`].
    pub fn from_bytes(
        name: &str,
        bytes: &[u8],
        source: &Source,
        settings: &Settings,
        classes: Classes,
    ) -> Result<Self> {
        let options = ImportOptions {
            input_shape: source.input_shape.clone(),
            data_folder: source.path.parent().map(Path::to_owned),
            ..ImportOptions::default()
        };
        let mut graph = load_with(bytes, &options)?;
        simplify(&mut graph)?;
        let (&[input], &[_, ..]) = (&graph.inputs[..], &graph.outputs[..]) else {
            let text = format!(
                "the network has {} inputs and {} outputs; one input and at least one output are needed",
                graph.inputs.len(),
                graph.outputs.len()
            );
            return Err(Failure::new(Exit::Model, text).into());
        };
        let value = graph.value(input);
        if value.dtype != DType::F32 {
            let text = format!("the network's input '{}' does not hold floats", value.name);
            return Err(Failure::new(Exit::Model, text).into());
        }
        let prepare = Prepare::new(&value.shape, settings)?;
        Ok(Self { name: name.to_owned(), graph, prepare, classes })
    }

    /// Shape of the network's input.
    pub fn input_shape(&self) -> &[usize] {
        &self.graph.value(self.graph.inputs[0]).shape
    }

    /// An input as the float executor takes it.
    ///
    /// # Errors
    /// Another number of values than the input has.
    pub fn tensor(&self, values: &[f32]) -> Result<Tensor> {
        Ok(Tensor::f32(self.input_shape().to_vec(), values.to_vec())?)
    }

    /// The network in integers of the fewest bits that keep a few samples' outputs close to
    /// float.
    ///
    /// # Errors
    /// As [`fit`].
    pub fn fit(
        &self,
        calibration: &Calibration,
        samples: &[Tensor],
        options: &QuantiseOptions,
    ) -> Result<Fitted, sordino_graph::Error> {
        fewest_bits(&self.graph, calibration, samples, options)
    }

    /// What a server tells its clients besides the network's shape.
    pub fn card(&self) -> Card {
        Card {
            name: self.name.clone(),
            preprocess: self.prepare.preprocess().cloned(),
            classes: self.classes.names().to_vec(),
            keeps_material: false,
        }
    }
}

/// As [`Model::fit`], of a graph alone.
pub(crate) fn fewest_bits(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    options: &QuantiseOptions,
) -> Result<Fitted, sordino_graph::Error> {
    let least = QuantiseOptions { act_bits: 8, weight_bits: 8, ..options.clone() };
    fit(graph, calibration, &samples[..samples.len().min(FIT_SAMPLES)], &least, MAX_ERROR)
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let context = || format!("reading {}", path.display());
    let file = File::open(path).with_context(context)?;
    let mut bytes = Vec::new();
    file.take(MAX_MODEL + 1).read_to_end(&mut bytes).with_context(context)?;
    if bytes.len() as u64 > MAX_MODEL {
        let text = format!("{} is larger than {} GiB", path.display(), MAX_MODEL >> 30);
        return Err(Failure::new(Exit::Model, text).into());
    }
    Ok(bytes)
}

/// What the model owner tells the data owner so that pictures become inputs and outputs words.
/// Public; travels as JSON in the handshake.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Name of the network.
    pub name: String,
    /// How a picture becomes an input, where the input is one.
    pub preprocess: Option<Preprocess>,
    /// Names of the classes, or none.
    pub classes: Vec<String>,
    /// Whether garbled circuits outlive the session that made them.
    pub keeps_material: bool,
}

impl Card {
    /// As bytes.
    ///
    /// # Errors
    /// Never for what [`Model::card`] gives.
    pub fn to_bytes(&self) -> Result<Vec<u8>> {
        Ok(serde_json::to_vec(self)?)
    }

    /// From a server's bytes, checked against the number of values the network takes.
    ///
    /// # Errors
    /// [`Exit::Protocol`] when they are malformed or do not fit the network.
    pub fn from_bytes(bytes: &[u8], elements: usize) -> Result<Self, Failure> {
        let fail = |why: String| {
            Failure::new(Exit::Protocol, format!("the server's description of its model: {why}"))
        };
        let card: Self = serde_json::from_slice(bytes).map_err(|e| fail(e.to_string()))?;
        if let Some(preprocess) = &card.preprocess {
            preprocess.verify(elements).map_err(|e| fail(e.to_string()))?;
        }
        // Names are printed on the client's terminal.
        let printable = |s: &String| !s.chars().any(char::is_control);
        if !printable(&card.name) || !card.classes.iter().all(printable) {
            return Err(fail("a name holds control characters".into()));
        }
        Ok(card)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn cards_travel_and_are_checked() {
        let preprocess = Preprocess::new(&[1, 3, 4, 4], &Settings::default()).unwrap();
        let card = Card {
            name: "net".into(),
            preprocess: Some(preprocess),
            classes: vec!["a".into(), "b".into()],
            keeps_material: false,
        };
        let bytes = card.to_bytes().unwrap();
        assert_eq!(Card::from_bytes(&bytes, 48).unwrap(), card);
        assert!(Card::from_bytes(&bytes, 47).unwrap_err().to_string().contains("takes 47"));
        assert!(Card::from_bytes(&bytes[1..], 48).is_err());
        let hostile = Card { name: "a\x1b[2J".into(), ..card };
        assert!(Card::from_bytes(&hostile.to_bytes().unwrap(), 48).is_err());
    }
}
