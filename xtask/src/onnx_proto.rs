//! Regenerates the committed protobuf types of `sordino-graph` without needing `protoc`.

use anyhow::{Context, Result};
use std::path::Path;

/// Compiles `crates/graph/proto/onnx.proto` to `crates/graph/src/onnx/proto.rs`.
pub(crate) fn run() -> Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().context("no workspace root")?;
    let source = root.join("crates/graph/proto");
    let files = protox::compile([source.join("onnx.proto")], [&source])?;
    let out = tempdir()?;
    prost_build::Config::new().out_dir(&out).bytes(["."]).compile_fds(files)?;
    let generated = std::fs::read_to_string(out.join("onnx.rs"))?;
    let target = root.join("crates/graph/src/onnx/proto.rs");
    std::fs::write(&target, generated)?;
    std::fs::remove_dir_all(&out)?;
    println!("wrote {}", target.display());
    Ok(())
}

fn tempdir() -> Result<std::path::PathBuf> {
    let dir = std::env::temp_dir().join(format!("sordino-onnx-proto-{}", std::process::id()));
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
