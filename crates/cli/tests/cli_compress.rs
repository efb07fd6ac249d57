//! `sordino rewrite`: the tools that need no training here, those that train in `training`.
#![allow(clippy::unwrap_used)]

mod common;
mod training;

use common::{data, digits, fails, ok};
use serde_json::Value;
use std::collections::BTreeSet;
use std::path::Path;
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Compresses the digit network with samples; the report.
fn compressed(tool: &str, out: &Path, options: &[&str]) -> Value {
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let (model, samples, out) = (text(&model), text(&samples), text(out));
    let head = ["rewrite", tool, model, "-o", out, "--json"];
    let tail = ["--calibrate", samples, "--data", samples];
    serde_json::from_str(&ok(&[&head[..], &tail, options].concat())).unwrap()
}

fn layers(report: &Value) -> impl Iterator<Item = &Value> {
    report["layers"].as_array().unwrap().iter()
}

fn sizes(report: &Value) -> Vec<u64> {
    layers(report).map(|l| l["weights"].as_u64().unwrap()).collect()
}

/// Weights of a file by layer.
fn weights(file: &Path) -> Vec<Vec<f32>> {
    let graph = sordino_graph::load(&std::fs::read(file).unwrap()).unwrap();
    let values = graph.nodes.iter().filter_map(|n| graph.constant(graph.weight(n)?.value));
    values.map(|w| w.as_f32().unwrap().to_vec()).collect()
}

fn zeros(file: &Path) -> Vec<u64> {
    let of = |w: &Vec<f32>| w.iter().filter(|w| **w == 0.0).count() as u64;
    weights(file).iter().map(of).collect()
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

#[test]
fn pruned_networks_answer_as_before_and_cost_less() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("pruned.onnx");
    let report = compressed("prune", &out, &["--sparsity", "0.5"]);
    assert_eq!(report["adapted_weights"], 4);
    let (before, after) = (&report["products"]["before"], &report["products"]["after"]);
    // Besides a product for each weight there are squares, which do not become fewer in proportion.
    assert!(number(after) <= 0.6 * number(before), "{before} {after}");
    assert_eq!(sizes(&report), [200, 3200, 16384, 640]);
    for layer in report["layers"].as_array().unwrap() {
        assert_eq!(layer["exact"], true, "{layer}");
    }
    // What the report says is in the file.
    let zeros = zeros(&out);
    let said: Vec<u64> = layers(&report).map(|l| l["zeros"].as_u64().unwrap()).collect();
    assert_eq!(zeros, said);
    assert!(zeros.iter().zip(sizes(&report)).all(|(zeros, of)| 2 * zeros >= of), "{zeros:?}");
    assert_eq!(report["file_bytes"], std::fs::metadata(&out).unwrap().len());
    let accuracy = &report["accuracy"];
    assert_eq!(accuracy["samples"], 64);
    assert!(number(&accuracy["clear"]["after"]) >= 61.0, "{accuracy}");
    let samples = digits("drawn-images-idx3-ubyte.gz");
    let eval = ["eval", text(&out), "--data", text(&samples), "--backend", "float", "--json"];
    let eval: Value = serde_json::from_str(&ok(&eval)).unwrap();
    assert_eq!(eval[0]["correct"], accuracy["float"]["after"], "{eval}");
    // The file beside the model went along: the network knows its classes and takes pictures.
    let picture = digits("images").join("3.png");
    let answer = ok(&[
        "run",
        text(&out),
        text(&picture),
        "--backend",
        "clear",
        "--calibrate",
        text(&digits("drawn-images-idx3-ubyte.gz")),
    ]);
    assert!(answer.contains("3.png"), "{answer}");
}

#[test]
fn every_tool_says_what_it_did() {
    let dir = TempDir::new().unwrap();
    let cases: [(&str, &[&str], u64, u64); 4] = [
        ("cluster", &["--values", "8"], 8, 8),
        ("ternary", &["--per", "layer"], 3, 2),
        ("binary", &["--per", "layer"], 2, 2),
        ("quantize", &["--bits", "4", "--per", "layer"], 15, 4),
    ];
    for (tool, options, distinct, bits) in cases {
        let out = dir.path().join(format!("{tool}.onnx"));
        let report = compressed(tool, &out, options);
        assert_eq!(sizes(&report), [200, 3200, 16384, 640], "{tool}");
        for (layer, weights) in layers(&report).zip(weights(&out)) {
            let found: BTreeSet<u32> = weights.iter().map(|w| w.to_bits()).collect();
            assert_eq!(layer["distinct"], found.len(), "{tool}: {layer}");
            assert!(found.len() as u64 <= distinct, "{tool}: {layer}");
            assert!(layer["bits"]["after"].as_u64().unwrap() <= bits, "{tool}: {layer}");
        }
        // In proportion to bits, but for what does not depend on weights.
        let transfers = &report["transfers"];
        let most = if bits == 8 { 1.0 } else { 0.6 };
        assert!(number(&transfers["after"]) <= most * number(&transfers["before"]), "{transfers}");
    }
    let (model, out) = (digits("digits.onnx"), dir.path().join("text.onnx"));
    let table = ok(&["rewrite", "prune", text(&model), "-o", text(&out), "--sparsity", "0.5"]);
    assert!(table.contains("products") && table.contains("noise"), "{table}");
}

#[test]
fn wrong_commands_are_refused() {
    let dir = TempDir::new().unwrap();
    let (model, out) = (digits("digits.onnx"), dir.path().join("x.onnx"));
    let (model, out) = (text(&model), text(&out));
    let prune = ["rewrite", "prune", model, "-o", out, "--sparsity"];
    fails(&[&prune[..], &["1.5"]].concat(), 2, &["between 0 and 1"]);
    fails(&[&prune[..], &["0.5", "--except", "last"]].concat(), 2, &["'last'", "there are"]);
    fails(&["rewrite", "cluster", model, "-o", out, "--values", "1"], 2, &["between 2 and 256"]);
    fails(&["rewrite", "quantize", model, "-o", out, "--bits", "9"], 2, &["bits = 9"]);
    fails(&["rewrite", "prune", model, "-o", model, "--sparsity", "0.5"], 2, &["--force"]);
    fails(&["rewrite", "ternary", "/nowhere/x.onnx", "-o", out], 1, &["/nowhere/x.onnx"]);
    assert!(!Path::new(out).exists());
}

#[test]
fn real_layers_cost_half_at_half_the_weights() {
    let Some(model) = data("models/cifar10_resnet20/model.onnx") else { return };
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("resnet.onnx");
    let args = ["rewrite", "prune", text(&model), "-o", text(&out), "--sparsity", "0.5", "--json"];
    let report: Value = serde_json::from_str(&ok(&args)).unwrap();
    let products = &report["products"];
    assert!(number(&products["after"]) <= 0.55 * number(&products["before"]), "{products}");
    let (zeros, sizes) = (zeros(&out), sizes(&report));
    let (zeros, of): (u64, u64) = (zeros.iter().sum(), sizes.iter().sum());
    assert!(zeros as f64 >= 0.49 * of as f64, "{zeros} of {of}");
}
