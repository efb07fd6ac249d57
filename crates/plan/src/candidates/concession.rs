use serde::Serialize;

/// The adversary that a backend withstands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Adversary {
    /// Either party follows the protocol and tries to learn from what it sees.
    SemiHonest,
    /// The model owner deviates as it likes.
    MaliciousServer,
}

/// What a choice gives up that the default does not. Nothing with a concession is recommended unless it was accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Concession {
    /// Truncation that is wrong by a unit in the last place.
    OneLsb,
    /// Less than 128 bits of computational security, 112 at least.
    #[serde(rename = "112-bit")]
    Bits112,
    /// The data owner learns a little of the sizes of intermediate values.
    Leakage,
    /// The data owner learns the weights.
    Weights,
    /// The data owner learns enough to extract the model: cannot be accepted, for a protocol that says otherwise exists.
    Extraction,
}

impl Concession {
    /// Those that can be accepted.
    pub const ACCEPTABLE: [Self; 4] = [Self::OneLsb, Self::Bits112, Self::Leakage, Self::Weights];

    /// Its name, as it is accepted.
    pub fn name(self) -> &'static str {
        match self {
            Self::OneLsb => "one-lsb",
            Self::Bits112 => "112-bit",
            Self::Leakage => "leakage",
            Self::Weights => "weights",
            Self::Extraction => "extraction",
        }
    }

    /// What it means for the parties.
    pub fn describe(self) -> &'static str {
        match self {
            Self::OneLsb => {
                "activations may differ from the model's by one unit in the last place, by coins that the data owner knows"
            }
            Self::Bits112 => "security of less than 128 bits, 112 at least",
            Self::Leakage => {
                "the data owner learns a little about the sizes of intermediate values"
            }
            Self::Weights => "the data owner learns the weights",
            Self::Extraction => "the data owner learns enough to extract the model",
        }
    }
}
