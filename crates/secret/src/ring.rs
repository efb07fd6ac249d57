/// The ring Z_2^bits, `1 <= bits <= 64`, elements held in the low bits of a `u64`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ring(u32);

impl Ring {
    /// The ring of `bits`.
    ///
    /// # Panics
    ///
    /// When `bits` is not in `1..=64`: graphs are validated before a ring is made from them.
    pub const fn new(bits: u32) -> Self {
        assert!(bits >= 1 && bits <= 64, "a ring has 1 to 64 bits");
        Self(bits)
    }

    /// Its width.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// All ones in its width.
    pub const fn mask(self) -> u64 {
        u64::MAX >> (64 - self.0)
    }

    /// `v` modulo the ring.
    pub const fn reduce(self, v: u64) -> u64 {
        v & self.mask()
    }

    /// `v` read as a two's-complement number.
    pub const fn signed(self, v: u64) -> i64 {
        let s = 64 - self.0;
        ((v << s) as i64) >> s
    }

    /// The top bit of `v`, 0 or 1.
    pub const fn msb(self, v: u64) -> u64 {
        (v >> (self.0 - 1)) & 1
    }
}

#[cfg(test)]
mod tests {
    use super::Ring;

    #[test]
    fn wraps_and_signs() {
        let r = Ring::new(5);
        assert_eq!(r.reduce(0xff), 0x1f);
        assert_eq!(r.signed(0x1f), -1);
        assert_eq!(r.signed(0x0f), 15);
        assert_eq!(r.msb(0x10), 1);
        assert_eq!(Ring::new(64).signed(u64::MAX), -1);
        assert_eq!(Ring::new(64).mask(), u64::MAX);
    }
}
