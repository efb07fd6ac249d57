//! Parties killed at any moment while they prepare or infer, with either backend: no prepared half
//! is used twice, nothing that was reported as stored is lost, and the next inference works.
//!
//! `SORDINO_NIGHTLY=1` kills 200 times per backend.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, digits, ok, sordino};
use serde_json::Value;
use sordino::graph::zoo::{Network, dash};
use sordino::store::Store;
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;

fn kills() -> usize {
    if std::env::var_os("SORDINO_NIGHTLY").is_some() { 200 } else { 24 }
}

type Ids = BTreeSet<String>;

/// Halves of both parties.
#[derive(Clone)]
struct Stored {
    server: Ids,
    client: Ids,
}

impl Stored {
    fn usable(&self) -> Ids {
        self.server.intersection(&self.client).cloned().collect()
    }
}

struct World {
    backend: &'static str,
    dir: TempDir,
    model: PathBuf,
    samples: PathBuf,
    image: PathBuf,
    server: Option<Server>,
    /// Halves that are gone from a store.
    gone: Stored,
    before: Stored,
}

impl World {
    fn new(backend: &'static str) -> Self {
        let dir = TempDir::new().unwrap();
        let model = dir.path().join("c.onnx");
        std::fs::write(&model, dash(Network::C)).unwrap();
        let none = Stored { server: Ids::new(), client: Ids::new() };
        Self {
            backend,
            model,
            samples: digits("drawn-images-idx3-ubyte.gz"),
            image: digits("images").join("5.png"),
            server: None,
            gone: none.clone(),
            before: none,
            dir,
        }
    }

    fn store(&self, party: &str) -> PathBuf {
        self.dir.path().join(party)
    }

    fn restart(&mut self) {
        self.server = None;
        let store = self.store("server");
        let mut options = vec!["--backend", self.backend, "--store", store.to_str().unwrap()];
        if self.backend == "garbled" {
            options.extend(["--act-bits", "6"]);
        }
        self.server = Some(Server::of(&self.model, &self.samples, &options));
    }

    fn server(&mut self) -> &mut Server {
        self.server.as_mut().unwrap()
    }

    fn stored(&self) -> Stored {
        let list = |path: &Path| match path.exists() {
            true => {
                let store = Store::open(path).unwrap();
                store.list().unwrap().iter().map(|i| i.id.to_string()).collect()
            }
            false => Ids::new(),
        };
        Stored { server: list(&self.store("server")), client: list(&self.store("client")) }
    }

    /// What holds whatever was killed; `reported` halves are stored.
    fn check(&mut self, inferences: usize, reported: &[String], moment: &str) {
        let after = self.stored();
        let lost = |b: &Ids, a: &Ids| -> Ids { b.difference(a).cloned().collect() };
        let server = lost(&self.before.server, &after.server);
        let client = lost(&self.before.client, &after.client);
        assert!(server.len() <= inferences, "{moment}: {server:?} of the server");
        let usable = lost(&self.before.usable(), &after.usable());
        assert!(usable.len() <= inferences, "{moment}: {usable:?} are lost");
        // The server uses its half only for a client that has claimed the other.
        assert!(server.is_disjoint(&after.client), "{moment}: {server:?} may be used twice");
        self.gone.server.extend(server);
        self.gone.client.extend(client);
        assert!(self.gone.server.is_disjoint(&after.server), "{moment}: the server's are back");
        assert!(self.gone.client.is_disjoint(&after.client), "{moment}: the client's are back");
        let known = after.usable();
        assert!(
            reported.iter().all(|id| known.contains(id)),
            "{moment}: {reported:?} in {known:?}"
        );
        self.before = after;
    }

    /// An inference that nobody disturbs: the best class and its score, and whether it was
    /// prepared.
    fn infer(&mut self) -> (Value, bool) {
        let (image, store, backend) = (self.image.clone(), self.store("client"), self.backend);
        let options = ["--backend", backend, "--store", store.to_str().unwrap(), "--json"];
        let text = ok(&self.server().infer(&image, &options));
        let answer: Value = serde_json::from_str(&text).unwrap();
        let prepared = match backend {
            "garbled" => {
                assert_eq!(answer["report"]["online"]["rounds"], 1);
                answer["report"]["garbled"] == 0
            }
            _ => answer["report"]["offline"]["up"] == 0,
        };
        (answer["predictions"].clone(), prepared)
    }

