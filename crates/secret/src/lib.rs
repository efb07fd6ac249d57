//! Shares, masks, parties and randomness: the types that keep a secret from being sent, printed,
//! compared or reused by accident.
//!
//! # Secrecy by type
//!
//! * A [`Share`] belongs to one party (its type parameter) and has no `Debug`, `Display`,
//!   `PartialEq`, `Index` or serialisation. Shares of two parties do not add.
//! * Only the wrappers of `sordino_wire` can be sent, and a share is none of them. A protocol
//!   that masks a share does so on the words returned by `expose`, which is the one name to
//!   search for when reviewing what may leave a party.
//! * [`Disclosure`] names every value that is revealed on purpose; a session counts them.
//! * Everything secret is zeroised when dropped.
#![forbid(unsafe_code)]

mod bits;
mod disclosure;
mod error;
mod pack;
mod party;
mod ring;
mod rng;
mod share;

pub use bits::Bits;
pub use disclosure::{Disclosure, Ledger};
pub use error::Error;
pub use pack::{pack, packed_len, unpack};
pub use party::{Client, Party, Server};
pub use ring::Ring;
pub use rng::SecretRng;
pub use share::Share;
