//! One network behind three ways of running it in this process.

use super::args::{ProtocolArgs, QuantiseArgs};
use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::predict::Scores;
use crate::report::{Report, Watch};
use anyhow::{Result, anyhow};
use clap::ValueEnum;
use sordino_engine::session::Wish;
use sordino_engine::twoparty::{self, ClientSession, Offer, ServerModel, Unobserved};
use sordino_engine::{Error, run_clear_with};
use sordino_graph::fixed::{FixedGraph, FixedModel, decode_output, encode_input};
use sordino_graph::float;
use sordino_wire::{Network, memory_pair, shaped_pair};
use std::thread::JoinHandle;

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Backend {
    /// The network as it is, in 32-bit floats
    Float,
    /// Its fixed-point meaning, on plain integers: what every private backend reveals
    Clear,
    /// Both parties of the two-party protocol, in this process
    Twoparty,
}

pub(super) enum Runner<'a> {
    Float(&'a Model),
    Clear(FixedModel),
    TwoParty(Box<Pair>),
}

/// Both parties, the server in a thread of its own.
pub(super) struct Pair {
    client: ClientSession,
    server: JoinHandle<Result<(), Error>>,
    count: u64,
}

/// Decoded output values, and input values that had to be moved into range.
pub(super) struct Output {
    pub(super) values: Vec<f32>,
    pub(super) saturated: usize,
}

impl<'a> Runner<'a> {
    /// Prepares a backend; `inputs` calibrate where no calibration samples are given.
    pub(super) fn new(
        backend: Backend,
        model: &'a Model,
        quantise: &QuantiseArgs,
        protocol: &ProtocolArgs,
        network: Option<Network>,
        inputs: &[Vec<f32>],
    ) -> Result<Self> {
        Ok(match backend {
            Backend::Float => Self::Float(model),
            Backend::Clear => Self::Clear(quantise.quantise(model, inputs)?),
            Backend::Twoparty => {
                let fixed = quantise.quantise(model, inputs)?;
                Self::TwoParty(Box::new(Pair::new(fixed, protocol.wish(), network)?))
            }
        })
    }

    /// What the output's values mean.
    pub(super) fn scores(&self) -> Scores {
        match self {
            Self::Float(model) => Scores::of_float(&model.graph),
            Self::Clear(fixed) => Scores::of_fixed(&fixed.graph),
            Self::TwoParty(pair) => Scores::of_fixed(&pair.client.terms().graph),
        }
    }

    /// Runs the network on one input.
    pub(super) fn infer(&mut self, input: &[f32], watch: &mut Watch) -> Result<Output> {
        let output = match self {
            Self::Float(model) => {
                let outputs = float::run(&model.graph, &[model.tensor(input)?])?;
                let first = outputs.first().ok_or_else(|| anyhow!("the network has no output"))?;
                let values = match first.as_i64() {
                    Ok(integers) => integers.iter().map(|&v| v as f32).collect(),
                    Err(_) => first.as_f32()?.to_vec(),
                };
                Output { values, saturated: 0 }
            }
            Self::Clear(fixed) => {
                let graph = &fixed.graph;
                let encoded = encode_input(&graph.edges[graph.input.0 as usize], input)?;
                let words = run_clear_with(fixed, &encoded.words, watch)?;
                Output { values: decode_output(graph, &words)?, saturated: encoded.saturated }
            }
            Self::TwoParty(pair) => {
                let output = client_infer(&mut pair.client, input, watch)?;
                pair.count += 1;
                output
            }
        };
        watch.stop();
        Ok(output)
    }

    /// Ends a session and says what it cost; `None` where nothing was sent.
    pub(super) fn finish(self) -> Result<Option<Report>> {
        let Self::TwoParty(pair) = self else { return Ok(None) };
        let client = pair.client;
        let graph = &client.terms().graph;
        let report = Report::new(graph, client.meter(), client.clock(), pair.count);
        client.finish()?;
        pair.server
            .join()
            .map_err(|_| anyhow!("the server's thread panicked: this is a bug"))??;
        Ok(Some(report))
    }
}

/// One private inference of real values.
pub(super) fn client_infer(
    client: &mut ClientSession,
    input: &[f32],
    watch: &mut Watch,
) -> Result<Output> {
    let graph: &FixedGraph = &client.terms().graph;
    let encoded = encode_input(&graph.edges[graph.input.0 as usize], input)?;
    let words = client.infer(&encoded.words, watch)?;
    let values = decode_output(&client.terms().graph, &words)?;
    Ok(Output { values, saturated: encoded.saturated })
}

impl Pair {
    fn new(fixed: FixedModel, wish: Wish, network: Option<Network>) -> Result<Self> {
        let model = ServerModel::new(fixed)?;
        let (near, mut far) = network.map_or_else(memory_pair, shaped_pair);
        let server = std::thread::spawn(move || {
            let offer =
                Offer { model: &model, card: b"", label_only: false, max_inferences: u64::MAX };
            twoparty::serve(&mut far, &offer, &mut Unobserved).map(drop)
        });
        match ClientSession::connect(near, wish, |_| Ok(())) {
            Ok(client) => Ok(Self { client, server, count: 0 }),
            // The server's own error says more than what reached the client.
            Err(e) => match server.join() {
                Ok(Err(cause)) => Err(Failure::new(Exit::Other, format!("{e} ({cause})")).into()),
                _ => Err(e.into()),
            },
        }
    }
}
