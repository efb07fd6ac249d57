//! Parties that do not fit together, or ask for more than they may.

use crate::common::garbled::{Garbled, LIMITS, Options, WISH};
use crate::common::{Deployed, Kind, both, input, mentions};
use crate::raw::{ABSENT, FULL, OK, REQUEST, Raw, SPENT, STATUS, STORE, USE, WEIGHTS, scripted};
use crate::{infer, prepare, stored, tiny};
use sordino_engine::garbled::{Circuit, GarbledLimits, GarblerSession};
use sordino_engine::popcorn::PopcornSession;
use sordino_engine::session::{BackendChoice, Reveal, Terms, Wish};
use sordino_engine::twoparty::ClientSession;
use sordino_engine::{Error, Silent};
use sordino_graph::fixed::FixedOp;
use sordino_store::Id;
use sordino_wire::{Dir, Lane, Public};
use std::sync::Barrier;

fn unstored(limits: GarbledLimits) -> Garbled {
    Garbled::new(&tiny(1), Options { stored: false, limits }).unwrap()
}

fn id(n: u8) -> Id {
    Id::from_bytes([n; 16])
}

/// A client of this wish against a server of this backend.
fn wishes(wish: Wish, server: Kind) -> (Error, Error) {
    let deployed = match server {
        Kind::Garbled => server.deploy(&tiny(1), WISH).unwrap(),
        Kind::TwoParty | Kind::Popcorn | Kind::PopcornPaper => {
            let model = crate::common::fixtures::words();
            server.deploy(&model, server.wish()).unwrap()
        }
    };
    let client = |lane| match wish.backend {
        BackendChoice::TwoParty => ClientSession::connect(lane, wish, None, |_| Ok(())).err(),
        BackendChoice::Garbled => GarblerSession::connect(lane, wish, None, |_, _| Ok(())).err(),
        BackendChoice::Popcorn(_) => PopcornSession::connect(lane, wish, |_| Ok(())).err(),
    };
    let (client, server) = both(client, |mut lane| deployed.server(&mut lane));
    (client.unwrap(), server.unwrap_err())
}

#[test]
fn another_backend_is_refused_on_both_sides() {
    let pairs = Kind::ALL.into_iter().flat_map(|a| Kind::ALL.map(|b| (a, b)));
    for (asked, served) in pairs.filter(|(a, b)| a != b) {
        let (client, server) = wishes(asked.wish(), served);
        mentions(client, &["refuses", "another --backend"]);
        mentions(server, &["asked for another backend"]);
    }
}

#[test]
fn a_label_is_not_offered() {
    let (client, server) = wishes(Wish { reveal: Reveal::Label, ..WISH }, Kind::Garbled);
    mentions(client, &["refuses", "settings"]);
    mentions(server, &["reveals the scores"]);
}

#[test]
fn another_circuit_is_refused() {
    let deployed = unstored(LIMITS);
    let other = Circuit::new(&tiny(2)).unwrap();
    let client = |lane| Raw::greet(lane, deployed.circuit()).confirm(other.fingerprint());
    let (client, server) = both(client, |mut lane| deployed.server(&mut lane));
    mentions(client.unwrap_err(), &["aborted"]);
    mentions(server.unwrap_err(), &["plans another circuit", "same release"]);
}

/// What a client makes of weights, sent in one message, of [`tiny`] with weights of so many bits.
fn client_reads(bits: u32, weights: &[u8]) -> Error {
    let mut model = tiny(1);
    let op = &mut model.graph.nodes[0].op;
    let FixedOp::Linear { weight_bits, sums, .. } = op else { unreachable!() };
    (*weight_bits, *sums) = (bits, None);
    let server = |mut lane: Lane| {
        scripted(&mut lane, &model, &|lane| {
            // The client may be gone already; what it says is what counts.
            let _ = lane.send(WEIGHTS, Public::new(weights)).and_then(|()| lane.flush());
        });
    };
    let client = |lane| GarblerSession::connect(lane, WISH, None, |_, _| Ok(())).err();
    both(client, server).0.unwrap()
}

