//! Networks that train and are rewritten on their graph: execution of [`sordino_graph`]'s IR on
//! `burn` with derivatives, training, and the result as plain ONNX.
//!
//! No code is generated from a network: [`Network`] holds an imported graph together with its
//! constants as tensors of a device, and one executor walks the nodes. Whatever changes a network
//! (a trained weight, a batch normalisation put back, a rectifier that became the identity)
//! changes that graph, so the float executor, the quantiser and the exporter see it as well. So
//! does [`compress`], which takes no training and no derivatives.
#![forbid(unsafe_code)]

mod array;
pub mod compress;
mod device;
mod error;
mod exec;
pub mod file;
pub mod mask;
mod merge;
mod network;
pub mod operators;
pub mod polynomial;
pub mod report;
pub mod train;
mod unfold;

pub use array::Array;
pub use burn_tensor::Device;
pub use device::device;
pub use error::Error;
pub use exec::Statistics;
pub use merge::{Work, merge_linear};
pub use network::{Network, Parameter, Role, Sensitivities};
pub use unfold::unfold_batch_norms;
