//! A party that misbehaves anywhere in a session: both parties end, the victim with an error, and
//! nobody panics. Under the garbled backend, nobody ends with a wrong answer either.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixtures::residues;
use common::garbled::{Garbled, Options};
use common::{Builder, Deployed, Kind, WISH, conv, input, pool};
use sordino_engine::Error;
use sordino_engine::session::{Reveal, Wish};
use sordino_graph::fixed::*;
use sordino_wire::{Dir, Fault, Limits, Message, memory_pair};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

/// More than any session takes; a session that lasts longer hangs.
const HANG: Duration = Duration::from_secs(120);
/// How long a party waits for one that says nothing.
const SILENCE: Duration = Duration::from_millis(1500);
/// Sessions at a time; most of them wait for a silent party.
const WORKERS: usize = 24;
/// Messages of a direction up to which each of them is damaged by every fault.
const FEW: usize = 40;
/// How far apart the damaged messages of a fault are in longer sessions.
const STRIDE: usize = 9;

/// Convolution, ReLU, pooling, dense layer.
fn model(kind: Kind) -> FixedModel {
    let mut b = Builder::new(&[1, 1, 6, 6], 20, 3);
    if kind != Kind::TwoParty {
        b.input_range(0, 15);
    }
    let x = b.linear(EdgeId(0), conv(1, 6, 6, 2, 3, 1, 0), 20);
    let x = match kind {
        Kind::TwoParty | Kind::Popcorn | Kind::PopcornPaper => b.activate(x, 7, Function::Relu, 18),
        Kind::Garbled => b.lookup(x, 7 * 13, (-14..15).map(|t: i64| t.max(0)).collect(), 18),
    };
    let x = b.pool(x, pool(&[1, 2, 4, 4], 2, 2, [0; 4]), true);
    let x = b.rearrange(x, Rearrange::Reshape, &[1, 8, 1, 1]);
    b.linear(x, conv(8, 1, 1, 3, 1, 1, 0), 18);
    b.done()
}

/// Tables on shares, which need wide rings.
fn tables_on_shares() -> FixedModel {
    let mut b = Builder::new(&[1, 1, 2, 3], 60, 3);
    b.input_range(-100, 100);
    b.lookup(EdgeId(0), 7, (-14..15).map(|t: i64| t.max(0)).collect(), 18);
    b.done()
}

struct Setting {
    kind: Kind,
    deployed: Arc<dyn Deployed>,
    input: Vec<u64>,
    want: Vec<u64>,
}

impl Setting {
    fn twoparty(model: &FixedModel) -> Self {
        let label = Wish { reveal: Reveal::Label, ..WISH };
        Self::new(Kind::TwoParty, model, Kind::TwoParty.deploy(model, label).unwrap())
    }

    fn garbled(model: &FixedModel, stored: bool) -> Self {
        let options = Options { stored, ..Options::default() };
        Self::new(Kind::Garbled, model, Arc::new(Garbled::new(model, options).unwrap()))
    }

    fn popcorn(kind: Kind) -> Self {
        let model = model(kind);
        Self::new(kind, &model, kind.deploy(&model, kind.wish()).unwrap())
    }

    fn new(kind: Kind, model: &FixedModel, deployed: Arc<dyn Deployed>) -> Self {
        let input = input(model, 5);
        let want = deployed.reference(&input);
        Self { kind, deployed, input, want }
    }
}

/// How both parties ended.
struct Ends {
    client: Result<Vec<u64>, Error>,
    server: Result<(), Error>,
    /// As the server saw them.
    messages: Vec<Message>,
}

/// A session in which the sender of `fault`'s direction misbehaves.
fn session(setting: &Setting, fault: Option<(Dir, usize, Fault)>) -> Ends {
    let (mut ours, mut theirs) = memory_pair();
    if let Some((dir, before, fault)) = fault {
        let faulty = if dir == Dir::Up { &mut ours } else { &mut theirs };
        faulty.inject(before, fault);
        let silent = matches!(fault, Fault::Drop | Fault::Reorder | Fault::Stall { .. });
        let idle = Some(if silent { SILENCE } else { HANG });
        for lane in [&mut ours, &mut theirs] {
            lane.set_limits(Limits { idle, ..Limits::default() });
        }
    }
    let (client_done, client_end) = mpsc::channel();
    let (server_done, server_end) = mpsc::channel();
    let deployed = setting.deployed.clone().fresh();
    let (d, inputs) = (deployed.clone(), [setting.input.clone()]);
    thread::spawn(move || {
        client_done.send(d.client(ours, &inputs).map(|mut report| report.outputs.remove(0)))
    });
    thread::spawn(move || {
        theirs.record();
        let end = deployed.server(&mut theirs).map(drop);
        // Nobody receives any more when the test has given up on this party.
        let _ = server_done.send((end, theirs.transcript().messages().to_vec()));
    });
    let client = client_end.recv_timeout(HANG);
    let server = server_end.recv_timeout(HANG);
    let client = client.unwrap_or_else(|e| panic!("the client hangs or panics on {fault:?}: {e}"));
    let (server, messages) =
        server.unwrap_or_else(|e| panic!("the server hangs or panics on {fault:?}: {e}"));
    Ends { client, server, messages }
}

/// The messages that fault number `which` damages: all of a short session, else every `STRIDE`th
/// of those unlike the one before, from another one on for each fault, and the last of all.
fn positions(sent: &[Message], which: usize) -> Vec<usize> {
    let last = sent.len() - 1;
    if sent.len() <= FEW {
        return (0..=last).collect();
    }
    let changes = (0..last).filter(|&i| i == 0 || sent[i] != sent[i - 1]);
    changes.skip(which % STRIDE).step_by(STRIDE).chain([last]).collect()
}

