//! Real networks: stored outputs, accuracy, and that rewrites keep what they compute.
#![allow(clippy::unwrap_used)]

mod common;

use common::images::{Image, Preprocessing, accuracy, cifar10, mnist, pneumonia};
use common::{compare, data, data_sets, folders, tensors};
use sordino_graph::ir::{Graph, Tensor};
use sordino_graph::passes::{PASSES, remove_dead, simplify};
use sordino_graph::{float, load};
use std::path::Path;

fn model(folder: &Path) -> Graph {
    load(&std::fs::read(folder.join("model.onnx")).unwrap()).unwrap()
}

/// Runs every stored data set and compares with its outputs.
fn reproduces(folder: &Path, graph: &Graph, what: &str) {
    for set in data_sets(folder) {
        let inputs: Vec<Tensor> = tensors(&set, "input").into_iter().map(|t| t.1).collect();
        let outputs = float::run(graph, &inputs).unwrap();
        for (got, (_, want)) in outputs.iter().zip(tensors(&set, "output")) {
            let largest = want.as_f32().unwrap().iter().fold(0f32, |a, v| a.max(v.abs()));
            let result = compare(got, &want, 1e-4, 1e-4 * largest);
            assert_eq!(result, Ok(()), "{what} {}", set.display());
        }
    }
}

#[test]
fn stored_outputs_are_reproduced() {
    let Some(data) = data("stored outputs of the models") else { return };
    for folder in folders(&data.join("models")) {
        reproduces(&folder, &model(&folder), "imported");
    }
}

#[test]
fn every_pass_keeps_the_outputs() {
    let Some(data) = data("passes on the models") else { return };
    for folder in folders(&data.join("models")) {
        let mut graph = model(&folder);
        for (name, pass) in PASSES {
            if pass(&mut graph).unwrap() {
                remove_dead(&mut graph);
                reproduces(&folder, &graph, name);
            }
        }
        simplify(&mut graph).unwrap();
        reproduces(&folder, &graph, "simplified");
    }
}

#[test]
fn simplifying_leaves_no_batch_norm_after_a_convolution() {
    let Some(data) = data("batch-norm folding") else { return };
    let count = |g: &Graph| {
        g.nodes.iter().filter(|n| format!("{:?}", n.op).starts_with("BatchNorm")).count()
    };
    // Two of the second network follow a mean.
    for (name, norms) in [("cifar10_resnet20", 19), ("cifar10_densenet40", 3)] {
        let mut graph = model(&data.join("models").join(name));
        assert_eq!(count(&graph), norms);
        simplify(&mut graph).unwrap();
        assert_eq!(count(&graph), 0);
    }
}

fn top1(data: &Path, name: &str, images: &[Image], p: &Preprocessing) -> f64 {
    accuracy(&model(&data.join("models").join(name)), images, p)
}

const RAW: Preprocessing = Preprocessing { scale: 1.0, mean: [0.0; 3], std: [1.0; 3] };
const UNIT: Preprocessing = Preprocessing { scale: 255.0, ..RAW };
const MNIST: Preprocessing = Preprocessing { scale: 255.0, mean: [0.1307; 3], std: [0.3081; 3] };
const IMAGENET: Preprocessing =
    Preprocessing { scale: 255.0, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };

#[test]
fn accuracy_on_mnist() {
    let Some(data) = data("accuracy on MNIST") else { return };
    let images = mnist(&data);
    assert_eq!(top1(&data, "mnist_cnn_cntk", &images, &RAW), 98.91);
    assert_eq!(top1(&data, "mnist_network_b", &images, &MNIST), 99.18);
    assert_eq!(top1(&data, "mnist_mlp_a", &images, &MNIST), 97.71);
}

#[test]
fn accuracy_on_cifar10() {
    let Some(data) = data("accuracy on CIFAR-10") else { return };
    let images = cifar10(&data);
    for (name, p, want) in [
        ("cifar10_resnet20", &IMAGENET, 91.0),
        ("cifar10_resnet32", &IMAGENET, 93.2),
        ("cifar10_resnet20_pt", &IMAGENET, 90.2),
        ("cifar10_minionn_relu6", &UNIT, 87.0),
        ("cifar10_minionn_poly", &UNIT, 83.4),
        ("cifar10_resnet8_tiny", &RAW, 89.0),
        ("cifar10_densenet40", &RAW, 93.8),
    ] {
        assert_eq!(top1(&data, name, &images, p), want, "{name}");
    }
}

#[test]
fn accuracy_on_chest_x_rays() {
    let Some(data) = data("accuracy on PneumoniaMNIST") else { return };
    let half = Preprocessing { scale: 255.0, mean: [0.5; 3], std: [0.5; 3] };
    let top1 = top1(&data, "pneumoniamnist_cnn", &pneumonia(&data), &half);
    assert!((top1 - 92.9).abs() < 0.05, "{top1}");
}
