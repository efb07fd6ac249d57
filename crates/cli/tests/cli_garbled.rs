//! Garblers and evaluators as processes: predictions, stored circuits, refusals, damage.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, check_failure, data, digits, fails, ok, run, sordino};
use prost::Message;
use serde_json::Value;
use sordino::graph::onnx::proto::ModelProto;
use sordino::store::Store;
use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

const GARBLED: [&str; 2] = ["--backend", "garbled"];
const SIX_BITS: [&str; 4] = ["--backend", "garbled", "--act-bits", "6"];

fn image(digit: u32) -> PathBuf {
    digits("images").join(format!("{digit}.png"))
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&ok(args)).unwrap()
}

fn stored(dir: &Path) -> Vec<String> {
    Store::open(dir).unwrap().list().unwrap().iter().map(|i| i.id.to_string()).collect()
}

/// The stores of both parties.
struct Stores(TempDir);

impl Stores {
    fn new() -> Self {
        Self(TempDir::new().unwrap())
    }

    fn evaluator(&self) -> PathBuf {
        self.0.path().join("evaluator")
    }

    fn garbler(&self) -> PathBuf {
        self.0.path().join("garbler")
    }

    /// A server of the digit network with a store, and these further options.
    fn serve(&self, options: &[&str]) -> Server {
        let dir = self.evaluator();
        let store = ["--store", dir.to_str().unwrap()];
        Server::start(&[&SIX_BITS[..], &store, options].concat())
    }

    fn infer(&self, server: &Server, image: &Path) -> Value {
        let dir = self.garbler();
        let options = [&GARBLED[..], &["--store", dir.to_str().unwrap(), "--json"]].concat();
        json(&server.infer(image, &options))
    }

    fn garble(&self, server: &Server, count: &str) -> Value {
        json(
            &server
                .prepare(&self.garbler(), &[&GARBLED[..], &["--json", "--count", count]].concat()),
        )
    }
}

fn top(answer: &Value) -> &Value {
    &answer["predictions"][0]["top"]
}

#[test]
fn stored_circuits_are_used_once_and_then_made_anew() {
    let stores = Stores::new();
    let server = stores.serve(&[]);
    let made = stores.garble(&server, "2");
    assert_eq!(made["stored"], 2);
    let names = made["prepared"].as_array().unwrap().iter().map(|n| n.as_str().unwrap().to_owned());
    let mut names: Vec<String> = names.collect();
    let (mut theirs, mut ours) = (stored(&stores.evaluator()), stored(&stores.garbler()));
    for names in [&mut names, &mut theirs, &mut ours] {
        names.sort();
    }
    assert!(names == theirs && theirs == ours);

    let (model, samples, seven) =
        (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"), image(7));
    let mut args = vec!["run", model.to_str().unwrap(), seven.to_str().unwrap(), "--json"];
    args.extend(["--calibrate", samples.to_str().unwrap(), "--act-bits", "6"]);
    let clear = json(&[&args[..], &["--backend", "garbled-clear"]].concat());
    for (left, garbled) in [(1, 0), (0, 0), (0, 1)] {
        let answer = stores.infer(&server, &seven);
        assert_eq!(top(&answer), top(&clear));
        assert_eq!(top(&answer)[0]["name"], "seven");
        let report = &answer["report"];
        assert_eq!(report["garbled"], garbled);
        assert_eq!(report["online"]["rounds"], 1);
        assert!(report["online"]["up"].as_u64().unwrap() < 100_000);
        assert_eq!(report["offline"]["up"].as_u64().unwrap() > 1_000_000, garbled == 1);
        assert_eq!(stored(&stores.evaluator()).len(), left);
        assert_eq!(stored(&stores.garbler()).len(), left);
    }
    assert!(made["promise"]["client_learns"].as_str().unwrap().contains("weights"));
}

#[test]
fn one_process_takes_what_twoparty_refuses() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("sigmoid.onnx");
    let bytes = std::fs::read(digits("digits.onnx")).unwrap();
    let mut model = ModelProto::decode(&bytes[..]).unwrap();
    let nodes = &mut model.graph.as_mut().unwrap().node;
    nodes.iter_mut().find(|n| n.name() == "relu3").unwrap().op_type = Some("Sigmoid".into());
    std::fs::write(&path, model.encode_to_vec()).unwrap();
    let (path, samples, three) =
        (path.to_str().unwrap(), digits("drawn-images-idx3-ubyte.gz"), image(3));
    let calibrated = ["--calibrate", samples.to_str().unwrap()];
    let run = |backend: &str| {
        let args = ["run", path, three.to_str().unwrap(), "--json", "--backend", backend];
        json(&[&args[..], &calibrated].concat())
    };
    let garbled = run("garbled");
    assert_eq!(top(&garbled), top(&run("garbled-clear")));
    assert_eq!(top(&garbled)[0]["class"], top(&run("float"))[0]["class"]);
    assert_eq!(garbled["report"]["online"]["rounds"], 1);
    let check = [&["check", path][..], &calibrated].concat();
    fails(&check, 3, &["relu3", "Sigmoid"]);
    let text = ok(&[&check[..], &GARBLED].concat());
    for part in ["backend garbled: supported", "relu3", "lambda 11", "circuit"] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
    let dash = [&check[..], &GARBLED, &["--style", "dash-compat"]].concat();
    fails(&dash, 3, &["relu3", "strict"]);
}

