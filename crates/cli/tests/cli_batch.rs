//! Several pictures at once: the same predictions, fewer rounds, limits that are named.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, check_failure, digits, fails, ok, run};
use serde_json::Value;
use std::path::PathBuf;

fn images(count: u32) -> Vec<PathBuf> {
    (0..count).map(|digit| digits("images").join(format!("{digit}.png"))).collect()
}

/// `sordino infer` of several pictures.
fn infer(server: &Server, images: &[PathBuf], options: &[&str]) -> Value {
    let mut args = server.infer(&images[0], options);
    args.extend(images[1..].iter().map(|p| p.to_str().unwrap()));
    serde_json::from_str(&ok(&args)).unwrap()
}

#[test]
fn a_batch_gives_every_picture_its_own_scores() {
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let kept = path("theirs");
    let server = Server::start(&["--max-batch", "3", "--store", kept.to_str().unwrap()]);
    let images = images(5);
    let options = ["--json", "--top", "10"];
    let alone = infer(&server, &images, &options);
    let scores = |answer: &Value| answer["predictions"].clone();
    let rounds = |answer: &Value| answer["report"]["each"]["rounds"].as_f64().unwrap();
    // Three, and the two that are left.
    let batched = infer(&server, &images, &[&options[..], &["--batch", "3"]].concat());
    assert_eq!(scores(&alone), scores(&batched));
    assert_eq!(batched["report"]["inferences"], 5);
    assert!(rounds(&batched) < 0.5 * rounds(&alone), "{batched}");

    // Material for three serves three.
    let own = path("ours");
    let store = own.to_str().unwrap();
    let prepared: Value =
        serde_json::from_str(&ok(&server.prepare(&own, &["--batch", "3", "--json"]))).unwrap();
    assert_eq!((&prepared["stored"], &prepared["report"]["each"]), (&3.into(), &Value::Null));
    let options = [&options[..], &["--batch", "3", "--store", store]].concat();
    let online = infer(&server, &images[..3], &options);
    assert_eq!(scores(&online).as_array().unwrap()[..], scores(&alone).as_array().unwrap()[..3]);
    assert_eq!(online["report"]["offline"]["up"], 0);

    // What the server does not take is refused before anything is sent.
    for command in
        [server.infer(&images[0], &["--batch", "4"]), server.prepare(&own, &["--batch", "4"])]
    {
        check_failure(&run(&command), 5, &["--batch 4", "at most 3 images"]);
    }
}

#[test]
fn batches_in_one_process() {
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let images = images(3);
    let of = |options: &[&str]| {
        let mut args = vec!["run", model.to_str().unwrap(), "--calibrate"];
        args.push(samples.to_str().unwrap());
        args.extend(images.iter().map(|p| p.to_str().unwrap()));
        args.extend(options);
        args.iter().map(|s| s.to_string()).collect::<Vec<_>>()
    };
    let run_with =
        |options: &[&str]| ok(&of(options).iter().map(String::as_str).collect::<Vec<_>>());
    let json = |options: &[&str]| -> Value { serde_json::from_str(&run_with(options)).unwrap() };
    let clear = json(&["--json"]);
    let batch = json(&["--json", "--backend", "twoparty", "--batch", "2", "--linear", "ot"]);
    assert_eq!(clear["predictions"], batch["predictions"]);
    let text = run_with(&["--backend", "twoparty", "--batch", "3"]);
    assert!(text.contains("per inference") && text.contains("inferences per second"), "{text}");

    let garbled = of(&["--backend", "garbled", "--batch", "2"]);
    let garbled: Vec<_> = garbled.iter().map(String::as_str).collect();
    fails(&garbled, 2, &["--batch", "garbled", "one after the other"]);
    let none = of(&["--batch", "0"]);
    fails(&none.iter().map(String::as_str).collect::<Vec<_>>(), 2, &["--batch"]);
}
