//! The popcorn backend, process against process: predictions, forecasts, what owners have to allow, refusals.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Server, check_failure, data, digits, fails, ok, run, sordino};
use serde_json::Value;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::Stdio;

const POPCORN: [&str; 2] = ["--backend", "popcorn"];
const PAPER: [&str; 2] = ["--backend", "popcorn-paper"];
const SMALL_KEY: [&str; 2] = ["--linear", "paillier-2048"];

fn image(digit: u32) -> PathBuf {
    digits("images").join(format!("{digit}.png"))
}

fn json(args: &[&str]) -> Value {
    serde_json::from_str(&ok(args)).unwrap()
}

fn sum<'a>(costs: impl Iterator<Item = &'a Value>) -> [u64; 3] {
    costs.fold([0; 3], |sum, cost| {
        let [up, down, rounds] = ["up", "down", "rounds"].map(|of| cost[of].as_u64().unwrap());
        [sum[0] + up, sum[1] + down, sum[2] + rounds]
    })
}

/// The smallest network: two layers of ReLUs between dense ones.
struct Small {
    model: PathBuf,
    samples: PathBuf,
    inputs: PathBuf,
}

const NORMALISED: [&str; 4] = ["--mean", "0.1307", "--std", "0.3081"];

fn small() -> Option<Small> {
    Some(Small {
        model: data("models/mnist_mlp_a/model.onnx")?,
        samples: data("mnist/train-images-idx3-ubyte.gz")?,
        inputs: data("models/mnist_mlp_a/test_data_set_0/input_0.pb")?,
    })
}

impl Small {
    fn plan(&self, options: &[&str]) -> Value {
        let (model, samples) = (self.model.to_str().unwrap(), self.samples.to_str().unwrap());
        let args = ["plan", model, "--calibrate", samples, "--json"];
        json(&[&args[..], &NORMALISED, options].concat())
    }

    fn clear(&self) -> Value {
        let [model, samples, inputs] =
            [&self.model, &self.samples, &self.inputs].map(|p: &PathBuf| p.to_str().unwrap());
        let args = ["run", model, inputs, "--calibrate", samples, "--json", "--top", "10"];
        json(&[&args[..], &NORMALISED].concat())
    }
}

fn top(answer: &Value) -> &Value {
    &answer["predictions"][0]["top"]
}

#[test]
fn private_and_clear_scores_are_equal_at_the_predicted_cost() {
    let Some(net) = small() else { return };
    let options = [&POPCORN[..], &NORMALISED, &["--allow-extraction"]].concat();
    let server = Server::of(&net.model, &net.samples, &options);
    let clear = net.clear();
    for backend in [POPCORN, PAPER] {
        let options = [&backend[..], &SMALL_KEY, &["--json", "--top", "10"]].concat();
        let private = json(&server.infer(&net.inputs, &options));
        assert_eq!(top(&private), top(&clear), "{backend:?}");
        let planned = net.plan(&[&backend[..], &SMALL_KEY].concat());
        assert_eq!(planned["plan"]["key_bits"], 2048);
        let distance = planned["plan"]["exposed"]["distance"].as_f64();
        assert_eq!(distance.is_some_and(|d| (1e-3..0.5).contains(&d)), backend == POPCORN);
        assert_eq!(private["promise"], planned["promise"]);
        let layers = || planned["plan"]["layers"].as_array().unwrap().iter();
        let expected = sum(layers()
            .map(|l| &l["online"])
            .chain(layers().map(|l| &l["offline"]))
            .chain([&planned["plan"]["setup"], &planned["plan"]["frame"]]));
        assert_eq!(sum([&private["report"]["total"]].into_iter()), expected, "{backend:?}");
        let rough = [&options[..], &["--truncation", "one-lsb"]].concat();
        let rough = json(&server.infer(&net.inputs, &rough));
        assert_eq!(top(&rough)[0]["class"], top(&clear)[0]["class"]);
        let up = |answer: &Value| answer["report"]["total"]["up"].as_u64().unwrap();
        assert!(up(&rough) < up(&private), "{backend:?}");
        let products: Vec<u64> = layers().map(|l| l["products"].as_u64().unwrap()).collect();
        assert!(products.contains(&(784 * 128)), "{products:?}");
    }
}

#[test]
fn owners_decide_whether_clients_may_extract_the_model() {
    let server = Server::start(&POPCORN);
    let one = image(1);
    check_failure(&run(&server.infer(&one, &PAPER)), 5, &["another --backend"]);
    check_failure(&run(&server.infer(&one, &[])), 5, &["another --backend"]);
    let garbled = ["--backend", "garbled"];
    check_failure(&run(&server.infer(&one, &garbled)), 5, &["another --backend"]);
    let two_party = Server::start(&[]);
    check_failure(&run(&two_party.infer(&one, &POPCORN)), 5, &["another --backend"]);
}

