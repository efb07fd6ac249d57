//! Generators and checks of the workspace: `cargo xtask <command>`.
#![forbid(unsafe_code)]

mod arrows;
mod onnx_proto;

use std::process::ExitCode;

const USAGE: &str = "usage: cargo xtask <command>
  arrows      check which crate depends on which, and that unsafe stays in the kernels
  onnx-proto  regenerate crates/graph/src/onnx/proto.rs";

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some("arrows") => arrows::run(),
        Some("onnx-proto") => onnx_proto::run(),
        _ => Err(anyhow::anyhow!(USAGE)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(e) => {
            eprintln!("{e:#}");
            ExitCode::FAILURE
        }
    }
}
