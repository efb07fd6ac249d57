//! Lattice encryption for linear layers.
#![forbid(unsafe_code)]

mod client;
mod codec;
mod error;
mod kernel;
mod keys;
mod layout;
pub mod linear;
mod params;
mod ring;
mod server;
mod shape;

#[cfg(test)]
mod measured;

pub use client::{decrypt, encrypt};
pub use error::Error;
pub use kernel::{EncodedKernel, KERNEL_BUDGET};
pub use keys::{ClientKeys, ServerKeys, public_key_len};
pub use layout::ConvLayout;
pub use params::Params;
pub use server::evaluate;
pub use shape::ConvShape;
