//! ONNX bytes to a typed, shaped graph; quantisation to the fixed-point graph every backend runs.
#![forbid(unsafe_code)]

mod error;
pub mod fixed;
pub mod float;
pub mod infer;
pub mod ir;
pub mod onnx;
pub mod passes;
pub mod zoo;

pub use error::Error;
pub use onnx::{ImportOptions, load, load_with};
