use super::options::{LookupForm, ResidueOptions, Style};
use super::quantise;
use crate::Error;
use crate::fixed::{Calibration, FixedModel, Quality, quality};
use crate::ir::{Graph, Tensor};

/// What [`fit`] chose.
#[derive(Clone, Debug)]
pub struct FittedResidue {
    /// The quantised network.
    pub model: FixedModel,
    /// With these settings.
    pub options: ResidueOptions,
    /// On the samples.
    pub quality: Quality,
}

/// The output error up to which [`fit`] takes a network for as good as its float original: top-1
/// of the networks of the test data then stays within one point.
pub const MAX_ERROR: f64 = 0.08;

/// Quantises in strict style with the first menu of lookup forms that keeps the output within
/// `max_error` ([`MAX_ERROR`] unless there is a reason) of the float network's on the samples,
/// see [`Quality::error`]. Menus go from cheap to accurate: 6-, 7-, 8-bit activations. A menu
/// whose forms cannot hold the network is passed over. When none is accurate enough the most
/// accurate is returned: compare [`FittedResidue::quality`] with `max_error`.
///
/// # Errors
/// [`Error::Config`] without a menu; as [`quantise`] when every menu fails.
pub fn fit(
    graph: &Graph,
    calibration: &Calibration,
    samples: &[Tensor],
    options: &ResidueOptions,
    menus: &[Vec<LookupForm>],
    max_error: f64,
) -> Result<FittedResidue, Error> {
    let Style::Strict { weight_bits, .. } = options.style else {
        return Err(Error::Config("fitting chooses lookup forms, which is strict style".into()));
    };
    let mut best: Option<FittedResidue> = None;
    let mut failed = None;
    for forms in menus {
        let style = Style::Strict { forms: forms.clone(), weight_bits };
        let options = ResidueOptions { style, ..options.clone() };
        match quantise(graph, calibration, samples, &options) {
            Ok(model) => {
                let quality = quality(graph, &model, samples)?;
                let better = best.as_ref().is_none_or(|b| quality.error < b.quality.error);
                if better {
                    best = Some(FittedResidue { model, options, quality });
                }
                if quality.error <= max_error {
                    break;
                }
            }
            Err(e @ Error::Limit(_)) => failed = Some(e),
            Err(e) => return Err(e),
        }
    }
    best.ok_or_else(|| {
        failed.unwrap_or_else(|| Error::Config("fitting needs a menu of lookup forms".into()))
    })
}
