use core::fmt;
use core::ops::{BitAnd, BitXor, BitXorAssign};

use bytemuck::{Pod, Zeroable};
use zeroize::Zeroize;

/// 128 bits: an AES block, a seed, an OT key or a row of a bit matrix.
///
/// As bytes (for AES and on the wire) it is the little-endian encoding of the integer. `Debug` hides the value, for
/// most blocks are secret.
#[derive(Clone, Copy, Default, PartialEq, Eq, Pod, Zeroable, Zeroize)]
#[repr(C, align(16))]
pub struct Block(pub u128);

impl Block {
    /// The all-zero block.
    pub const ZERO: Self = Self(0);

    /// The block whose bytes are `bytes`.
    #[inline]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(u128::from_le_bytes(bytes))
    }

    /// The bytes of the block.
    #[inline]
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_le_bytes()
    }
}

impl fmt::Debug for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Block(..)")
    }
}

impl BitXor for Block {
    type Output = Self;
    #[inline]
    fn bitxor(self, other: Self) -> Self {
        Self(self.0 ^ other.0)
    }
}

impl BitXorAssign for Block {
    #[inline]
    fn bitxor_assign(&mut self, other: Self) {
        self.0 ^= other.0;
    }
}

impl BitAnd for Block {
    type Output = Self;
    #[inline]
    fn bitand(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }
}