/// Kernel entries of [`tiny`]'s convolution, then its biases.
const KERNEL: usize = 2 * 4;
const BIAS: usize = 2;

#[test]
fn weights_of_another_size_are_refused() {
    for (bits, bytes) in [(8, 1), (9, 2), (16, 2), (17, 3), (24, 3), (25, 4)] {
        let size = bytes * KERNEL + 8 * BIAS;
        for wrong in [0, size - 1, size + 1, size + 8, 1 << 21] {
            mentions(client_reads(bits, &vec![0; wrong]), &["misbehaved"]);
        }
        mentions(client_reads(bits, &vec![0; size]), &["not make the circuit that it described"]);
    }
}

#[test]
fn weights_beyond_the_bounds_of_the_graph_are_refused() {
    let weights = |kernel: i16, bias: i64| {
        let kernel = [kernel.to_le_bytes(); KERNEL].concat();
        [kernel, [bias.to_le_bytes(); BIAS].concat()].concat()
    };
    mentions(client_reads(9, &weights(256, 0)), &["more than 9 bits"]);
    mentions(client_reads(9, &weights(-257, 0)), &["more than 9 bits"]);
    for bias in [1 << 23, i64::MAX, i64::MIN] {
        mentions(client_reads(9, &weights(1, bias)), &["beyond its ring of 24 bits"]);
    }
    for weight in [-256, 255] {
        let why = "not make the circuit that it described";
        mentions(client_reads(9, &weights(weight, 1000)), &[why]);
    }
}

#[test]
fn a_client_that_does_not_consent_says_nothing_private() {
    let deployed = unstored(LIMITS);
    let client = |lane| {
        let refuse = |_: &Terms, circuit: &Circuit| {
            assert!(circuit.lambda() >= 112.0);
            Err(Error::Config("not with me".into()))
        };
        GarblerSession::connect(lane, WISH, None, refuse).err()
    };
    let server = |mut lane: Lane| {
        lane.record();
        let end = deployed.server(&mut lane);
        (end, lane.transcript())
    };
    let (client, (end, transcript)) = both(client, server);
    mentions(client.unwrap(), &["not with me"]);
    mentions(end.unwrap_err(), &["closed"]);
    let heard = transcript.messages().iter().filter(|m| m.dir == Dir::Up);
    let heard: Vec<_> = heard.map(|m| m.kind.name()).collect();
    assert_eq!(heard, ["hello", "confirm", "circuit fingerprint"]);
}

#[test]
fn circuits_and_inferences_are_limited() {
    let limits = GarbledLimits { circuits: 2, inferences: 3, ..LIMITS };
    for deployed in [unstored(limits), stored(limits)] {
        let x = input(deployed.plain(), 1);
        let client = |lane| {
            let mut session = deployed.connect(lane).unwrap();
            for have in 0..2 {
                assert_eq!(session.prepared().unwrap(), have);
                session.prepare(&mut Silent).unwrap();
            }
            mentions(session.prepare(&mut Silent).unwrap_err(), &["keeps no more"]);
            // Those that are there can be used, and make room.
            for _ in 0..3 {
                assert_eq!(session.infer(&x, &mut Silent).unwrap(), deployed.reference(&x));
            }
            mentions(session.infer(&x, &mut Silent).unwrap_err(), &["used its inferences"]);
            session.finish().unwrap();
        };
        let ((), server) = both(client, |mut lane| deployed.server(&mut lane));
        server.unwrap();
    }
}

