//! Measures the noise that the bounds speak of.
#![allow(clippy::unwrap_used)]

use sordino_secret::SecretRng;

use crate::client::{phases, results};
use crate::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, Params, ServerKeys, encrypt, evaluate,
};

/// Evaluates a matrix product whose weights all are `weight` or its negative, at random; gives the errors of its
/// outputs, in units of the plaintext's least bit.
fn errors(shape: &ConvShape, params: &Params, weight: i32, seed: u8) -> Vec<f64> {
    let mut rng = SecretRng::from_seed([seed; 32]);
    let layout = ConvLayout::new(shape, params).unwrap();
    let keys = ClientKeys::generate(params, &mut rng);
    let server = ServerKeys::from_bytes(params, keys.public_key()).unwrap();
    let mut draw = |n: usize| {
        let mut words = vec![0; n];
        rng.fill_words(&mut words);
        words
    };
    let (mine, theirs) = (draw(shape.input_len()), draw(shape.input_len()));
    let signed = |word: u64| if word & 1 == 1 { weight } else { -weight };
    let weights: Vec<i32> = draw(shape.kernel_len()).into_iter().map(signed).collect();
    let kernel = EncodedKernel::encode(&layout, &weights).unwrap();
    let up = encrypt(&keys, &layout, &mine, &mut rng).unwrap();
    let (down, share) = evaluate(&server, &layout, &kernel, &up, &theirs, &[], &mut rng).unwrap();
    let product = |output: usize| {
        let row = &weights[output * shape.taps()..][..shape.taps()];
        row.iter().zip(mine.iter().zip(&theirs)).fold(0_u64, |sum, (w, (a, b))| {
            sum.wrapping_add(a.wrapping_add(*b).wrapping_mul(i64::from(*w) as u64))
        })
    };
    let unit = 128 - params.plain_bits();
    let mut errors = Vec::new();
    for ((job, result), message) in results(&layout).zip(&down) {
        for (index, phase) in phases(&keys, &layout, &job, result, message).unwrap() {
            let exact =
                u128::from(product(index).wrapping_sub(share[index]) & params.plain_mask()) << unit;
            errors.push(phase.wrapping_sub(exact) as i128 as f64 / f64::from(unit).exp2());
        }
    }
    errors
}

fn deviation(errors: &[f64]) -> f64 {
    (errors.iter().map(|e| e * e).sum::<f64>() / errors.len() as f64).sqrt()
}

fn greatest(errors: &[f64]) -> f64 {
    errors.iter().fold(0.0, |max: f64, e| max.max(e.abs()))
}

/// A layer, chosen so that weights of many outputs meet in a coefficient.
fn layer() -> (ConvShape, Params) {
    let shape = ConvShape::dense(512, 2000);
    (shape, Params::choose(37, 8, shape.taps()).unwrap())
}

/// The noise alone: no flooding, and responses wide enough to hide nothing.
#[test]
fn noise_has_the_predicted_size() {
    let (shape, params) = layer();
    let bare = params.with_response(0, [118, 118]);
    let to_q = (bare.exact_log_q() - 37.0).exp2();
    let shared = ConvLayout::new(&shape, &bare).unwrap().sharing();
    assert!(shared > 4, "the layer should make outputs share a result");
    let noise: Vec<f64> = errors(&shape, &bare, 127, 1).iter().map(|e| e * to_q).collect();
    let (measured, bound) = (deviation(&noise), bare.deviation(shape.taps() * shared));
    assert!(measured < bound && measured > 0.9 * bound, "{measured} against {bound}");
    assert!(greatest(&noise) < params.noise_bound());
    assert!(bare.deviation(params.weight_capacity()) * 9.5 < params.noise_bound());

    // Without weights there remains what re-randomises: u times the key's error, and s times an error.
    let noise: Vec<f64> = errors(&shape, &bare, 0, 2).iter().map(|e| e * to_q).collect();
    let (measured, bound) = (deviation(&noise), bare.deviation(0));
    assert!(measured < bound && measured > 0.7 * bound, "{measured} against {bound}");
}

/// The rounding of responses alone.
#[test]
fn switching_moduli_has_the_predicted_error() {
    let (shape, params) = layer();
    let errors = errors(&shape, &params.with_response(0, params.response_bits()), 127, 3);
    let [c0, c1] = params.response_bits().map(|bits| (37.0 - f64::from(bits)).exp2());
    let n = params.degree() as f64;
    let expected = ((c0 * c0 + c1 * c1 * n * 2.0 / 3.0) / 12.0).sqrt();
    let measured = deviation(&errors);
    assert!((measured / expected - 1.0).abs() < 0.1, "{measured} against {expected}");
    assert!(greatest(&errors) < params.error_bounds()[1]);
}

/// The whole error is below 1/2 by its bound, and it is the flooding: uniform, of the same size for every kernel.
#[test]
fn every_output_is_flooded_and_exact() {
    let (shape, params) = layer();
    let flood = (f64::from(params.flood_bits()) + 37.0 - params.exact_log_q()).exp2();
    let [bound, _] = params.error_bounds();
    for weight in [0, 1, 127] {
        let flooded =
            errors(&shape, &params.with_response(params.flood_bits(), [118, 118]), weight, 4);
        let measured = deviation(&flooded) / flood * 3_f64.sqrt();
        assert!((measured - 1.0).abs() < 0.06, "{measured} of the flooding's deviation");
        assert!(greatest(&flooded) <= flood * 1.001 && greatest(&flooded) > flood * 0.98);
        assert!(greatest(&errors(&shape, &params, weight, 5)) < bound);
    }
    assert!(bound < 0.5);
}

/// Flooding exceeds the noise by 2^40.
#[test]
fn flooding_leaves_a_statistical_distance_of_2_to_the_minus_40() {
    for (plain_bits, weight_bits, taps) in [(37, 8, 576), (64, 16, 4608), (20, 4, 9)] {
        let params = Params::choose(plain_bits, weight_bits, taps).unwrap();
        let distance = params.noise_bound() / f64::from(params.flood_bits() + 1).exp2();
        assert!(distance <= 2_f64.powi(-40));
    }
}

/// Re-randomisation: a zero kernel still gives a spread c1, and equal inputs give unequal answers.
#[test]
fn responses_are_fresh() {
    let shape = ConvShape::dense(64, 3);
    let params = Params::choose(37, 8, 64).unwrap();
    let mut rng = SecretRng::from_seed([6; 32]);
    let layout = ConvLayout::new(&shape, &params).unwrap();
    let keys = ClientKeys::generate(&params, &mut rng);
    let server = ServerKeys::from_bytes(&params, keys.public_key()).unwrap();
    let kernel = EncodedKernel::encode(&layout, &vec![0; shape.kernel_len()]).unwrap();
    let up = encrypt(&keys, &layout, &[7; 64], &mut rng).unwrap();
    let mut answer = || evaluate(&server, &layout, &kernel, &up, &[0; 64], &[], &mut rng).unwrap();
    let ((first, first_share), (second, second_share)) = (answer(), answer());
    assert!(first[0] != second[0] && first_share != second_share);
    let [_, c1] = crate::codec::read_result(&params, &first[0], 3).unwrap();
    let [_, bits] = params.response_bits();
    let mean = c1.low.iter().map(|c| *c as f64 / f64::from(bits).exp2()).sum::<f64>()
        / c1.low.len() as f64;
    assert!((mean - 0.5).abs() < 0.03, "mean {mean}");
}
