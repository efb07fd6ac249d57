/// A prime modulus p and how its digits are packed: `bits` = ceil(log2 p) bits per digit, `digits` = floor(128 / bits)
/// digits per label.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Radix {
    p: u8,
    bits: u8,
    digits: u8,
    /// floor(2^16 / p).
    reciprocal: u16,
}

impl Radix {
    /// The packing of digits modulo `p`.
    ///
    /// # Panics
    /// Unless `p` is a prime of 2 to 251.
    pub const fn new(p: u8) -> Self {
        assert!(p >= 2, "the modulus of a label must be a prime of 2 to 251");
        let mut divisor = 2;
        while divisor < 16 {
            assert!(
                p == divisor || !p.is_multiple_of(divisor),
                "the modulus of a label must be a prime of 2 to 251"
            );
            divisor += 1;
        }
        let bits = 8 - (p - 1).leading_zeros() as u8;
        let bits = if bits == 0 { 1 } else { bits };
        Self { p, bits, digits: 128 / bits, reciprocal: ((1_u32 << 16) / p as u32) as u16 }
    }

    /// The modulus.
    pub const fn p(self) -> u8 {
        self.p
    }

    /// Bits per packed digit.
    pub const fn bits(self) -> u32 {
        self.bits as u32
    }

    /// Digits per label, which is also the bytes of an unpacked one.
    pub const fn digits(self) -> usize {
        self.digits as usize
    }

    /// Whether the sum of two digits may exceed a byte.
    pub(super) const fn is_wide(self) -> bool {
        self.p > 128
    }

    #[cfg(target_arch = "x86_64")]
    pub(super) const fn reciprocal(self) -> u16 {
        self.reciprocal
    }

    /// The greatest word below the greatest multiple of p up to 2^16.
    pub(super) fn greatest_word(self) -> u16 {
        (u32::from(self.reciprocal) * u32::from(self.p) - 1) as u16
    }

    /// `x` mod p for `x` below 2p.
    #[inline(always)]
    pub(super) fn fold(self, x: u16) -> u16 {
        x.min(x.wrapping_sub(u16::from(self.p)))
    }

    /// `x` mod p. The estimate of the quotient is at most one too small, because x / p - x * reciprocal / 2^16 is
    /// below x / 2^16 < 1.
    #[inline(always)]
    pub(super) fn reduce(self, x: u16) -> u16 {
        let quotient = ((u32::from(x) * u32::from(self.reciprocal)) >> 16) as u16;
        self.fold(x.wrapping_sub(quotient.wrapping_mul(u16::from(self.p))))
    }
}