#[test]
fn an_id_is_good_for_one_inference() {
    for deployed in [unstored(LIMITS), stored(LIMITS)] {
        let x = input(deployed.plain(), 3);
        let client = |lane| {
            let mut raw = Raw::connect(lane, deployed.circuit());
            assert_eq!(raw.ask(USE, id(1)).unwrap(), ABSENT);
            let (rows, secret) = raw.garble(id(1));
            assert_eq!(raw.store(id(1), &rows).unwrap(), OK);
            assert_eq!(raw.ask(USE, id(2)).unwrap(), ABSENT);
            assert_eq!(raw.ask(USE, id(1)).unwrap(), OK);
            assert_eq!(raw.evaluate(secret, &x).unwrap(), deployed.reference(&x));
            assert_eq!(raw.ask(USE, id(1)).unwrap(), ABSENT);
            raw.bye();
        };
        let ((), server) = both(client, |mut lane| deployed.server(&mut lane));
        server.unwrap();
    }
}

#[test]
fn a_stored_id_is_never_given_twice() {
    let deployed = stored(LIMITS);
    let unused = prepare(&deployed);
    let used = prepare(&deployed);
    assert_eq!(deployed.stores().theirs.claim(&used).unwrap().info().id, used);
    for taken in [unused, used] {
        let client = |lane| {
            let mut raw = Raw::connect(lane, deployed.circuit());
            let (rows, _) = raw.garble(taken);
            raw.store(taken, &rows)
        };
        let (client, server) = both(client, |mut lane| deployed.server(&mut lane));
        // The server may know before it has read the tables.
        assert!(client.is_err());
        mentions(server.unwrap_err(), &["has or had an entry", &taken.to_string()]);
    }
}

/// The id of an entry that is something else, or a circuit of another network.
#[test]
fn only_circuits_of_this_network_are_evaluated() {
    let deployed = stored(LIMITS);
    let theirs = &deployed.stores().theirs;
    let other = *Circuit::new(&tiny(2)).unwrap().fingerprint();
    let entries =
        [("garbled-circuit", other), ("garbler-secret", *deployed.circuit().fingerprint())];
    let ids = entries.map(|(kind, label)| {
        let mut writer = theirs.create(Id::random().unwrap(), kind, label).unwrap();
        writer.append(&vec![0; deployed.circuit().rows() as usize * 16]).unwrap();
        writer.commit().unwrap().id
    });
    let client = |lane| {
        let mut raw = Raw::connect(lane, deployed.circuit());
        for id in ids {
            assert_eq!(raw.ask(USE, id).unwrap(), ABSENT);
        }
        raw.bye();
    };
    both(client, |mut lane| deployed.server(&mut lane)).1.unwrap();
}

#[test]
fn of_two_sessions_that_use_an_id_at_once_one_wins() {
    let deployed = stored(LIMITS);
    for _ in 0..16 {
        let (id, together) = (prepare(&deployed), Barrier::new(2));
        let client = |lane| {
            let mut raw = Raw::connect(lane, deployed.circuit());
            together.wait();
            raw.ask(USE, id).unwrap()
        };
        let session = || both(client, |mut lane| deployed.server(&mut lane)).0;
        let mut answers =
            std::thread::scope(|s| [(); 2].map(|()| s.spawn(session)).map(|t| t.join().unwrap()));
        answers.sort_unstable();
        assert_eq!(answers, [OK, ABSENT]);
    }
}

#[test]
fn several_inputs_at_once_are_refused() {
    let deployed = unstored(LIMITS);
    for (inputs, what) in [(0, STORE), (2, STORE), (u32::MAX, USE)] {
        let client =
            |lane| Raw::connect(lane, deployed.circuit()).ask_for(inputs, what, id(0)).map(drop);
        let (client, server) = both(client, |mut lane| deployed.server(&mut lane));
        mentions(client.unwrap_err(), &["aborted"]);
        mentions(server.unwrap_err(), &[&format!("{inputs} inputs at once"), "for one"]);
    }
}

