use super::protocol::Private;
use super::quantise::QuantiseArgs;
use crate::model::Model;
use crate::report::Forecast;
use crate::residue::Integers;
use anyhow::Result;
use sordino_engine::Error;
use sordino_engine::garbled::Circuit;
use sordino_engine::session::Wish;
use sordino_graph::fixed::FixedModel;

/// What a backend will send for these integers, with so many images at once.
pub(super) fn of(
    backend: Private,
    fixed: &FixedModel,
    wish: Wish,
    images: usize,
) -> Result<Forecast, Error> {
    match backend {
        Private::Garbled => {
            let circuit = Circuit::new(fixed)?;
            Ok(Forecast::garbled(circuit.graph(), &circuit.outline()))
        }
        _ => Forecast::new(&fixed.graph, None, wish, images),
    }
}

/// A network's integers, calibrated on the samples of the options or else on noise; and on what.
pub(super) fn integers(
    options: &QuantiseArgs,
    model: &Model,
    backend: Private,
    act_bits: Option<u32>,
) -> Result<(Integers, &'static str)> {
    let quantise = |inputs: &[Vec<f32>]| options.quantise(model, inputs, backend.into(), act_bits);
    if options.calibrate.is_some() {
        return Ok((quantise(&[])?, "the samples given"));
    }
    Ok((quantise(&noise(model))?, "noise: give --calibrate for real ranges"))
}

/// Inputs that look like nothing: enough to see which layers run, not which values they take.
fn noise(model: &Model) -> Vec<Vec<f32>> {
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    let mut one = || {
        if let Some(preprocess) = model.prepare.preprocess() {
            let (h, w) = preprocess.size();
            let channels = preprocess.channels().count() as u32;
            let data = (0..h * w * channels).map(|_| byte()).collect();
            let picture = crate::image::Picture::new(h, w, channels, data);
            if let Ok(input) = picture.and_then(|p| preprocess.apply(&p)) {
                return input;
            }
        }
        (0..model.prepare.elements()).map(|_| f32::from(byte()) / 127.5 - 1.0).collect()
    };
    (0..4).map(|_| one()).collect()
}
