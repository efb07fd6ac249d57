//! Clients that choose how a network is run, and servers that let them.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, check_failure, digits, fails, ok, run};
use serde_json::Value;
use std::path::PathBuf;

fn seven() -> PathBuf {
    digits("images").join("7.png")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

/// Bytes each way.
fn sent(part: &Value) -> [u64; 2] {
    ["up", "down"].map(|way| part[way].as_u64().unwrap())
}

/// The candidate that `plan` recommends for what the server below serves.
fn recommended(options: &[&str]) -> Value {
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let args =
        ["plan", model.to_str().unwrap(), "--json", "--calibrate", samples.to_str().unwrap()];
    let all = json(&ok(&[&args[..], options].concat()));
    all["candidates"][all["recommended"].as_u64().unwrap() as usize].clone()
}

#[test]
fn what_plan_recommends_is_what_runs() {
    let server = Server::start(&["--backend", "auto", "--paillier", "--accept", "leakage,weights"]);
    let seven = seven();
    for options in [
        &["--minimise", "bytes"][..],
        &["--minimise", "bytes", "--accept", "one-lsb,112-bit"],
        &["--minimise", "bytes", "--linear", "lattice", "--supply", "softspoken-4"],
    ] {
        let best = recommended(options);
        let infer = [&["--backend", "auto", "--json"][..], options].concat();
        let answer = json(&ok(&server.infer(&seven, &infer)));
        assert_eq!(answer["predictions"][0]["top"][0]["name"], "seven");
        assert_eq!(answer["promise"], best["promise"], "{options:?}");
        assert_eq!(answer["way"], best["settings"], "{options:?}");
        let totals = ["setup", "offline", "online"].map(|part| sent(&best["totals"][part]));
        let predicted: Vec<u64> = (0..2).map(|i| totals.iter().map(|t| t[i]).sum()).collect();
        assert_eq!(sent(&answer["report"]["total"]).to_vec(), predicted, "{options:?}");
    }
    // The only one that a malicious server cannot fool.
    let strict = ["--threat", "malicious-server", "--accept", "weights,112-bit"];
    let infer = [&["--backend", "auto", "--json"][..], &strict].concat();
    let answer = json(&ok(&server.infer(&seven, &infer)));
    assert_eq!(answer["promise"]["backend"], "garbled");
    assert_eq!(answer["predictions"][0]["top"][0]["name"], "seven");
    // Named backends are to be had from the same server.
    for backend in ["twoparty", "garbled"] {
        let answer = json(&ok(&server.infer(&seven, &["--backend", backend, "--json"])));
        assert_eq!(answer["promise"]["backend"], backend);
    }
}

#[test]
fn nobody_gives_up_more_than_they_accept() {
    let server = Server::start(&["--backend", "auto"]);
    let seven = seven();
    let infer = |options: &[&str]| {
        run(&server.infer(&seven, &[&["--backend", "auto"][..], options].concat()))
    };
    check_failure(
        &infer(&["--threat", "malicious-server"]),
        5,
        &["nothing that is accepted here", "does not withstand a malicious server"],
    );
    check_failure(&infer(&["--linear", "paillier"]), 5, &["nothing that is accepted here"]);
    check_failure(&infer(&["--linear", "paillier-2048"]), 5, &["nothing that is accepted here"]);
    // What its owner did not accept is not to be had by name either.
    for backend in ["garbled", "popcorn"] {
        check_failure(
            &run(&server.infer(&seven, &["--backend", backend])),
            5,
            &["another --backend"],
        );
    }
    let out = infer(&[]);
    assert!(out.status.success());
    let said = String::from_utf8_lossy(&out.stderr).into_owned();
    for part in ["link", "way             twoparty: ", "exact", "learns"] {
        assert!(said.contains(part), "{part}: {said}");
    }
}

#[test]
fn what_was_prepared_is_what_is_chosen() {
    let dir = tempfile::tempdir().unwrap();
    let [ours, theirs] = ["ours", "theirs"].map(|name| dir.path().join(name));
    let server = Server::start(&["--backend", "auto", "--store", theirs.to_str().unwrap()]);
    let prepare = ["--backend", "auto", "--minimise", "bytes", "--json"];
    let made = json(&ok(&server.prepare(&ours, &prepare)));
    assert_eq!(made["stored"], 1);
    let store = ["--backend", "auto", "--json", "--store", ours.to_str().unwrap()];
    for prepared in [true, false] {
        let answer = json(&ok(&server.infer(&seven(), &store)));
        assert_eq!(answer["predictions"][0]["top"][0]["name"], "seven");
        assert_eq!(answer["report"]["offline"]["up"] == 0, prepared);
    }
    // A backend that is named leaves the source of transfers open, and finds material for it as well.
    let made = json(&ok(&server.prepare(&ours, &["--supply", "softspoken-8", "--json"])));
    assert_eq!(made["stored"], 1);
    let named = ["--json", "--store", ours.to_str().unwrap()];
    for prepared in [true, false] {
        let answer = json(&ok(&server.infer(&seven(), &named)));
        assert_eq!(answer["report"]["offline"]["up"] == 0, prepared);
    }
}

#[test]
fn options_that_choose_need_a_choice() {
    let (model, seven) = (digits("digits.onnx"), seven());
    let infer = ["infer", seven.to_str().unwrap(), "--server", "127.0.0.1:1", "--plaintext"];
    for option in [["--threat", "semi-honest"], ["--accept", "weights"], ["--minimise", "cpu"]] {
        fails(&[&infer[..], &option].concat(), 2, &[option[0], "--backend auto"]);
        let plan = ["plan", model.to_str().unwrap(), "--backend", "twoparty"];
        fails(&[&plan[..], &option].concat(), 2, &[option[0], "without --backend"]);
    }
    let serve = ["serve", model.to_str().unwrap(), "--accept", "weights"];
    fails(&serve, 2, &["--accept", "--backend auto"]);
    let labels = ["--backend", "auto", "--reveal", "label"];
    fails(&[&serve[..], &labels].concat(), 2, &["--accept", "--reveal label"]);
}
