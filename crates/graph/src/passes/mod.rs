//! Rewrites of a [`Graph`](crate::ir::Graph) that keep what it computes.

mod dead;

pub use dead::remove_dead;
