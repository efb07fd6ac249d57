//! Entries whose file was damaged: the party that has it fails, its peer hears of the end, and the
//! next session is as good as any.

use crate::common::garbled::{LIMITS, STREAMED};
use crate::common::{Deployed, input, mentions};
use crate::{infer, prepare, stored};
use sordino_engine::garbled::GarbledLimits;
use std::path::Path;

type Damage = Box<dyn Fn(&Path)>;

fn flip(at: impl Fn(usize) -> usize + 'static) -> Damage {
    Box::new(move |path| {
        let mut bytes = std::fs::read(path).unwrap();
        let at = at(bytes.len());
        bytes[at] ^= 0x20;
        std::fs::write(path, bytes).unwrap();
    })
}

fn resize(by: i64) -> Damage {
    Box::new(move |path| {
        let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
        let len = file.metadata().unwrap().len();
        file.set_len(len.checked_add_signed(by).unwrap()).unwrap();
    })
}

/// Header, length, tables, checksum, footer; cut and extended.
fn damages() -> Vec<Damage> {
    let parts = [0, 8, 30, 50, 79, 90, 200, 4000];
    let from_start = parts.into_iter().map(|at| flip(move |_| at));
    let from_end = [1, 20, 40, 60, 80, 500].into_iter().map(|at| flip(move |len| len - at));
    let sizes = [-1, -16, -1000, 1, 16].into_iter().map(resize);
    from_start.chain(from_end).chain(sizes).collect()
}

fn damaged(limits: GarbledLimits) {
    let deployed = stored(limits);
    let x = input(deployed.plain(), 1);
    for damage in damages() {
        let id = prepare(&deployed);
        damage(&deployed.stores().tables(id));
        let (client, server) = infer(&deployed, &x);
        mentions(client.unwrap_err(), &["aborted"]);
        mentions(server.unwrap_err(), &["damaged"]);
        // Nobody tries again what is lost.
        let (client, server) = infer(&deployed, &x);
        assert_eq!(client.unwrap(), deployed.reference(&x));
        server.unwrap();
    }
    assert!(deployed.stores().ours.list().unwrap().is_empty());
    assert!(deployed.stores().theirs.list().unwrap().is_empty());
    assert!(deployed.stores().theirs.damaged().unwrap().is_empty());
}

#[test]
fn a_damaged_file_is_never_evaluated() {
    damaged(LIMITS);
}

#[test]
fn a_damaged_file_is_never_answered_from() {
    damaged(STREAMED);
}

#[test]
fn the_file_of_another_id_is_refused() {
    let deployed = stored(LIMITS);
    let x = input(deployed.plain(), 1);
    prepare(&deployed);
    prepare(&deployed);
    // As they are claimed: of two that were made within one tick of the clock, neither is older.
    let listed = deployed.stores().ours.list().unwrap();
    let ids = [listed[0].id, listed[1].id];
    let files = ids.map(|id| deployed.stores().tables(id));
    std::fs::copy(&files[1], &files[0]).unwrap();
    let (client, server) = infer(&deployed, &x);
    mentions(client.unwrap_err(), &["aborted"]);
    mentions(server.unwrap_err(), &["damaged", &ids[0].to_string()]);
    // The other one is what it was.
    let (client, server) = infer(&deployed, &x);
    assert_eq!(client.unwrap(), deployed.reference(&x));
    server.unwrap();
    assert!(!files[1].exists());
}

/// A secret's header, which makes it no secret at all, and its contents.
#[test]
fn a_damaged_secret_costs_its_circuit() {
    for (at, noticed) in [(10, false), (160, true)] {
        let deployed = stored(LIMITS);
        let x = input(deployed.plain(), 1);
        let id = prepare(&deployed);
        flip(move |_| at)(&deployed.stores().secret(id));
        if noticed {
            let (client, server) = infer(&deployed, &x);
            mentions(client.unwrap_err(), &["damaged", &id.to_string()]);
            mentions(server.unwrap_err(), &["closed"]);
        }
        let (client, server) = infer(&deployed, &x);
        assert_eq!(client.unwrap(), deployed.reference(&x));
        server.unwrap();
    }
}
