//! Client and server as two processes, so that each one's processor time is its own.

use super::weights::{Variant, prepared};
use serde::{Deserialize, Serialize};
use sordino::engine::popcorn::{self, PopcornModel, PopcornOffer, PopcornSession};
use sordino::engine::session::{BackendChoice, Wish};
use sordino::engine::twoparty::{self, ClientSession, Offer, ServerModel, Unobserved};
use sordino::graph::fixed::FixedModel;
use sordino::report::{Watch, cpu_seconds, peak_bytes};
use sordino::wire::{
    ClientSecurity, Fingerprint, Identity, Lane, Limits, Listener, Meter, ServerSecurity, Trust,
    connect,
};
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

/// Holds an [`Order`] where this process is to be the server.
pub(super) const SERVER: &str = "SORDINO_BENCH_SERVER";

const TIMEOUT: Duration = Duration::from_secs(60);
/// For layers that take long.
const PATIENCE: Limits =
    Limits { idle: Some(Duration::from_secs(4 * 3600)), deadline: None, bytes: None };

/// What the server process is to do.
#[derive(Serialize, Deserialize)]
struct Order {
    model: String,
    variant: String,
    /// One session each.
    wishes: Vec<Wish>,
}

/// Where it listens.
#[derive(Serialize, Deserialize)]
struct Address {
    address: String,
    fingerprint: String,
}

/// What a session took it.
#[derive(Serialize, Deserialize)]
pub(super) struct Spent {
    /// CPU seconds to load the network.
    pub(super) load: f64,
    /// CPU seconds of the session.
    pub(super) spent: f64,
    /// Most memory held, in MB.
    pub(super) held: f64,
}

/// What one inference gave and took.
pub(super) struct Run {
    pub(super) output: Vec<u64>,
    pub(super) meter: Meter,
    pub(super) client: f64,
    pub(super) server: Spent,
    pub(super) wall: f64,
    /// Most memory held by the client, in MB.
    pub(super) held: f64,
}

fn cpu() -> f64 {
    cpu_seconds().unwrap_or(f64::NAN)
}

/// Most memory held since the last call, in MB.
fn peak() -> f64 {
    let held = peak_bytes().map_or(f64::NAN, |bytes| bytes as f64 / 1e6);
    // Starts counting anew.
    std::fs::write("/proc/self/clear_refs", "5").unwrap_or_default();
    held
}

fn say(value: &impl Serialize) {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", serde_json::to_string(value).unwrap()).and_then(|()| out.flush()).unwrap();
}

enum Ready {
    TwoParty(Box<ServerModel>),
    Popcorn(Box<PopcornModel>),
}

impl Ready {
    fn new(fixed: &FixedModel, wish: &Wish) -> Self {
        match wish.backend {
            BackendChoice::Popcorn(_) => {
                Self::Popcorn(Box::new(PopcornModel::new(fixed.clone()).unwrap()))
            }
            _ => Self::TwoParty(Box::new(ServerModel::new(fixed.clone()).unwrap())),
        }
    }

    fn serve(&self, lane: &mut Lane, wish: &Wish) {
        match (self, wish.backend) {
            (Self::Popcorn(model), BackendChoice::Popcorn(mode)) => {
                let (card, modes) = (&b""[..], &[mode][..]);
                let offer = PopcornOffer { model, card, modes, max_inferences: 1 };
                popcorn::serve(lane, &offer, &mut Unobserved).unwrap();
            }
            (Self::TwoParty(model), _) => {
                twoparty::serve(lane, &Offer::new(model, b""), &mut Unobserved).unwrap();
            }
            _ => unreachable!("a model is made for its wish"),
        }
    }
}

/// Does what the order in the environment says.
pub(super) fn serve() {
    let order: Order = serde_json::from_str(&std::env::var(SERVER).unwrap()).unwrap();
    let (case, _) = super::cases().into_iter().find(|(c, _)| c.model == order.model).unwrap();
    let variant = super::one_of(&Variant::ALL, &order.variant).unwrap();
    let identity = Identity::self_signed(["localhost"]).unwrap();
    let security = ServerSecurity::tls(&identity, None).unwrap();
    let listener = Listener::bind("127.0.0.1:0", security).unwrap();
    say(&Address {
        address: listener.local_addr().unwrap().to_string(),
        fingerprint: identity.fingerprint().unwrap().to_string(),
    });
    let Some(p) = prepared(&case, variant) else { return };
    for wish in &order.wishes {
        peak();
        let start = cpu();
        let ready = Ready::new(&p.fixed, wish);
        let load = cpu() - start;
        say(&true);
        let link = listener.accept().unwrap().establish(TIMEOUT).unwrap().unwrap();
        let mut lane = link.into_lane();
        lane.set_limits(PATIENCE);
        let start = cpu();
        ready.serve(&mut lane, wish);
        say(&Spent { load, spent: cpu() - start, held: peak() });
    }
}

/// The server process; ended when dropped.
pub(super) struct Peer {
    child: Child,
    said: BufReader<ChildStdout>,
    at: Option<Address>,
}

impl Peer {
    /// Starts one that serves these wishes in turn.
    pub(super) fn start(model: &str, variant: Variant, wishes: &[Wish]) -> Self {
        let (model, variant) = (model.to_owned(), variant.name().to_owned());
        let order = Order { model, variant, wishes: wishes.to_vec() };
        let mut child = Command::new(std::env::current_exe().unwrap())
            .env(SERVER, serde_json::to_string(&order).unwrap())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap());
        Self { child, said, at: None }
    }

    /// What it says next, in JSON, other lines (skipped data) left out.
    fn next<T: for<'a> Deserialize<'a>>(&mut self) -> T {
        loop {
            let mut line = String::new();
            assert!(self.said.read_line(&mut line).unwrap() > 0, "the server ended");
            if let Ok(value) = serde_json::from_str(&line) {
                return value;
            }
        }
    }

    /// The next inference, which must be the next of the wishes.
    pub(super) fn infer(&mut self, wish: Wish, input: &[u64]) -> Run {
        if self.at.is_none() {
            self.at = Some(self.next());
        }
        assert!(self.next::<bool>());
        let at = self.at.as_ref().unwrap();
        let trust = Trust::pinned([at.fingerprint.parse::<Fingerprint>().unwrap()]).unwrap();
        let security = ClientSecurity::tls(&trust, None).unwrap();
        peak();
        let (wall, start) = (Instant::now(), cpu());
        let mut lane = connect(&at.address, &security, TIMEOUT).unwrap();
        lane.set_limits(PATIENCE);
        let mut watch = Watch::new(false);
        let (output, meter) = match wish.backend {
            BackendChoice::Popcorn(_) => {
                let mut client = PopcornSession::connect(lane, wish, |_| Ok(())).unwrap();
                (client.infer(input, &mut watch).unwrap(), client.finish().unwrap())
            }
            _ => {
                let mut client = ClientSession::connect(lane, wish, None, |_| Ok(())).unwrap();
                (client.infer(input, &mut watch).unwrap(), client.finish().unwrap())
            }
        };
        watch.stop();
        let (client, wall, held) = (cpu() - start, wall.elapsed().as_secs_f64(), peak());
        Run { output, meter, client, server: self.next(), wall, held }
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
