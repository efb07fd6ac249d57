//! Tools that train, on the digit network and its drawn digits.

use crate::common::{check_failure, data, digits, fails, ok, sordino};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use tempfile::TempDir;

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn model() -> PathBuf {
    digits("digits.onnx")
}

fn drawn() -> PathBuf {
    digits("drawn-images-idx3-ubyte.gz")
}

/// A training from nothing on the 64 drawn digits, of so many passes.
fn training(out: &Path, passes: &str, options: &[&str]) -> Vec<String> {
    let (model, data) = (model(), drawn());
    let mut args = vec!["rewrite", "train", text(&model), "-o", text(out), "--data", text(&data)];
    args.extend(["--test", text(&data), "--epochs", passes, "--batch", "16", "--shift", "1"]);
    args.extend(["--rule", "adam", "--rate", "0.003", "--seed", "7", "--anew"]);
    args.extend(options);
    args.into_iter().map(str::to_owned).collect()
}

fn refs(args: &[String]) -> Vec<&str> {
    args.iter().map(String::as_str).collect()
}

fn names(dir: &TempDir) -> Vec<String> {
    let entries = fs::read_dir(dir.path()).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn trains_writes_and_resumes() {
    let dir = TempDir::new().unwrap();
    let [out, again, state] = ["a.onnx", "b.onnx", "state"].map(|f| dir.path().join(f));
    let said = ok(&refs(&training(&out, "12", &[])));
    let right: usize = said.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(right >= 50, "{said}");
    // The same seed gives the same file, and one that the tools read.
    ok(&refs(&training(&again, "12", &["--checkpoint", text(&state)])));
    assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
    let (file, data) = (text(&out), drawn());
    let eval = ok(&["eval", file, "--data", text(&data), "--backend", "float", "--json"]);
    let eval: serde_json::Value = serde_json::from_str(&eval).unwrap();
    assert_eq!(eval[0]["correct"].as_u64(), Some(right as u64), "{eval}");
    // The checkpoint is that of the end: nothing is left to do.
    let resume = ["--checkpoint", text(&state), "--resume", "--force"];
    ok(&refs(&training(&again, "12", &resume)));
    assert_eq!(fs::read(&out).unwrap(), fs::read(&again).unwrap());
    assert_eq!(names(&dir), ["a.onnx", "a.toml", "b.onnx", "b.toml", "state"]);
    // Neither a network nor a checkpoint is lost by forgetting an option.
    fails(&refs(&training(&out, "12", &[])), 2, &["a.onnx", "--force"]);
    let forgotten = training(&out, "12", &["--force", "--checkpoint", text(&state)]);
    fails(&refs(&forgotten), 2, &["--resume", "state"]);
    let other = training(&out, "13", &["--force", "--checkpoint", text(&state), "--resume"]);
    fails(&refs(&other), 1, &["state", "other settings"]);
    fs::write(&state, "what").unwrap();
    fails(&refs(&training(&again, "12", &resume)), 1, &["state", "damaged"]);
}

#[test]
fn the_demo_network_reads_mnist() {
    let Some(data) = data("mnist/t10k-images-idx3-ubyte.gz") else { return };
    let model = model();
    let args = ["eval", text(&model), "--data", text(&data), "--backend", "float", "--json"];
    let eval: serde_json::Value = serde_json::from_str(&ok(&args)).unwrap();
    assert_eq!(eval[0]["samples"], 10_000);
    assert!(eval[0]["correct"].as_u64().unwrap() >= 9_880, "{eval}");
}

/// A process that may write files of a few blocks only, as on a full disk.
fn cramped(args: &[String]) -> Command {
    let binary = sordino(&[]).get_program().to_owned();
    let mut command = Command::new("sh");
    command.args(["-c", "trap '' XFSZ; ulimit -f 16; exec \"$@\"", "sh"]).arg(binary).args(args);
    command.stdin(Stdio::null());
    command
}

#[test]
fn a_full_disk_costs_no_checkpoint() {
    let dir = TempDir::new().unwrap();
    let [out, state] = ["out.onnx", "state"].map(|f| dir.path().join(f));
    let options = ["--checkpoint", text(&state), "--resume"];
    // So many passes that it is killed long before the end.
    let args = training(&out, "100000", &options);
    let killed_at = |text: &str| {
        let mut child = sordino(&refs(&args)).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let first = lines.next().unwrap().unwrap();
        assert!(first.contains(text) || lines.any(|line| line.unwrap().contains(text)));
        child.kill().unwrap();
        child.wait().unwrap();
        first
    };
    assert!(killed_at("pass 2 of 100000: loss ").starts_with("pass 1 "));
    let kept = fs::read(&state).unwrap();
    let stopped = cramped(&args).output().unwrap();
    check_failure(&stopped, 1, &[text(&state), "too large", "resumed at step"]);
    assert_eq!(fs::read(&state).unwrap(), kept);
    assert!(!out.exists());
    // What a killed process was writing stays, what a failed one was does not.
    let left = names(&dir).into_iter().filter(|n| n != "state");
    assert!(left.count() <= 1);
    assert!(killed_at("pass ").starts_with("resumed at step "));
}

#[test]
fn what_was_trained_is_written_before_anything_can_fail() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out.onnx");
    let full = File::options().write(true).open("/dev/full").unwrap();
    let failed = sordino(&refs(&training(&out, "1", &[]))).stdout(full).output().unwrap();
    check_failure(&failed, 1, &["stdout"]);
    ok(&["check", text(&out)]);
}

