use super::public;

/// The size of a key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Strength {
    /// n of 2048 bits: 112 bits of security. Offered because the literature uses it.
    Bits112,
    /// n of 3072 bits: 128 bits of security.
    #[default]
    Bits128,
}

/// Bits by which exponents exceed the order of what they are exponents of, so that powers are within 2^-64 of uniform.
const SLACK: usize = 64;

impl Strength {
    /// Bits of n.
    pub fn bits(self) -> usize {
        match self {
            Self::Bits112 => 2048,
            Self::Bits128 => 3072,
        }
    }

    /// Bytes of a ciphertext: a number modulo n^2.
    pub fn ciphertext_bytes(self) -> usize {
        self.bits() / 4
    }

    /// Bytes of a ciphertext as it is computed with: of 64 bits, 52 are used.
    pub fn residue_bytes(self) -> usize {
        self.ciphertext_bytes() * 5 / 4
    }

    /// Bytes of the table with which whoever has a public key encrypts.
    pub fn public_tables(self) -> usize {
        self.exponent_bits().div_ceil(public::WINDOW) * (self.residue_bytes() << public::WINDOW)
    }

    /// Bytes of the two tables, modulo the squares of the primes, with which the owner of a key encrypts.
    pub fn secret_tables(self) -> usize {
        // Four numbers of the length of half of n, in limbs of 52 bits, and limbs in fours.
        let residues = 4 * 8 * (self.bits() / 2 + 8).div_ceil(52).next_multiple_of(4);
        self.order_bits().div_ceil(public::WINDOW) * (residues << public::WINDOW)
    }

    /// Bytes of a public key: n and h.
    pub fn public_key_bytes(self) -> usize {
        self.bits() / 4
    }

    /// Words of a plaintext, a number modulo n.
    pub(super) fn words(self) -> usize {
        self.bits() / 64
    }

    /// Bits of the primes that are the orders of h modulo the two factors of n: twice the security, because a collision
    /// among powers of h modulo one factor would reveal it.
    pub(super) fn order_bits(self) -> usize {
        match self {
            Self::Bits112 => 224,
            Self::Bits128 => 256,
        }
    }

    /// Bits of random exponents modulo n^2.
    pub(super) fn exponent_bits(self) -> usize {
        2 * self.order_bits() + SLACK
    }
}
