//! Networks on Paillier's encryption over TCP and TLS, in every mode: the revealed output equals the fixed-point
//! reference bit for bit, and every layer sends what was predicted. One image of the smallest, or with
//! `SORDINO_NIGHTLY` set those of MNIST on 20 images and those of CIFAR-10 on 2.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/loopback.rs"]
mod loopback;
#[path = "common/popcorn.rs"]
mod popcorn;

use loopback::{Case, prepare};
use popcorn::{name, predicted, session, wishes};
use sordino::engine::run_clear;
use sordino::engine::session::{PaillierBits, Wish};
use sordino::wire::Role;

fn equal(case: &Case, wishes: &[Wish], count: usize) {
    let Some(p) = prepare(case, count) else { return };
    for wish in wishes {
        let got = session(&p.fixed, *wish, &p.words);
        for (x, y) in p.words.iter().zip(&got.outputs) {
            assert_eq!(*y, run_clear(&p.fixed, x).unwrap(), "{} {}", case.model, name(wish));
        }
        for (meter, role) in [(&got.client, Role::Client), (&got.server, Role::Server)] {
            let predicted = predicted(&p.fixed.graph, *wish, role, count);
            assert_eq!(predicted.counts().len(), meter.counts().len());
            for (at, cost) in predicted.counts() {
                // The server also meters the good-bye, outside of every layer.
                if at.1.is_some() || role == Role::Client {
                    let sent = &meter.counts()[at];
                    assert_eq!(sent, cost, "{} {} {role:?} {at:?}", case.model, name(wish));
                }
            }
        }
        let total = got.client.total();
        println!(
            "{:<22} {} {count} images, each {:.2} MB up, {:.2} MB down, {} rounds",
            case.model,
            name(wish),
            total.up as f64 / 1e6 / count as f64,
            total.down as f64 / 1e6 / count as f64,
            total.rounds / count as u64
        );
    }
}

fn nightly() -> bool {
    let nightly = std::env::var_os("SORDINO_NIGHTLY").is_some();
    if !nightly {
        println!("skipped: only with SORDINO_NIGHTLY set");
    }
    nightly
}

#[test]
fn one_digit_through_the_smallest() {
    equal(&loopback::mnist_mlp_a(), &wishes(PaillierBits::N2048), 1);
}

#[test]
fn one_digit_with_the_larger_key() {
    equal(&loopback::mnist_mlp_a(), &wishes(PaillierBits::N3072), 1);
}

#[test]
fn twenty_digits_through_each() {
    if nightly() {
        let cases = [
            loopback::mnist_mlp_a(),
            loopback::mnist_dash_c(),
            loopback::mnist_network_b(),
            loopback::mnist_cnn_cntk(),
            loopback::digits_cnn(),
        ];
        cases.iter().for_each(|case| equal(case, &wishes(PaillierBits::N2048), 20));
    }
}

#[test]
fn two_pictures_through_each() {
    if nightly() {
        for case in [loopback::cifar10_minionn(), loopback::cifar10_resnet20()] {
            equal(&case, &wishes(PaillierBits::N2048), 2);
        }
    }
}
