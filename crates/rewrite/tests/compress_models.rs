//! Accuracy of real networks after compression. Needs the data folder.
#![allow(clippy::unwrap_used)]

use sordino_graph::fixed::{Calibration, MAX_ERROR, QuantiseOptions, fit, quality};
use sordino_graph::ir::{Graph, Tensor};
use sordino_graph::{float, load, onnx, passes};
use sordino_rewrite::compress::{Method, Scale, Scope, Settings, adapt, compress, summary};
use std::collections::BTreeSet;
use std::io::Read;
use std::path::{Path, PathBuf};

type Labelled = Vec<(Tensor, usize)>;

fn data(what: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SORDINO_DATA").map_or(beside, PathBuf::from);
    if !folder.is_dir() {
        println!("skipped: {what} (no data folder)");
        return None;
    }
    Some(folder)
}

fn model(data: &Path, name: &str) -> Graph {
    let path = data.join("models").join(name).join("model.onnx");
    let mut graph = load(&std::fs::read(path).unwrap()).unwrap();
    passes::simplify(&mut graph).unwrap();
    graph
}

/// The first digits, each pixel through `f`.
fn digits(data: &Path, set: &str, n: usize, f: impl Fn(f32) -> f32) -> Labelled {
    let read = |kind: &str| {
        let file = std::fs::File::open(data.join("mnist").join(format!("{set}-{kind}-ubyte.gz")));
        let mut bytes = Vec::new();
        flate2::read::GzDecoder::new(file.unwrap()).read_to_end(&mut bytes).unwrap();
        bytes
    };
    let (images, labels) = (read("images-idx3"), read("labels-idx1"));
    let pairs = images[16..].chunks_exact(784).zip(&labels[8..]).take(n);
    let one = |(pixels, label): (&[u8], &u8)| {
        let x = pixels.iter().map(|&p| f(f32::from(p))).collect();
        (Tensor::f32(vec![1, 1, 28, 28], x).unwrap(), usize::from(*label))
    };
    pairs.map(one).collect()
}

/// The first CIFAR-10 images as ResNet takes them.
fn pictures(data: &Path, file: &str, n: usize) -> Labelled {
    let (mean, deviation) = ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]);
    let bytes = std::fs::read(data.join("cifar10").join(file)).unwrap();
    let one = |record: &[u8]| {
        let pixel =
            |(i, &p): (usize, &u8)| (f32::from(p) / 255.0 - mean[i / 1024]) / deviation[i / 1024];
        let x = record[1..].iter().enumerate().map(pixel).collect();
        (Tensor::f32(vec![1, 3, 32, 32], x).unwrap(), usize::from(record[0]))
    };
    bytes.chunks_exact(3073).take(n).map(one).collect()
}

fn right(graph: &Graph, test: &Labelled) -> usize {
    let is_right = |(x, label): &&(Tensor, usize)| {
        let y = float::run(graph, std::slice::from_ref(x)).unwrap();
        let y = y[0].as_f32().unwrap();
        (0..y.len()).reduce(|a, b| if y[b] > y[a] { b } else { a }) == Some(*label)
    };
    test.iter().filter(is_right).count()
}

/// Compresses, adapts, and goes through a file.
fn compressed(original: &Graph, method: Method, samples: &[Tensor]) -> Graph {
    let mut graph = original.clone();
    let books = compress(&mut graph, &Settings::new(method)).unwrap();
    adapt(&mut graph, original, samples, &books).unwrap();
    load(&onnx::export(&graph).unwrap()).unwrap()
}

/// The integers of the file are those of fixed point, which computes what float does.
fn holds_in_fixed_point(graph: &Graph, samples: &[Tensor]) {
    let calibration = Calibration::run(graph, samples).unwrap();
    let least = QuantiseOptions { act_bits: 8, weight_bits: 8, ..Default::default() };
    let fitted = fit(graph, &calibration, &samples[..4], &least, MAX_ERROR).unwrap();
    let exact = summary(graph, &fitted.model).iter().filter(|l| l.exact == Some(true)).count();
    assert_eq!(exact, graph.nodes.iter().filter(|n| graph.weight(n).is_some()).count());
    assert_eq!(quality(graph, &fitted.model, samples).unwrap().agreement, 1.0);
}

/// What was asked for is in the file.
fn is_small(graph: &Graph, method: &Method) {
    let layers = graph.nodes.iter().filter_map(|n| graph.weight(n));
    let layers: Vec<Vec<f32>> =
        layers.map(|w| graph.constant(w.value).unwrap().as_f32().unwrap().to_vec()).collect();
    let all: Vec<f32> = layers.concat();
    let zeros = all.iter().filter(|w| **w == 0.0).count();
    let distinct = |weights: &[f32]| weights.iter().map(|w| w.to_bits()).collect::<BTreeSet<_>>();
    match *method {
        // Adapting may round further weights to zero.
        Method::Prune { sparsity, .. } => assert!(zeros as f64 >= sparsity * all.len() as f64),
        Method::Cluster { values } => assert!(layers.iter().all(|w| distinct(w).len() <= values)),
        Method::Quantise { bits, scale: Scale::Layer } => {
            assert!(layers.iter().all(|w| distinct(w).len() < 1 << bits));
        }
        _ => assert!(zeros > 0 && distinct(&all).len() < all.len() / 8),
    }
}

fn inputs(labelled: Labelled) -> Vec<Tensor> {
    labelled.into_iter().map(|(x, _)| x).collect()
}

const HALF: Method = Method::Prune { sparsity: 0.5, scope: Scope::Network, keep_floats: false };

#[test]
fn digits_survive() {
    let Some(data) = data("compression of network B") else { return };
    let graph = model(&data, "mnist_network_b");
    let scaled = |p: f32| (p / 255.0 - 0.1307) / 0.3081;
    let test = digits(&data, "t10k", 500, scaled);
    let samples = inputs(digits(&data, "train", 32, scaled));
    assert!(right(&graph, &test) >= 495);
    for (method, least) in [
        (HALF, 490),
        (Method::Cluster { values: 16 }, 490),
        (Method::Quantise { bits: 4, scale: Scale::Layer }, 490),
        (Method::Ternary(Scale::Channel), 450),
    ] {
        let small = compressed(&graph, method.clone(), &samples);
        is_small(&small, &method);
        let found = right(&small, &test);
        assert!(found >= least, "{method:?}: {found} of 500");
        holds_in_fixed_point(&small, &samples[..12]);
    }
}

#[test]
fn pictures_survive() {
    let Some(data) = data("compression of ResNet-20") else { return };
    let graph = model(&data, "cifar10_resnet20");
    let test = pictures(&data, "test_500.bin", 100);
    let samples = inputs(pictures(&data, "train_4000.bin", 32));
    let before = right(&graph, &test);
    for (method, lost) in [
        (HALF, 5),
        (Method::Cluster { values: 16 }, 4),
        (Method::Quantise { bits: 4, scale: Scale::Channel }, 4),
    ] {
        let small = compressed(&graph, method.clone(), &samples);
        is_small(&small, &method);
        let found = right(&small, &test);
        assert!(found + lost >= before, "{method:?}: {found} of 100, {before} before");
        holds_in_fixed_point(&small, &samples[..4]);
    }
}
