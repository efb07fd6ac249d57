//! Arithmetic garbled circuits over small primes, for neural networks: free linear layers, and
//! activations, rescaling and pooling by tables.
//!
//! A value `v` in Z_p on a wire is a *label* `W + v * D_p`: a vector over Z_p whose zero label `W`
//! and offset `D_p` only the garbler knows. Sums and products with public constants act on labels
//! alone, so a convolution costs neither bytes nor hashes. Everything else is a [`Program`] of
//! projection gates: tables of one encrypted label per value.
//!
//! [`Garbler`] and [`Evaluator`] interpret the same programs through one trait, [`Machine`]: a
//! network written against it cannot differ between the two.
//!
//! # Security
//!
//! Against an evaluator who deviates at will, with an honest garbler who uses a circuit once:
//! * *Privacy, obliviousness*: active labels and tables show nothing but the program; decoding
//!   stays with the garbler. *Authenticity*: labels of other outputs than the true ones cannot be
//!   made, so a wrong answer is rejected. The advantage of an adversary with `T` calls of AES
//!   against one circuit of `C` rows is about `T * 2^-112 + T * C * 2^-128`; every circuit hashes
//!   under a public key of its own, so that many circuits do not add up in `C`.
//! * *Selective*: for inputs that do not depend on the tables.
//! * *Assumption*: the hash TMMO is tweakable circular correlation robust for differences that
//!   are multiples of the offsets, jointly over several prime moduli. With AES under a public key
//!   as an ideal permutation this is proved for the binary field and one offset (Guo, Katz, Wang,
//!   Yu, eprint 2019/074, section 7.4). For offsets over several primes, whose first digit is
//!   1 and whose other digits give 112 to 127 bits ([`Prime::lambda`]), and for several tweaks on
//!   one input that share the first permutation call, we know of no published proof and rely on
//!   the same argument.
//! * Not hidden: the network with its weights, tables and shapes. A circuit used twice gives its
//!   offsets away.
//!
//! *Sources*: Ball, Malkin, Rosulek, "Garbling gadgets for Boolean and arithmetic circuits" (CCS
//! 2016) for labels, projections and half gates; "Dash" (TCHES 2025) and "ReDash" (2025) for label
//! tensors and networks; Szabo and Tanaka for mixed radix. We differ: moduli are prime by type,
//! colours are never reused as masks, the hash is tweaked per gate and output, and rescaling,
//! activation, clamping and requantisation are one exact gadget ([`gadget::lookup`]).

#![forbid(unsafe_code)]

mod base;
mod decode;
mod error;
mod evaluator;
pub mod gadget;
mod garbler;
mod linear;
mod machine;
mod offsets;
mod prime;
mod program;
mod tensor;
mod tiles;

pub use base::Base;
pub use decode::{Decoder, Secret};
pub use error::Error;
pub use evaluator::Evaluator;
pub use garbler::Garbler;
pub use linear::{Kernel, convolve};
pub use machine::{Machine, Sink, Source, Tables};
pub use offsets::Offsets;
pub use prime::{LAMBDA, Prime};
pub use program::{Builder, Cost, Program, Slot, Step};
pub use tensor::Labels;
pub use tiles::GROUP_ROWS;
