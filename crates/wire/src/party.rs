//! Who talks, in which direction, in which phase.

/// The two parties of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// The data owner; it connects.
    Client,
    /// The model owner; it listens.
    Server,
}

impl Role {
    /// The other party.
    pub const fn peer(self) -> Role {
        match self {
            Role::Client => Role::Server,
            Role::Server => Role::Client,
        }
    }

    /// The direction in which this party sends.
    pub const fn sends(self) -> Dir {
        match self {
            Role::Client => Dir::Up,
            Role::Server => Dir::Down,
        }
    }
}

/// The direction of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dir {
    /// Client to server.
    Up,
    /// Server to client.
    Down,
}

/// The part of a session that a message belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// Once per pair of parties: keys, base OTs.
    Setup,
    /// Per inference, before the input is known: correlations, masks.
    Offline,
    /// Per inference, from the input to the prediction.
    Online,
}
