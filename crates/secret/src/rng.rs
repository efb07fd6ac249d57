use crate::Error;
use sordino_kernels::{Block, prg::Prg};
use zeroize::Zeroize;

/// A cryptographic generator for masks, keys and choices: AES-128 in counter mode under a key
/// from the operating system. Zeroised when dropped and not `Clone`: two copies would repeat a
/// mask.
pub struct SecretRng {
    prg: Prg,
}

impl SecretRng {
    /// Seeded by the operating system.
    pub fn from_os() -> Result<Self, Error> {
        let mut seed = [0u8; 32];
        getrandom::fill(&mut seed).map_err(|e| Error::Entropy(e.to_string()))?;
        let rng = Self::from_seed(seed);
        seed.zeroize();
        Ok(rng)
    }

    /// Deterministic generator, for tests and for randomness both parties must share. The two
    /// halves of the seed are combined by one pass of AES so that all of it matters.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let half = |i: usize| {
            let mut b = [0u8; 16];
            b.copy_from_slice(&seed[16 * i..16 * i + 16]);
            Block(u128::from_le_bytes(b))
        };
        let mut first = [Block(0)];
        Prg::new(half(0)).fill_blocks(&mut first);
        Self { prg: Prg::new(first[0] ^ half(1)) }
    }

    /// Fills with uniform bytes.
    pub fn fill_bytes(&mut self, out: &mut [u8]) {
        self.prg.fill_bytes(out);
    }

    /// Fills with uniform words.
    pub fn fill_words(&mut self, out: &mut [u64]) {
        self.prg.fill_words(out);
    }

    /// One uniform word.
    pub fn next_u64(&mut self) -> u64 {
        let mut w = [0u64];
        self.prg.fill_words(&mut w);
        w[0]
    }

    /// One uniform block.
    pub fn block(&mut self) -> Block {
        let mut b = [Block(0)];
        self.prg.fill_blocks(&mut b);
        b[0]
    }

    /// A fresh seed, for a child generator.
    pub fn seed(&mut self) -> [u8; 32] {
        let mut s = [0u8; 32];
        self.fill_bytes(&mut s);
        s
    }
}
