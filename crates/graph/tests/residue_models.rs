//! Accuracy of networks quantised for the garbled backend, on real data.
#![allow(clippy::unwrap_used)]

mod common;
mod fixed_common;

use fixed_common::{Labelled, calibrate, clear, float, images, inputs, model, top1};
use rayon::prelude::*;
use sordino_graph::fixed::residue::{
    LookupForm, MAX_ERROR, RescaleForm, ResidueOptions, Style, fit, quantise,
};
use sordino_graph::fixed::{FixedModel, encode_input, quality};
use sordino_graph::ir::Tensor;

const CALIBRATION: usize = 128;

fn forms(divisors: &[u64], levels: u32, outputs: u32) -> Vec<LookupForm> {
    divisors.iter().map(|&divisor| LookupForm { divisor, levels, outputs }).collect()
}

/// Menus of 6-, 7- and 8-bit activations from the primes whose labels are long enough.
fn menus() -> [Vec<LookupForm>; 3] {
    [
        forms(&[13 * 61, 29 * 61, 53 * 61, 7 * 13 * 61, 7 * 29 * 61, 13 * 53 * 61], 127, 61),
        forms(&[7 * 127, 13 * 127, 29 * 127, 7 * 13 * 127, 7 * 29 * 127, 13 * 53 * 127], 251, 127),
        forms(&[7 * 127, 13 * 127, 29 * 127, 7 * 13 * 127, 7 * 29 * 127, 13 * 53 * 127], 251, 251),
    ]
}

/// Without rescaling in 46 bits, and with a rescaling prime in 25 and 32 bits.
const DASH: [(u64, u64); 3] = [
    (7 * 13 * 29 * 31 * 53 * 59 * 61 * 127 * 113, 1),
    (31 * 53 * 59 * 61 * 7, 31),
    (31 * 53 * 59 * 61 * 7 * 127, 31),
];

fn options() -> ResidueOptions {
    ResidueOptions::new(Style::Strict { forms: Vec::new(), weight_bits: 9 })
}

fn encoded(m: &FixedModel, x: &Tensor) -> Vec<u64> {
    let edge = &m.graph.edges[m.graph.input.0 as usize];
    encode_input(edge, x.as_f32().unwrap()).unwrap().words
}

/// Right answers, answers equal to `floats`, and inputs with a value outside its window.
fn score(m: &FixedModel, test: &Labelled, floats: &[usize]) -> (usize, usize, usize) {
    let one = |((x, label), f): (&(Tensor, usize), &usize)| {
        let y = top1(&clear(m, x));
        let over = !m.overflows(&encoded(m, x)).is_empty();
        (usize::from(y == *label), usize::from(y == *f), usize::from(over))
    };
    let add =
        |a: (usize, usize, usize), b: (usize, usize, usize)| (a.0 + b.0, a.1 + b.1, a.2 + b.2);
    test.par_iter().zip(floats).map(one).reduce(|| (0, 0, 0), add)
}

/// `fit` loses at most one point of top-1, with at most `outputs` distinct activations.
fn keeps_accuracy(name: &str, test: usize, outputs: u32) {
    if common::data(name).is_none() {
        return;
    }
    let g = model(name);
    let (calibration, test) = images(name, CALIBRATION, test);
    let (c, samples) = (calibrate(&g, &calibration), inputs(&calibration));
    let f = fit(&g, &c, &samples, &options(), &menus(), MAX_ERROR).unwrap();
    let floats: Vec<usize> = test.par_iter().map(|(x, _)| top1(&float(&g, x))).collect();
    let right = floats.iter().zip(&test).filter(|(p, (_, l))| *p == l).count();
    let (ours, same, over) = score(&f.model, &test, &floats);
    let Style::Strict { forms, .. } = &f.options.style else { unreachable!() };
    println!(
        "{name}: float {right}, {} activations {ours} of {}, same {same}, left a window {over}, error {:.4}",
        forms[0].outputs,
        test.len(),
        f.quality.error
    );
    assert!(forms[0].outputs <= outputs, "{} activations", forms[0].outputs);
    assert!(ours * 100 + test.len() >= right * 100, "{right} right in floats, {ours} in residues");
    assert!(over * 20 <= test.len(), "{over} inputs left a window");
}

#[test]
fn fitted_mnist_networks_keep_their_accuracy_at_6_bits() {
    keeps_accuracy("mnist_mlp_a", 1000, 61);
    keeps_accuracy("mnist_network_b", 1000, 61);
    keeps_accuracy("mnist_cnn_cntk", 1000, 61);
}

#[test]
fn fitted_cifar_networks_keep_their_accuracy() {
    keeps_accuracy("cifar10_resnet8_tiny", 500, 127);
}

#[test]
#[ignore = "a minute"]
fn larger_cifar_networks_keep_their_accuracy() {
    keeps_accuracy("cifar10_minionn_relu6", 500, 127);
    keeps_accuracy("cifar10_resnet20", 500, 127);
    keeps_accuracy("cifar10_resnet20_pt", 500, 127);
}

/// Prints what each width costs in accuracy; `NETWORK` picks one network.
#[test]
#[ignore = "a measurement of minutes"]
fn accuracies_by_width() {
    if common::data("accuracies").is_none() {
        return;
    }
    let only = std::env::var("NETWORK").ok();
    for (name, test) in [
        ("mnist_mlp_a", 1000),
        ("mnist_network_b", 1000),
        ("mnist_cnn_cntk", 1000),
        ("cifar10_resnet8_tiny", 500),
        ("cifar10_minionn_relu6", 500),
        ("cifar10_resnet20", 500),
        ("cifar10_resnet20_pt", 500),
        ("cifar10_densenet40", 100),
    ] {
        if only.as_ref().is_some_and(|n| n != name) {
            continue;
        }
        let g = model(name);
        let (calibration, test) = images(name, CALIBRATION, test);
        let (c, samples) = (calibrate(&g, &calibration), inputs(&calibration));
        let floats: Vec<usize> = test.par_iter().map(|(x, _)| top1(&float(&g, x))).collect();
        let right = floats.iter().zip(&test).filter(|(p, (_, l))| *p == l).count();
        println!("{name}: float {right} of {}", test.len());
        for (modulus, divisor) in DASH {
            let form = RescaleForm { modulus, divisor };
            match quantise(&g, &c, &samples, &ResidueOptions::new(Style::DashCompat(form))) {
                Ok(m) => println!(
                    "  dash-compat {modulus} / {divisor}: {:?}, {:?}",
                    score(&m, &test, &floats),
                    quality(&g, &m, &samples).unwrap()
                ),
                Err(e) => println!("  dash-compat {modulus} / {divisor}: {e}"),
            }
        }
        for menu in menus() {
            let f = fit(&g, &c, &samples, &options(), std::slice::from_ref(&menu), 0.0);
            match f {
                Ok(f) => println!(
                    "  {} activations: (right, same, left a window) {:?}, {:?}",
                    menu[0].outputs,
                    score(&f.model, &test, &floats),
                    f.quality
                ),
                Err(e) => println!("  {} activations: {e}", menu[0].outputs),
            }
        }
    }
}
