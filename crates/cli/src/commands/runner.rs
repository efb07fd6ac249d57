//! One network behind every way of running it in this process.

use super::ask::Asking;
use super::client::Session;
use super::protocol::ProtocolArgs;
use super::quantise::QuantiseArgs;
use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::predict::Scores;
use crate::report::{Account, Watch};
use anyhow::{Result, anyhow};
use clap::ValueEnum;
use sordino_engine::garbled::{self, EvaluatorModel, GarbledLimits, GarbledOffer, TableMemory};
use sordino_engine::popcorn::{self, PopcornModel, PopcornOffer};
use sordino_engine::session::{Ask, BackendChoice, PopcornMode};
use sordino_engine::twoparty::{self, Offer, ServerModel, Unobserved};
use sordino_engine::{Error, run_clear_with};
use sordino_graph::fixed::{FixedModel, decode_output, encode_input};
use sordino_graph::float;
use sordino_wire::{Lane, Network, memory_pair, shaped_pair};
use std::thread::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Backend {
    /// The network as it is, in 32-bit floats
    Float,
    /// Its fixed-point meaning, on plain integers: what twoparty reveals
    Clear,
    /// Both parties of the two-party protocol, in this process
    Twoparty,
    /// Its meaning in the integers of garbled circuits: what garbled reveals
    GarbledClear,
    /// Garbler and evaluator of a garbled circuit, in this process
    Garbled,
    /// Both parties on Paillier's encryption alone, in this process: tells the client a little of the model
    Popcorn,
    /// The same as published: tells the client much of the model
    PopcornPaper,
}

impl Backend {
    /// The private backend whose integers it computes with, if it does with any.
    pub(super) fn integers(self) -> Option<BackendChoice> {
        match self {
            Self::Float => None,
            Self::Clear | Self::Twoparty => Some(BackendChoice::TwoParty),
            Self::GarbledClear | Self::Garbled => Some(BackendChoice::Garbled),
            Self::Popcorn => Some(BackendChoice::Popcorn(PopcornMode::Affine)),
            Self::PopcornPaper => Some(BackendChoice::Popcorn(PopcornMode::Paper)),
        }
    }

    /// Whether two parties talk to each other.
    pub(super) fn private(self) -> bool {
        matches!(self, Self::Twoparty | Self::Garbled | Self::Popcorn | Self::PopcornPaper)
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Float => "float",
            Self::Clear => "clear",
            Self::Twoparty => "twoparty",
            Self::GarbledClear => "garbled-clear",
            Self::Garbled => "garbled",
            Self::Popcorn => "popcorn",
            Self::PopcornPaper => "popcorn-paper",
        }
    }
}

pub(super) struct Runner<'a> {
    way: Way<'a>,
    act_bits: Option<u32>,
}

enum Way<'a> {
    Float(&'a Model),
    Clear(Box<FixedModel>),
    Private(Pair),
}

/// Both parties, the server in a thread of its own.
struct Pair {
    client: Session<'static>,
    server: JoinHandle<Result<(), Error>>,
}

/// What a runner is made from.
pub(super) struct Settings<'a> {
    pub(super) quantise: &'a QuantiseArgs,
    pub(super) protocol: &'a ProtocolArgs,
    pub(super) network: Option<Network>,
    /// These calibrate where no calibration samples are given.
    pub(super) inputs: &'a [Vec<f32>],
}

/// Decoded output values, and input values that had to be moved into range.
pub(super) struct Output {
    pub(super) values: Vec<f32>,
    pub(super) saturated: usize,
}

impl<'a> Runner<'a> {
    /// Prepares a backend, with so many bits for activations.
    pub(super) fn new(
        backend: Backend,
        model: &'a Model,
        act_bits: Option<u32>,
        settings: &Settings<'_>,
    ) -> Result<Self> {
        let Some(integers) = backend.integers() else {
            return Ok(Self { way: Way::Float(model), act_bits: None });
        };
        let fixed = settings.quantise.quantise(model, settings.inputs, integers, act_bits)?;
        let way = if backend.private() {
            let asking = Asking::named(integers, settings.protocol, None)?;
            Way::Private(Pair::new(fixed.model, asking.ask(), settings.network)?)
        } else {
            Way::Clear(Box::new(fixed.model))
        };
        Ok(Self { way, act_bits: fixed.act_bits })
    }

