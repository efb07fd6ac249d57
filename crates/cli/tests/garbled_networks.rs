//! The evaluation networks of Dash as garbled circuits, with the gadgets of both styles: the
//! output equals the reference on every image. A tenth of the images, or with `SORDINO_NIGHTLY`
//! set all of them.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/garbled.rs"]
mod garbled;

use garbled::{Prepared, dash_compat, strict, zoo};
use sordino::engine::garbled::{Circuit, run_garbled};
use sordino::engine::{Silent, run_clear};
use sordino::graph::zoo::Network;
use std::sync::Mutex;

/// One circuit in memory at a time: the largest has 2.2 GB of tables.
static MEMORY: Mutex<()> = Mutex::new(());

fn equal(p: &Prepared) {
    let _one = MEMORY.lock().unwrap_or_else(|e| e.into_inner());
    let circuit = Circuit::new(&p.fixed).unwrap();
    assert!(circuit.lambda() >= 112.0);
    for words in &p.words {
        let got = run_garbled(&circuit, words, &mut Silent).unwrap();
        assert_eq!(got, run_clear(&p.fixed, words).unwrap());
    }
}

fn both(network: Network, images: usize) {
    let images = match std::env::var_os("SORDINO_NIGHTLY") {
        Some(_) => images,
        None => images.div_ceil(10),
    };
    let float = zoo(network);
    equal(&strict(&float, network, images));
    if network != Network::E100 {
        equal(&dash_compat(&float, network, images));
    }
}

#[test]
fn a_and_e() {
    both(Network::A, 100);
    both(Network::E100, 100);
}

#[test]
fn b() {
    both(Network::B, 100);
}

#[test]
fn c() {
    both(Network::C, 100);
}

#[test]
fn d() {
    both(Network::D, 100);
}

#[test]
fn f_small() {
    both(Network::FSmall, 10);
}

#[test]
fn f() {
    both(Network::F, 10);
}

/// One round whatever the depth, and no more bytes than Dash: 0.34 MiB for F.
#[test]
fn online_traffic() {
    let float = zoo(Network::F);
    let p = strict(&float, Network::F, 1);
    let _one = MEMORY.lock().unwrap_or_else(|e| e.into_inner());
    let online = garbled::online(&p.fixed, &p.words[0]);
    assert_eq!(online.output, run_clear(&p.fixed, &p.words[0]).unwrap());
    assert_eq!(online.rounds, 1);
    assert!(online.bytes <= 351_000, "{}", online.bytes);
}
