//! Real ranges and the bits that hold them.

/// A closed interval of reals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::fixed) struct Range {
    pub(in crate::fixed) lo: f64,
    pub(in crate::fixed) hi: f64,
}

impl Range {
    pub(in crate::fixed) fn new(lo: f64, hi: f64) -> Self {
        Self { lo, hi }
    }

    pub(in crate::fixed) fn magnitude(self) -> f64 {
        self.lo.abs().max(self.hi.abs())
    }

    pub(in crate::fixed) fn union(self, o: Self) -> Self {
        Self { lo: self.lo.min(o.lo), hi: self.hi.max(o.hi) }
    }

    /// The interval of `scale * x + offset`.
    pub(in crate::fixed) fn affine(self, scale: f64, offset: f64) -> Self {
        let (a, b) = (self.lo * scale + offset, self.hi * scale + offset);
        Self { lo: a.min(b), hi: a.max(b) }
    }

    pub(in crate::fixed) fn sum(self, o: Self) -> Self {
        Self { lo: self.lo + o.lo, hi: self.hi + o.hi }
    }

    /// The interval of `min(max(x, 0), hi)`.
    pub(in crate::fixed) fn clipped(self, hi: f64) -> Self {
        Self { lo: self.lo.clamp(0.0, hi), hi: self.hi.clamp(0.0, hi) }
    }
}

/// Signed bits that hold every integer of magnitude up to `m`.
pub(in crate::fixed) fn bits(m: f64) -> u32 {
    // Anything beyond 2^1000 is refused by the ring limit all the same.
    ((m.min(1e300) + 1.0).log2().ceil() as u32 + 1).max(2)
}

/// The most fraction bits with which magnitude `m` fits `bits` signed bits.
pub(in crate::fixed) fn frac_for(m: f64, bits: u32) -> i32 {
    let top = (f64::from(bits - 1).exp2() - 1.0).max(1.0);
    if m <= top * 2f64.powi(-64) {
        return 0;
    }
    (top / m).log2().floor().clamp(-64.0, 64.0) as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_hold_the_magnitude() {
        assert_eq!(bits(0.0), 2);
        assert_eq!(bits(1.0), 2);
        assert_eq!(bits(127.0), 8);
        assert_eq!(bits(128.0), 9);
        assert_eq!(frac_for(127.0, 8), 0);
        assert_eq!(frac_for(127.5, 8), -1);
        assert_eq!(frac_for(1.0, 8), 6);
        assert_eq!(frac_for(0.0, 8), 0);
    }
}
