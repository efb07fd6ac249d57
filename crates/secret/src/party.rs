use sordino_wire::Role;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::Client {}
    impl Sealed for super::Server {}
}

/// The data owner: connects, holds the input, learns the output.
pub enum Client {}

/// The model owner: listens, holds the weights, learns nothing.
pub enum Server {}

/// A party as a type, so that two parties' shares cannot be mixed.
pub trait Party: sealed::Sealed + Send + Sync + 'static {
    /// Its role on the wire.
    const ROLE: Role;
    /// The peer.
    type Peer: Party;
}

impl Party for Client {
    const ROLE: Role = Role::Client;
    type Peer = Server;
}

impl Party for Server {
    const ROLE: Role = Role::Server;
    type Peer = Client;
}
