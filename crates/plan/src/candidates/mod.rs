//! Every way in which a network can be run: what it sends, what it gives up, and which one to choose.

mod concession;
mod garbled;
mod popcorn;
mod recommend;
mod two_party;

#[cfg(test)]
mod tests;

pub use concession::{Adversary, Concession};
pub use recommend::{Aim, Estimate, Objective, Ranking, rank};

use crate::{Forecast, Promise, Totals};
use serde::{Serialize, Serializer};
use sordino_engine::session::{
    BackendChoice, LinearChoice, PaillierBits, Reveal, SupplyChoice, Truncation, Wish,
};

/// What all ways have in common, and which of them are asked for: everything that is left open is tried.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// What is revealed.
    pub reveal: Reveal,
    /// Images that run together.
    pub images: usize,
    /// The source of transfers.
    pub supply: Option<SupplyChoice>,
    /// How fraction bits are dropped.
    pub truncation: Option<Truncation>,
    /// What linear layers run on.
    pub linear: Option<LinearChoice>,
    /// Whether Winograd's transforms may be used.
    pub winograd: bool,
    /// Whether the two-party backend may run linear layers on Paillier's encryption.
    pub paillier: bool,
    /// Whether keys of Paillier's encryption may have 2048 bits.
    pub paillier_2048: bool,
}

impl Default for Wanted {
    /// Everything, for the scores of one image.
    fn default() -> Self {
        Self {
            reveal: Reveal::Logits,
            images: 1,
            supply: None,
            truncation: None,
            linear: None,
            winograd: true,
            paillier: true,
            paillier_2048: true,
        }
    }
}

impl Wanted {
    fn truncations(&self) -> Vec<Truncation> {
        let both = [Truncation::Exact, Truncation::OneLsb];
        self.truncation.map_or(both.to_vec(), |one| vec![one])
    }

    /// Whether linear layers may run on this.
    fn allows(&self, linear: LinearChoice) -> bool {
        let key = linear != LinearChoice::Paillier(PaillierBits::N2048) || self.paillier_2048;
        key && self.linear.is_none_or(|wanted| wanted == linear)
    }

    fn supplies(&self) -> Vec<SupplyChoice> {
        self.supply.map_or(SupplyChoice::all().collect(), |one| vec![one])
    }
}

/// The settings that tell a candidate from others of its backend, by their names on the command line; those that the
/// backend does not have are none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Settings {
    /// What linear layers run on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub linear: Option<&'static str>,
    /// Whether Winograd's transforms are used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub winograd: Option<bool>,
    /// Where transfers come from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub supply: Option<String>,
    /// How activations are computed, if not by comparisons.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonlinear: Option<&'static str>,
    /// How fraction bits are dropped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub truncation: Option<&'static str>,
    /// Bits of activations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub act_bits: Option<u32>,
}

impl Settings {
    /// Of what a client wishes for.
    pub fn of(wish: &Wish) -> Self {
        if wish.backend == BackendChoice::Garbled {
            return Self::default();
        }
        let two_party = wish.backend == BackendChoice::TwoParty;
        let on_transfers = matches!(wish.linear, LinearChoice::Transfer | LinearChoice::Cheapest);
        Self {
            linear: Some(match wish.linear {
                LinearChoice::Lattice => "lattice",
                LinearChoice::Transfer => "ot",
                LinearChoice::Cheapest => "auto",
                LinearChoice::Paillier(PaillierBits::N3072) => "paillier",
                LinearChoice::Paillier(PaillierBits::N2048) => "paillier-2048",
            }),
            winograd: (two_party && on_transfers).then_some(wish.winograd),
            supply: two_party.then(|| wish.supply.to_string()),
            nonlinear: None,
            truncation: Some(match wish.truncation {
                Truncation::Exact => "exact",
                Truncation::OneLsb => "one-lsb",
            }),
            act_bits: None,
        }
    }

    /// In a few words.
    pub fn describe(&self) -> String {
        let mut words: Vec<String> = Vec::new();
        words.extend(self.linear.map(|l| match self.winograd {
            Some(false) => format!("{l} without winograd"),
            _ => l.to_owned(),
        }));
        words.extend(self.supply.clone());
        words.extend(self.nonlinear.map(|how| format!("{how} tables")));
        words.extend(self.truncation.map(str::to_owned));
        words.extend(self.act_bits.map(|bits| format!("{bits}-bit activations")));
        words.join(", ")
    }
}

/// One way to run a network.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Candidate {
    /// Name of the backend.
    pub backend: &'static str,
    /// Its settings.
    pub settings: Settings,
    /// What a client asks for.
    #[serde(skip)]
    pub wish: Wish,
    /// The strongest adversary that it withstands.
    pub withstands: Adversary,
    /// Bits of computational security.
    pub security_bits: u32,
    /// What it gives up.
    pub concessions: Vec<Concession>,
    /// Who is protected from whom, and what each learns.
    pub promise: Promise,
    /// What a session with one inference sends.
    pub totals: Totals,
    /// The same inference prepared in an earlier session, if it can be: offline is then that session.
    #[serde(serialize_with = "totals")]
    pub prepared: Option<Forecast>,
    /// Layer by layer.
    pub plan: Forecast,
}

/// A way in which the network cannot be run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Name of the backend.
    pub backend: &'static str,
    /// The settings, in words; empty for all of them.
    pub settings: String,
    /// Why not, and what to do.
    pub why: String,
}

/// Every way to run a network that was looked at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Candidates {
    /// What is possible.
    pub possible: Vec<Candidate>,
    /// What is not.
    pub refused: Vec<Refused>,
}

/// Told how many of how many candidates are done, and which comes next.
pub type OnCandidate<'a> = dyn FnMut(usize, usize, &str) + 'a;

impl Candidates {
    /// Notes that a backend cannot run the network with these settings, or with any if they are empty.
    pub fn refuse(&mut self, backend: &'static str, settings: String, why: impl ToString) {
        self.refused.push(Refused { backend, settings, why: why.to_string() });
    }
}

fn totals<S: Serializer>(plan: &Option<Forecast>, serializer: S) -> Result<S::Ok, S::Error> {
    plan.as_ref().map(Forecast::totals).serialize(serializer)
}
