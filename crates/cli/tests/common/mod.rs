//! Running the built binary.
#![allow(dead_code, clippy::unwrap_used)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

/// The files of the digit network.
pub(crate) fn digits(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/digits").join(file)
}

/// The folder of real networks and pictures, if this machine has it.
pub(crate) fn data(file: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let root = std::env::var_os("SORDINO_DATA").map_or(beside, PathBuf::from);
    let path = root.join(file);
    if !path.exists() {
        println!("skipped: {file} (no data folder)");
        return None;
    }
    Some(path)
}

/// The command, not started.
pub(crate) fn sordino(args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_sordino"));
    // Without the profile that its user may keep.
    command.args(args).stdin(Stdio::null()).env("XDG_CONFIG_HOME", env!("CARGO_TARGET_TMPDIR"));
    command
}

/// Runs the command to its end.
pub(crate) fn run(args: &[&str]) -> Output {
    sordino(args).output().unwrap()
}

/// Runs a command that must succeed; its stdout.
#[track_caller]
pub(crate) fn ok(args: &[&str]) -> String {
    let out = run(args);
    assert!(out.status.success(), "{args:?}: {}", String::from_utf8_lossy(&out.stderr));
    String::from_utf8(out.stdout).unwrap()
}

/// Runs a command that must fail with `code` and say all of `texts` on stderr.
#[track_caller]
pub(crate) fn fails(args: &[&str], code: i32, texts: &[&str]) {
    let out = run(args);
    check_failure(&out, code, texts);
}

#[track_caller]
pub(crate) fn check_failure(out: &Output, code: i32, texts: &[&str]) {
    let stderr = String::from_utf8_lossy(&out.stderr);
    assert_eq!(out.status.code(), Some(code), "{stderr}");
    for text in texts {
        assert!(stderr.contains(text), "'{text}' is not in: {stderr}");
    }
    assert!(!stderr.contains("panicked"), "{stderr}");
}

/// A server of the digit network, killed when dropped.
pub(crate) struct Server {
    pub(crate) child: Child,
    pub(crate) addr: String,
    pub(crate) pin: Option<String>,
}

impl Server {
    /// Starts it on a free port with these further options.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::of(&digits("digits.onnx"), &digits("drawn-images-idx3-ubyte.gz"), options)
    }

    /// A server of another network, calibrated on these samples.
    pub(crate) fn of(model: &Path, samples: &Path, options: &[&str]) -> Self {
        Self::spawn(&mut sordino(&Self::args(model, samples, options)))
    }

    pub(crate) fn args<'a>(
        model: &'a Path,
        samples: &'a Path,
        options: &[&'a str],
    ) -> Vec<&'a str> {
        let mut args = vec!["serve", model.to_str().unwrap(), "--json", "--listen", "127.0.0.1:0"];
        args.extend(["--calibrate", samples.to_str().unwrap()]);
        args.extend(options);
        args
    }

    /// Starts a command that serves.
    pub(crate) fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let at: serde_json::Value = match serde_json::from_str(&line) {
            Ok(at) => at,
            Err(_) => panic!("the server said {line:?} and {:?}", child.wait_with_output()),
        };
        Self {
            child,
            addr: at["listening"].as_str().unwrap().to_owned(),
            pin: at["fingerprint"].as_str().map(str::to_owned),
        }
    }

    /// A client's command line for this server.
    pub(crate) fn infer<'a>(&'a self, image: &'a Path, options: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["infer", image.to_str().unwrap()];
        self.reach(&mut args, options);
        args
    }

    /// A command line that prepares with this server.
    pub(crate) fn prepare<'a>(&'a self, store: &'a Path, options: &[&'a str]) -> Vec<&'a str> {
        let mut args = vec!["prepare", "--store", store.to_str().unwrap()];
        self.reach(&mut args, options);
        args
    }

    fn reach<'a>(&'a self, args: &mut Vec<&'a str>, options: &[&'a str]) {
        args.extend(["--server", &self.addr]);
        match &self.pin {
            Some(pin) => args.extend(["--pin", pin]),
            None => args.push("--plaintext"),
        }
        args.extend(options);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