#[test]
fn gives_up_rectifiers_and_reports() {
    let dir = TempDir::new().unwrap();
    let (model, data) = (model(), drawn());
    let mut args = vec!["rewrite", "linearize", text(&model), "--data", text(&data)];
    args.extend(["--test", text(&data), "--relus", "50%,400", "-o", text(dir.path())]);
    args.extend([
        "--choice",
        "learnt,bytes,random",
        "--epochs",
        "2",
        "--rate",
        "0.01",
        "--batch",
        "16",
    ]);
    args.extend(["--search-rate", "0.01", "--pressure", "1e-3", "--interval", "4"]);
    args.extend(["--growth", "2"]);
    let said = ok(&args);
    assert_eq!(said.lines().count(), 7, "{said}");
    for (file, most) in [
        ("digits-relus-736.onnx", 736),
        ("digits-relus-400.onnx", 400),
        ("digits-relus-400-bytes.onnx", 400),
        ("digits-relus-400-random.onnx", 400),
    ] {
        let written = dir.path().join(file);
        let graph = sordino_graph::load(&fs::read(&written).unwrap()).unwrap();
        assert!((1..=most).contains(&relus(&graph)), "{file}: {}", relus(&graph));
        ok(&["eval", text(&written), "--data", text(&data), "--limit", "8"]);
    }
    let read = |kind: &str| fs::read_to_string(dir.path().join(format!("digits-relus.{kind}")));
    let json: serde_json::Value = serde_json::from_str(&read("json").unwrap()).unwrap();
    let points = json["points"].as_array().unwrap();
    let relus: Vec<_> = points.iter().map(|p| p["relus"].as_u64().unwrap()).collect();
    // Of maxima only: the original has 5,696 before its poolings.
    assert_eq!(relus, [1472, 736, 400, 736, 400, 736, 400]);
    assert_eq!(read("csv").unwrap().lines().count(), 8);
    assert!(read("html").unwrap().contains("736"));
}

