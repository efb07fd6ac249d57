//! Circuits from their making to their use, across sessions that end early.

use crate::common::fixtures::residues;
use crate::common::garbled::{Garbled, LIMITS, Options, STREAMED, Stores, WISH};
use crate::common::{Deployed, both, input, inputs, mentions, run};
use crate::raw::{OK, Raw, STORE, TABLES, USE};
use crate::{infer, prepare, stored, tiny};
use sordino_engine::Silent;
use sordino_engine::garbled::GarblerSession;
use sordino_store::Id;
use sordino_wire::{Dir, Fault, Garbled as Payload, Lane, memory_pair};
use std::slice;
use std::sync::Barrier;

fn empty(stores: &Stores) -> bool {
    stores.ours.list().unwrap().is_empty() && stores.theirs.list().unwrap().is_empty()
}

/// Tables of several messages, kept in memory or in the store, loaded or streamed.
#[test]
fn wherever_tables_are_the_output_is_the_same() {
    let kept = [(false, LIMITS), (true, LIMITS), (true, STREAMED)];
    for (stored, limits) in kept {
        let deployed = Garbled::new(&residues(), Options { stored, limits }).unwrap();
        assert!(deployed.circuit().rows() > 3 << 16);
        let inputs = inputs(deployed.plain(), &[1, 2]);
        let (report, _) = run(&deployed, &inputs, memory_pair()).unwrap();
        for (x, y) in inputs.iter().zip(&report.outputs) {
            assert_eq!(*y, deployed.reference(x));
        }
    }
}

#[test]
fn stored_circuits_serve_later_sessions_once() {
    let deployed = stored(LIMITS);
    let x = input(deployed.plain(), 9);
    for count in [1, 3] {
        for _ in 0..count {
            prepare(&deployed);
        }
        for left in (0..=count).rev() {
            let client = |lane| {
                let mut session = deployed.connect(lane).unwrap();
                assert_eq!(session.prepared().unwrap(), left);
                let y = session.infer(&x, &mut Silent).unwrap();
                session.finish().unwrap();
                y
            };
            let (y, server) = both(client, |mut lane| deployed.server(&mut lane));
            server.unwrap();
            assert_eq!(y, deployed.reference(&x));
        }
        assert!(empty(deployed.stores()));
    }
}

#[test]
fn circuits_without_a_store_end_with_their_session() {
    let deployed = Garbled::new(&tiny(1), Options::default()).unwrap();
    let x = input(deployed.plain(), 2);
    for _ in 0..2 {
        let client = |lane| {
            let mut session = deployed.connect(lane).unwrap();
            assert_eq!(session.prepared().unwrap(), 0);
            session.prepare(&mut Silent).unwrap();
            let made = session.meter().total().up;
            let y = session.infer(&x, &mut Silent).unwrap();
            // The prepared one was used: no tables went up.
            assert!(session.meter().total().up - made < deployed.circuit().rows() * 16);
            session.finish().unwrap();
            y
        };
        let (y, server) = both(client, |mut lane| deployed.server(&mut lane));
        server.unwrap();
        assert_eq!(y, deployed.reference(&x));
    }
}

#[test]
fn a_client_that_dies_between_claim_and_use_wastes_the_circuit() {
    let deployed = stored(LIMITS);
    let x = input(deployed.plain(), 4);
    let id = prepare(&deployed);
    let client =
        |lane| assert_eq!(Raw::connect(lane, deployed.circuit()).ask(USE, id).unwrap(), OK);
    let ((), server) = both(client, |mut lane| deployed.server(&mut lane));
    mentions(server.unwrap_err(), &["closed"]);
    let stores = deployed.stores();
    assert!(matches!(stores.theirs.claim(&id), Err(sordino_store::Error::Consumed(_))));
    assert_eq!(stores.ours.list().unwrap().len(), 1);
    // Its secret is discarded for a new circuit.
    let (client, server) = infer(&deployed, &x);
    assert_eq!(client.unwrap(), deployed.reference(&x));
    server.unwrap();
    assert!(empty(stores));
}

#[test]
fn a_client_that_dies_while_it_sends_tables_leaves_nothing() {
    let deployed = stored(LIMITS);
    let client = |lane| {
        let mut raw = Raw::connect(lane, deployed.circuit());
        assert_eq!(raw.ask(STORE, Id::random().unwrap()).unwrap(), OK);
        let (rows, _) = raw.garble(Id::from_bytes([9; 16]));
        // A part of the message it should be.
        raw.lane.send(TABLES, Payload::pod(&rows[1..])).unwrap();
    };
    let ((), server) = both(client, |mut lane| deployed.server(&mut lane));
    mentions(server.unwrap_err(), &["misbehaved"]);
    let client = |lane| {
        let mut raw = Raw::connect(lane, deployed.circuit());
        assert_eq!(raw.ask(STORE, Id::random().unwrap()).unwrap(), OK);
    };
    let ((), server) = both(client, |mut lane| deployed.server(&mut lane));
    mentions(server.unwrap_err(), &["closed"]);
    assert!(empty(deployed.stores()));
    let unfinished = deployed.stores().tables(Id::from_bytes([0; 16]));
    let partial = unfinished.parent().unwrap().with_file_name("partial");
    assert_eq!(std::fs::read_dir(partial).unwrap().count(), 0);
}

