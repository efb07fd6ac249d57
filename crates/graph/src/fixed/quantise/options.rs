use crate::Error;

/// Bit widths of a quantised network. Cost under cryptography grows with every one of them.
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
