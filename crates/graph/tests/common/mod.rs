//! Test data: where it is, and reading ONNX backend-test folders.
#![allow(dead_code, missing_docs, unreachable_pub, clippy::unwrap_used)]

pub mod build;
pub mod images;

use sordino_graph::ir::{Tensor, TensorData};
use sordino_graph::onnx::named_tensor_from_bytes;
use std::path::{Path, PathBuf};

/// The data folder, or `None` after saying that `what` is skipped.
pub fn data(what: &str) -> Option<PathBuf> {
    let default = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SORDINO_DATA").map_or(default, PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    println!("skipped: {what} (no data folder)");
    None
}

/// `input_*.pb` or `output_*.pb` of one data set, in order, with their names.
pub fn tensors(set: &Path, kind: &str) -> Vec<(String, Tensor)> {
    (0..)
        .map(|i| set.join(format!("{kind}_{i}.pb")))
        .take_while(|p| p.exists())
        .map(|p| named_tensor_from_bytes(&std::fs::read(p).unwrap()).unwrap())
        .collect()
}

/// Sub-folders, sorted.
pub fn folders(path: &Path) -> Vec<PathBuf> {
    let mut all: Vec<_> = std::fs::read_dir(path)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.is_dir())
        .collect();
    all.sort();
    all
}

/// Test data sets of a model folder.
pub fn data_sets(model: &Path) -> Vec<PathBuf> {
    folders(model).into_iter().filter(|p| p.to_string_lossy().contains("test_data_set_")).collect()
}

/// `Err` with the first difference beyond the tolerances.
pub fn compare(got: &Tensor, want: &Tensor, relative: f32, absolute: f32) -> Result<(), String> {
    if got.shape() != want.shape() || got.dtype() != want.dtype() {
        return Err(format!(
            "{:?} {:?}, expected {:?} {:?}",
            got.dtype(),
            got.shape(),
            want.dtype(),
            want.shape()
        ));
    }
    match (got.data(), want.data()) {
        (TensorData::F32(g), TensorData::F32(w)) => {
            for (i, (&g, &w)) in g.iter().zip(w).enumerate() {
                let same = g == w || (g.is_nan() && w.is_nan());
                let near = (g - w).abs() <= absolute + relative * w.abs();
                if !same && !near {
                    return Err(format!("element {i}: {g}, expected {w}"));
                }
            }
            Ok(())
        }
        (g, w) if g == w => Ok(()),
        _ => Err("integers differ".into()),
    }
}
