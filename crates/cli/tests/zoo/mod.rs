//! Networks made, priced under CrypTFlow2, and set side by side.

use crate::common::{fails, ok};
use serde_json::Value;
use tempfile::TempDir;

/// Two small networks, one of them with gates and hard swish.
fn networks(dir: &TempDir) -> [String; 2] {
    ["shufflenetv2", "mobilenetv3-small"].map(|name| {
        let path = dir.path().join(name).with_extension("onnx").to_str().unwrap().to_owned();
        let said = ok(&["zoo", name, "--input", "32x48", "--classes", "5", "-o", &path]);
        assert!(said.contains("3x32x48, 5 classes"), "{said}");
        fails(&["zoo", name, "-o", &path], 2, &["--force"]);
        path
    })
}

#[test]
fn networks_are_made_and_compared() {
    let dir = TempDir::new().unwrap();
    let [a, b] = networks(&dir);
    let compare = ["plan", "--compare", &a, &b, "--act-bits", "8", "--weight-bits", "8"];
    let rows: Value = serde_json::from_str(&ok(&[&compare[..], &["--json"]].concat())).unwrap();
    let number = |row: usize, path: &str| rows[row].pointer(path).unwrap().as_u64().unwrap();
    for row in [0, 1] {
        assert_eq!(rows[row]["refusal"], Value::Null);
        let macs = number(row, "/macs");
        assert!(number(row, "/cryptflow2/linear") > macs * 703 / 8);
        assert!(number(row, "/twoparty/lattice") < number(row, "/twoparty/transfers"));
        let [plain, tiled] =
            ["", "_winograd"].map(|w| number(row, &format!("/twoparty/transfers{w}")));
        assert!(tiled <= plain);
        assert!(number(row, "/rectifiers") > 0);
    }
    assert_eq!(rows[0]["name"], "shufflenetv2");
    // A thousand classes fewer, but five.
    assert_eq!(number(0, "/parameters"), 2_278_604 - 995 * 1025);
    let table = ok(&[&compare[..], &["--markdown"]].concat());
    let lines: Vec<&str> = table.lines().collect();
    assert!(lines[0].contains("| CrypTFlow2 |") && lines[1].starts_with("|--"), "{table}");
    assert!(lines[2].contains("shufflenetv2") && lines[3].contains("mobilenetv3-small"), "{table}");
    assert!(table.contains("37 bits, 12 of them of fractions, the server's weights"), "{table}");
}

#[test]
fn the_literature_is_priced_layer_by_layer() {
    let dir = TempDir::new().unwrap();
    let [a, _] = networks(&dir);
    let price = |deployment: &str| -> u64 {
        let plan = ok(&["plan", &a, "--cryptflow2", deployment, "--json"]);
        let plan: Value = serde_json::from_str(&plan).unwrap();
        let linear = |l: &Value| l["linear"].as_u64().unwrap();
        plan["layers"].as_array().unwrap().iter().map(linear).sum()
    };
    assert_eq!(price("64,23,shared").div_ceil(1000), (2 * price("64,23")).div_ceil(1000));
    let table = ok(&["plan", &a, "--cryptflow2", "37,12"]);
    assert!(table.contains("max pool") && table.contains("weights: "), "{table}");
    let squeeze = dir.path().join("squeeze.onnx").to_str().unwrap().to_owned();
    ok(&["zoo", "squeezenet1.1", "--input", "96x96", "--classes", "5", "-o", &squeeze]);
    let tiled = ok(&["plan", &squeeze, "--cryptflow2", "37,12,winograd"]);
    assert!(tiled.contains("tiles") && tiled.contains("with Winograd's transform"), "{tiled}");
}

#[test]
fn x_operators_take_fewer_products() {
    let dir = TempDir::new().unwrap();
    let path = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let (plain, x) = (path("plain.onnx"), path("x.onnx"));
    let small = ["zoo", "squeezenet1.1", "--input", "64x64", "--classes", "5"];
    ok(&[&small[..], &["-o", &plain]].concat());
    let said = ok(&[&small[..], &["--x-operator", "4", "-o", &x]].concat());
    assert!(said.contains("X-operators of 4 groups"), "{said}");
    let compared = ok(&["plan", "--compare", &plain, &x, "--json"]);
    let rows: Value = serde_json::from_str(&compared).unwrap();
    let products = |row: usize| rows[row]["macs"].as_u64().unwrap();
    assert!(2 * products(1) < products(0), "{compared}");
    fails(
        &[&small[..], &["--x-operator", "37", "-o", &path("y.onnx")]].concat(),
        2,
        &["37 groups"],
    );
}

#[test]
fn wrong_networks_and_deployments_are_usage_errors() {
    fails(&["zoo", "lenet", "-o", "x.onnx"], 2, &["lenet", "resnet50"]);
    fails(&["zoo", "resnet50"], 2, &["--output"]);
    fails(&["zoo", "-o", "x.onnx"], 2, &["NETWORK"]);
    fails(&["zoo", "resnet50", "--input", "8x8", "-o", "x.onnx"], 2, &["8 rows", "32 to 2048"]);
    fails(&["zoo", "resnet50", "--input", "8", "-o", "x.onnx"], 2, &["320x320"]);
    fails(&["plan", "a.onnx", "b.onnx"], 2, &["--compare"]);
    fails(&["plan", "a.onnx", "--markdown"], 2, &["--compare"]);
    fails(&["plan", "a.onnx", "--cryptflow2", "37"], 2, &["BITS,SCALE"]);
    fails(&["plan", "a.onnx", "--cryptflow2", "37,12,fast"], 2, &["BITS,SCALE"]);
    fails(&["plan", "a.onnx", "--cryptflow2", "37,19"], 2, &["19 fraction bits"]);
    fails(&["plan", "a.onnx", "--cryptflow2", "37,2147483648"], 2, &["2147483648 fraction bits"]);
    for ignored in [["--html", "x"], ["--network", "wan"], ["--backend", "garbled"]] {
        let beside = ["plan", "a.onnx", "--cryptflow2", "37,12"];
        fails(&[&beside[..], &ignored].concat(), 2, &[ignored[0], "cannot be used"]);
    }
    assert!(ok(&["zoo"]).contains("densenet121"));
}