#[test]
fn secrets_whose_tables_are_lost_are_discarded() {
    let deployed = stored(LIMITS);
    let x = input(deployed.plain(), 5);
    for _ in 0..3 {
        prepare(&deployed);
    }
    let fresh = Stores::default();
    let client = |lane| deployed.client(lane, slice::from_ref(&x)).unwrap().outputs;
    let server = |mut lane: Lane| deployed.serve_from(&mut lane, Some(&fresh.theirs));
    let (outputs, server) = both(client, server);
    server.unwrap();
    assert_eq!(outputs, [deployed.reference(&x)]);
    assert!(deployed.stores().ours.list().unwrap().is_empty());
    assert!(fresh.theirs.list().unwrap().is_empty());
}

#[test]
fn secrets_of_another_network_are_left_alone() {
    let deployed = stored(LIMITS);
    prepare(&deployed);
    let other = Garbled::new(&tiny(2), Options::default()).unwrap();
    let x = input(other.plain(), 5);
    let ours = &deployed.stores().ours;
    let client = |lane| {
        let mut session = GarblerSession::connect(lane, WISH, Some(ours), |_, _| Ok(())).unwrap();
        assert_eq!(session.prepared().unwrap(), 0);
        let y = session.infer(&x, &mut Silent).unwrap();
        session.finish().unwrap();
        y
    };
    let (y, server) = both(client, |mut lane| other.server(&mut lane));
    server.unwrap();
    assert_eq!(y, other.reference(&x));
    assert_eq!(ours.list().unwrap().len(), 1);
}

/// Two clients of one store, each with one session at a time: no circuit is lost to the other.
#[test]
fn sessions_at_once_share_the_prepared_circuits() {
    let deployed = stored(LIMITS);
    let x = input(deployed.plain(), 5);
    for _ in 0..8 {
        for _ in 0..4 {
            prepare(&deployed);
        }
        let together = Barrier::new(2);
        let session = || {
            let client = |lane| {
                let mut session = deployed.connect(lane).unwrap();
                together.wait();
                let made = session.meter().total().up;
                for _ in 0..2 {
                    assert_eq!(session.infer(&x, &mut Silent).unwrap(), deployed.reference(&x));
                }
                assert!(session.meter().total().up - made < deployed.circuit().rows() * 16);
                session.finish().unwrap();
            };
            both(client, |mut lane| deployed.server(&mut lane)).1.unwrap();
        };
        std::thread::scope(|s| [(); 2].map(|()| s.spawn(session)).map(|t| t.join().unwrap()));
        assert!(empty(deployed.stores()));
    }
}

/// Whenever either party vanishes, the other ends, and what both stores then hold serves the next
/// session.
#[test]
fn after_any_end_the_next_session_works() {
    // Messages of a session that makes a circuit, or uses one: up and down.
    for (made, messages) in [(false, [8, 9]), (true, [6, 7])] {
        for (dir, count) in [Dir::Up, Dir::Down].into_iter().zip(messages) {
            for (n, after) in (0..count).flat_map(|n| [(n, 0), (n, 9), (n, 1 << 20)]) {
                let deployed = stored(LIMITS);
                let x = input(deployed.plain(), 5);
                if made {
                    prepare(&deployed);
                }
                let vanish = |mut lane: Lane, ours| {
                    if ours == dir {
                        lane.inject(n, Fault::Vanish { after });
                    }
                    lane
                };
                let client = |lane| deployed.client(vanish(lane, Dir::Up), slice::from_ref(&x));
                let server = |lane| deployed.server(&mut vanish(lane, Dir::Down));
                if let (Ok(report), _) = both(client, server) {
                    assert_eq!(report.outputs, [deployed.reference(&x)]);
                }

                let (client, server) = infer(&deployed, &x);
                assert_eq!(client.unwrap(), deployed.reference(&x));
                server.unwrap();
                // Of each circuit the garbler has used or lost its secret; at most the tables of
                // one that it never asked for are left.
                let stores = deployed.stores();
                assert!(stores.ours.list().unwrap().is_empty());
                assert!(stores.theirs.list().unwrap().len() <= 1);
            }
        }
    }
}
