//! Floats as integers times a scale, where they are just that.

use super::super::proto::tensor_proto::DataType;

/// Integers and the scales that make them a tensor's floats, exactly.
#[derive(Debug, PartialEq)]
pub(super) struct Integers {
    codes: Vec<i16>,
    /// One for all, or one per index of `axis`.
    pub(super) scale: Vec<f32>,
    pub(super) axis: Option<usize>,
}

/// With fewer weights than this to a scale, any floats are small integers times scales.
const LEAST: usize = 8;

impl Integers {
    /// The smallest integers, of at most 16 bits, that stand for `weights` with a scale per index
    /// of `axis`, or with one scale where that serves all. `None` where there are none, or so few
    /// weights to a scale that it means nothing.
    pub(super) fn of(weights: &[f32], shape: &[usize], axis: usize) -> Option<Self> {
        let (channels, inner) = (shape[axis], shape[axis + 1..].iter().product::<usize>());
        let filled = weights.iter().filter(|w| **w != 0.0).count();
        let all = || Self::with(weights, vec![unit(weights.iter())?], |_| 0, None);
        if filled < LEAST {
            return None;
        }
        if filled < LEAST * channels {
            return all();
        }
        let channel = |i: usize| i / inner % channels;
        let units: Option<Vec<f32>> = (0..channels)
            .map(|c| {
                let own = weights.iter().enumerate().filter(|(i, _)| channel(*i) == c);
                unit(own.map(|(_, w)| w))
            })
            .collect();
        let split = Self::with(weights, units?, channel, Some(axis))?;
        // One scale where it takes no larger type.
        Some(all().filter(|a| a.data_type() == split.data_type()).unwrap_or(split))
    }

    fn with(
        weights: &[f32],
        scale: Vec<f32>,
        channel: impl Fn(usize) -> usize,
        axis: Option<usize>,
    ) -> Option<Self> {
        let code = |(i, w): (usize, &f32)| {
            let code = w / scale[channel(i)];
            (code.fract() == 0.0 && code.abs() <= f32::from(i16::MAX)).then_some(code as i16)
        };
        let codes = weights.iter().enumerate().map(code).collect::<Option<_>>()?;
        Some(Self { codes, scale, axis })
    }

    /// The smallest type of ONNX that every runtime has for it.
    pub(super) fn data_type(&self) -> DataType {
        let small = self.codes.iter().all(|&c| i8::try_from(c).is_ok());
        if small { DataType::Int8 } else { DataType::Int16 }
    }

    /// Little-endian integers of that type.
    pub(super) fn bytes(&self) -> Vec<u8> {
        match self.data_type() {
            DataType::Int8 => self.codes.iter().map(|&c| c as u8).collect(),
            _ => self.codes.iter().flat_map(|c| c.to_le_bytes()).collect(),
        }
    }
}

/// The largest float of which all are multiples by integers of at most 24 bits; 1 where all are
/// zero.
fn unit<'a>(weights: impl Iterator<Item = &'a f32> + Clone) -> Option<f32> {
    let filled = || weights.clone().filter(|w| **w != 0.0).map(|w| w.abs());
    if filled().any(|w| !w.is_normal()) {
        return None;
    }
    let Some(lowest) = filled().map(last_bit).min() else { return Some(1.0) };
    // Whole multiples of the last bit of all: their common divisor is the unit.
    let step = f64::from(lowest).exp2();
    let mut common = 0u64;
    for w in filled() {
        let multiple = f64::from(w) / step;
        if multiple >= f64::from(1 << 24) {
            return None;
        }
        common = divisor(common, multiple as u64);
    }
    Some((common as f64 * step) as f32).filter(|unit| unit.is_normal())
}

/// The exponent of the last bit that is set in a normal float.
fn last_bit(w: f32) -> i32 {
    let bits = w.to_bits();
    let mantissa = bits & 0x7f_ffff | 0x80_0000;
    (bits >> 23 & 255) as i32 - 150 + mantissa.trailing_zeros() as i32
}

fn divisor(a: u64, b: u64) -> u64 {
    if b == 0 { a } else { divisor(b, a % b) }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn of(weights: &[f32], channels: usize) -> Option<Integers> {
        Integers::of(weights, &[channels, weights.len() / channels], 0)
    }

    #[test]
    fn smallest_integers_are_found() {
        let ternary: Vec<f32> = [0.0, 0.375, -0.375].into_iter().cycle().take(24).collect();
        let found = of(&ternary, 2).unwrap();
        assert_eq!((found.scale, found.axis), (vec![0.375], None));
        assert_eq!(&found.codes[..3], [0, 1, -1]);

        let mut wide: Vec<f32> = (1..=12).map(|i| i as f32 * 0.3f32.exp2()).collect();
        assert_eq!(of(&wide, 1), None, "rounded products of a scale are no multiples of a float");
        wide =
            (1..=12).map(|i| (i * 1000) as f32).chain((1..=12).map(|i| i as f32 / 4.0)).collect();
        let found = of(&wide, 2).unwrap();
        assert_eq!((found.scale.clone(), found.axis), (vec![1000.0, 0.25], Some(0)));
        assert_eq!(found.data_type(), DataType::Int8);
        assert_eq!(found.bytes(), (1..=12).chain(1..=12).collect::<Vec<u8>>());
    }

    #[test]
    fn sixteen_bits_at_most() {
        let up_to =
            |top: i32| (0..9).map(|i| if i == 0 { top } else { i } as f32).collect::<Vec<_>>();
        assert_eq!(of(&up_to(127), 1).unwrap().data_type(), DataType::Int8);
        assert_eq!(of(&up_to(128), 1).unwrap().data_type(), DataType::Int16);
        assert!(of(&up_to(32767), 1).is_some());
        assert!(of(&up_to(32768), 1).is_none());
    }

    #[test]
    fn floats_and_few_weights_stay() {
        let noise: Vec<f32> = (0..32).map(|i| (i as f32 * 0.7).sin()).collect();
        assert_eq!(of(&noise, 4), None);
        assert_eq!(of(&[0.5; 7], 1), None);
        assert_eq!(of(&[0.0; 64], 4), None);
        assert_eq!(of(&[f32::NAN; 64], 4), None);
        assert_eq!(of(&[f32::MIN_POSITIVE / 2.0; 64], 4), None);
        // A scale per weight means nothing.
        assert_eq!(of(&noise, 32), None);
    }
}
