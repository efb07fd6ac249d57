//! What a run will send, before it runs.
#![allow(clippy::unwrap_used)]

mod common;

use common::{digits, fails, ok};
use serde_json::Value;

fn plan(options: &[&str]) -> Value {
    let model = digits("digits.onnx");
    let args = [&["plan", model.to_str().unwrap(), "--json"], options].concat();
    serde_json::from_str(&ok(&args)).unwrap()
}

/// Methods of the linear layers, products, and the bytes of one session.
fn summary(planned: &Value) -> (Vec<&str>, Vec<u64>, u64) {
    let plan = &planned["plan"];
    let layers = plan["layers"].as_array().unwrap();
    let linear = || layers.iter().filter(|l| l["kind"] == "Linear");
    let sent = |cost: &Value| cost["up"].as_u64().unwrap() + cost["down"].as_u64().unwrap();
    let of_layers: u64 = layers.iter().map(|l| sent(&l["offline"]) + sent(&l["online"])).sum();
    (
        linear().map(|l| l["method"].as_str().unwrap()).collect(),
        linear().map(|l| l["products"].as_u64().unwrap()).collect(),
        sent(&plan["setup"]) + sent(&plan["frame"]) + of_layers,
    )
}

#[test]
fn the_method_of_each_layer_is_shown() {
    let [lattice, transfers, direct, cheapest] = [
        &["--linear", "lattice"][..],
        &["--linear", "ot"],
        &["--linear", "ot", "--no-winograd"],
        &["--linear", "auto"],
    ]
    .map(|options| plan(&[&["--supply", "ferret"], options].concat()));
    let [lattice, transfers, direct, cheapest] =
        [&lattice, &transfers, &direct, &cheapest].map(summary);
    assert!(lattice.0.iter().all(|m| *m == "lattice"), "{lattice:?}");
    assert!(transfers.0.iter().all(|m| m.starts_with("ot ")), "{transfers:?}");
    assert!(direct.0.iter().all(|m| *m == "ot direct"), "{direct:?}");
    assert!(transfers.2 <= direct.2 && cheapest.2 <= lattice.2.min(transfers.2));
    for (((of_lattice, winograd), direct), method) in
        lattice.1.iter().zip(&transfers.1).zip(&direct.1).zip(&transfers.0)
    {
        assert!(*of_lattice > 0 && of_lattice < direct);
        assert_eq!(winograd < direct, method.contains("winograd"), "{method}");
    }
}

#[test]
fn people_get_a_table_and_the_threat_model() {
    let model = digits("digits.onnx");
    let model = model.to_str().unwrap();
    let text = ok(&["plan", model, "--linear", "ot", "--reveal", "label"]);
    for expected in [
        "method",
        "products",
        "ot direct",
        "silent layer",
        "inference",
        "semi-honest",
        "best class",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let quantise = ["--act-bits", "6"];
    let text = ok(&[&["plan", model, "--backend", "garbled"][..], &quantise].concat());
    for expected in ["rows", "circuit", "lambda", "weights"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
}

#[test]
fn bad_input_is_refused() {
    let model = digits("digits.onnx");
    let model = model.to_str().unwrap();
    fails(&["plan"], 2, &["MODEL"]);
    fails(&["plan", "/nowhere/x.onnx"], 1, &["/nowhere/x.onnx", "No such file"]);
    fails(&["plan", model, "--linear", "magic"], 2, &["magic", "lattice", "auto"]);
    fails(&["plan", model, "--supply", "magic"], 2, &["softspoken-K"]);
    fails(&["plan", model, "--backend", "float"], 2, &["float", "twoparty"]);
    fails(
        &["plan", model, "--backend", "garbled", "--reveal", "label"],
        2,
        &["--reveal label", "twoparty"],
    );
}
