//! Noise bounds.
//!
//! All bounds are tail bounds of sub-Gaussian sums: if the terms are independent with mean zero and the variance
//! proxies add up to V, then P(|sum| > z sqrt(V)) <= 2 exp(-z^2 / 2). A sum of 2m independent bits of either sign,
//! halved, as the centred binomial error, has proxy m / 2; a value in an interval of length 1 has proxy 1 / 4
//! (Hoeffding's lemma); a value uniform on an interval of length 1 has proxy 1 / 12.

use crate::ring::ERROR_PAIRS;

/// Outputs per layer for which the failure probability is counted.
pub(crate) const MAX_OUTPUTS_LOG2: u32 = 24;

/// -log2 of the probability that any output of a layer is wrong.
pub(crate) const FAILURE_BITS: u32 = 40;

/// -log2 of the statistical distance that the flooding leaves per coefficient.
pub(crate) const FLOOD_BITS: u32 = 40;

/// z for two events per output (noise and rounding), each with two tails.
pub(crate) fn tail() -> f64 {
    let bits = f64::from(FAILURE_BITS + MAX_OUTPUTS_LOG2 + 2);
    (2.0 * bits * std::f64::consts::LN_2).sqrt()
}

const ERROR_PROXY: f64 = ERROR_PAIRS as f64 / 2.0;

/// Proxy of one coefficient of the input's noise: its error, and the dithered rounding of both parties' shares.
const INPUT_PROXY: f64 = ERROR_PROXY + 0.25 + 0.25;

/// Proxy of the noise of one output before flooding: input noise times the weights, and of the encryption of zero the
/// public key's error times u, and the secret key times its error, each a sum of n products with ternaries.
fn proxy(n: usize, weights_squared: f64) -> f64 {
    INPUT_PROXY * weights_squared + 2.0 * ERROR_PROXY * n as f64
}

/// Bound on the noise of every output of a layer before flooding, in units of 1 (mod q).
pub(crate) fn bound(n: usize, weights_squared: f64) -> f64 {
    tail() * proxy(n, weights_squared).sqrt()
}

/// Largest ||w||^2 whose [`bound`] is at most `limit`; negative when there is none.
pub(crate) fn weights_within(n: usize, limit: f64) -> f64 {
    ((limit / tail()).powi(2) - 2.0 * ERROR_PROXY * n as f64) / INPUT_PROXY
}

/// Bound on s times the rounding of c1 to a power of two, in units of that rounding. The rounding of a pseudo-random
/// c1 is uniform, and at most n coefficients of s are not 0.
pub(crate) fn rounding(n: usize) -> f64 {
    tail() * (n as f64 / 12.0).sqrt()
}
