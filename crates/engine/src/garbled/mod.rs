//! Inference by one arithmetic garbled circuit: the data owner garbles, the server evaluates.
//!
//! Ahead of time the garbler makes circuits and sends their tables, which the server stores. With
//! an input at hand, the labels of the input go up and those of the output come back: one round,
//! whatever the depth.
//!
//! # Security
//!
//! Against a malicious server, with an honest garbler, in the model and under the assumptions of
//! [`sordino_garble`]. The server learns nothing of input, activations or output, and cannot make
//! the garbler accept a wrong output, within the bounds stated there. A damaged or exchanged table
//! leads to an abort or to the right answer. **The weights are known to both**: the server computes on
//! labels with them, and so does the garbler. A circuit is used once: its secret is claimed
//! in the garbler's store, durably, before the first label leaves, and its tables in the server's
//! before the garbler is told to go ahead.
//!
//! *Authenticity, sketch.* The decoder accepts a label only if it is `W + v * D` in all digits. An
//! evaluator that holds the label of `v` and outputs that of `v' != v` has computed a non-zero
//! multiple of `D`. In the ideal game, where every row that its keys do not open is uniform, `D`
//! is independent of what it sees but for its first digit, so it succeeds with probability
//! `p^-(n-1) <= 2^-112` for each output label. The real game differs by the advantage against
//! the hash.
//!
//! # Numbers
//!
//! Every edge lives in residues modulo the primes that its readers compute in. Linear layers act
//! on each residue alone; `Lookup` and `Rescale` are gadgets. Values are exact integers: the plan
//! checks, from the weights, that no edge can leave its ring, so the output is that of `clear`.
//!
//! *Source*: Dash (TCHES 2025), ReDash (2025).

mod circuit;
mod client;
mod cost;
mod messages;
mod outline;
mod party;
mod range;
mod run;
mod server;
mod support;
mod tables;
mod views;
mod wanted;
mod weights;

pub use circuit::Circuit;
pub use client::{GarblerSession, prepared_for};
pub use cost::{GARBLED, GarbledCost};
pub use outline::{LayerOutline, Outline};
pub use run::run_garbled;
pub use server::{EvaluatorModel, GarbledLimits, GarbledOffer, serve};
pub use support::GarbledBackend;
pub use tables::TableMemory;
