//! Accuracy of the integer networks on real data.
#![allow(clippy::unwrap_used)]

mod common;
mod fixed_common;

use fixed_common::{calibrate, clear, float, images, inputs, model, top1};
use rayon::prelude::*;
use sordino_graph::fixed::{Calibration, Fitted, Goal, MAX_ERROR, MAX_RISK, QuantiseOptions, fit};
use sordino_graph::ir::{Graph, Tensor};

/// Training images that ranges and bit widths are chosen on.
const CALIBRATION: usize = 64;

fn fitted(g: &Graph, samples: &[Tensor], c: &Calibration) -> Fitted {
    let start = QuantiseOptions { act_bits: 4, weight_bits: 3, ..Default::default() };
    fit(g, c, samples, &start, Goal::Output(MAX_ERROR)).unwrap()
}

/// Loses at most 0.3 points of top-1 on test images, or one image, in rings of at most `ring` bits. Of `test` images two
/// fifths, or all with `SORDINO_NIGHTLY`.
fn keeps_accuracy(name: &str, test: usize, ring: u32) {
    if common::data(name).is_none() {
        return;
    }
    let test = if std::env::var_os("SORDINO_NIGHTLY").is_some() { test } else { test * 2 / 5 };
    let g = model(name);
    let (calibration, test) = images(name, CALIBRATION, test);
    let c = calibrate(&g, &calibration);
    let f = fitted(&g, &inputs(&calibration), &c);
    let hits: Vec<(bool, bool)> = test
        .par_iter()
        .map(|(x, label)| (top1(&float(&g, x)) == *label, top1(&clear(&f.model, x)) == *label))
        .collect();
    let (floats, clears) =
        (hits.iter().filter(|h| h.0).count(), hits.iter().filter(|h| h.1).count());
    let layers = f.model.graph.report();
    let widest = layers.iter().filter(|l| l.comparisons > 0).map(|l| l.ring_in).max().unwrap_or(0);
    println!(
        "{name}: float {floats}, integers {clears} of {}; {}-bit activations, {}-bit weights, comparisons in {widest} bits, error {:.4}",
        test.len(),
        f.options.act_bits,
        f.options.weight_bits,
        f.quality.error
    );
    let allowed = (test.len() as f64 * 0.003).max(1.0);
    assert!(
        floats as f64 - clears as f64 <= allowed,
        "{floats} right in floats, {clears} in integers"
    );
    assert!(widest <= ring, "comparisons in {widest} bits");
}

#[test]
fn mnist_networks() {
    keeps_accuracy("mnist_cnn_cntk", 2000, 24);
    keeps_accuracy("mnist_network_b", 2000, 23);
    keeps_accuracy("mnist_mlp_a", 2000, 23);
}

#[test]
fn residual_networks() {
    keeps_accuracy("cifar10_resnet20", 500, 25);
    keeps_accuracy("cifar10_resnet20_pt", 500, 25);
    keeps_accuracy("cifar10_resnet32", 500, 25);
    keeps_accuracy("cifar10_resnet8_tiny", 500, 28);
}

#[test]
fn clipped_and_polynomial_networks() {
    keeps_accuracy("cifar10_minionn_relu6", 500, 26);
    keeps_accuracy("cifar10_minionn_poly", 500, 36);
}

#[test]
fn a_densely_connected_network() {
    keeps_accuracy("cifar10_densenet40", 100, 39);
}

/// Top-1 on the photos that come with a network.
fn keeps_photos(name: &str) {
    let Some(data) = common::data(name) else { return };
    let g = model(name);
    let sets: Vec<(Tensor, Tensor)> = common::data_sets(&data.join("models").join(name))
        .iter()
        .map(|s| {
            let first = |kind| common::tensors(s, kind).remove(0).1;
            (first("input"), first("output"))
        })
        .collect();
    let samples: Vec<Tensor> = sets.iter().map(|s| s.0.clone()).collect();
    let c = Calibration::run(&g, &samples).unwrap();
    let f = fitted(&g, &samples, &c);
    println!(
        "{name}: {}-bit activations, {}-bit weights, {:?}",
        f.options.act_bits, f.options.weight_bits, f.quality
    );
    for (x, y) in &sets {
        assert_eq!(top1(&clear(&f.model, x)), top1(y.as_f32().unwrap()));
    }
}

/// Telling classes apart takes fewer bits than reproducing a thousand scores.
#[test]
fn classes_of_photos_take_fewer_bits_than_scores() {
    let Some(data) = common::data("squeezenet1.1") else { return };
    let g = model("squeezenet1.1");
    let folder = data.join("models/squeezenet1.1");
    let samples: Vec<Tensor> = common::data_sets(&folder)
        .iter()
        .map(|s| common::tensors(s, "input").remove(0).1)
        .collect();
    let c = Calibration::run(&g, &samples).unwrap();
    let start = QuantiseOptions { act_bits: 4, weight_bits: 3, ..Default::default() };
    let f = fit(&g, &c, &samples, &start, Goal::Class(MAX_RISK)).unwrap();
    println!("{:?} {:?}", f.options, f.quality);
    assert!(Goal::Class(MAX_RISK).met(&f.quality));
    assert!(f.options.act_bits <= 12 && f.options.weight_bits <= 11);
}

#[test]
fn photo_networks() {
    keeps_photos("squeezenet1.1");
    keeps_photos("mobilenet_v1_0.5_160");
    keeps_photos("vww_mobilenet_v1_0.25_96");
}
