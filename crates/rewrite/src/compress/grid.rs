/// Multiples of a power of two by integers of so many signed bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grid {
    step: f64,
    top: f64,
}

impl Grid {
    /// The finest that reaches `largest`.
    pub(super) fn holding(largest: f64, bits: u32) -> Self {
        let top = f64::from((1 << (bits - 1)) - 1);
        Self { step: step(largest, top), top }
    }

    pub(super) fn round(self, weight: f64) -> f64 {
        (weight / self.step).round().clamp(-self.top, self.top) * self.step
    }
}

/// The least power of two of which `top` are at least `largest`; it is a float, and so are small
/// multiples.
pub(super) fn step(largest: f64, top: f64) -> f64 {
    if largest <= 0.0 {
        return 1.0;
    }
    (largest / top).log2().ceil().clamp(-100.0, 100.0).exp2()
}

pub(super) fn largest(weights: &[f64]) -> f64 {
    weights.iter().fold(0.0, |m, w| w.abs().max(m))
}