    /// What the output's values mean.
    pub(super) fn scores(&self) -> Scores {
        match &self.way {
            Way::Float(model) => Scores::of_float(&model.graph),
            Way::Clear(fixed) => Scores::of_fixed(&fixed.graph),
            Way::Private(pair) => Scores::of_fixed(&pair.client.terms().graph),
        }
    }

    /// Bits of activations, where they are a setting.
    pub(super) fn act_bits(&self) -> Option<u32> {
        self.act_bits
    }

    /// Runs the network on inputs, together where two parties do.
    pub(super) fn infer(&mut self, inputs: &[&[f32]], watch: &mut Watch) -> Result<Vec<Output>> {
        let outputs = match &mut self.way {
            Way::Private(pair) => pair.client.infer(inputs, watch)?,
            way => inputs.iter().map(|x| way.plain(x, watch)).collect::<Result<_>>()?,
        };
        watch.stop();
        Ok(outputs)
    }

    /// Ends a session and says what it cost; `None` where nothing was sent.
    pub(super) fn finish(self) -> Result<Option<Account>> {
        let Way::Private(pair) = self.way else { return Ok(None) };
        let account = pair.client.finish()?;
        pair.server
            .join()
            .map_err(|_| anyhow!("the server's thread panicked: this is a bug"))??;
        Ok(Some(account))
    }
}

impl Way<'_> {
    /// One input.
    fn plain(&mut self, input: &[f32], watch: &mut Watch) -> Result<Output> {
        match self {
            Way::Float(model) => {
                let outputs = float::run(&model.graph, &[model.tensor(input)?])?;
                let first = outputs.first().ok_or_else(|| anyhow!("the network has no output"))?;
                let values = match first.as_i64() {
                    Ok(integers) => integers.iter().map(|&v| v as f32).collect(),
                    Err(_) => first.as_f32()?.to_vec(),
                };
                Ok(Output { values, saturated: 0 })
            }
            Way::Clear(fixed) => {
                let graph = &fixed.graph;
                let encoded = encode_input(&graph.edges[graph.input.0 as usize], input)?;
                let words = run_clear_with(fixed, &encoded.words, watch)?;
                Ok(Output { values: decode_output(graph, &words)?, saturated: encoded.saturated })
            }
            Way::Private(pair) => {
                let mut outputs = pair.client.infer(&[input], watch)?;
                outputs.pop().ok_or_else(|| anyhow!("one input gave no output"))
            }
        }
    }
}

impl Pair {
    fn new(fixed: FixedModel, ask: Ask<'_>, network: Option<Network>) -> Result<Self> {
        let (near, far) = network.map_or_else(memory_pair, shaped_pair);
        let server = server(fixed, ask.wish.backend, far)?;
        match Session::connect(near, ask, None, |_| Ok(())) {
            Ok(client) => Ok(Self { client, server }),
            // The server's own error says more than what reached the client.
            Err(e) => match server.join() {
                Ok(Err(cause)) => Err(Failure::new(Exit::Other, format!("{e} ({cause})")).into()),
                _ => Err(e.into()),
            },
        }
    }
}

/// Starts the server's thread.
fn server(
    fixed: FixedModel,
    backend: BackendChoice,
    mut lane: Lane,
) -> Result<JoinHandle<Result<(), Error>>, Error> {
    let (card, inferences): (&[u8], _) = (b"", u64::MAX);
    Ok(match backend {
        BackendChoice::TwoParty => {
            let model = ServerModel::new(fixed)?;
            std::thread::spawn(move || {
                let offer = Offer { max_batch: usize::MAX, ..Offer::new(&model, card) };
                twoparty::serve(&mut lane, &offer, &mut Unobserved).map(drop)
            })
        }
        BackendChoice::Garbled => {
            let model = EvaluatorModel::new(&fixed)?;
            std::thread::spawn(move || {
                let memory = TableMemory::default();
                let limits = GarbledLimits { inferences, circuits: 1, memory };
                let offer = GarbledOffer { model: &model, card, store: None, limits };
                garbled::serve(&mut lane, &offer, &mut Unobserved).map(drop)
            })
        }
        BackendChoice::Popcorn(mode) => {
            let model = PopcornModel::new(fixed)?;
            std::thread::spawn(move || {
                let (modes, max_inferences) = (&[mode][..], inferences);
                let offer = PopcornOffer { model: &model, card, modes, max_inferences };
                popcorn::serve(&mut lane, &offer, &mut Unobserved).map(drop)
            })
        }
    })
}
