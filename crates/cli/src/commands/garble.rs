use super::args::{self, Private};
use super::client::{Garbler, ServerArgs, never_agreed, refused};
use super::output;
use crate::exit::{Exit, Failure};
use crate::model::Card;
use crate::report::{Forecast, GarbledReport, Watch, counted};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use sordino_engine::Error;
use sordino_engine::garbled::Circuit;
use sordino_engine::session::{BackendChoice, Terms};
use sordino_plan::Promise;
use std::path::PathBuf;

/// Send garbled circuits to a server ahead of time, for inferences in one round later
#[derive(Debug, Args)]
pub(super) struct Garble {
    #[command(flatten)]
    server: ServerArgs,
    /// Where the circuits' secrets are kept: for nobody else's eyes, and never to be restored from a
    /// backup
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Circuits to make; each serves one inference
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    promise: &'a Promise,
    /// Names of the new circuits.
    circuits: &'a [String],
    /// Circuits of this network in the store, the new ones included.
    stored: usize,
    report: &'a GarbledReport,
}

impl Garble {
    pub(super) fn run(&self) -> Result<()> {
        let security = self.server.security()?;
        let store = args::open_store(&self.store)?;
        let lane = self.server.connect(&security)?;
        let wish = args::wish(BackendChoice::Garbled);
        let promise = Promise::new(Private::Garbled.backend(), wish.reveal);
        let mut agreed = None;
        let garbler = Garbler::connect(lane, wish, Some(&store), |terms, circuit| {
            agreed = Some(self.consent(terms, circuit, &promise));
            match &agreed {
                Some(Ok(_)) => Ok(()),
                _ => Err(Error::Config("the server is of no use for this".into())),
            }
        });
        let card = match agreed {
            Some(agreed) => agreed?,
            None => return Err(garbler.err().map_or_else(never_agreed, refused)),
        };
        let mut garbler = garbler.map_err(refused)?;
        let mut watch = Watch::new(self.json);
        let mut circuits = Vec::new();
        for _ in 0..self.count {
            let id = garbler.prepare(self.count, &mut watch).map_err(refused)?;
            watch.stop();
            circuits.push(id.to_string());
            if !self.json {
                output::line(format!("stored {id}"))?;
            }
        }
        let stored = garbler.prepared()?;
        let report = garbler.finish()?;
        if self.json {
            return output::json(&Answer {
                model: &card.name,
                promise: &promise,
                circuits: &circuits,
                stored,
                report: &report,
            });
        }
        let stored = counted(stored as u64, "circuit");
        output::line(format!("\n{}\n{stored} of this network stored", report.table()))
    }

    fn consent(
        &self,
        terms: &Terms,
        circuit: &Circuit,
        promise: &Promise,
    ) -> Result<Card, Failure> {
        let edge = &terms.graph.edges[terms.graph.input.0 as usize];
        let card = Card::from_bytes(&terms.card, edge.len())?;
        if !self.json {
            eprintln!("network '{}'", card.name);
            output::promise(promise);
            output::cost(&Forecast::garbled(circuit));
        }
        if !card.keeps_circuits {
            let text = "the server keeps no circuits between sessions: its owner has to start it \
                        with --store; `sordino infer` garbles in its own session";
            return Err(Failure::new(Exit::Protocol, text));
        }
        Ok(card)
    }
}
