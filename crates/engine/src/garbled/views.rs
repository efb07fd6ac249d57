use sordino_garble::{Labels, Prime};

/// A tensor in several moduli: for each the labels of its elements, moduli ascending.
pub(crate) struct Views(Vec<Labels>);

impl Views {
    pub(crate) fn new(labels: Vec<Labels>) -> Self {
        debug_assert!(labels.is_sorted_by_key(Labels::prime));
        Self(labels)
    }

    pub(crate) fn into_inner(self) -> Vec<Labels> {
        self.0
    }

    /// The labels in each of these moduli, which the plan has provided.
    pub(crate) fn in_moduli(&self, primes: &[Prime]) -> Vec<&Labels> {
        self.0.iter().filter(|x| primes.contains(&x.prime())).collect()
    }

    /// The tensor that `f` makes in each of these moduli.
    pub(crate) fn map(&self, primes: &[Prime], f: impl Fn(&Labels) -> Labels) -> Self {
        Self(self.in_moduli(primes).into_iter().map(f).collect())
    }
}
