//! From a float network to the integers of the garbled backend: which moduli are tried.

use sordino_garble::gadget::{self, Form};
use sordino_graph::Error;
use sordino_graph::fixed::residue::{
    LookupForm, MAX_ERROR, RangeMode, RescaleForm, ResidueOptions, Style, fit, quantise,
};
use sordino_graph::fixed::{Calibration, FixedModel, quality};
use sordino_graph::ir::{Graph, Tensor};
use std::ops::RangeInclusive;

/// Bits that activations may have.
pub const ACT_BITS: RangeInclusive<u32> = 6..=8;
/// Bits of weights at least, in strict style, unless something else is asked for.
pub const WEIGHT_BITS: u32 = 9;

/// The prime that Dash's rescaling divides by.
const DASH_DIVISOR: u64 = 31;
/// Least moduli of Dash's rescaling, tried in turn.
const DASH_MODULI: [u64; 4] = [510_510, 9_699_690, 223_092_870, 6_469_693_230];

/// Which gadgets rescale and activate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gadgets {
    /// Tables of the top digit: any activation, exact.
    Strict,
    /// Those of Dash and ReDash: Relu only.
    DashCompat,
}

/// What is asked of a network in residues.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Settings {
    /// Which gadgets.
    pub gadgets: Gadgets,
    /// Bits of activations, 6 to 8; left out: the fewest that keep the samples' outputs close to
    /// float. Strict only.
    pub act_bits: Option<u32>,
    /// Bits of weights at least. Strict only.
    pub weight_bits: u32,
    /// When values wrap.
    pub range: RangeMode,
}

/// A network in integers, and the bits of its activations where they are a setting.
#[derive(Clone, Debug)]
pub struct Integers {
    /// The network.
    pub model: FixedModel,
    /// Bits of activations.
    pub act_bits: Option<u32>,
}

/// The lookup forms of activations of `bits` bits, cheapest first.
///
/// # Errors
/// [`Error::Config`] for bits out of [`ACT_BITS`].
pub fn menu(bits: u32) -> Result<Vec<LookupForm>, Error> {
    let (levels, outputs) = match bits {
        6 => (127, 61),
        7 => (251, 127),
        8 => (251, 251),
        _ => {
            let (least, most) = (ACT_BITS.start(), ACT_BITS.end());
            let text = format!("act_bits = {bits}, must be between {least} and {most}");
            return Err(Error::Config(text));
        }
    };
    let form = |f: Form| LookupForm { divisor: f.divisor, levels: f.levels, outputs: f.outputs };
    Ok(gadget::forms(levels, outputs).into_iter().map(form).collect())
}

/// The network in integers for the garbled backend.
///
/// # Errors
/// As [`quantise`]; [`Error::Config`] for settings that the style does not have.
pub fn integers(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    settings: &Settings,
) -> Result<Integers, Error> {
    let options = |style| ResidueOptions { range: settings.range, ..ResidueOptions::new(style) };
    let weight_bits = settings.weight_bits;
    match (settings.gadgets, settings.act_bits) {
        (Gadgets::Strict, Some(bits)) => {
            let style = Style::Strict { forms: menu(bits)?, weight_bits };
            let model = quantise(graph, calibration, samples, &options(style))?;
            Ok(Integers { model, act_bits: Some(bits) })
        }
        (Gadgets::Strict, None) => {
            let menus = ACT_BITS.map(menu).collect::<Result<Vec<_>, _>>()?;
            let style = Style::Strict { forms: menus[0].clone(), weight_bits };
            let fitted = fit(graph, calibration, samples, &options(style), &menus, MAX_ERROR)?;
            let act_bits = match &fitted.options.style {
                Style::Strict { forms, .. } => {
                    let chosen = menus.iter().position(|m| m == forms);
                    chosen.and_then(|i| ACT_BITS.clone().nth(i))
                }
                Style::DashCompat(_) => None,
            };
            Ok(Integers { model: fitted.model, act_bits })
        }
        (Gadgets::DashCompat, None) => {
            let model = dash(graph, calibration, samples, options)?;
            Ok(Integers { model, act_bits: None })
        }
        (Gadgets::DashCompat, Some(_)) => Err(Error::Config(
            "act_bits is a setting of the strict style; dash-compat's follow from its modulus"
                .into(),
        )),
    }
}

/// With the smallest of Dash's moduli that is accurate enough, or else the most accurate.
fn dash(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    options: impl Fn(Style) -> ResidueOptions,
) -> Result<FixedModel, Error> {
    let mut best: Option<(f64, FixedModel)> = None;
    let mut failed = None;
    for least in DASH_MODULI {
        let base = gadget::rescale_base(least, DASH_DIVISOR)
            .map_err(|e| Error::Limit(format!("no base for Dash's rescaling: {e}")))?;
        let modulus = base.primes().iter().map(|p| p.value()).product();
        let style = Style::DashCompat(RescaleForm { modulus, divisor: DASH_DIVISOR });
        match quantise(graph, calibration, samples, &options(style)) {
            Ok(model) => {
                let error = quality(graph, &model, samples)?.error;
                if best.as_ref().is_none_or(|(e, _)| error < *e) {
                    best = Some((error, model));
                }
                if error <= MAX_ERROR {
                    break;
                }
            }
            Err(e @ Error::Limit(_)) => failed = Some(e),
            Err(e) => return Err(e),
        }
    }
    match (best, failed) {
        (Some((_, model)), _) => Ok(model),
        (None, failed) => {
            Err(failed.unwrap_or_else(|| Error::Limit("no modulus holds the network".into())))
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn menus_are_what_the_quantiser_takes() {
        for bits in ACT_BITS {
            let forms = menu(bits).unwrap();
            assert!(forms.len() > 4 && forms.is_sorted_by_key(|f| f.divisor), "{forms:?}");
            ResidueOptions::new(Style::Strict { forms, weight_bits: WEIGHT_BITS })
                .validate()
                .unwrap();
        }
        assert!(menu(5).unwrap_err().to_string().contains("between 6 and 8"));
    }
}
