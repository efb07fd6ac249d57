//! `sordino rewrite prune` and the other tools that need no training.
#![allow(clippy::unwrap_used)]

mod common;

use common::{data, digits, fails, ok};
use serde_json::Value;
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
    assert!(number(after) <= 0.55 * number(before), "{before} {after}");
    for layer in report["layers"].as_array().unwrap() {
        assert_eq!(layer["exact"], true, "{layer}");
        assert!(number(&layer["zeros"]) >= 0.5 * number(&layer["weights"]), "{layer}");
    }
    let accuracy = &report["accuracy"];
    assert!(number(&accuracy["clear"]["after"]) >= 0.95 * number(&accuracy["samples"]));
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
        let report = compressed(tool, &dir.path().join(format!("{tool}.onnx")), options);
        for layer in report["layers"].as_array().unwrap() {
            assert!(layer["distinct"].as_u64().unwrap() <= distinct, "{tool}: {layer}");
            assert!(layer["bits"]["after"].as_u64().unwrap() <= bits, "{tool}: {layer}");
        }
        let transfers = &report["transfers"];
        assert!(bits == 8 || number(&transfers["after"]) < 0.6 * number(&transfers["before"]));
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
}
