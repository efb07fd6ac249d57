//! Real networks over TCP and TLS: the revealed output equals the fixed-point reference bit for
//! bit, and every layer sends exactly what was predicted.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/loopback.rs"]
mod loopback;

use loopback::{Case, WISH, over_tls, prepare};
use sordino::engine::run_clear;
use sordino::engine::session::{SupplyChoice, Wish};
use sordino::engine::twoparty::{CostModel, ServerModel};
use sordino::graph::fixed::decode_output;
use sordino::wire::Role;

/// The classes that the private runs, and the float network, give the inputs.
struct Classified {
    private: Vec<usize>,
    float: Vec<usize>,
}

fn best(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |b, i| if scores[i] > scores[b] { i } else { b })
}

fn run(case: &Case, wish: Wish, count: usize) -> Option<Classified> {
    let p = prepare(case, count)?;
    let got = over_tls(&ServerModel::new(p.fixed.clone()).unwrap(), wish, &p.words);
    for (x, y) in p.words.iter().zip(&got.outputs) {
        assert_eq!(*y, run_clear(&p.fixed, x).unwrap(), "{}", case.model);
    }
    for (meter, role) in [(got.client, Role::Client), (got.server, Role::Server)] {
        let mut cost = CostModel::new(&p.fixed.graph, &wish.into(), role).unwrap();
        for _ in &p.words {
            cost.infer().unwrap();
        }
        assert_eq!(cost.meter().counts().len(), meter.counts().len());
        for (at, count) in cost.meter().counts() {
            // The server also meters the good-bye, outside of every layer.
            if at.1.is_some() || role == Role::Client {
                assert_eq!(meter.counts()[at], *count, "{} {role:?} {at:?}", case.model);
            }
        }
    }
    let float = |s: &Vec<f32>| {
        let input = p.model.tensor(s).unwrap();
        let out = sordino::graph::float::run(&p.model.graph, &[input]).unwrap();
        best(out[0].as_f32().unwrap())
    };
    let decode = |y: &Vec<u64>| best(&decode_output(&p.fixed.graph, y).unwrap());
    Some(Classified {
        private: got.outputs.iter().map(decode).collect(),
        float: p.samples.iter().map(float).collect(),
    })
}

#[test]
fn a_hundred_mnist_digits() {
    if let Some(got) = run(&loopback::mnist_network_b(), WISH, 100) {
        let same = got.private.iter().zip(&got.float).filter(|(a, b)| a == b).count();
        assert!(same >= 99, "{same} of 100 classes equal the float network's");
    }
}

#[test]
fn digits_on_ferret() {
    let wish = Wish { supply: SupplyChoice::Ferret, ..WISH };
    if let Some(got) = run(&loopback::mnist_network_b(), wish, 5) {
        assert_eq!(got.private, got.float);
    }
}

#[test]
fn ten_cifar_pictures_through_resnet_20() {
    if let Some(got) = run(&loopback::cifar10_resnet20(), WISH, 10) {
        assert_eq!(got.private, got.float);
    }
}

/// Photos of the data folder in a test: all nine take minutes.
fn photos() -> usize {
    if std::env::var_os("SORDINO_NIGHTLY").is_some() { 9 } else { 1 }
}

#[test]
fn photos_through_squeezenet() {
    let expected = [19, 285, 258, 319, 457, 934, 94, 281, 88];
    if let Some(got) = run(&loopback::squeezenet(), WISH, photos()) {
        assert_eq!(got.private, expected[..photos()]);
        assert_eq!(got.float, got.private);
    }
}

#[test]
fn photos_through_mobilenet() {
    // Class 0 is the background.
    let expected = [20, 286, 259, 320, 401, 935, 95, 282, 89];
    if let Some(got) = run(&loopback::mobilenet_v1(), WISH, photos()) {
        assert_eq!(got.private, expected[..photos()]);
        assert_eq!(got.float, got.private);
    }
}
