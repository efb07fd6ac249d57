//! Command lines, files and models that are wrong: each a clear error and the right exit code.
#![allow(clippy::unwrap_used)]

mod common;
mod zoo;

use common::{digits, fails, ok, run, sordino};
use std::path::Path;
use tempfile::TempDir;

fn model() -> String {
    digits("digits.onnx").to_str().unwrap().to_owned()
}

fn image(name: &str) -> String {
    digits("images").join(name).to_str().unwrap().to_owned()
}

#[test]
fn help_and_version_succeed() {
    assert!(ok(&["--help"]).contains("Exit codes"));
    assert!(ok(&["--version"]).contains(env!("CARGO_PKG_VERSION")));
    for command in ["serve", "prepare", "infer", "run", "eval", "check", "plan", "keygen", "demo"] {
        assert!(ok(&[command, "--help"]).contains("Usage"), "{command}");
    }
}

#[test]
fn unknown_flags_and_values_are_usage_errors() {
    fails(&["infer", "--frobnicate"], 2, &["--frobnicate"]);
    fails(&["dance"], 2, &["dance"]);
    fails(&[], 2, &["Usage"]);
    fails(&["infer", "x.png", "--server", "localhost:1"], 2, &["--pin"]);
    fails(&["infer", "x.png", "--server", "h:1", "--pin", "zz"], 2, &["no fingerprint"]);
    let (m, i) = (model(), image("3.png"));
    fails(&["run", &m, &i, "--backend", "magic"], 2, &["magic", "twoparty"]);
    fails(&["run", &m, &i, "--network", "moon"], 2, &["20ms,100mbit"]);
    fails(&["run", &m, &i, "--network", "lan"], 2, &["--backend twoparty"]);
    fails(&["run", &m, &i, "--channels", "rgb"], 2, &["channels"]);
    fails(&["run", &m, &i, "--act-bits", "99"], 2, &["act_bits"]);
    fails(&["run", &m, &i, "--backend", "twoparty", "--supply", "x"], 2, &["softspoken-K"]);
    fails(&["serve", &m, "--listen", "127.0.0.1:0"], 2, &["--calibrate"]);
    fails(&["serve", &m, "--plaintext", "--listen", "0.0.0.0:0"], 4, &["loopback"]);
}

#[test]
fn missing_and_foreign_files_are_named() {
    let (m, i) = (model(), image("3.png"));
    fails(&["run", "/nowhere/x.onnx", &i], 1, &["/nowhere/x.onnx", "No such file"]);
    fails(&["run", &m, "/nowhere/x.png"], 1, &["/nowhere/x.png", "No such file"]);
    fails(&["run", &m, &m], 1, &["digits.onnx", "not a known kind of data"]);
    fails(&["run", &i, &i], 3, &["3.png"]);
    let server = ["--server", "127.0.0.1:1", "--plaintext"];
    let args = [&["infer", "/nowhere/x.png"][..], &server].concat();
    fails(&args, 1, &["/nowhere/x.png"]);
}

#[test]
fn damaged_models_are_refused() {
    let dir = TempDir::new().unwrap();
    let whole = std::fs::read(model()).unwrap();
    let path = dir.path().join("m.onnx");
    let text = path.to_str().unwrap();
    for cut in [0, 1, 100, whole.len() / 2, whole.len() - 1] {
        std::fs::write(&path, &whole[..cut]).unwrap();
        fails(&["run", text, &image("3.png"), "--backend", "float"], 3, &["m.onnx"]);
    }
    // A flipped bit may give another valid model, but never a panic.
    for at in (0..whole.len()).step_by(whole.len() / 24) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&path, &bytes).unwrap();
        let code = run(&["run", text, &image("3.png"), "--backend", "float"]).status.code();
        assert!(matches!(code, Some(0..=3)), "byte {at}: {code:?}");
    }
}

#[test]
fn pictures_of_the_wrong_size_or_type() {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("x.png");
    let text = path.to_str().unwrap();
    let m = model();
    let whole = std::fs::read(image("3.png")).unwrap();
    std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
    fails(&["run", &m, text], 1, &["x.png", "not a readable picture"]);
    std::fs::write(&path, b"GIF89a").unwrap();
    fails(&["run", &m, text], 1, &["x.png", "not a readable picture"]);
    fails(&["run", &m, &image("chalk-4.png"), "--exact"], 1, &["280x280", "exactly 28x28"]);
    let npy = dir.path().join("x.npy");
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (3,), }\n";
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.as_bytes());
    bytes.extend([0; 12]);
    std::fs::write(&npy, bytes).unwrap();
    fails(&["run", &m, npy.to_str().unwrap()], 1, &["x.npy", "3 values"]);
}

#[test]
fn settings_files_are_checked() {
    let dir = TempDir::new().unwrap();
    let toml = dir.path().join("s.toml");
    let (m, i) = (model(), image("3.png"));
    let with = |text: &str| {
        std::fs::write(&toml, text).unwrap();
        sordino(&["run", &m, &i, "--backend", "float", "--settings", toml.to_str().unwrap()])
            .output()
            .unwrap()
    };
    common::check_failure(&with("colour = 3"), 2, &["s.toml", "colour"]);
    common::check_failure(&with("scale = "), 2, &["s.toml"]);
    common::check_failure(&with("mean = [1, 2]"), 2, &["mean has 2 values"]);
    common::check_failure(&with("labels = \"gone.txt\""), 1, &["gone.txt"]);
    assert!(with("scale = 0.00392156862745098").status.success());
}

#[test]
fn keys_are_private_and_never_overwritten() {
    let dir = TempDir::new().unwrap();
    let out = dir.path().join("new/folder");
    let args = ["keygen", "--json", "--out", out.to_str().unwrap(), "--host", "example.org"];
    let made: serde_json::Value = serde_json::from_str(&ok(&args)).unwrap();
    assert!(made["fingerprint"].as_str().unwrap().starts_with("sha256:"));
    let key = Path::new(made["key"].as_str().unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(key.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }
    let before = std::fs::read(key).unwrap();
    fails(&args, 1, &["sordino.key"]);
    assert_eq!(std::fs::read(key).unwrap(), before);
    fails(&["keygen", "--out", "/proc/nowhere"], 1, &["/proc/nowhere"]);
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_reported() {
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let (m, i) = (model(), image("3.png"));
    let out = sordino(&["run", &m, &i, "--backend", "float", "--json"]).stdout(full).output();
    common::check_failure(&out.unwrap(), 1, &["writing to stdout", "No space left"]);
}
