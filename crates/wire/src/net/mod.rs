//! Sockets: the only ones in the workspace.

mod connect;
mod hello;
mod listen;
mod security;
mod tcp;

pub use connect::{connect, connect_link};
pub use listen::{Listener, Pending};
pub use security::{ClientSecurity, ServerSecurity};
#[cfg(any(feature = "tls", feature = "tls-ring"))]
pub(crate) use tcp::Sink;
