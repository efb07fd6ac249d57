mod served;
mod sessions;

use super::args::{self, ModelArgs};
use super::ask::BackendArg;
use super::client::read_text;
use super::output;
use super::protocol::{self, Private, RevealArg};
use super::quantise::QuantiseArgs;
use crate::exit::{Exit, Failure};
use crate::model::Model;
use crate::report::Forecast;
use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::Serialize;
use served::Served;
use sessions::{Inbox, Limits, Service};
use sordino_engine::garbled::EvaluatorModel;
use sordino_engine::popcorn::PopcornModel;
use sordino_engine::session::{BackendChoice, PopcornMode, Wish};
use sordino_engine::twoparty::{MAX_BATCH, ServerModel};
use sordino_plan::Promise;
use sordino_wire::{Identity, Listener, ServerSecurity, Trust};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Serve a network to clients who keep their inputs to themselves
#[derive(Debug, Args)]
pub(super) struct Serve {
    #[command(flatten)]
    model: ModelArgs,
    /// Address to listen at; port 0 lets the system choose
    #[arg(long, value_name = "HOST:PORT", default_value = "127.0.0.1:7766")]
    listen: String,
    /// How the network is run
    #[arg(long, value_enum, default_value = "twoparty")]
    backend: BackendArg,
    /// What clients may learn so that they have more ways to choose from (auto): `leakage` adds popcorn, `weights` adds
    /// garbled circuits
    #[arg(long, value_enum, value_delimiter = ',')]
    accept: Vec<Disclosed>,
    /// Keep what clients prepare ahead of time in this folder
    #[arg(long, value_name = "DIR")]
    store: Option<PathBuf>,
    /// Reveal at most this to clients
    #[arg(long, value_enum, default_value = "logits")]
    reveal: RevealArg,
    #[command(flatten)]
    identity: IdentityArgs,
    #[command(flatten)]
    limits: LimitArgs,
    /// Serve one session, then end
    #[arg(long)]
    once: bool,
    /// Print where it listens as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    quantise: QuantiseArgs,
}

/// Who this server is, and who may come in.
#[derive(Debug, Args)]
#[command(next_help_heading = "Trust")]
struct IdentityArgs {
    /// Certificate (PEM); without one, a new one is made for this run
    #[arg(long, value_name = "FILE", requires = "key")]
    cert: Option<PathBuf>,
    /// Its private key (PEM)
    #[arg(long, value_name = "FILE", requires = "cert")]
    key: Option<PathBuf>,
    /// Let in only clients that show one of these certificates (PEM)
    #[arg(long, value_name = "FILE", conflicts_with = "plaintext")]
    clients: Option<PathBuf>,
    /// Let in only clients with a certificate from this authority (PEM)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["clients", "plaintext"])]
    client_ca: Option<PathBuf>,
    /// No encryption; loopback addresses only
    #[arg(long, conflicts_with = "cert")]
    plaintext: bool,
}

/// What clients may use.
#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
struct LimitArgs {
    /// Sessions at the same time
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u32).range(1..=4096))]
    max_sessions: u32,
    /// Inferences in a session; a batch counts its images
    #[arg(long, value_name = "N", default_value_t = 1000)]
    max_inferences: u64,
    /// Images of one inference (twoparty); fewer for networks so large that the memory would not suffice
    #[arg(long, value_name = "N", default_value_t = MAX_BATCH as u16, value_parser = clap::value_parser!(u16).range(1..=4096))]
    max_batch: u16,
    /// Let clients choose Paillier's encryption for linear layers (twoparty), which takes seconds to minutes of this
    /// server's time and memory for the weights once more in each session
    #[arg(long)]
    paillier: bool,
    /// Let clients choose popcorn-paper (popcorn): it TELLS THEM ENOUGH TO EXTRACT THE MODEL. For comparison with
    /// the literature only
    #[arg(long)]
    allow_extraction: bool,
    /// Bytes of a session, both ways, such as 20GB
    #[arg(long, value_name = "SIZE", default_value = "64GB", value_parser = size)]
    max_bytes: u64,
    /// Length of a session
    #[arg(long, value_name = "SECONDS", default_value_t = 3600, value_parser = clap::value_parser!(u64).range(1..))]
    max_time: u64,
    /// Prepared inferences in the store, of all clients together, for each backend
    #[arg(long, value_name = "N", default_value_t = 64, requires = "store")]
    max_prepared: usize,
    /// Wait for a silent client
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..))]
    max_idle: u64,
}