#[test]
fn a_server_says_what_it_promises_and_costs() {
    let (model, samples) = (digits("digits.onnx"), digits("drawn-images-idx3-ubyte.gz"));
    let mut args = vec!["serve", model.to_str().unwrap(), "--listen", "127.0.0.1:0"];
    args.extend(["--calibrate", samples.to_str().unwrap(), "--allow-extraction"]);
    args.extend(POPCORN);
    let mut child = sordino(&args).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut text = String::new();
    while !text.contains("per input") {
        text += &lines.next().unwrap().unwrap();
        text.push('\n');
    }
    child.kill().unwrap();
    child.wait().unwrap();
    for part in ["semi-honest", "extract the model", "3072 bits", "rounds"] {
        assert!(text.contains(part), "'{part}' is not in {text}");
    }
}

#[test]
fn plans_show_layers_and_leaks() {
    let model = digits("digits.onnx");
    let model = model.to_str().unwrap();
    let of = |options: &[&str]| ok(&[&["plan", model][..], options].concat());
    let affine = of(&POPCORN);
    for part in
        ["paillier", "Activate", "3072 bits", "rounds", "semi-honest", "advantage of at most"]
    {
        assert!(affine.contains(part), "'{part}' is not in {affine}");
    }
    let paper = of(&[&PAPER[..], &SMALL_KEY].concat());
    for part in ["2048 bits", "extract the model"] {
        assert!(paper.contains(part), "'{part}' is not in {paper}");
    }
    let check = ok(&[&["check", model][..], &POPCORN].concat());
    for part in ["backend popcorn: supported", "backend popcorn-paper: supported", "popcorn, a"] {
        assert!(check.contains(part), "'{part}' is not in {check}");
    }
    assert!(!check.contains("backend garbled"), "{check}");
    let check = ok(&["check", model, "--backend", "garbled"]);
    assert!(!check.contains("backend popcorn"), "{check}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    let (model, three) = (digits("digits.onnx"), image(3));
    let (model, three) = (model.to_str().unwrap(), three.to_str().unwrap());
    let at = ["--server", "127.0.0.1:1", "--plaintext"];
    let serve = ["serve", model, "--listen", "127.0.0.1:0"];
    let run = ["run", model, three];
    let infer = [&["infer", three][..], &at].concat();
    let refused = |command: &[&str], options: &[&str], texts: &[&str]| {
        fails(&[command, options].concat(), 2, texts);
    };
    for (backend, name) in [(POPCORN, "popcorn"), (PAPER, "popcorn-paper")] {
        let with = |options: &[&'static str]| [&backend[..], options].concat();
        let named = format!("--backend {name}");
        for command in [&run[..], &infer, &["plan", model], &["check", model]] {
            let label = with(&["--reveal", "label"]);
            refused(command, &label, &["--reveal label", &named, "twoparty"]);
            for linear in ["lattice", "ot", "auto"] {
                refused(command, &with(&["--linear", linear]), &[&named, "paillier-2048"]);
            }
            let batch = with(&["--batch", "2"]);
            refused(command, &batch, &["--batch", &named, "one after the other"]);
        }
        refused(&run, &with(&["--nonlinear", "garbled"]), &["--nonlinear garbled", &named]);
        refused(&run, &with(&["--style", "strict"]), &["--backend garbled"]);
        refused(&infer, &with(&["--store", "x"]), &["--store", &named, "prepares nothing"]);
        let prepare = [&["prepare", "--store", "x"][..], &at].concat();
        refused(&prepare, &with(&[]), &["prepare", &named, "prepares nothing"]);
        assert!(!Path::new("x").exists(), "a store was made");
    }
    let with = |options: &[&'static str]| [&POPCORN[..], options].concat();
    refused(&serve, &with(&["--store", "x"]), &["--store", "prepares nothing"]);
    refused(&serve, &with(&["--reveal", "label"]), &["--reveal label"]);
    refused(&serve, &PAPER, &["extract the model", "--allow-extraction"]);
    refused(&serve, &["--allow-extraction"], &["--backend popcorn"]);
    refused(&serve, &with(&["--paillier"]), &["--paillier", "--backend twoparty"]);
    refused(&serve, &["--backend", "magic"], &["magic", "popcorn", "twoparty", "garbled"]);
}

#[test]
fn one_process_runs_both_modes_beside_clear() {
    let Some(net) = small() else { return };
    let data = data("mnist/t10k-images-idx3-ubyte.gz").unwrap();
    let [model, samples, data] =
        [&net.model, &net.samples, &data].map(|p: &PathBuf| p.to_str().unwrap());
    let backends = "clear,popcorn,popcorn-paper";
    let mut args = vec!["eval", model, "--data", data, "--calibrate", samples, "--limit", "2"];
    args.extend(["--backend", backends, "--json"]);
    args.extend(SMALL_KEY);
    args.extend(NORMALISED);
    let scores = json(&args);
    let [clear, affine, paper] = &scores.as_array().unwrap()[..] else { panic!("{scores}") };
    for private in [affine, paper] {
        assert_eq!(private["correct"], clear["correct"]);
        assert_eq!(private["report"]["inferences"], 2);
        assert_eq!(private["report"]["offline"]["up"], 0);
    }
}