/// Weights stay private, activations are garbled tables on shares.
#[test]
fn garbled_tables_on_shares() {
    let (model, samples, five) =
        (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"), image(5));
    let run = |options: &[&str]| {
        let args = ["run", model.to_str().unwrap(), five.to_str().unwrap(), "--json"];
        let calibrated = ["--calibrate", samples.to_str().unwrap()];
        json(&[&args[..], &calibrated, options].concat())
    };
    let shared = run(&["--backend", "twoparty", "--nonlinear", "garbled"]);
    assert_eq!(top(&shared), top(&run(&["--backend", "garbled-clear"])));
    let options = ["--backend", "garbled", "--nonlinear", "garbled"];
    let args = ["run", model.to_str().unwrap(), five.to_str().unwrap()];
    let calibrated = ["--calibrate", samples.to_str().unwrap()];
    fails(&[&args[..], &calibrated, &options].concat(), 2, &["--nonlinear", "twoparty"]);
}

#[test]
fn dash_compat_equals_its_clear_run() {
    let (model, samples, two) =
        (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"), image(2));
    let run = |backend: &str| {
        let mut args = vec!["run", model.to_str().unwrap(), two.to_str().unwrap(), "--json"];
        args.extend(["--calibrate", samples.to_str().unwrap(), "--style", "dash-compat"]);
        args.extend(["--backend", backend]);
        json(&args)
    };
    let garbled = run("garbled");
    assert_eq!(top(&garbled), top(&run("garbled-clear")));
    assert_eq!(top(&garbled)[0]["name"], "two");
}

#[test]
fn accuracies_of_every_width_are_shown_beside_float() {
    let (model, images) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let args = ["eval", model.to_str().unwrap(), "--data", images.to_str().unwrap()];
    let bits = ["--backend", "float,garbled-clear", "--act-bits", "6,7,8"];
    let scores = json(&[&args[..], &bits, &["--json"]].concat());
    let widths: Vec<_> =
        scores.as_array().unwrap().iter().map(|s| s["act_bits"].as_u64()).collect();
    assert_eq!(widths, [None, Some(6), Some(7), Some(8)]);
    for score in scores.as_array().unwrap() {
        assert!(score["correct"].as_u64().unwrap() >= 63, "{score}");
    }
    let text = ok(&[&args[..], &bits].concat());
    assert!(text.contains("accuracy") && text.contains("as float"), "{text}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let (m, three, stores) = (digits("digits.onnx"), image(3), Stores::new());
    let (m, i) = (m.to_str().unwrap(), three.to_str().unwrap());
    let garbler = stores.garbler();
    let s = garbler.to_str().unwrap();
    fn with<'a>(args: &[&'a str], options: &[&'a str]) -> Vec<&'a str> {
        [args, options].concat()
    }
    let plain = ["run", m, i];
    let garbled = with(&plain, &GARBLED);
    fails(&with(&garbled, &["--reveal", "label"]), 2, &["--reveal label", "--backend garbled"]);
    fails(&with(&garbled, &["--act-bits", "5"]), 2, &["between 6 and 8"]);
    fails(&with(&garbled, &["--act-bits", "6,7"]), 2, &["sordino eval"]);
    fails(&with(&garbled, &["--style", "dash-compat", "--act-bits", "6"]), 2, &["--style strict"]);
    fails(&with(&garbled, &["--range", "proof", "--margin", "2"]), 2, &["--margin"]);
    fails(&with(&garbled, &["--margin", "0.5"]), 2, &["margin"]);
    fails(&with(&garbled, &["--style", "loose"]), 2, &["loose", "dash-compat"]);
    fails(&with(&plain, &["--style", "strict"]), 2, &["--backend garbled"]);
    fails(&with(&plain, &["--range", "proof", "--backend", "twoparty"]), 2, &["--backend garbled"]);
    let serve = ["serve", m, "--listen", "127.0.0.1:0"];
    fails(&[&serve[..], &GARBLED, &["--reveal", "label"]].concat(), 2, &["--reveal label"]);
    fails(&[&serve[..], &GARBLED, &["--max-prepared", "3"]].concat(), 2, &["--store"]);
    let at = ["--server", "127.0.0.1:1", "--plaintext"];
    fails(&[&["infer", i][..], &at, &GARBLED, &["--reveal", "label"]].concat(), 2, &["label"]);
    fails(&[&["prepare", "--backend", "garbled"][..], &at].concat(), 2, &["--store"]);
    fails(
        &[&["prepare", "--backend", "garbled", "--store", s, "--count", "0"][..], &at].concat(),
        2,
        &["--count"],
    );
    fails(
        &[&["prepare", "--backend", "garbled", "--store", s, "--server", "h:1"][..]].concat(),
        2,
        &["--pin"],
    );
    fails(
        &[&["prepare", "--backend", "garbled", "--store", m][..], &at].concat(),
        1,
        &["digits.onnx"],
    );
    fails(
        &[&["prepare", "--backend", "garbled", "--store", s][..], &at].concat(),
        4,
        &["cannot connect"],
    );
}

#[test]
fn parties_of_different_backends_part() {
    let (one, stores) = (image(1), Stores::new());
    let two_party = Server::start(&[]);
    check_failure(&run(&two_party.infer(&one, &GARBLED)), 5, &["another --backend"]);
    check_failure(&run(&two_party.prepare(&stores.garbler(), &GARBLED)), 5, &["another --backend"]);
    // One that keeps nothing still serves those who garble in the session.
    let garbled = Server::start(&SIX_BITS);
    check_failure(&run(&garbled.infer(&one, &[])), 5, &["another --backend"]);
    check_failure(&run(&garbled.prepare(&stores.garbler(), &GARBLED)), 5, &["start it", "--store"]);
    assert!(ok(&garbled.infer(&one, &GARBLED)).contains("one"));
}

#[test]
fn a_server_takes_no_more_circuits_than_it_has_room_for() {
    let stores = Stores::new();
    let server = stores.serve(&["--max-prepared", "2"]);
    let out = run(&server.prepare(&stores.garbler(), &[&GARBLED[..], &["--count", "3"]].concat()));
    check_failure(&out, 5, &["keeps no more"]);
    assert_eq!(String::from_utf8_lossy(&out.stdout).matches("stored ").count(), 2);
    assert_eq!(stored(&stores.garbler()).len(), 2);
    assert_eq!(stores.infer(&server, &image(6))["report"]["garbled"], 0);
    assert_eq!(stores.garble(&server, "1")["stored"], 2);
}

/// Flips a bit of the only entry of a store, at this fraction of its length.
fn damage(store: &Path, at: f64) {
    let entries: Vec<_> = store.join("ready").read_dir().unwrap().collect();
    let [Ok(entry)] = &entries[..] else { panic!("{entries:?}") };
    let mut bytes = std::fs::read(entry.path()).unwrap();
    let at = (at * (bytes.len() - 1) as f64) as usize;
    bytes[at] ^= 4;
    std::fs::write(entry.path(), bytes).unwrap();
}

#[test]
fn damaged_circuits_abort_and_the_next_one_serves() {
    let (stores, four) = (Stores::new(), image(4));
    let server = stores.serve(&[]);
    let right = stores.infer(&server, &four);
    assert_eq!(top(&right)[0]["name"], "four");
    let garbler = stores.garbler();
    let options = [&GARBLED[..], &["--store", garbler.to_str().unwrap()]].concat();
    // Header, tables, footer of the tables; the secret.
    let cases = [(true, 0.0), (true, 0.4), (true, 0.8), (true, 1.0), (false, 0.8)];
    for (tables, at) in cases {
        stores.garble(&server, "1");
        let (dir, code) =
            if tables { (stores.evaluator(), Some(5)) } else { (stores.garbler(), Some(1)) };
        damage(&dir, at);
        let out = run(&server.infer(&four, &options));
        assert_eq!(out.status.code(), code, "{at}: {out:?}");
        let stderr = String::from_utf8_lossy(&out.stderr);
        assert!(stderr.contains(if tables { "abort" } else { "damaged" }), "{at}: {stderr}");
        assert!(out.stdout.is_empty(), "{at}: {out:?}");
        assert_eq!(top(&stores.infer(&server, &four)), top(&right), "{at}");
    }
}

#[test]
fn circuits_damaged_before_the_start_are_removed() {
    let (stores, nine) = (Stores::new(), image(9));
    let server = stores.serve(&[]);
    stores.garble(&server, "1");
    drop(server);
    damage(&stores.evaluator(), 0.0);
    let mut server = stores.serve(&[]);
    let answer = stores.infer(&server, &nine);
    assert_eq!(
        (&answer["report"]["garbled"], &top(&answer)[0]["name"]),
        (&1.into(), &"nine".into())
    );
    server.child.kill().unwrap();
    let mut text = String::new();
    let mut stderr = server.child.stderr.take().unwrap();
    std::io::Read::read_to_string(&mut stderr, &mut text).unwrap();
    assert!(text.contains("removed entry") && text.contains("damaged"), "{text}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_ends_the_garbling_and_keeps_what_was_stored() {
    let (stores, eight) = (Stores::new(), image(8));
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let evaluator = stores.evaluator();
    let store = ["--store", evaluator.to_str().unwrap()];
    let args = Server::args(&model, &samples, &[&SIX_BITS[..], &store].concat())
        .into_iter()
        .map(str::to_owned)
        .collect::<Vec<_>>();
    // Files end at a megabyte, as if the disk were full.
    let mut shell = Command::new("sh");
    let script = "trap '' XFSZ; ulimit -f 2000; exec \"$0\" \"$@\"";
    shell.args(["-c", script, env!("CARGO_BIN_EXE_sordino")]).args(&args);
    let server = Server::spawn(&mut shell);
    check_failure(&run(&server.prepare(&stores.garbler(), &GARBLED)), 5, &["abort"]);
    assert!(stored(&evaluator).is_empty() && stored(&stores.garbler()).is_empty());
    drop(server);
    let server = stores.serve(&[]);
    assert_eq!(top(&stores.infer(&server, &eight))[0]["name"], "eight");
}

#[test]
fn mnist_is_recognised() {
    let (Some(model), Some(samples)) =
        (data("models/mnist_network_b/model.onnx"), data("mnist/train-images-idx3-ubyte.gz"))
    else {
        return;
    };
    let (stores, three) = (Stores::new(), image(3));
    let dir = stores.evaluator();
    let input = ["--mean", "0.1307", "--std", "0.3081"];
    let options = [&GARBLED[..], &input, &["--store", dir.to_str().unwrap()]].concat();
    let server = Server::of(&model, &samples, &options);
    stores.garble(&server, "1");
    let answer = stores.infer(&server, &three);
    assert_eq!(answer["report"]["garbled"], 0);
    let run = |backend: &str| {
        let mut args = vec!["run", model.to_str().unwrap(), three.to_str().unwrap(), "--json"];
        args.extend(["--calibrate", samples.to_str().unwrap(), "--backend", backend]);
        args.extend(input);
        json(&args)
    };
    assert_eq!(top(&answer), top(&run("garbled-clear")));
    assert_eq!(top(&answer)[0]["class"], top(&run("float"))[0]["class"]);
}

#[test]
fn resnet_20_classifies_two_pictures() {
    let Some(model) = data("models/cifar10_resnet20/model.onnx") else { return };
    let Some(samples) = data("cifar10/train_4000.bin") else { return };
    let inputs: Vec<_> = (0..2)
        .map(|k| model.with_file_name(format!("test_data_set_{k}")).join("input_0.pb"))
        .collect();
    let input = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225", "--act-bits", "6"];
    let server = Server::of(&model, &samples, &[&GARBLED[..], &input].concat());
    let second = inputs[1].to_str().unwrap();
    let answer = json(&server.infer(&inputs[0], &[&GARBLED[..], &["--json", second]].concat()));
    let mut args = vec!["run", model.to_str().unwrap(), inputs[0].to_str().unwrap(), second];
    args.extend(["--json", "--calibrate", samples.to_str().unwrap()]);
    args.extend(["--backend", "garbled-clear"]);
    args.extend(input);
    let (private, clear) = (&answer["predictions"], &json(&args)["predictions"]);
    for k in 0..2 {
        assert_eq!(private[k]["top"], clear[k]["top"]);
    }
    assert_eq!(answer["report"]["online"]["rounds"], 2);
}

#[test]
fn a_server_says_what_it_promises_and_costs() {
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let mut args = vec!["serve", model.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    args.extend(["--calibrate", samples.to_str().unwrap()]);
    args.extend(SIX_BITS);
    let mut command = sordino(&args);
    let mut child = command
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().unwrap()));
    let mut text = String::new();
    while !text.contains("lambda") {
        text += &lines.next().unwrap().unwrap();
        text.push('\n');
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for part in ["malicious evaluator", "sent the weights", "relu1", "per circuit", "1 round"] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
}
