//! Running, checking and measuring in the clear; networks that cannot be run.
#![allow(clippy::unwrap_used)]

mod common;

use common::{data, digits, fails, ok};
use prost::Message;
use serde_json::Value;
use sordino::graph::onnx::proto::ModelProto;
use tempfile::TempDir;

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&ok(args)).unwrap()
}

#[test]
fn every_shipped_picture_is_recognised() {
    let model = digits("digits.onnx");
    let samples = digits("drawn-images-idx3-ubyte.gz");
    let images: Vec<String> = (0..10)
        .map(|d| digits("images").join(format!("{d}.png")).to_str().unwrap().to_owned())
        .collect();
    for backend in ["float", "clear"] {
        let mut args = vec!["run", model.to_str().unwrap(), "--json", "--backend", backend];
        args.extend(["--calibrate", samples.to_str().unwrap()]);
        args.extend(images.iter().map(String::as_str));
        let out = json(&args);
        for (digit, p) in out["predictions"].as_array().unwrap().iter().enumerate() {
            assert_eq!(p["top"][0]["class"], digit, "{backend}: {p}");
            assert!(p["top"][0]["probability"].as_f64().unwrap() > 0.9, "{backend}: {p}");
        }
    }
}

#[test]
fn larger_pictures_are_prepared() {
    let model = digits("digits.onnx");
    for (file, digit, name, option) in
        [("chalk-4.png", 4, "four", "--top=1"), ("paper-7.png", 7, "seven", "--invert")]
    {
        let image = digits("images").join(file);
        let args = [
            "run",
            model.to_str().unwrap(),
            image.to_str().unwrap(),
            "--json",
            "--backend=float",
            option,
        ];
        let best = &json(&args)["predictions"][0]["top"][0];
        assert_eq!((&best["class"], &best["name"]), (&digit.into(), &name.into()), "{file}");
    }
}

#[test]
fn factors_may_be_fractions() {
    let (model, image) = (digits("digits.onnx"), digits("images").join("3.png"));
    let args = ["run", model.to_str().unwrap(), image.to_str().unwrap(), "--backend=float"];
    let with = |scale: &[&str]| ok(&[&args[..], scale].concat());
    assert_eq!(with(&["--scale", "1/255"]), with(&[]));
    assert_eq!(with(&["--scale=-0.5"]), with(&["--scale", "-1/2"]));
    for (wrong, why) in [("1/0", "no finite number"), ("1/x", "'x' is no number"), ("NaN", "1/255")]
    {
        fails(&[&args[..], &["--scale", wrong]].concat(), 2, &[why]);
    }
}

#[test]
fn eval_measures_the_shipped_digits() {
    let (model, images) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let args = ["eval", model.to_str().unwrap(), "--data", images.to_str().unwrap(), "--json"];
    for score in json(&args).as_array().unwrap() {
        assert_eq!(score["samples"], 64);
        assert_eq!(score["correct"], 64, "{score}");
    }
    let text = ok(&args[..4]);
    assert!(
        text.contains("float") && text.contains("clear") && text.contains("100.00 %"),
        "{text}"
    );
}

#[test]
fn check_tells_what_a_network_needs() {
    let (model, images) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let text = ok(&["check", model.to_str().unwrap(), "--data", images.to_str().unwrap()]);
    for part in ["MaxPool x2", "backend twoparty: supported", "same class for 64 of 64", "rounds"] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
    let found = json(&["check", model.to_str().unwrap(), "--json"]);
    assert_eq!(found["operators"]["Conv"], 2);
    assert!(found["plan"]["setup"]["up"].as_u64().unwrap() > 0);
}

#[test]
fn mnist_accuracy_in_fixed_point_is_that_of_float() {
    let Some(images) = data("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let out = json(&[
        "eval",
        model.to_str().unwrap(),
        "--data",
        images.to_str().unwrap(),
        "--limit",
        "1000",
        "--calibrate",
        samples.to_str().unwrap(),
        "--json",
    ]);
    let correct = |i: usize| out[i]["correct"].as_i64().unwrap();
    assert!(correct(0) >= 985, "{out}");
    assert!((correct(0) - correct(1)).abs() <= 3, "{out}");
}

fn replace_relu3(model: &mut ModelProto, op: &str) {
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes.iter_mut().find(|n| n.name() == "relu3").unwrap().op_type = Some(op.to_owned());
}

#[test]
fn what_cannot_run_is_named() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("m.onnx");
    let altered = |change: fn(&mut ModelProto)| {
        let bytes = std::fs::read(digits("digits.onnx")).unwrap();
        let mut model = ModelProto::decode(&bytes[..]).unwrap();
        change(&mut model);
        std::fs::write(&path, model.encode_to_vec()).unwrap();
        path.to_str().unwrap()
    };
    fails(&["check", altered(|m| replace_relu3(m, "Tanh"))], 3, &["relu3", "Tanh"]);
    fails(&["check", altered(|m| replace_relu3(m, "Frobnicate"))], 3, &["relu3", "Frobnicate"]);
    let twice = |m: &mut ModelProto| {
        let graph = m.graph.as_mut().unwrap();
        graph.input.push(graph.input[0].clone());
    };
    fails(&["check", altered(twice)], 3, &["m.onnx"]);
}
