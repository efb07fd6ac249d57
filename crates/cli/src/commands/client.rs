//! How a client reaches its server, and a session with it, whatever the backend.

use super::runner::Output;
use super::serve::size;
use crate::exit::{Exit, Failure};
use crate::report::{Account, GarbledReport, Garbling, Report, Watch};
use anyhow::{Context, Result};
use clap::Args;
use sordino_engine::Error;
use sordino_engine::garbled::GarblerSession;
use sordino_engine::popcorn::PopcornSession;
use sordino_engine::session::{self, Ask, BackendChoice, Terms};
use sordino_engine::twoparty::ClientSession;
use sordino_graph::fixed::{decode_output, encode_input};
use sordino_store::{Id, Store};
use sordino_wire::{ClientSecurity, Identity, Lane, Limits, Trust, connect};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Which server, and how long to bear with it.
#[derive(Debug, Args)]
pub(super) struct ServerArgs {
    /// The server
    #[arg(long, value_name = "HOST:PORT")]
    server: String,
    #[command(flatten)]
    trust: TrustArgs,
    /// Give up after so many seconds without an answer
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u64).range(1..))]
    idle: u64,
    /// Give up after so many seconds altogether
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    max_time: u64,
    /// Give up after so many bytes, both ways, such as 20GB
    #[arg(long, value_name = "SIZE", default_value = "64GB", value_parser = size)]
    max_bytes: u64,
}

/// Whom to take for the server; one of the first four is needed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
struct TrustArgs {
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

impl ServerArgs {
    /// What is needed to connect, read from its files.
    pub(super) fn security(&self) -> Result<ClientSecurity> {
        self.trust.security()
    }

    /// A lane to the server, with its limits.
    pub(super) fn connect(&self, security: &ClientSecurity) -> Result<Lane> {
        let mut lane = connect(&self.server, security, Duration::from_secs(30))
            .map_err(|e| Failure::new(Exit::Network, e))?;
        lane.set_limits(Limits {
            idle: Some(Duration::from_secs(self.idle)),
            deadline: Some(Instant::now() + Duration::from_secs(self.max_time)),
            bytes: Some(self.max_bytes),
        });
        Ok(lane)
    }
}

/// A client's session.
pub(super) enum Session<'a> {
    TwoParty(Box<ClientSession<'a>>, u64),
    Garbled(Box<Garbler<'a>>),
    Popcorn(Box<PopcornSession>, u64),
}

/// A client's session of the garbled backend.
pub(super) struct Garbler<'a> {
    session: GarblerSession<'a>,
    setup: f64,
    inferences: u64,
    garbled: u64,
}

impl<'a> Session<'a> {
    /// Handshake and set-up. `consent` sees the terms before anything private happens, and may refuse.
    pub(super) fn connect(
        mut lane: Lane,
        ask: Ask<'_>,
        store: Option<&'a Store>,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let start = Instant::now();
        let terms = session::greet(&mut lane, ask)?;
        match terms.wish.backend {
            BackendChoice::TwoParty => {
                let session = ClientSession::start(lane, terms, store, consent)?;
                Ok(Self::TwoParty(Box::new(session), 0))
            }
            BackendChoice::Garbled => {
                Ok(Self::Garbled(Box::new(Garbler::new(start, lane, terms, store, consent)?)))
            }
            BackendChoice::Popcorn(_) => {
                let session = PopcornSession::start(lane, terms, consent)?;
                Ok(Self::Popcorn(Box::new(session), 0))
            }
        }
    }

    /// What was agreed.
    pub(super) fn terms(&self) -> &Terms {
        match self {
            Self::TwoParty(session, _) => session.terms(),
            Self::Garbled(garbler) => garbler.session.terms(),
            Self::Popcorn(session, _) => session.terms(),
        }
    }