#[test]
fn unknown_requests_and_answers_are_refused() {
    let deployed = unstored(LIMITS);
    for (code, said) in [(3, "without naming a circuit"), (4, "unknown request"), (255, "unknown")]
    {
        let client = |lane| Raw::connect(lane, deployed.circuit()).ask(code, id(0));
        let (client, server) = both(client, |mut lane| deployed.server(&mut lane));
        mentions(client.unwrap_err(), &["aborted"]);
        mentions(server.unwrap_err(), &[said]);
    }
    let answers = [(0, "unknown answer"), (5, "unknown answer"), (ABSENT, "does not have it")];
    for (answer, told) in answers.into_iter().chain([(FULL, "no more"), (SPENT, "inferences")]) {
        let model = deployed.plain();
        let script = |lane: &mut Lane| {
            let layer = &model.weights.layers[0];
            let kernel = layer.kernel.iter().map(|w| w.to_le_bytes()[0]);
            let bias = layer.bias.iter().flat_map(|b| b.to_le_bytes());
            lane.send(WEIGHTS, Public::new(&kernel.chain(bias).collect::<Vec<u8>>())).unwrap();
            lane.recv(crate::raw::FINGERPRINT, 32).unwrap();
            lane.send(STATUS, Public::new(&[OK])).unwrap();
            assert_eq!(lane.recv(REQUEST, 21).unwrap()[0], STORE);
            lane.send(STATUS, Public::new(&[answer])).unwrap();
            lane.flush().unwrap();
        };
        let server = |mut lane: Lane| scripted(&mut lane, model, &script);
        let client = |lane| deployed.connect(lane).unwrap().prepare(&mut Silent).unwrap_err();
        mentions(both(client, server).0, &[told]);
    }
}

/// What is wrong with an input is known before a circuit is spent on it.
#[test]
fn an_input_that_does_not_fit_costs_no_circuit() {
    for deployed in [unstored(LIMITS), stored(LIMITS)] {
        let x = input(deployed.plain(), 1);
        let beyond = [&x[1..], &[16]].concat();
        let below = [&x[1..], &[(1 << 24) - 1]].concat();
        let wrong: [(&[u64], &[&str]); 5] = [
            (&[], &["takes 9 input values", "0 were given"]),
            (&x[1..], &["takes 9 input values", "8 were given"]),
            (&[0; 10], &["takes 9 input values", "10 were given"]),
            (&beyond, &["outside 0..=15"]),
            (&below, &["outside 0..=15"]),
        ];
        let client = |lane| {
            let mut session = deployed.connect(lane).unwrap();
            session.prepare(&mut Silent).unwrap();
            let before = session.meter().total();
            for (x, told) in wrong {
                mentions(session.infer(x, &mut Silent).unwrap_err(), told);
            }
            assert_eq!((session.meter().total(), session.prepared().unwrap()), (before, 1));
            let y = session.infer(&x, &mut Silent).unwrap();
            session.finish().unwrap();
            y
        };
        let (y, server) = both(client, |mut lane| deployed.server(&mut lane));
        server.unwrap();
        assert_eq!(y, deployed.reference(&x));
    }
}

/// A garbler whose tables and labels are noise harms itself only.
#[test]
fn noise_is_evaluated_without_harm() {
    let deployed = stored(LIMITS);
    let client = |lane| {
        let mut raw = Raw::connect(lane, deployed.circuit());
        let (mut rows, secret) = raw.garble(id(1));
        for (i, row) in rows.iter_mut().enumerate() {
            row.0 = u128::MAX / (3 + i as u128);
        }
        assert_eq!(raw.store(id(1), &rows).unwrap(), OK);
        assert_eq!(raw.ask(USE, id(1)).unwrap(), OK);
        let end = raw.evaluate(secret, &input(deployed.plain(), 1));
        raw.bye();
        end
    };
    let (client, server) = both(client, |mut lane| deployed.server(&mut lane));
    mentions(client.unwrap_err(), &["tampered"]);
    server.unwrap();
    let x = input(deployed.plain(), 2);
    assert_eq!(infer(&deployed, &x).0.unwrap(), deployed.reference(&x));
}
