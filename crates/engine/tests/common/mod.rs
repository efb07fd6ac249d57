//! What the suites share: models, the backends under test, and sessions of both parties in one
//! process.
#![allow(dead_code, unreachable_pub, unused_imports, clippy::unwrap_used)]

mod builder;
pub mod fixtures;
pub mod garbled;
pub mod popcorn;
mod rounding;
mod twoparty;

pub use builder::{Builder, conv, input, inputs, mix, pool};
pub use rounding::assert_rounded_without_bias;
pub use twoparty::WISH;

use garbled::{Garbled, Options};
use popcorn::Popcorn;
use sordino_engine::session::Wish;
use sordino_engine::{Backend, Error, backend};
use sordino_graph::fixed::FixedModel;
use sordino_wire::{Count, Lane, Meter, Phase, Role};
use std::collections::BTreeMap;
use std::sync::Arc;
use twoparty::TwoParty;

/// A private backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    TwoParty,
    Garbled,
    /// In its mode `affine`.
    Popcorn,
    /// In its mode `paper`.
    PopcornPaper,
}

impl Kind {
    pub const ALL: [Self; 4] = [Self::TwoParty, Self::Garbled, Self::Popcorn, Self::PopcornPaper];

    /// Computes on integers that do not wrap.
    pub fn never_wraps(self) -> bool {
        matches!(self, Self::Popcorn | Self::PopcornPaper)
    }

    pub fn backend(self) -> &'static dyn Backend {
        let name = match self {
            Self::TwoParty => "twoparty",
            Self::Garbled => "garbled",
            Self::Popcorn => "popcorn",
            Self::PopcornPaper => "popcorn-paper",
        };
        backend(name).unwrap()
    }

    /// The wish of an ordinary session.
    pub fn wish(self) -> Wish {
        match self {
            Self::TwoParty => twoparty::WISH,
            Self::Garbled => garbled::WISH,
            Self::Popcorn => popcorn::WISH,
            Self::PopcornPaper => popcorn::PAPER,
        }
    }

    /// Makes a model ready to be served.
    pub fn deploy(self, model: &FixedModel, wish: Wish) -> Result<Arc<dyn Deployed>, Error> {
        Ok(match self {
            Self::TwoParty => Arc::new(TwoParty::new(model, wish, u64::MAX)?),
            Self::Garbled => Arc::new(Garbled::new(model, Options::default())?),
            Self::Popcorn | Self::PopcornPaper => Arc::new(Popcorn::new(model, wish)?),
        })
    }

    /// What every entry point says about a model that the backend cannot run.
    pub fn refusals(self, model: &FixedModel) -> Vec<Option<Error>> {
        let supports = self.backend().supports(&model.graph).err();
        let others = match self {
            Self::TwoParty => twoparty::refusals(model),
            Self::Garbled => garbled::refusals(model),
            Self::Popcorn | Self::PopcornPaper => popcorn::refusals(model),
        };
        [supports].into_iter().chain(others).collect()
    }
}

pub type Counts = BTreeMap<(Phase, Option<u32>), Count>;

/// A model ready for sessions under one backend.
pub trait Deployed: Send + Sync {
    /// The same for one more session, with nothing left from others.
    fn fresh(self: Arc<Self>) -> Arc<dyn Deployed>;

    /// What is revealed of this input.
    fn reference(&self, input: &[u64]) -> Vec<u64>;

    /// A whole session of the data owner.
    fn client(&self, lane: Lane, inputs: &[Vec<u64>]) -> Result<Report, Error>;

    /// A whole session of the server.
    fn server(&self, lane: &mut Lane) -> Result<Meter, Error>;

    /// What a party's lane meters in a session.
    fn predicted(&self, role: Role, inferences: usize) -> Counts;
}

/// What a client holds at the end.
pub struct Report {
    pub outputs: Vec<Vec<u64>>,
    pub meter: Meter,
    pub disclosed: Vec<(&'static str, u64)>,
}

/// Both parties' sessions over the given lanes.
pub fn run(
    deployed: &dyn Deployed,
    inputs: &[Vec<u64>],
    lanes: (Lane, Lane),
) -> Result<(Report, Meter), Error> {
    let (ours, mut theirs) = lanes;
    std::thread::scope(|s| {
        let server = s.spawn(|| deployed.server(&mut theirs));
        let report = deployed.client(ours, inputs)?;
        Ok((report, server.join().unwrap()?))
    })
}

/// Runs `client` against `server`. Nobody waits in these sessions: a party left alone sees its
/// peer go.
pub fn both<A: Send, B: Send>(
    client: impl FnOnce(Lane) -> A + Send,
    server: impl FnOnce(Lane) -> B + Send,
) -> (A, B) {
    let (up, down) = sordino_wire::memory_pair();
    std::thread::scope(|s| {
        let client = s.spawn(|| client(up));
        let server = s.spawn(|| server(down));
        (client.join().unwrap(), server.join().unwrap())
    })
}

#[track_caller]
pub fn mentions(text: impl std::fmt::Display, parts: &[&str]) {
    let text = text.to_string();
    for part in parts {
        assert!(text.contains(part), "`{text}` does not mention `{part}`");
    }
}
