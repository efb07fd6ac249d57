//! Preparing and inferring with the two-party backend, process against process.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, check_failure, digits, ok, run};
use serde_json::Value;
use tempfile::TempDir;

#[test]
fn what_was_prepared_is_used_once_and_then_nothing_is() {
    let dir = TempDir::new().unwrap();
    let (theirs, ours) = (dir.path().join("server"), dir.path().join("client"));
    let server = Server::start(&["--store", theirs.to_str().unwrap()]);
    let seven = digits("images").join("7.png");
    let made = ok(&server.prepare(&ours, &["--json", "--count", "2"]));
    let made: Value = serde_json::from_str(&made).unwrap();
    assert_eq!((made["stored"].as_u64(), made["prepared"].as_array().unwrap().len()), (Some(2), 2));
    assert_eq!(made["report"]["online"]["up"], 0);
    let store = ["--store", ours.to_str().unwrap(), "--json"];
    for prepared in [true, true, false] {
        let answer = ok(&server.infer(&seven, &store));
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["predictions"][0]["top"][0]["name"], "seven");
        assert_eq!(answer["report"]["offline"]["up"] == 0, prepared);
        assert!(answer["report"]["online"]["up"].as_u64().unwrap() > 0);
    }
    // Another truncation is another protocol: nothing is prepared for it.
    ok(&server.prepare(&ours, &[]));
    let rough = [&store[..], &["--truncation", "one-lsb"]].concat();
    let answer: Value = serde_json::from_str(&ok(&server.infer(&seven, &rough))).unwrap();
    assert_eq!(answer["predictions"][0]["top"][0]["name"], "seven");
    assert!(answer["report"]["offline"]["up"].as_u64().unwrap() > 0);
}

#[test]
fn a_server_that_keeps_nothing_says_so() {
    let dir = TempDir::new().unwrap();
    let server = Server::start(&[]);
    let out = run(&server.prepare(&dir.path().join("store"), &[]));
    check_failure(&out, 5, &["start it", "--store"]);
}
