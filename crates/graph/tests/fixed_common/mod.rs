//! Labelled images of the data folder, preprocessed for each network.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, missing_docs)]

pub mod net;

use sordino_graph::fixed::{
    Calibration, FixedModel, FixedOp, KernelSums, decode_output, encode_input, semantics,
};
use sordino_graph::ir::{Graph, Tensor};
use std::io::Read;
use std::path::PathBuf;

pub type Labelled = Vec<(Tensor, usize)>;

/// The data folder, which the caller has checked to exist.
fn data() -> PathBuf {
    crate::common::data("fixed point on real networks").unwrap()
}

pub fn model(name: &str) -> Graph {
    let path = data().join("models").join(name).join("model.onnx");
    let mut graph = sordino_graph::load(&std::fs::read(path).unwrap()).unwrap();
    sordino_graph::passes::simplify(&mut graph).unwrap();
    graph
}

fn gunzip(path: PathBuf) -> Vec<u8> {
    let mut out = Vec::new();
    flate2::read::GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_end(&mut out).unwrap();
    out
}

/// The first `n` digits, each pixel through `f`.
pub fn mnist(train: bool, n: usize, f: impl Fn(f32) -> f32) -> Labelled {
    let dir = data().join("mnist");
    let set = if train { "train" } else { "t10k" };
    let images = gunzip(dir.join(format!("{set}-images-idx3-ubyte.gz")));
    let labels = gunzip(dir.join(format!("{set}-labels-idx1-ubyte.gz")));
    let pixels = images[16..].chunks_exact(784).zip(&labels[8..]).take(n);
    pixels
        .map(|(p, &l)| {
            let x = p.iter().map(|&v| f(f32::from(v))).collect();
            (Tensor::f32(vec![1, 1, 28, 28], x).unwrap(), usize::from(l))
        })
        .collect()
}

/// The first `n` CIFAR-10 images, each pixel through `f(channel, value)`.
pub fn cifar(train: bool, n: usize, f: impl Fn(usize, f32) -> f32) -> Labelled {
    let file = if train { "train_4000.bin" } else { "test_500.bin" };
    let bytes = std::fs::read(data().join("cifar10").join(file)).unwrap();
    bytes
        .chunks_exact(3073)
        .take(n)
        .map(|r| {
            let x = r[1..].iter().enumerate().map(|(i, &v)| f(i / 1024, f32::from(v))).collect();
            (Tensor::f32(vec![1, 3, 32, 32], x).unwrap(), usize::from(r[0]))
        })
        .collect()
}

pub fn normalised(c: usize, v: f32) -> f32 {
    (v / 255.0 - [0.485, 0.456, 0.406][c]) / [0.229, 0.224, 0.225][c]
}

/// Calibration (training) and test images of a network, none when it has no labelled set.
pub fn images(name: &str, calibration: usize, test: usize) -> (Labelled, Labelled) {
    let digits = |f: fn(f32) -> f32| (mnist(true, calibration, f), mnist(false, test, f));
    let photos = |f: fn(usize, f32) -> f32| (cifar(true, calibration, f), cifar(false, test, f));
    match name {
        "mnist_cnn_cntk" => digits(|v| v),
        "mnist_network_b" | "mnist_mlp_a" => digits(|v| (v / 255.0 - 0.1307) / 0.3081),
        "cifar10_resnet20" | "cifar10_resnet32" | "cifar10_resnet20_pt" => photos(normalised),
        "cifar10_minionn_relu6" | "cifar10_minionn_poly" => photos(|_, v| v / 255.0),
        "cifar10_resnet8_tiny" | "cifar10_densenet40" => photos(|_, v| v),
        _ => panic!("no labelled images for {name}"),
    }
}

pub fn inputs(images: &Labelled) -> Vec<Tensor> {
    images.iter().map(|(x, _)| x.clone()).collect()
}

pub fn calibrate(g: &Graph, images: &Labelled) -> Calibration {
    Calibration::run(g, &inputs(images)).unwrap()
}

pub fn top1(scores: &[f32]) -> usize {
    let best = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    scores.iter().position(|&s| s == best).unwrap()
}

pub fn float(g: &Graph, x: &Tensor) -> Vec<f32> {
    let y = sordino_graph::float::run(g, std::slice::from_ref(x)).unwrap();
    y[0].as_f32().unwrap().to_vec()
}

pub fn clear(m: &FixedModel, x: &Tensor) -> Vec<f32> {
    let edge = &m.graph.edges[m.graph.input.0 as usize];
    let words = encode_input(edge, x.as_f32().unwrap()).unwrap().words;
    decode_output(&m.graph, &semantics::run(&m.graph, &m.weights, words)).unwrap()
}

/// For each linear layer whether it says how large sums of its filters are; what it says is their kernel's.
pub fn says_sums(m: &FixedModel) -> Vec<bool> {
    let of = |op: &FixedOp| {
        let FixedOp::Linear { weights, weight_bits, sums, .. } = op else { return None };
        let kernel = &m.weights.layers[weights.0 as usize].kernel;
        assert!(sums.is_none_or(|s| s == KernelSums::of(kernel, *weight_bits)));
        Some(sums.is_some())
    };
    m.graph.nodes.iter().filter_map(|n| of(&n.op)).collect()
}
