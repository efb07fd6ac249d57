//! Private neural-network inference: a model owner serves an ONNX network, a data owner gets the
//! prediction, neither learns the other's secret.
//!
//! This crate is the command `sordino` ([`commands`]) and the façade over the workspace's
//! libraries: [`graph`] imports, quantises and runs networks in the clear, [`engine`] runs them
//! privately, [`wire`] connects the parties, [`plan`] says beforehand what a run will cost,
//! [`store`] keeps what is prepared ahead of time.
#![forbid(unsafe_code)]

pub mod commands;
pub mod data;
pub mod exit;
pub mod image;
pub mod model;
pub mod predict;
pub mod report;
pub mod residue;

pub use sordino_engine as engine;
pub use sordino_graph as graph;
pub use sordino_plan as plan;
pub use sordino_rewrite as rewrite;
pub use sordino_store as store;
pub use sordino_wire as wire;
