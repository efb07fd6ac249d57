//! What two parties agree on before a protocol runs: version, network, parameters, disclosures.
//!
//! The client speaks first. Magic and version are the first eight bytes of the first message
//! each way and never move, so that any two versions can tell each other apart. The server
//! answers with the ways in which it runs its network, of those that were asked for, with their public graphs and with a
//! card of its own (preprocessing, labels); the client validates the graphs and confirms one way, its wish and the hash of
//! everything agreed. A client that leaves the supply of transfers open, or everything but what is revealed, is sent a
//! probe too, by which it knows the link. Where everything was open, both parties work out what the session will send,
//! layer by layer, and the client confirms the hash of that as well.
//!
//! Learned from the handshake: the client learns the architecture, scales and bit widths, and what ways the server's owner
//! accepts; the server learns the client's wish; what was left open tells it of the link and of the client's machine, or
//! of what the client has stored.

mod client;
mod label;
mod menu;
mod messages;
mod plan;
mod server;
mod wish;

pub use client::{Terms, greet};
pub use menu::{Ask, Choose, LeftOpen, Menu, Open, Pick, Way};
pub use messages::{Hello, MAX_CARD, MAX_GRAPH, Refusal, VERSION};
pub use server::{Host, Offered, Refused, listen, refuse, serve};
pub use wish::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, Reveal, SupplyChoice, Truncation, Wish,
};

pub(crate) use label::material_label;
pub(crate) use plan::digest as plan_digest;
pub(crate) use server::{agree, labels_only};