#[test]
fn linear_layers_left_without_relus_are_merged() {
    let dir = TempDir::new().unwrap();
    let (model, data) = (model(), drawn());
    let mut args = vec!["rewrite", "linearize", text(&model), "--data", text(&data)];
    args.extend(["--relus", "1408,0", "-o", text(dir.path()), "--choice", "layers"]);
    args.extend(["--epochs", "1", "--rate", "1e-4", "--distil", "0"]);
    ok(&args);
    let layers = |relus: usize| {
        let file = dir.path().join(format!("digits-relus-{relus}-layers.onnx"));
        let graph = sordino_graph::load(&fs::read(file).unwrap()).unwrap();
        graph.nodes.iter().filter(|n| graph.weight(n).is_some()).count()
    };
    // Two convolutions with a pooling between; two dense layers, of which the first is rectified.
    assert_eq!([1408, 0].map(layers), [4, 3]);
    // The merged network has ranges of its own.
    let merged = dir.path().join("digits-relus-0-layers.onnx");
    let eval = ["eval", text(&merged), "--data", text(&data), "--json"];
    let eval: serde_json::Value = serde_json::from_str(&ok(&eval)).unwrap();
    assert_eq!((&eval[0]["backend"], &eval[1]["backend"]), (&"float".into(), &"clear".into()));
    assert!(eval[1]["same_as_float"].as_u64().unwrap() >= 62, "{eval}");
}

