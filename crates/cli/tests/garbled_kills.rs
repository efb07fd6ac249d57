//! Garblers and evaluators killed at any moment: no circuit is used twice, nothing that was
//! reported as stored is lost, and the next inference works.
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

const KILLS: usize = 32;

type Ids = BTreeSet<String>;

/// Circuits of both parties.
#[derive(Clone)]
struct Stored {
    evaluator: Ids,
    garbler: Ids,
}

impl Stored {
    fn usable(&self) -> Ids {
        self.evaluator.intersection(&self.garbler).cloned().collect()
    }
}

struct World {
    dir: TempDir,
    model: PathBuf,
    samples: PathBuf,
    image: PathBuf,
    server: Option<Server>,
    /// Circuits that are gone from a store.
    gone: Stored,
    before: Stored,
}

impl World {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let model = dir.path().join("c.onnx");
        std::fs::write(&model, dash(Network::C)).unwrap();
        let none = Stored { evaluator: Ids::new(), garbler: Ids::new() };
        Self {
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
        let store = self.store("evaluator");
        let options =
            ["--backend", "garbled", "--act-bits", "6", "--store", store.to_str().unwrap()];
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
        Stored { evaluator: list(&self.store("evaluator")), garbler: list(&self.store("garbler")) }
    }

    /// What holds whatever was killed; `reported` circuits are stored.
    fn check(&mut self, inferences: usize, reported: &[String], moment: &str) {
        let after = self.stored();
        let lost = |b: &Ids, a: &Ids| -> Ids { b.difference(a).cloned().collect() };
        let evaluator = lost(&self.before.evaluator, &after.evaluator);
        let garbler = lost(&self.before.garbler, &after.garbler);
        assert!(evaluator.len() <= inferences, "{moment}: {evaluator:?} of the evaluator");
        let usable = lost(&self.before.usable(), &after.usable());
        assert!(usable.len() <= inferences, "{moment}: {usable:?} are lost");
        // Tables are only evaluated for a garbler that has no secret for them any more.
        assert!(evaluator.is_disjoint(&after.garbler), "{moment}: {evaluator:?} may be used twice");
        self.gone.evaluator.extend(evaluator);
        self.gone.garbler.extend(garbler);
        assert!(self.gone.evaluator.is_disjoint(&after.evaluator), "{moment}: tables are back");
        assert!(self.gone.garbler.is_disjoint(&after.garbler), "{moment}: secrets are back");
        let known = after.usable();
        assert!(
            reported.iter().all(|id| known.contains(id)),
            "{moment}: {reported:?} in {known:?}"
        );
        self.before = after;
    }

    /// An inference that nobody disturbs: the best class and its score, and the circuits made for it.
    fn infer(&mut self) -> (Value, u64) {
        let (image, store) = (self.image.clone(), self.store("garbler"));
        let options = ["--backend", "garbled", "--store", store.to_str().unwrap(), "--json"];
        let text = ok(&self.server().infer(&image, &options));
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["report"]["online"]["rounds"], 1);
        (answer["predictions"].clone(), answer["report"]["garbled"].as_u64().unwrap())
    }

    fn garble(&mut self, count: &str) -> Vec<String> {
        let store = self.store("garbler");
        reported(&ok(&self.server().garble(&store, &["--count", count])))
    }

    /// Starts a client, and kills it or its server `delay` after it has come as far as `progress`:
    /// circuits reported as stored, or taken out of the evaluator's store. What it reported as
    /// stored, and whether it got to its end.
    fn interrupted(
        &mut self,
        (garble, server): (bool, bool),
        progress: usize,
        delay: Duration,
    ) -> (Vec<String>, bool) {
        let (image, store) = (self.image.clone(), self.store("garbler"));
        let spent = self.store("evaluator").join("spent");
        let used = |dir: &Path| dir.read_dir().unwrap().count();
        let used_before = used(&spent);
        let evaluator = self.server();
        let args = match garble {
            true => evaluator.garble(&store, &["--count", "3"]),
            false => evaluator
                .infer(&image, &["--backend", "garbled", "--store", store.to_str().unwrap()]),
        };
        let mut command = sordino(&args);
        let mut client = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let mut stdout = BufReader::new(client.stdout.take().unwrap());
        let mut text = String::new();
        if garble {
            while reported(&text).len() < progress && stdout.read_line(&mut text).unwrap() > 0 {}
        } else {
            while used(&spent) < used_before + progress && client.try_wait().unwrap().is_none() {
                std::thread::yield_now();
            }
        }
        std::thread::sleep(delay);
        if server {
            evaluator.child.kill().unwrap();
            evaluator.child.wait().unwrap();
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

/// Circuits in a garbler's output; a line that was cut off says nothing.
fn reported(text: &str) -> Vec<String> {
    let id =
        |l: &str| l.strip_prefix("stored ").and_then(|l| l.strip_suffix('\n')).map(str::to_owned);
    text.split_inclusive('\n').filter_map(id).collect()
}

#[test]
fn whoever_is_killed_no_circuit_is_used_twice() {
    let mut world = World::new();
    world.restart();
    let start = Instant::now();
    let made = world.garble("3");
    let garbling = start.elapsed();
    world.check(0, &made, "at first");
    let start = Instant::now();
    let (right, garbled) = world.infer();
    let inference = start.elapsed();
    assert_eq!(garbled, 0, "a stored circuit serves");
    world.check(1, &made[1..], "at first");

    let mut state = 0x2545_f491_4f6c_dd1du64;
    for kill in 0..KILLS {
        let (garble, server) = (kill % 2 == 0, kill / 2 % 2 == 0);
        if world.before.usable().is_empty() {
            let made = world.garble("2");
            world.check(0, &made, "between kills");
        }
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let random = (state >> 11) as f64 / (1u64 << 53) as f64;
        // From the start, or from a moment when something has been stored or is being used.
        let progress = kill / 4 % if garble { 3 } else { 2 };
        let span = match (garble, progress) {
            (true, _) => garbling / 3,
            (false, 0) => inference,
            (false, _) => inference / 4,
        };
        let delay = span.mul_f64(random);
        let moment = format!(
            "kill {kill}, garble {garble}, server {server}, {delay:?} after progress {progress}"
        );
        let (made, done) = world.interrupted((garble, server), progress, delay);
        println!("{moment}: {} stored, to its end: {done}", made.len());
        let used = usize::from(!garble);
        let usable = world.before.usable();
        world.check(used, &made, &moment);
        if done && !garble {
            assert!(!usable.is_subset(&world.before.usable()), "{moment}: nothing was used");
        }
        let (got, _) = world.infer();
        assert_eq!(got, right, "{moment}");
        world.check(1, &[], &moment);
    }
    assert!(world.gone.garbler.len() > KILLS / 2);
}
