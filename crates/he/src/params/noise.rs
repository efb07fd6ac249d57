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

/// How shares are scaled to q.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scaling {
    /// Multiplied by (q - 1) / 2^l, an integer.
    Exact,
    /// Rounded at random.
    Dithered,
}

/// The weights that make up a layer's noise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Load {
    /// Products summed into one output.
    pub(crate) taps: usize,
    /// Weights that meet in one output's noise, with those of outputs that share a result.
    pub(crate) weights: usize,
    /// The greatest magnitude of a weight.
    pub(crate) largest: f64,
}

impl Scaling {
    /// Proxy of one coefficient of the input's noise: its error, and the randomised rounding of both parties' shares.
    fn input_proxy(self) -> f64 {
        match self {
            Self::Exact => ERROR_PROXY,
            Self::Dithered => ERROR_PROXY + 0.25 + 0.25,
        }
    }

    /// Bound on what is no sum of random terms. Exactly scaled shares x, balanced in 2^(l-1), give (q - 1) / 2^l times
    /// w x - r. That is its residue modulo 2^l, as it should be, and (q - 1) K, so -K modulo q, with K of magnitude at
    /// most |w|_1 + 1 for the sum of both shares, and 1 for the scaling of the result itself.
    fn offset(self, load: &Load) -> f64 {
        match self {
            Self::Exact => load.taps as f64 * load.largest + 2.0,
            Self::Dithered => 0.0,
        }
    }

    /// Bound on the noise of every output of a layer before flooding, in units of 1 (mod q).
    ///
    /// Of the encryption of zero, the public key's error times u and the secret key times its error are sums of n
    /// products with ternaries.
    pub(crate) fn bound(self, n: usize, load: &Load) -> f64 {
        let squares = load.weights as f64 * load.largest * load.largest;
        let proxy = self.input_proxy() * squares + 2.0 * ERROR_PROXY * n as f64;
        tail() * proxy.sqrt() + self.offset(load)
    }

    /// The most weights whose [`bound`](Self::bound) is at most `limit`.
    pub(crate) fn weights_within(self, n: usize, load: &Load, limit: f64) -> usize {
        let proxy = ((limit - self.offset(load)) / tail()).powi(2) - 2.0 * ERROR_PROXY * n as f64;
        (proxy / self.input_proxy() / (load.largest * load.largest)) as usize
    }
}

/// Bound on s times the rounding of c1 to a power of two, in units of that rounding. The rounding of a pseudo-random
/// c1 is uniform, and at most n coefficients of s are not 0.
pub(crate) fn rounding(n: usize) -> f64 {
    tail() * (n as f64 / 12.0).sqrt()
}