/// What an owner may let clients learn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Disclosed {
    /// A little about the sizes of intermediate values
    Leakage,
    /// The weights
    Weights,
}

/// A number of bytes with a decimal unit.
pub(super) fn size(text: &str) -> Result<u64, String> {
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let factor = match text[split..].trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        _ => return Err("use a whole number with B, KB, MB, GB or TB".into()),
    };
    let number: u64 = text[..split].parse().map_err(|_| "not a number".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "too large".into())
}

/// What a client has to know, as the first line of output.
#[derive(Serialize)]
struct Listening {
    listening: String,
    fingerprint: Option<String>,
    model: String,
}

impl Serve {
    pub(super) fn run(&self) -> Result<()> {
        self.check()?;
        let (security, fingerprint) = self.security()?;
        // The address is taken first: a port in use shows before minutes of calibration.
        let listener =
            Listener::bind(&self.listen, security).map_err(|e| Failure::new(Exit::Network, e))?;
        let model = self.model.load()?;
        let store = self.store.as_deref().map(args::open_store).transpose()?;
        let offered = self.offered(&model)?;
        let mut card = model.card();
        card.keeps_material = store.is_some();
        let (served, ways): (Vec<Served>, Vec<Shown>) = offered.into_iter().unzip();
        let service = Service {
            served,
            card: card.to_bytes()?,
            store,
            prepared: self.limits.max_prepared,
            limits: Limits {
                sessions: self.limits.max_sessions as usize,
                inferences: self.limits.max_inferences,
                bytes: self.limits.max_bytes,
                time: Duration::from_secs(self.limits.max_time),
                idle: Duration::from_secs(self.limits.max_idle),
            },
        };
        let inbox = Inbox::new()?;
        let listening = Listening {
            listening: listener.local_addr()?.to_string(),
            fingerprint,
            model: model.name.clone(),
        };
        if self.json {
            output::json(&listening)?;
        } else {
            output::line(format!("serving '{}' at {}", listening.model, listening.listening))?;
            match &listening.fingerprint {
                Some(f) => output::line(format!("certificate {f}: clients give it with --pin"))?,
                None => output::line("plaintext: for experiments within this machine only")?,
            }
        }
        if !self.json {
            ways.iter().try_for_each(Shown::print)?;
            if let Some((own, foreign)) = service.stored()? {
                eprintln!(
                    "stored          {own} prepared inferences of this network, {foreign} of others"
                );
            }
        }
        sessions::serve(inbox, listener, Arc::new(service), self.once)
    }

    /// Backends that clients may choose, if the network can be run by them.
    fn backends(&self) -> Vec<Private> {
        let Some(named) = self.backend.named() else {
            let accepts = |what, backend| self.accept.contains(&what).then_some(backend);
            let more = [
                accepts(Disclosed::Leakage, Private::Popcorn),
                accepts(Disclosed::Weights, Private::Garbled),
            ];
            return [Some(Private::Twoparty)].into_iter().chain(more).flatten().collect();
        };
        vec![named]
    }

    /// The network for each of them.
    ///
    /// # Errors
    /// When one that was named cannot run it, or, where clients choose, none can.
    fn offered(&self, model: &Model) -> Result<Vec<(Served, Shown)>> {
        let mut offered = Vec::new();
        let mut why = Vec::new();
        for backend in self.backends() {
            match self.by(backend, model) {
                Ok(served) => offered.push(served),
                Err(e) if self.backend.named().is_some() => return Err(e),
                Err(e) => {
                    let text = format!("{}: {}", backend.backend().name(), output::describe(&e));
                    eprintln!("not offered     {text}");
                    why.push(text);
                }
            }
        }
        if offered.is_empty() {
            return Err(Failure::new(Exit::Model, why.join("\n")).into());
        }
        Ok(offered)
    }

