//! Generators and checks of the workspace: `cargo xtask <command>`.
#![forbid(unsafe_code)]

mod arrows;
mod onnx_proto;

fn main() -> anyhow::Result<()> {
    match std::env::args().nth(1).as_deref() {
        Some("arrows") => arrows::run(),
        Some("onnx-proto") => onnx_proto::run(),
        _ => anyhow::bail!(
            "usage: cargo xtask <command>\n  \
             arrows      check which crate depends on which, and that unsafe stays in the kernels\n  \
             onnx-proto  regenerate crates/graph/src/onnx/proto.rs"
        ),
    }
}
