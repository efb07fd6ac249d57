//! Vector kernels for private inference: AES-based generators and hashes, bit transposition, matrix products and
//! convolutions over Z_2^32 and Z_2^64, number-theoretic transforms modulo primes below 2^50, products and powers modulo
//! numbers of thousands of bits, and labels of arithmetic garbling, that is vectors of digits modulo primes below 2^8.
//!
//! This is the only crate of the workspace that contains `unsafe`. Every public function is safe and
//! single-threaded (callers parallelise). Each one looks up the instruction set once per call, see [`isa`], and every
//! vector path has a scalar twin with identical results.
//!
//! *Security*: no function branches on, or indexes by, the value of its data; running time depends on lengths alone,
//! in [`digits::sample`] on which words are thrown away, and in [`prg::add_sparse`] on places that a public seed draws.
//! The portable AES comes from the `aes` crate, which is constant-time.

#[cfg(target_endian = "big")]
compile_error!("blocks are defined as little-endian bytes: big-endian targets are not supported");

mod aes;
pub mod bigint;
mod block;
pub mod digits;
pub mod hash;
pub mod isa;
pub mod ntt;
pub mod prg;
pub mod ring;
mod selftest;
pub mod transpose;
mod wipe;

pub use block::Block;
pub use wipe::{Wiped, wipe};