    /// The network as one backend runs it.
    fn by(&self, backend: Private, model: &Model) -> Result<(Served, Shown)> {
        let fixed =
            self.quantise.quantise(model, &[], backend.into(), self.quantise.act_bits()?)?;
        let reveal = self.reveal.into();
        let wish = Wish { reveal, ..protocol::wish(backend.into()) };
        let (served, forecast) = match backend {
            Private::Twoparty => {
                let model = ServerModel::new(fixed.model)?;
                let forecast = Forecast::two_party(model.graph(reveal), wish, 1)?;
                let label_only = self.reveal == RevealArg::Label;
                let (paillier, batch) = (self.limits.paillier, self.limits.max_batch.into());
                let model = Box::new(model);
                (Served::TwoParty { model, label_only, paillier, batch }, forecast)
            }
            Private::Popcorn | Private::PopcornPaper => {
                let forecast = Forecast::popcorn(&fixed.model.graph, wish)?;
                let model = Box::new(PopcornModel::new(fixed.model)?);
                let mut modes = vec![PopcornMode::Affine];
                modes.extend(self.limits.allow_extraction.then_some(PopcornMode::Paper));
                (Served::Popcorn { model, modes }, forecast)
            }
            Private::Garbled => {
                let model = EvaluatorModel::new(&fixed.model)?;
                let circuit = model.circuit();
                let forecast = Forecast::garbled(circuit.graph(), &circuit.outline());
                (Served::Garbled(Box::new(model)), forecast)
            }
        };
        let shown = Shown {
            promise: Promise::new(backend.backend(), reveal),
            forecast,
            act_bits: fixed.act_bits,
            extraction: backend == Private::Popcorn && self.limits.allow_extraction,
        };
        Ok((served, shown))
    }

    /// What does not fit together on the command line.
    fn check(&self) -> Result<()> {
        let backends: Vec<BackendChoice> = self.backends().into_iter().map(Into::into).collect();
        self.quantise.check(backends.iter().copied())?;
        // Where clients choose, a backend without this disclosure is not among what they choose from.
        if let Some(named) = self.backend.named() {
            self.reveal.check(named.into())?;
            if self.store.is_some() {
                named.check_store("--store")?;
            }
        }
        let usage = |text: &str| Err(Failure::new(Exit::Usage, text).into());
        if self.backend == BackendArg::Of(Private::PopcornPaper) {
            return usage(
                "--backend popcorn-paper tells every client enough to extract the model; an owner who accepts \
                 that for a comparison serves with --backend popcorn --allow-extraction, and clients choose",
            );
        }
        if self.backend != BackendArg::Auto && !self.accept.is_empty() {
            return usage("--accept only makes sense with --backend auto");
        }
        if self.reveal == RevealArg::Label && !self.accept.is_empty() {
            return usage(
                "--accept adds ways in which clients decode the scores themselves: not with --reveal label",
            );
        }
        if self.limits.paillier && !backends.contains(&BackendChoice::TwoParty) {
            return usage("--paillier only makes sense with --backend twoparty or auto");
        }
        if self.limits.allow_extraction && self.backend != BackendArg::Of(Private::Popcorn) {
            return usage("--allow-extraction only makes sense with --backend popcorn");
        }
        Ok(())
    }

    fn security(&self) -> Result<(ServerSecurity, Option<String>)> {
        let args = &self.identity;
        if args.plaintext {
            return Ok((ServerSecurity::plaintext_loopback(), None));
        }
        let identity = match (&args.cert, &args.key) {
            (Some(cert), Some(key)) => Identity::read(cert, key)?,
            _ => Identity::self_signed(["localhost".to_owned()])?,
        };
        let clients = match (&args.clients, &args.client_ca) {
            (Some(file), _) => Some(Trust::certificates(&read_text(file)?)?),
            (None, Some(file)) => Some(Trust::authority(&read_text(file)?)?),
            (None, None) => None,
        };
        let security = ServerSecurity::tls(&identity, clients.as_ref())
            .context("setting up TLS for this server")?;
        Ok((security, Some(identity.fingerprint()?.to_string())))
    }
}

/// What the owner is told of a backend.
struct Shown {
    promise: Promise,
    forecast: Forecast,
    act_bits: Option<u32>,
    /// Whether clients may choose to learn enough to extract the model.
    extraction: bool,
}

impl Shown {
    fn print(&self) -> Result<()> {
        eprintln!("backend         {}", self.promise.backend);
        output::promise(&self.promise);
        if let Forecast::Garbled(plan) = &self.forecast {
            eprintln!("warning: every client is sent the weights of this network");
            eprintln!("{}", output::tables(plan));
            if let Some(bits) = self.act_bits {
                eprintln!("activations     {bits} bits");
            }
        }
        if self.extraction {
            eprintln!(
                "warning: clients who choose popcorn-paper learn enough to extract the model"
            );
        }
        output::cost(&self.forecast, 1);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::size;

    #[test]
    fn sizes_are_read() {
        assert_eq!(size("12"), Ok(12));
        assert_eq!(size("20gb"), Ok(20_000_000_000));
        assert_eq!(size("3 MB"), Ok(3_000_000));
        for bad in ["", "x", "3XB", "-1", "99999999999TB"] {
            assert!(size(bad).is_err(), "{bad}");
        }
    }
}
