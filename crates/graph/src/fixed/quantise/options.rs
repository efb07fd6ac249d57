use crate::Error;

/// Bit widths of a quantised network. Cost under cryptography grows with every one of them.
///
/// Right answers of 500 CIFAR-10 test images, or of 9 photos, and the mean width of comparisons:
///
/// | network | float | 8, 8 bits | 9, 8 | 10, 9 | 11, 10 |
/// |---|---|---|---|---|---|
/// | CIFAR-10 ResNet-20 | 455 | 458, 16.9 | 453, 17.9 | 453, 19.9 | 456, 21.9 |
/// | CIFAR-10 DenseNet-40 | 469 | | 466, 17.4 | 469, 18.1 | 467, 19.8 |
/// | SqueezeNet 1.1 | 9 | 9, 11.9 | 9, 12.8 | 9, 16.0 | |
/// | MobileNet 1, 0.5, 160 | 9 | 2, 15.3 | 2, 16.3 | 7, 18.3 | 9, 20.3 |
///
/// One scale for a whole kernel is what MobileNet's depthwise layers cannot bear.
#[derive(Clone, Debug, PartialEq)]
pub struct QuantiseOptions {
    /// Signed bits an operand of a linear layer or product is rounded to, 4 to 20.
    pub act_bits: u32,
    /// Signed bits of kernel entries, 3 to 16. Public, like each layer's `weight_frac`.
    pub weight_bits: u32,
    /// Factor by which a value may exceed what calibration saw before its ring wraps, 1 to 1024.
    pub margin: f64,
    /// Largest ring allowed, 16 to 64; a network that needs more is refused.
    pub max_ring: u32,
}

impl Default for QuantiseOptions {
    fn default() -> Self {
        Self { act_bits: 11, weight_bits: 10, margin: 2.0, max_ring: 64 }
    }
}

impl QuantiseOptions {
    /// The narrowest widths that suit most networks without depthwise layers.
    pub fn narrow() -> Self {
        Self { act_bits: 9, weight_bits: 8, ..Self::default() }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] naming the setting and its bounds.
    pub fn validate(&self) -> Result<(), Error> {
        let within = |name: &str, v: f64, lo: f64, hi: f64| {
            if (lo..=hi).contains(&v) {
                return Ok(());
            }
            Err(Error::Config(format!("{name} = {v}, must be between {lo} and {hi}")))
        };
        within("act_bits", f64::from(self.act_bits), 4.0, 20.0)?;
        within("weight_bits", f64::from(self.weight_bits), 3.0, 16.0)?;
        within("margin", self.margin, 1.0, 1024.0)?;
        within("max_ring", f64::from(self.max_ring), 16.0, 64.0)
    }
}
