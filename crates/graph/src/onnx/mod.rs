//! ONNX files to [`Graph`]s: decoding within limits, every attribute read or refused, shapes
//! inferred and constants folded node by node.
//!
//! Operator sets 7 to 28 of the default domain are read, and older files where their meaning is
//! unambiguous. Control flow, sequences, custom domains and models with run-time shapes are
//! refused with the name of the node.

mod attributes;
mod builder;
mod decode;
mod export;
mod external;
mod import;
mod limits;
mod node;
mod ops;
mod order;
pub(crate) mod parts;
#[allow(missing_docs, unreachable_pub, clippy::all)]
#[rustfmt::skip]
pub mod proto;
mod tensor;

pub use export::export;
pub use import::{ImportOptions, import};
pub use limits::Limits;
pub use tensor::{named_tensor_from_bytes, tensor_from_proto};

use crate::Error;
use crate::ir::Graph;

/// Reads an ONNX model whose input shape is in the file; a symbolic batch size becomes 1.
///
/// # Errors
/// [`Error::Decode`] when the bytes are not an ONNX model, [`Error::Unsupported`] for what this
/// program cannot handle, [`Error::Invalid`] and [`Error::Shape`] when the model contradicts
/// itself, [`Error::Limit`] beyond [`Limits`].
pub fn load(bytes: &[u8]) -> Result<Graph, Error> {
    load_with(bytes, &ImportOptions::default())
}

/// As [`load`], with a fixed input shape, external data or other limits.
///
/// # Errors
/// As [`load`].
pub fn load_with(bytes: &[u8], options: &ImportOptions) -> Result<Graph, Error> {
    let model = decode::model(bytes, &options.limits)?;
    import(&model, options)
}