#[test]
fn polynomials_take_the_place_of_relus() {
    let dir = TempDir::new().unwrap();
    let (model, data, out) = (model(), drawn(), dir.path().join("out.onnx"));
    let mut args = vec!["rewrite", "polynomial", text(&model), "-o", text(&out)];
    args.extend(["--data", text(&data), "--test", text(&data), "--epochs", "12"]);
    args.extend(["--batch", "16", "--rule", "adam", "--rate", "0.001"]);
    let said = ok(&args);
    let graph = sordino_graph::load(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(relus(&graph), 0);
    // In fixed point as in floats, and in private as in fixed point.
    let eval = ["eval", text(&out), "--data", text(&data), "--json"];
    let eval: serde_json::Value = serde_json::from_str(&ok(&eval)).unwrap();
    assert!(eval[0]["correct"].as_u64().unwrap() >= 60, "{eval} {said}");
    assert!(eval[1]["same_as_float"].as_u64().unwrap() >= 62, "{eval}");
    let picture = digits("images").join("3.png");
    let run = |backend| {
        let calibrate = ["--calibrate", text(&data), "--json"];
        let run = ["run", text(&out), text(&picture), "--backend", backend];
        let said = ok(&[&run[..], &calibrate].concat());
        let answer: serde_json::Value = serde_json::from_str(&said).unwrap();
        answer["predictions"][0]["top"].clone()
    };
    let clear = run("clear");
    assert_eq!((&clear[0]["class"], run("twoparty")), (&3.into(), clear.clone()));
    // Some of them only, and none that there is not.
    let named = ["--layers", "relu1,relu3", "--force"];
    ok(&[&args[..], &named].concat());
    let graph = sordino_graph::load(&fs::read(&out).unwrap()).unwrap();
    assert_eq!(relus(&graph), 256);
    fails(&[&args[..], &["--layers", "relu9", "--force"]].concat(), 2, &["relu9", "relu1, relu2"]);
}

#[test]
fn another_network_can_be_the_teacher() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("out.onnx");
    let model = model();
    let teacher = ["--distil", "0.9", "--teacher", text(&model)];
    let said = ok(&refs(&training(&out, "12", &teacher)));
    let right: usize = said.split(": ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap();
    assert!(right >= 50, "{said}");
    let again = dir.path().join("again.onnx");
    fails(&refs(&training(&again, "1", &["--distil", "0.9"])), 2, &["needs --teacher"]);
    fails(&refs(&training(&again, "1", &teacher[2..])), 2, &["--distil"]);
    let other = dir.path().join("other.onnx");
    ok(&["zoo", "squeezenet1.1", "--input", "32x32", "--classes", "10", "-o", text(&other)]);
    let wrong = ["--distil", "0.9", "--teacher", text(&other)];
    fails(&refs(&training(&again, "1", &wrong)), 2, &["takes inputs of [1, 3, 32, 32]"]);
}

#[test]
fn polynomials_and_identities_mix() {
    let dir = TempDir::new().unwrap();
    let (model, data) = (model(), drawn());
    let mut args = vec!["rewrite", "linearize", text(&model), "-o", text(dir.path())];
    args.extend(["--data", text(&data), "--relus", "50%", "--choice", "random"]);
    ok(&[&args[..], &["--epochs", "2", "--rule", "adam", "--rate", "0.001"]].concat());
    let half = fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
    let half = half.into_iter().find(|p| p.extension().is_some_and(|e| e == "onnx")).unwrap();
    let out = dir.path().join("mixed.onnx");
    let mut args = vec!["rewrite", "polynomial", text(&half), "-o", text(&out)];
    args.extend(["--data", text(&data), "--epochs", "4", "--rule", "adam", "--rate", "0.001"]);
    // One layer: the other keeps what its mask has left of its rectifiers.
    args.extend(["--layers", "relu1"]);
    ok(&args);
    let graph = sordino_graph::load(&fs::read(&out).unwrap()).unwrap();
    let before = sordino_graph::load(&fs::read(&half).unwrap()).unwrap();
    assert!((1..relus(&before)).contains(&relus(&graph)));
    let picture = digits("images").join("3.png");
    let run = |backend| {
        let calibrate = ["--calibrate", text(&data), "--json"];
        let run = ["run", text(&out), text(&picture), "--backend", backend];
        let answer: serde_json::Value =
            serde_json::from_str(&ok(&[&run[..], &calibrate].concat())).unwrap();
        answer["predictions"][0]["top"].clone()
    };
    assert_eq!(run("twoparty"), run("clear"));
}

#[test]
fn convolutions_are_replaced_by_cheaper_ones() {
    let dir = TempDir::new().unwrap();
    let (model, data) = (model(), drawn());
    let [out, report, state] =
        ["out.onnx", "report.json", "state"].map(|name| dir.path().join(name));
    let mut args = vec!["rewrite", "operators", text(&model), "-o", text(&out), "--force"];
    args.extend(["--data", text(&data), "--epochs", "8", "--rule", "adam", "--rate", "0.001"]);
    fails(&args, 2, &["--target-bytes"]);
    fails(&[&args[..], &["--max-drop", "1"]].concat(), 2, &["--max-drop needs --test"]);
    args.extend(["--test", text(&data)]);
    fails(&[&args[..], &["--max-drop", "101"]].concat(), 2, &["between 0 and 100"]);
    fails(&[&args[..], &["--target-bytes", "1kB"]].concat(), 3, &["at most", "save no more"]);
    fails(&[&args[..], &["--target-bytes", "100%"]].concat(), 2, &["nothing to save"]);
    let lattice = ["--linear", "lattice", "--target-bytes", "90%"];
    fails(&[&args[..], &lattice].concat(), 3, &["inputs and results", "linearize"]);
    assert!(!out.exists());

    let mut goal = vec!["--target-bytes", "80%", "--report", text(&report)];
    goal.extend(["--checkpoint", text(&state)]);
    let said = ok(&[&args[..], &goal].concat());
    assert!(said.contains("bytes, transfers") && said.contains("points"), "{said}");
    let found: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
    let last = found["tries"].as_array().unwrap().last().unwrap();
    let sent = |costs: &serde_json::Value| costs["ot"]["bytes"].as_f64().unwrap();
    assert!(sent(&last["costs"]) < 0.85 * sent(&found["before"]), "{found}");
    assert!(last["accuracy"][0]["right"].as_u64().unwrap() >= 60, "{found}");
    let eval = ["eval", text(&out), "--data", text(&data), "--json"];
    let eval: serde_json::Value = serde_json::from_str(&ok(&eval)).unwrap();
    assert!(eval[1]["same_as_float"].as_u64().unwrap() >= 62, "{eval}");
    // Each number of replacements has a checkpoint of its own, which is not lost by forgetting an option.
    let file = format!("state.{}", last["replaced"].as_array().unwrap().len());
    assert_eq!(names(&dir), ["out.onnx", "out.toml", "report.json", file.as_str()]);
    fails(&[&args[..], &goal].concat(), 2, &[&file, "--resume"]);
    let network = fs::read(&out).unwrap();
    ok(&[&args[..], &goal, &["--resume"]].concat());
    assert_eq!(fs::read(&out).unwrap(), network);
    // Nothing may be lost: fewer and fewer are replaced until nothing is.
    let mut strict = args.clone();
    for a in &mut strict {
        *a = match *a {
            "8" => "1",
            "0.001" => "0.5",
            other => other,
        };
    }
    strict.extend(["--max-drop", "0"]);
    fails(&strict, 3, &["even one replacement"]);
}

/// Elements that a network rectifies.
fn relus(graph: &sordino_graph::ir::Graph) -> usize {
    use sordino_graph::ir::{Op, Unary};
    let of = |node: &sordino_graph::ir::Node| {
        let n: usize = graph.value(node.outputs[0]).shape.iter().product();
        match &node.op {
            Op::Unary(Unary::Relu) => n,
            Op::PRelu => {
                let slopes = graph.constant(node.inputs[1].unwrap()).unwrap().as_f32().unwrap();
                assert!(slopes.iter().all(|s| [0.0, 1.0].contains(s)));
                slopes.iter().filter(|s| **s == 0.0).count() * (n / slopes.len())
            }
            _ => 0,
        }
    };
    graph.nodes.iter().map(of).sum()
}

#[test]
fn says_what_is_wrong_before_it_trains() {
    let dir = TempDir::new().unwrap();
    let (model, data, out) = (model(), drawn(), dir.path().join("out.onnx"));
    let (model, data) = (text(&model), text(&data));
    let train = |more: &[&str], code, texts: &[&str]| {
        let mut args = vec!["rewrite", "train", model, "-o", text(&out)];
        args.extend(more);
        fails(&args, code, texts);
        assert!(!out.exists());
    };
    // Hours, if anything were trained.
    let long = ["--data", data, "--epochs", "1000000"];
    let labels = dir.path().join("labels.txt");
    fs::write(&labels, "11\n".repeat(64)).unwrap();
    let wrong = ["--labels", text(&labels)];
    train(&[&long[..], &wrong].concat(), 2, &["class 11", "10 classes"]);
    let wrong = ["--test", data, "--test-labels", text(&labels)];
    train(&[&long[..], &wrong].concat(), 2, &["class 11", "10 classes", "drawn-images"]);
    train(&[&long[..], &["--test", "/nowhere"]].concat(), 1, &["/nowhere"]);
    let nowhere = dir.path().join("no").join("state");
    let texts = [text(&nowhere), "No such file"];
    train(&[&long[..], &["--checkpoint", text(&nowhere)]].concat(), 1, &texts);
    fails(&[&["rewrite", "train", model, "-o", text(&nowhere)], &long[..]].concat(), 1, &texts);
    let image = digits("images").join("3.png");
    train(&["--data", text(&image)], 2, &["no label"]);
    train(&["--data", data, "--epochs", "0"], 2, &["at least one pass"]);
    train(&[&long[..], &["--device", "gpu"]].concat(), 2, &["'gpu'", "cuda:N"]);
    train(&[&long[..], &["--device", "cuda:4000"]].concat(), 2, &["'cuda:4000'"]);
    let many = ["--data", data, "--batch", "16", "--epochs", "18446744073709551615"];
    train(&many, 2, &["more steps"]);
    let steep = ["--data", data, "--rate", "1e30", "--epochs", "3"];
    train(&steep, 1, &["step", "loss", "learning rate"]);
    let linearize =
        ["rewrite", "linearize", model, "--data", data, "-o", text(dir.path()), "--relus"];
    let with = |relus: &'static str| [&linearize[..], &[relus]].concat();
    fails(&with("1473"), 2, &["1473", "1472"]);
    fails(&with("many"), 2, &["12.5%"]);
    fails(&with("101%"), 2, &["101%"]);
}
