//! Backends that run a [`FixedGraph`](sordino_graph::fixed::FixedGraph) on secret data.
//!
//! One function, [`walk`], drives every [`Evaluator`]: the reference ([`Clear`]), the cost model
//! and each party of each protocol. A backend is correct when its revealed output equals
//! `Clear`'s.
#![forbid(unsafe_code)]

mod backend;
mod clear;
mod clock;
mod error;
mod evaluator;
pub mod garbled;
mod link;
pub mod popcorn;
mod request;
pub mod session;
mod shape;
pub mod twoparty;
mod walk;
pub mod work;

pub use backend::{BACKENDS, Backend, Threat, backend};
pub use clear::{Clear, run_clear, run_clear_with};
pub use clock::Clock;
pub use error::Error;
pub use evaluator::{Evaluator, Layer};
pub use sordino_wire::{Count, Meter, Network, Phase, Role};
pub use walk::{Progress, Silent, walk};