    /// Private inference of real values: together in the two-party backend, else one after the other.
    pub(super) fn infer(&mut self, inputs: &[&[f32]], watch: &mut Watch) -> Result<Vec<Output>> {
        let graph = &self.terms().graph;
        let edge = &graph.edges[graph.input.0 as usize];
        let encode = |input: &&[f32]| encode_input(edge, input);
        let encoded = inputs.iter().map(encode).collect::<Result<Vec<_>, _>>()?;
        let words = encoded.iter().map(|e| &e.words[..]);
        let outputs = match self {
            Self::TwoParty(session, count) => {
                *count += inputs.len() as u64;
                session.infer_batch(&words.collect::<Vec<_>>(), watch)?
            }
            Self::Garbled(garbler) => {
                let infer = |words| garbler.infer(words, watch);
                words.map(infer).collect::<Result<_, _>>().map_err(refused)?
            }
            Self::Popcorn(session, count) => {
                *count += inputs.len() as u64;
                words.map(|words| session.infer(words, watch)).collect::<Result<_, _>>()?
            }
        };
        let output = |(words, saturated): (Vec<u64>, usize)| {
            Ok(Output { values: decode_output(&self.terms().graph, &words)?, saturated })
        };
        outputs.into_iter().zip(encoded.iter().map(|e| e.saturated)).map(output).collect()
    }

    /// Prepares an inference on so many images, of so many inferences altogether; both parties have
    /// stored their halves when this returns.
    pub(super) fn prepare(
        &mut self,
        images: usize,
        of: u64,
        watch: &mut Watch,
    ) -> Result<Id, Error> {
        match self {
            Self::TwoParty(session, _) => session.prepare_batch(images, watch),
            Self::Garbled(garbler) => garbler.prepare(of, watch),
            Self::Popcorn(..) => {
                Err(Error::Config("the popcorn backend prepares nothing ahead of time".into()))
            }
        }
    }

    /// Prepared inferences at hand for this network.
    pub(super) fn prepared(&self) -> Result<usize, Error> {
        match self {
            Self::TwoParty(session, _) => session.prepared(),
            Self::Garbled(garbler) => garbler.session.prepared(),
            Self::Popcorn(..) => Ok(0),
        }
    }

    /// Says good-bye; what the session cost.
    pub(super) fn finish(self) -> Result<Account, Error> {
        match self {
            Self::TwoParty(session, count) => {
                let graph = &session.terms().graph;
                let report = Report::new(graph, session.meter(), session.clock(), count);
                session.finish()?;
                Ok(Account::TwoParty(report))
            }
            Self::Garbled(garbler) => Ok(Account::Garbled(garbler.finish()?)),
            Self::Popcorn(session, count) => {
                let graph = &session.terms().graph;
                let report = Report::new(graph, session.meter(), session.clock(), count);
                session.finish()?;
                Ok(Account::TwoParty(report))
            }
        }
    }
}

impl<'a> Garbler<'a> {
    /// Receives the weights; the handshake began at `start`.
    fn new(
        start: Instant,
        lane: Lane,
        terms: Terms,
        store: Option<&'a Store>,
        consent: impl FnOnce(&Terms) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let mut setup = 0.0;
        let session = GarblerSession::start(lane, terms, store, |terms, _| {
            setup = start.elapsed().as_secs_f64();
            consent(terms)
        })?;
        Ok(Self { session, setup, inferences: 0, garbled: 0 })
    }

    /// Makes one circuit, of so many altogether; both parties have stored it when this returns.
    fn prepare(&mut self, of: u64, watch: &mut Watch) -> Result<Id, Error> {
        let mut progress = Garbling::new(watch, self.garbled, Some(of));
        let id = self.session.prepare(&mut progress)?;
        self.garbled = progress.circuits();
        Ok(id)
    }

    /// On a circuit made before, or one made now.
    fn infer(&mut self, words: &[u64], watch: &mut Watch) -> Result<Vec<u64>, Error> {
        let mut progress = Garbling::new(watch, self.garbled, None);
        let output = self.session.infer(words, &mut progress)?;
        self.garbled = progress.circuits();
        self.inferences += 1;
        Ok(output)
    }

    /// Says good-bye; what the session cost.
    pub(super) fn finish(self) -> Result<GarbledReport, Error> {
        let (meter, clock) = (self.session.meter(), self.session.clock());
        let report = GarbledReport::new(meter, clock, self.setup, self.inferences, self.garbled);
        self.session.finish()?;
        Ok(report)
    }
}

/// A refusal by the server, or a version that does not fit, is no fault of the command line.
pub(super) fn refused(error: Error) -> anyhow::Error {
    match error {
        Error::Config(text) => Failure::new(Exit::Protocol, text).into(),
        other => other.into(),
    }
}

pub(super) fn never_agreed() -> anyhow::Error {
    Failure::new(Exit::Protocol, "the session ended before its terms were known").into()
}
