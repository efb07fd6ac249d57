//! Trained networks in one garbled circuit: the decoded output equals the fixed-point reference
//! bit for bit, and the class is float's.
#![allow(clippy::unwrap_used)]

mod common;
#[path = "common/loopback.rs"]
mod loopback;

use loopback::{Case, prepare_residues};
use sordino::engine::garbled::{Circuit, run_garbled};
use sordino::engine::{Silent, run_clear};
use sordino::graph::fixed::decode_output;
use sordino::graph::float;
use sordino::predict::{Scores, best};

/// Inputs that get the class which the float network gives them.
fn same_classes(case: &Case, count: usize) -> Option<usize> {
    let p = prepare_residues(case, count)?;
    let circuit = Circuit::new(&p.fixed).unwrap();
    let mut same = 0;
    for (x, sample) in p.words.iter().zip(&p.samples) {
        let got = run_garbled(&circuit, x, &mut Silent).unwrap();
        assert_eq!(got, run_clear(&p.fixed, x).unwrap(), "{}", case.model);
        let outputs = float::run(&p.model.graph, &[p.model.tensor(sample).unwrap()]).unwrap();
        let values = decode_output(&p.fixed.graph, &got).unwrap();
        let float = best(outputs[0].as_f32().unwrap(), Scores::Logits);
        same += usize::from(best(&values, Scores::Logits) == float);
    }
    Some(same)
}

/// One after the other: tables of a circuit take up to gigabytes. Three pictures, or ten with `SORDINO_NIGHTLY`,
/// of which one may fall into another class.
#[test]
fn classes_are_those_of_float() {
    let pictures = if std::env::var_os("SORDINO_NIGHTLY").is_some() { 10 } else { 3 };
    for (case, count, least) in [
        (loopback::mnist_network_b(), 100, 99),
        (loopback::mnist_mlp_a(), 100, 99),
        (loopback::cifar10_resnet20(), pictures, pictures - pictures / 10),
    ] {
        if let Some(same) = same_classes(&case, count) {
            assert!(same >= least, "{}: {same} of {count}", case.model);
        }
    }
}
