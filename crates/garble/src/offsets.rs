use crate::Prime;
use sordino_kernels::{Block, digits};
use zeroize::Zeroize;

/// The garbler's secret offset of every modulus, for one circuit. The first digit is 1, so that
/// the first digit of a label is its colour: that of the zero label plus the value.
pub struct Offsets {
    offsets: Vec<Vec<u8>>,
}

impl Offsets {
    /// Offsets drawn from a secret uniform seed.
    pub fn new(seed: Block) -> Self {
        let offset = |p: &Prime| {
            let mut d = vec![0; p.digits()];
            digits::sample(p.radix(), seed, p.value(), &mut d);
            d[0] = 1;
            d
        };
        Self { offsets: Prime::ALL.iter().map(offset).collect() }
    }

    /// The digits of a modulus' offset.
    pub(crate) fn get(&self, p: Prime) -> &[u8] {
        &self.offsets[Prime::ALL.iter().take_while(|q| **q != p).count()]
    }
}

impl Drop for Offsets {
    fn drop(&mut self) {
        self.offsets.iter_mut().for_each(Zeroize::zeroize);
    }
}
