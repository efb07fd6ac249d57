use serde::Serialize;
use sordino_wire::Role;
use std::collections::BTreeMap;

/// Bytes of a process before there is a network in it.
const PROCESS: u64 = 15 << 20;
/// Bytes that a model owner holds for each weight: as it was read, and as integers.
pub(crate) const WEIGHT: usize = 24;

/// The most bytes that each party's process holds at once, about. Measured on seven networks: within a quarter but for clients of `garbled`,
/// which hold less on a quick link, where no tables queue. Not counted are kernels for lattice ciphertexts while a server uses
/// something else, which it keeps ready for the next session; circuits are counted as in memory, where a server without a store has them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Memory {
    /// Of the data owner.
    pub client: u64,
    /// Of the model owner.
    pub server: u64,
}

/// What is in memory for a time. Things of one kind replace each other, those of different kinds are there together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Passing {
    /// Intermediate values.
    Values,
    /// What a step computes with.
    Step,
    /// Correlated transfers drawn in one direction.
    OneWay,
    /// Those drawn in both.
    TwoWay,
    /// Correlated transfers in advance with the server as sender.
    ServerPool,
    /// The same with the client as sender.
    ClientPool,
}

/// What each party holds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Held {
    kept: BTreeMap<Role, u64>,
    passing: BTreeMap<(Role, Passing), u64>,
}

impl Held {
    /// Until the session ends.
    pub(crate) fn keep(&mut self, party: Role, bytes: usize) {
        *self.kept.entry(party).or_default() += bytes as u64;
    }

    /// For a time.
    pub(crate) fn pass(&mut self, party: Role, kind: Passing, bytes: usize) {
        let most = self.passing.entry((party, kind)).or_default();
        *most = (*most).max(bytes as u64);
    }

    /// The same for both.
    pub(crate) fn pass_both(&mut self, kind: Passing, bytes: usize) {
        for party in [Role::Client, Role::Server] {
            self.pass(party, kind, bytes);
        }
    }

    /// The most of each.
    pub(crate) fn memory(&self) -> Memory {
        let of = |party: Role| {
            let passing = self.passing.iter().filter(|((p, _), _)| *p == party).map(|(_, n)| n);
            PROCESS + self.kept.get(&party).unwrap_or(&0) + passing.sum::<u64>()
        };
        Memory { client: of(Role::Client), server: of(Role::Server) }
    }
}
