use super::aim::AimArgs;
use super::args;
use super::ask::{Asking, BackendArg, Purpose};
use super::client::{ServerArgs, Session, never_agreed, refused};
use super::output;
use super::protocol::ProtocolArgs;
use crate::exit::{Exit, Failure};
use crate::model::Card;
use crate::report::{Account, Watch, counted};
use anyhow::Result;
use clap::Args;
use serde::Serialize;
use sordino_engine::Error;
use sordino_engine::session::Terms;
use sordino_plan::{Promise, Settings};
use std::path::PathBuf;

/// Do ahead of time, together with a server, what inferences need besides their inputs
#[derive(Debug, Args)]
pub(super) struct Prepare {
    #[command(flatten)]
    server: ServerArgs,
    /// How the server runs its network
    #[arg(long, value_enum, default_value = "twoparty")]
    backend: BackendArg,
    /// Where this side's half is kept: for nobody else's eyes, and never to be restored from a backup
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// Inferences to prepare; with --batch, of so many images each, which serve `sordino infer` with the same --batch
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..))]
    count: u64,
    /// Print JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    aim: AimArgs,
    #[command(flatten)]
    protocol: ProtocolArgs,
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    promise: &'a Promise,
    way: Settings,
    /// Names of what was prepared.
    prepared: &'a [String],
    /// Inferences of this network in the store, the new ones included.
    stored: usize,
    report: &'a Account,
}

impl Prepare {
    pub(super) fn run(&self) -> Result<()> {
        if let Some(named) = self.backend.named() {
            named.check_store("prepare")?;
        }
        let security = self.server.security()?;
        let store = args::open_store(&self.store)?;
        let asking =
            Asking::new(self.backend, &self.protocol, &self.aim, Some(&store), Purpose::Prepare)?;
        let lane = self.server.connect(&security)?;
        let mut agreed = None;
        let session = Session::connect(lane, asking.ask(), Some(&store), |terms| {
            agreed = Some(self.consent(terms));
            match &agreed {
                Some(Ok(_)) => Ok(()),
                _ => Err(Error::Config("the server is of no use for this".into())),
            }
        });
        let card = match agreed {
            Some(agreed) => agreed?,
            None => return Err(session.err().map_or_else(never_agreed, refused)),
        };
        let mut session = session.map_err(refused)?;
        let (batch, mut watch) = (self.protocol.batch(), Watch::new(self.json));
        let mut prepared = Vec::new();
        for _ in 0..self.count {
            let id = session.prepare(batch, self.count, &mut watch).map_err(refused)?;
            watch.stop();
            prepared.push(id.to_string());
            if !self.json {
                output::line(format!("stored {id}"))?;
            }
        }
        let stored = session.prepared()?;
        let (promise, wish) = (Promise::of(session.terms()), session.terms().wish);
        let report = session.finish()?;
        if self.json {
            return output::json(&Answer {
                model: &card.name,
                promise: &promise,
                way: Settings::of(&wish),
                prepared: &prepared,
                stored,
                report: &report,
            });
        }
        let stored = counted(stored as u64, "prepared inference");
        output::line(format!("\n{}\n{stored} of this network stored", report.table()))
    }

    fn consent(&self, terms: &Terms) -> Result<Card> {
        let edge = &terms.graph.edges[terms.graph.input.0 as usize];
        let card = Card::from_bytes(&terms.card, edge.len())?;
        let batch = self.protocol.batch_of(terms)?;
        if !self.json {
            eprintln!("network '{}'", card.name);
            output::agreed(terms, batch)?;
        }
        if !card.keeps_material {
            let text = "the server keeps nothing between sessions: its owner has to start it with \
                        --store; `sordino infer` does everything in its own session";
            return Err(Failure::new(Exit::Protocol, text).into());
        }
        Ok(card)
    }
}
