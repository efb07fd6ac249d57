use crate::Error;
use crate::fixed::limits;

/// One way to rescale and activate a value in `strict` style: a period of `divisor * levels`, a
/// table of its top digit, and results in `outputs` consecutive integers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LookupForm {
    /// Product of the small primes of the base.
    pub divisor: u64,
    /// Largest prime of the base, the entries of the table.
    pub levels: u32,
    /// Prime number of distinct results, the entries of tables over results.
    pub outputs: u32,
}

/// The base in `dash-compat` style, the same for the whole network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RescaleForm {
    /// Product of the base's primes, odd.
    pub modulus: u64,
    /// A prime of the base that every linear layer's result is divided by; 1 lets values grow
    /// through the layers.
    pub divisor: u64,
}

/// How values are rescaled.
#[derive(Clone, Debug, PartialEq)]
pub enum Style {
    /// Every function is a table, [`FixedOp::Lookup`](super::super::FixedOp::Lookup).
    Strict {
        /// What a layer may use, cheapest first; all with the same `outputs`.
        forms: Vec<LookupForm>,
        /// Signed bits that a layer's largest kernel entry fills at least, 3 to 14: a layer takes
        /// the first form that allows it.
        weight_bits: u32,
    },
    /// As Dash and ReDash do, [`FixedOp::Rescale`](super::super::FixedOp::Rescale).
    DashCompat(RescaleForm),
}

/// How far a value may go before it wraps around its base's modulus and the result is wrong.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RangeMode {
    /// This factor beyond what the samples show, 1 to 16.
    Calibrated {
        /// Width of the window over width of the values seen.
        margin: f64,
    },
    /// As far as any input can drive it, by interval arithmetic over the integer weights: nothing
    /// ever wraps. Costs bits.
    Proof,
}

/// Settings of [`quantise`](super::quantise).
#[derive(Clone, Debug, PartialEq)]
pub struct ResidueOptions {
    /// How values are rescaled.
    pub style: Style,
    /// When they wrap.
    pub range: RangeMode,
    /// Bits of an input value, 2 to 16.
    pub input_bits: u32,
    /// Bound on the modulus in which the output is revealed: its magnitude stays below half.
    pub max_modulus: u64,
}

impl ResidueOptions {
    /// A style with the usual settings: 1.25 times the calibrated range, 8-bit inputs, outputs
    /// below 2^39.
    pub fn new(style: Style) -> Self {
        let range = RangeMode::Calibrated { margin: 1.25 };
        Self { style, range, input_bits: 8, max_modulus: 1 << 40 }
    }

    /// Checks every setting.
    ///
    /// # Errors
    /// [`Error::Config`] naming the setting and its bounds.
    pub fn validate(&self) -> Result<(), Error> {
        within("input_bits", f64::from(self.input_bits), 2.0, 16.0)?;
        within("max_modulus", self.max_modulus as f64, 256.0, limits::PERIOD as f64)?;
        if let RangeMode::Calibrated { margin } = self.range {
            within("margin", margin, 1.0, 16.0)?;
        }
        match &self.style {
            Style::Strict { forms, weight_bits } => {
                within("weight_bits", f64::from(*weight_bits), 3.0, 14.0)?;
                let [first, ..] = &forms[..] else {
                    return Err(Error::Config("no lookup form is given".into()));
                };
                for f in forms {
                    within("outputs", f64::from(f.outputs), 8.0, limits::LEVELS as f64)?;
                    within("levels", f64::from(f.levels), 8.0, limits::LEVELS as f64)?;
                    within("divisor", f.divisor as f64, 2.0, f64::from(1u32 << 31))?;
                    if f.outputs != first.outputs {
                        return Err(Error::Config(format!(
                            "lookup forms of {} and {} outputs, which must agree",
                            first.outputs, f.outputs
                        )));
                    }
                }
                Ok(())
            }
            Style::DashCompat(f) => {
                within("modulus", f.modulus as f64, 255.0, limits::PERIOD as f64 - 1.0)?;
                within("divisor", f.divisor as f64, 1.0, 65535.0)?;
                if f.modulus.is_multiple_of(2) || f.divisor >= f.modulus {
                    return Err(Error::Config(format!(
                        "modulus {} must be odd and above the divisor {}",
                        f.modulus, f.divisor
                    )));
                }
                Ok(())
            }
        }
    }
}

fn within(name: &str, v: f64, lo: f64, hi: f64) -> Result<(), Error> {
    if (lo..=hi).contains(&v) {
        return Ok(());
    }
    Err(Error::Config(format!("{name} = {v}, must be between {lo} and {hi}")))
}
