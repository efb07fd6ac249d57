//! What is particular to the garbled backend: its handshake, circuits that are stored, damaged or
//! exchanged, parties that die, random networks.
#![allow(clippy::unwrap_used)]

#[path = "../common/mod.rs"]
mod common;

mod authenticity;
mod handshake;
mod life_cycle;
mod planning;
mod random;
mod raw;
mod stored_tables;

use common::garbled::{Garbled, Options};
use common::{Builder, Deployed, both, conv};
use sordino_engine::{Error, Silent};
use sordino_graph::fixed::{EdgeId, FixedModel};
use sordino_store::Id;
use sordino_wire::Meter;

/// A convolution and a table.
fn tiny(seed: u64) -> FixedModel {
    let mut b = Builder::new(&[1, 1, 3, 3], 24, seed);
    b.input_range(0, 15);
    let x = b.linear(EdgeId(0), conv(1, 3, 3, 2, 2, 1, 0), 24);
    b.lookup(x, 7 * 13, (-14..15).map(|t: i64| t.max(0)).collect(), 8);
    b.done()
}

/// [`tiny`], with a store on both sides.
fn stored(limits: sordino_engine::garbled::GarbledLimits) -> Garbled {
    Garbled::new(&tiny(1), Options { stored: true, limits }).unwrap()
}

/// A session that makes one circuit.
fn prepare(deployed: &Garbled) -> Id {
    let client = |lane| {
        let mut session = deployed.connect(lane).unwrap();
        let id = session.prepare(&mut Silent).unwrap();
        session.finish().unwrap();
        id
    };
    let (id, server) = both(client, |mut lane| deployed.server(&mut lane));
    server.unwrap();
    id
}

/// A session of one inference.
fn infer(deployed: &Garbled, x: &[u64]) -> (Result<Vec<u64>, Error>, Result<Meter, Error>) {
    let client = |lane| Ok(deployed.client(lane, &[x.to_vec()])?.outputs.remove(0));
    both(client, |mut lane| deployed.server(&mut lane))
}
