use super::args::{self, PictureArgs, ProtocolArgs};
use super::output;
use super::runner::client_infer;
use super::serve::size;
use crate::data::{Classes, Dataset, Prepare};
use crate::exit::{Exit, Failure};
use crate::model::Card;
use crate::predict::{Prediction, Scores};
use crate::report::{Report, Watch, predict};
use anyhow::{Context, Result};
use clap::Args;
use serde::Serialize;
use sordino_engine::Error;
use sordino_engine::session::Terms;
use sordino_engine::twoparty::{ClientSession, TwoPartyBackend};
use sordino_plan::Promise;
use sordino_wire::{ClientSecurity, Identity, Limits, Trust, connect};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Have a server classify pictures that it never sees
#[derive(Debug, Args)]
pub(super) struct Infer {
    /// Pictures (.png, .jpg), or inputs as .npy or .pb
    #[arg(required = true, value_name = "IMAGE")]
    pub(super) images: Vec<PathBuf>,
    /// The server
    #[arg(long, value_name = "HOST:PORT")]
    pub(super) server: String,
    #[command(flatten)]
    pub(super) trust: TrustArgs,
    /// Names of the classes, one per line, instead of the server's
    #[arg(long, value_name = "FILE")]
    pub(super) class_names: Option<PathBuf>,
    /// Show this many classes
    #[arg(long, value_name = "N", default_value_t = 5)]
    pub(super) top: usize,
    /// Give up after so many seconds without an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) idle: u64,
    /// Give up after so many seconds altogether
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) max_time: u64,
    /// Give up after so many bytes, both ways, such as 20GB
    #[arg(long, value_name = "SIZE", default_value = "64GB", value_parser = size)]
    pub(super) max_bytes: u64,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
    /// Also write predictions and costs to this file, as JSON
    #[arg(long, value_name = "FILE")]
    pub(super) report: Option<PathBuf>,
    #[command(flatten)]
    pub(super) protocol: ProtocolArgs,
    #[command(flatten)]
    pub(super) picture: PictureArgs,
}

/// Whom to take for the server; one of the first four is needed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
pub(super) struct TrustArgs {
    /// Fingerprint of the server's certificate, as the server prints it
    #[arg(long, value_name = "sha256:…", required_unless_present_any = ["trust", "ca", "plaintext"])]
    pin: Vec<sordino_wire::Fingerprint>,
    /// The server's certificate itself (PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "pin")]
    trust: Option<PathBuf>,
    /// Certificate of the authority that issued the server's (PEM)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["pin", "trust"])]
    ca: Option<PathBuf>,
    /// No encryption; loopback addresses only
    #[arg(long, conflicts_with_all = ["pin", "trust", "ca", "cert"])]
    plaintext: bool,
    /// This client's certificate (PEM), for servers that ask for one
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
}

pub(super) fn read_text(path: &Path) -> Result<String> {
    std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

impl TrustArgs {
    fn security(&self) -> Result<ClientSecurity> {
        if self.plaintext {
            return Ok(ClientSecurity::plaintext_loopback());
        }
        let trust = match (&self.trust, &self.ca) {
            (Some(file), _) => Trust::certificates(&read_text(file)?)?,
            (None, Some(file)) => Trust::authority(&read_text(file)?)?,
            (None, None) => Trust::pinned(self.pin.iter().copied())?,
        };
        let identity = match (&self.cert, &self.key) {
            (Some(cert), Some(key)) => Some(Identity::read(cert, key)?),
            _ => None,
        };
        Ok(ClientSecurity::tls(&trust, identity.as_ref())?)
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    model: &'a str,
    promise: &'a Promise,
    predictions: &'a [Prediction],
    report: &'a Report,
}

impl Infer {
    pub(super) fn run(&self) -> Result<()> {
        let security = self.trust.security()?;
        // Files that are missing are noticed before the server is bothered.
        for image in &self.images {
            std::fs::File::open(image).with_context(|| image.display().to_string())?;
        }
        let mut lane = connect(&self.server, &security, Duration::from_secs(30))
            .map_err(|e| Failure::new(Exit::Network, e))?;
        lane.set_limits(Limits {
            idle: Some(Duration::from_secs(self.idle)),
            deadline: Some(Instant::now() + Duration::from_secs(self.max_time)),
            bytes: Some(self.max_bytes),
        });
        let wish = self.protocol.wish();
        let promise = Promise::new(&TwoPartyBackend, wish.reveal);
        let mut prepared = None;
        let session = ClientSession::connect(lane, wish, |terms| {
            // Inputs are read before anything costly happens: what is wrong with them shows here.
            prepared = Some(self.prepare(terms, &promise));
            match &prepared {
                Some(Ok(_)) => Ok(()),
                _ => Err(Error::Config("the inputs do not fit the server's network".into())),
            }
        });
        // What is wrong with the inputs says more than the session that was given up for it.
        let (card, samples) = match prepared {
            Some(prepared) => prepared?,
            None => return Err(session.err().map_or_else(never_agreed, refused)),
        };
        let mut session = session.map_err(refused)?;
        let classes = match &self.class_names {
            Some(file) => Classes::read(file)?,
            None => Classes::new(card.classes.clone()),
        };
        let meaning = Scores::of_fixed(&session.terms().graph);
        let mut watch = Watch::new(self.json);
        let mut predictions = Vec::new();
        for sample in &samples {
            let out = client_infer(&mut session, &sample.input, &mut watch)?;
            watch.stop();
            let new = Prediction::new(&sample.name, &out.values, meaning, &classes, self.top);
            predictions.push(Prediction { saturated: out.saturated, ..new });
            if !self.json {
                output::prediction(&predictions[predictions.len() - 1])?;
            }
        }
        let count = samples.len() as u64;
        let report = Report::new(&session.terms().graph, session.meter(), session.clock(), count);
        session.finish()?;
        let answer = Answer {
            model: &card.name,
            promise: &promise,
            predictions: &predictions,
            report: &report,
        };
        if let Some(file) = &self.report {
            output::json_file(file, &answer)?;
        }
        if self.json {
            return output::json(&answer);
        }
        output::line(format!("\n{}", report.table()))
    }

    fn prepare(
        &self,
        terms: &Terms,
        promise: &Promise,
    ) -> Result<(Card, Vec<crate::data::Sample>)> {
        let edge = &terms.graph.edges[terms.graph.input.0 as usize];
        let card = Card::from_bytes(&terms.card, edge.len())?;
        let shape: Vec<usize> = edge.shape.iter().map(|&d| d as usize).collect();
        let settings = self.picture.settings();
        let preprocess = card.preprocess.as_ref().map(|p| p.adjust(&settings)).transpose()?;
        let prepare = Prepare::with(&shape, preprocess);
        let classes = Classes::default();
        let open = |p: &Path| Ok(Dataset::open(p, None, &classes, &prepare)?);
        let samples = args::samples(&self.images, open)?;
        if !self.json {
            eprintln!("network '{}'", card.name);
            output::promise(promise);
            output::cost(&predict(&terms.graph, terms.wish)?);
        }
        Ok((card, samples))
    }
}

/// A refusal by the server, or a version that does not fit, is no fault of the command line.
fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Config(text) => Failure::new(Exit::Protocol, text).into(),
        other => other.into(),
    }
}

fn never_agreed() -> anyhow::Error {
    Failure::new(Exit::Protocol, "the session ended before its terms were known").into()
}
