//! Metered, framed, encrypted lanes between the two parties of a session.
//!
//! A [`Lane`] is a dialogue with the peer: straight-line blocking code sends and receives messages
//! of agreed [`Kind`] and length, and the lane counts messages, bytes and rounds in a [`Meter`].
//! Only what implements the sealed trait [`Wire`] can be sent. No other crate of the workspace
//! opens a socket.
//!
//! Internal to sordino, no stability promised.
#![forbid(unsafe_code)]

#[cfg(target_endian = "big")]
compile_error!("the wire format is the memory format of little-endian machines");

mod abort;
mod error;
#[cfg(any(test, feature = "testing"))]
mod faulty;
pub mod frame;
mod kind;
mod lane;
mod limits;
mod link;
mod memory;
mod meter;
mod net;
mod party;
mod payload;
mod pipe;
mod recorded;
mod shaped;
#[cfg(any(feature = "tls", feature = "tls-ring"))]
mod tls;

pub use abort::AbortCode;
pub use error::Error;
#[cfg(any(test, feature = "testing"))]
pub use faulty::Fault;
pub use frame::HEADER;
pub use kind::Kind;
pub use lane::Lane;
pub use limits::Limits;
pub use link::{Context, Link, memory_link, shaped_link};
pub use memory::{memory_pair, shaped_pair};
pub use meter::{Count, Meter, Underway};
pub use net::{ClientSecurity, Listener, Pending, ServerSecurity, connect, connect_link};
pub use party::{Dir, Phase, Role};
pub use payload::{Cipher, Garbled, Masked, Public, Wire};
pub use recorded::{Message, Transcript};
pub use shaped::Network;
#[cfg(any(feature = "tls", feature = "tls-ring"))]
pub use tls::{Fingerprint, Identity, Trust};