    fn prepare(&mut self, count: &str) -> Vec<String> {
        let (store, backend) = (self.store("client"), self.backend);
        reported(&ok(&self.server().prepare(&store, &["--backend", backend, "--count", count])))
    }

    /// Starts a client, and kills it or its server `delay` after it has come as far as `progress`:
    /// halves reported as stored, or taken out of the server's store. What it reported as stored,
    /// and whether it got to its end.
    fn interrupted(
        &mut self,
        (prepare, server): (bool, bool),
        progress: usize,
        delay: Duration,
    ) -> (Vec<String>, bool) {
        let (image, store, backend) = (self.image.clone(), self.store("client"), self.backend);
        let spent = self.store("server").join("spent");
        let used = |dir: &Path| dir.read_dir().unwrap().count();
        let used_before = used(&spent);
        let peer = self.server();
        let args = match prepare {
            true => peer.prepare(&store, &["--backend", backend, "--count", "3"]),
            false => {
                peer.infer(&image, &["--backend", backend, "--store", store.to_str().unwrap()])
            }
        };
        let mut command = sordino(&args);
        let mut client = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(client.stdout.take().unwrap());
        let mut text = String::new();
        if prepare {
            while reported(&text).len() < progress && stdout.read_line(&mut text).unwrap() > 0 {}
        } else {
            while used(&spent) < used_before + progress && client.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
        }
        std::thread::sleep(delay);
        if server {
            peer.child.kill().unwrap();
            peer.child.wait().unwrap();
        } else {
            client.kill().unwrap();
        }
        stdout.read_to_string(&mut text).unwrap();
        let done = client.wait().unwrap().success();
        if server {
            self.restart();
        }
        (reported(&text), done)
    }
}

/// Halves in a client's output; a line that was cut off says nothing.
fn reported(text: &str) -> Vec<String> {
    let id =
        |l: &str| l.strip_prefix("stored ").and_then(|l| l.strip_suffix('\n')).map(str::to_owned);
    text.split_inclusive('\n').filter_map(id).collect()
}

fn whoever_is_killed_nothing_is_used_twice(backend: &'static str) {
    let (mut world, kills) = (World::new(backend), kills());
    world.restart();
    let start = Instant::now();
    let made = world.prepare("3");
    let preparing = start.elapsed();
    world.check(0, &made, "at first");
    let start = Instant::now();
    let (right, prepared) = world.infer();
    let inference = start.elapsed();
    assert!(prepared, "a stored half serves");
    world.check(1, &made[1..], "at first");

    let mut state = 0x2545_f491_4f6c_dd1du64;
    for kill in 0..kills {
        let (prepare, server) = (kill % 2 == 0, kill / 2 % 2 == 0);
        if world.before.usable().is_empty() {
            let made = world.prepare("2");
            world.check(0, &made, "between kills");
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let random = (state >> 11) as f64 / (1u64 << 53) as f64;
        // From the start, or from a moment when something has been stored or is being used.
        let progress = kill / 4 % if prepare { 3 } else { 2 };
        let span = match (prepare, progress) {
            (true, _) => preparing / 3,
            (false, 0) => inference,
            (false, _) => inference / 4,
        };
        let delay = span.mul_f64(random);
        let moment = format!(
            "kill {kill}, prepare {prepare}, server {server}, {delay:?} after progress {progress}"
        );
        let (made, done) = world.interrupted((prepare, server), progress, delay);
        println!("{moment}: {} stored, to its end: {done}", made.len());
        let used = usize::from(!prepare);
        let usable = world.before.usable();
        world.check(used, &made, &moment);
        if done && !prepare {
            assert!(!usable.is_subset(&world.before.usable()), "{moment}: nothing was used");
        }
        let (got, _) = world.infer();
        assert_eq!(got, right, "{moment}");
        world.check(1, &[], &moment);
    }
    assert!(world.gone.client.len() > kills / 2);
}

#[test]
fn garbled() {
    whoever_is_killed_nothing_is_used_twice("garbled");
}

#[test]
fn twoparty() {
    whoever_is_killed_nothing_is_used_twice("twoparty");
}
