/// How the learning rate changes over a training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Schedule {
    /// Not at all.
    Constant,
    /// Linearly from 0 over the first `warmup` steps, then along half a cosine to 0 (Loshchilov and
    /// Hutter, "SGDR", ICLR 2017, without restarts).
    Cosine {
        /// Steps until the full rate.
        warmup: u64,
    },
}

impl Schedule {
    /// The factor of the rate at a step, of `total`.
    pub fn factor(self, step: u64, total: u64) -> f64 {
        match self {
            Self::Constant => 1.0,
            Self::Cosine { warmup } if step < warmup => (step + 1) as f64 / warmup as f64,
            Self::Cosine { warmup } => {
                let done = (step - warmup) as f64 / total.saturating_sub(warmup).max(1) as f64;
                0.5 * (1.0 + (std::f64::consts::PI * done.min(1.0)).cos())
            }
        }
    }
}
