//! How a session runs, as it is asked for.

use crate::garbled::GarbledBackend;
use crate::popcorn::PopcornBackend;
use crate::twoparty::TwoPartyBackend;
use crate::{Backend, Error};
use serde::{Deserialize, Serialize};
use sordino_ot::Supply;
use std::fmt;

/// What the data owner learns at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reveal {
    /// Every output score.
    Logits,
    /// Only the index of the best class.
    Label,
}

/// Source of correlated transfers, as agreed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SupplyChoice {
    /// SoftSpoken with this `k`.
    SoftSpoken(u8),
    /// Ferret.
    Ferret,
}

impl fmt::Display for SupplyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoftSpoken(k) => write!(f, "softspoken-{k}"),
            Self::Ferret => f.write_str("ferret"),
        }
    }
}

impl From<SupplyChoice> for Supply {
    fn from(choice: SupplyChoice) -> Self {
        match choice {
            SupplyChoice::SoftSpoken(k) => Self::SoftSpoken { k: u32::from(k) },
            SupplyChoice::Ferret => Self::Ferret,
        }
    }
}

impl SupplyChoice {
    /// Parameters of SoftSpoken that may be asked for.
    const FIELDS: [u8; 4] = [1, 2, 4, 8];

    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::FIELDS.map(Self::SoftSpoken).into_iter().chain([Self::Ferret])
    }

    fn check(self) -> Result<(), Error> {
        match self {
            Self::SoftSpoken(k) if !Self::FIELDS.contains(&k) => {
                Err(Error::Config(format!("SoftSpoken parameter k={k}; use 1, 2, 4 or 8")))
            }
            _ => Ok(()),
        }
    }
}

/// How the two-party and the popcorn backend drop fraction bits in an activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truncation {
    /// Rounded to nearest, as the graph says: the output equals `clear`'s, bit for bit.
    #[default]
    Exact,
    /// Rounded down or up, up with the probability of the fraction: fewer bits are compared. Every
    /// activation with a shift differs from the exact one by at most one unit of its last place,
    /// for operands within the range that the graph gives them and at least `2^shift` inside their
    /// ring. The coins are low bits of the client's share,
    /// or of the masked value that it sees, which the client knows.
    OneLsb,
}

/// What the two-party backend runs linear layers on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinearChoice {
    /// Lattice ciphertexts: bytes grow with inputs and outputs.
    #[default]
    Lattice,
    /// Correlated transfers: no lattice assumption, but bytes that grow with multiplications.
    Transfer,
    /// For each layer what sends fewer bytes.
    Cheapest,
    /// Paillier's encryption, a key of so many bits: fewer bytes than on the lattice where a ciphertext would not
    /// be filled, far more computing; no lattice assumption.
    Paillier(PaillierBits),
}

/// Bits of the modulus n of Paillier's encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaillierBits {
    /// 2048, rated at 112 bits of security; what the literature uses.
    N2048,
    /// 3072, rated at 128 bits of security.
    N3072,
}

impl LinearChoice {
    const ALL: [Self; 5] = [
        Self::Lattice,
        Self::Transfer,
        Self::Cheapest,
        Self::Paillier(PaillierBits::N2048),
        Self::Paillier(PaillierBits::N3072),
    ];
}

/// The backend, as agreed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendChoice {
    /// Shares, lattice encryption and oblivious transfer.
    TwoParty,
    /// One garbled circuit; the weights are sent to the client.
    Garbled,
    /// Paillier's encryption alone, of a key of the size that the wish's linear layers name; what the client learns
    /// about the model depends on the mode.
    Popcorn(PopcornMode),
}

/// How the popcorn backend hides values from the client that answers for their signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PopcornMode {
    /// A random sign, a log-uniform factor and an offset: leaks little, see [`crate::popcorn`].
    #[default]
    Affine,
    /// A random factor, random order and dummies: as published, leaks much.
    Paper,
}

impl BackendChoice {
    /// The backend, with what it promises.
    pub fn backend(self) -> &'static dyn Backend {
        match self {
            Self::TwoParty => &TwoPartyBackend,
            Self::Garbled => &GarbledBackend,
            Self::Popcorn(PopcornMode::Affine) => &PopcornBackend(PopcornMode::Affine),
            Self::Popcorn(PopcornMode::Paper) => &PopcornBackend(PopcornMode::Paper),
        }
    }
}

impl PopcornMode {
    /// All there are.
    pub const ALL: [Self; 2] = [Self::Affine, Self::Paper];
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// How the network is run.
    pub backend: BackendChoice,
    /// Source of correlated transfers.
    pub supply: SupplyChoice,
    /// What is revealed.
    pub reveal: Reveal,
    /// How fraction bits are dropped.
    pub truncation: Truncation,
    /// What linear layers run on.
    pub linear: LinearChoice,
    /// Whether layers on transfers may use Winograd's transforms, where they save bytes.
    pub winograd: bool,
}

impl Wish {
    /// Refuses parameters that do not exist.
    pub(super) fn check(&self) -> Result<(), Error> {
        self.supply.check()
    }

    /// Everything that a client may wish for with this backend.
    pub(crate) fn all(backend: BackendChoice) -> impl Iterator<Item = Self> {
        SupplyChoice::all().flat_map(move |supply| {
            [Reveal::Logits, Reveal::Label].into_iter().flat_map(move |reveal| {
                [Truncation::Exact, Truncation::OneLsb].into_iter().flat_map(move |truncation| {
                    LinearChoice::ALL.into_iter().flat_map(move |linear| {
                        [false, true].map(|winograd| Self {
                            backend,
                            supply,
                            reveal,
                            truncation,
                            linear,
                            winograd,
                        })
                    })
                })
            })
        })
    }
}
