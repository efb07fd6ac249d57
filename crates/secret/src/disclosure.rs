use std::collections::BTreeMap;

/// Why a value is revealed to a party. The set a backend uses is fixed by a golden test.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Disclosure {
    /// The network's output scores, to the data owner.
    Logits,
    /// The index of the best class only, to the data owner.
    Label,
}

impl Disclosure {
    /// What a person is told.
    pub const fn describe(self) -> &'static str {
        match self {
            Self::Logits => "the output scores, to the data owner",
            Self::Label => "the index of the best class, to the data owner",
        }
    }
}

/// Counts of values revealed in a session, shown in its report.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger(BTreeMap<Disclosure, u64>);

impl Ledger {
    /// Notes that `n` values were revealed.
    pub fn note(&mut self, why: Disclosure, n: u64) {
        *self.0.entry(why).or_default() += n;
    }

    /// What was revealed, and how many values of it.
    pub fn entries(&self) -> impl Iterator<Item = (Disclosure, u64)> + '_ {
        self.0.iter().map(|(&d, &n)| (d, n))
    }
}