/// What the victim of a fault has to notice.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Notice {
    /// That a message is not what the protocol prescribes.
    Misbehaviour,
    /// That something is wrong.
    Failure,
    /// Nothing: a protocol for semi-honest parties cannot.
    Nothing,
}

fn notice(sent: &[Message], at: usize, fault: Fault) -> Notice {
    let rest = &sent[at..];
    match fault {
        Fault::Flip { .. } => Notice::Nothing,
        Fault::WrongKind | Fault::HugeLength | Fault::Garbage => Notice::Misbehaviour,
        // Twice the same to the end: what is too much is never read.
        Fault::Repeat if rest.iter().all(|m| *m == rest[0]) => Notice::Nothing,
        // The next message has the same kind and length, and stands in.
        Fault::Reorder if rest.len() > 1 && rest[0] == rest[1] => Notice::Nothing,
        // The last message was complete before its sender vanished.
        Fault::Vanish { after } if rest.len() == 1 && rest[0].len + 8 <= after => Notice::Nothing,
        _ => Notice::Failure,
    }
}

fn misbehaved(e: &Error) -> bool {
    e.to_string().starts_with("the peer misbehaved")
}

/// Every fault at messages of one direction, which `at` chooses for each.
fn every_fault(setting: &Setting, dir: Dir, at: impl Fn(&[Message], usize) -> Vec<usize>) {
    let honest = session(setting, None);
    honest.server.unwrap();
    assert_eq!(honest.client.unwrap(), setting.want);
    let sent: Vec<Message> = honest.messages.into_iter().filter(|m| m.dir == dir).collect();

    let flips = [5, 4099, 1_000_003].map(|bit| Fault::Flip { bit });
    let faults = Fault::ALL.into_iter().chain(flips).enumerate();
    let cases: Vec<(usize, Fault)> =
        faults.flat_map(|(i, fault)| at(&sent, i).into_iter().map(move |n| (n, fault))).collect();
    let next = AtomicUsize::new(0);
    thread::scope(|s| {
        for _ in 0..WORKERS {
            s.spawn(|| {
                while let Some(&(n, fault)) = cases.get(next.fetch_add(1, Ordering::Relaxed)) {
                    one_fault(setting, &sent, (dir, n, fault));
                }
            });
        }
    });
}

fn one_fault(setting: &Setting, sent: &[Message], (dir, n, fault): (Dir, usize, Fault)) {
    let ends = session(setting, Some((dir, n, fault)));
    let what = format!("{fault:?} in message {n} ({})", sent[n].kind);
    // Labels prove themselves.
    if setting.kind == Kind::Garbled
        && let Ok(y) = &ends.client
    {
        assert_eq!(*y, setting.want, "{what}");
    }
    let (victim, wrong) = match dir {
        Dir::Up => ("server", ends.server.err()),
        Dir::Down => ("client", ends.client.err()),
    };
    let noticed = match notice(sent, n, fault) {
        Notice::Nothing => true,
        Notice::Failure => wrong.is_some(),
        Notice::Misbehaviour => wrong.as_ref().is_some_and(misbehaved),
    };
    assert!(noticed, "{what}: the {victim} got {wrong:?}");
}

#[test]
fn a_faulty_client_harms_nobody() {
    every_fault(&Setting::twoparty(&model(Kind::TwoParty)), Dir::Up, positions);
}

#[test]
fn a_faulty_server_harms_nobody() {
    every_fault(&Setting::twoparty(&model(Kind::TwoParty)), Dir::Down, positions);
}

#[test]
fn faults_in_tables_on_shares_harm_nobody() {
    let setting = Setting::twoparty(&tables_on_shares());
    every_fault(&setting, Dir::Up, |sent, _| named(sent, "block"));
    every_fault(&setting, Dir::Down, |sent, _| named(sent, "garbled activation"));
}

#[test]
fn a_faulty_garbler_harms_nobody() {
    for stored in [false, true] {
        every_fault(&Setting::garbled(&model(Kind::Garbled), stored), Dir::Up, positions);
    }
}

#[test]
fn a_faulty_evaluator_harms_nobody() {
    for stored in [false, true] {
        every_fault(&Setting::garbled(&model(Kind::Garbled), stored), Dir::Down, positions);
    }
}

/// A key is made for every session: each fault at a third of the messages.
fn thirds(sent: &[Message], which: usize) -> Vec<usize> {
    (which % 3..sent.len()).step_by(3).collect()
}

#[test]
fn a_faulty_key_owner_harms_nobody() {
    every_fault(&Setting::popcorn(Kind::Popcorn), Dir::Up, thirds);
}

#[test]
fn a_faulty_asker_harms_nobody() {
    every_fault(&Setting::popcorn(Kind::PopcornPaper), Dir::Down, thirds);
}

/// Some of which could stand in for others.
#[test]
fn faults_in_tables_of_several_messages_harm_nobody() {
    for stored in [false, true] {
        let setting = Setting::garbled(&residues(), stored);
        every_fault(&setting, Dir::Up, |sent, _| {
            let tables = named(sent, "garbled tables");
            assert!(tables.len() > 2);
            tables
        });
    }
}

/// The messages whose kind is called like this.
fn named(sent: &[Message], name: &str) -> Vec<usize> {
    let positions: Vec<usize> =
        (0..sent.len()).filter(|&i| sent[i].kind.name().starts_with(name)).collect();
    assert!(!positions.is_empty(), "no message is called {name}: {sent:?}");
    positions
}
