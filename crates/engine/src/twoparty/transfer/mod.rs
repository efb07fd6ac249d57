//! Linear layers on correlated transfers: the server's kernel times the client's share, by
//! [`sordino_ot::matrix`].
//!
//! The server multiplies its own share in the clear. The client's share is laid out so that the
//! layer becomes a few products of matrices ([`Plan`]); the server is the receiver of the
//! transfers, its weights are the choices, and a weight of b bits costs b transfers whatever the
//! size of the image. No noise, no parameters, exact in every ring of up to 64 bits; bytes grow with
//! multiplications, not with inputs and outputs, so lattice ciphertexts beat it wherever a layer
//! fills one.
//!
//! *Cost*: per weight and pixel of the result about b messages of l bits; Winograd's
//! transforms divide that by up to 3, see [`winograd`]. One round for each 2^21 transfers of a layer.
//!
//! *Security*: semi-honest, as [`sordino_ot::matrix`]; nothing is opened.
//!
//! *Source*: Rathee et al., "CrypTFlow2", CCS 2020, sections 4.1 and 5.1.

mod columns;
mod kernel;
mod plan;
#[cfg(test)]
mod trained;
mod winograd;

pub(crate) use kernel::Kernel;
pub(crate) use plan::{Plan, Rate, Task};
