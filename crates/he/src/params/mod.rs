//! Encryption parameters, chosen from what a layer needs.

mod noise;
mod security;
mod spec;

use std::collections::HashMap;
use std::sync::Arc;

use sordino_kernels::ntt::find_primes;

use crate::Error;
use crate::ring::{Basis, Rounding, Scale, primes_of};

pub(crate) use noise::MAX_OUTPUTS_LOG2;
use noise::{Load, Scaling};
use security::MAX_LOG_Q;
pub(crate) use spec::{Footprint, Spec};

/// Weights per output and taps for which the noise budget has room at least: the output channels of one kernel
/// polynomial share its noise.
const SHARED_OUTPUTS: usize = 16;

/// Products of degree n that one output sums up at most: keeps every bound below the precision of f64.
const MAX_TAPS: usize = 1 << 24;

/// Parameters of the encryption: checked, immutable, cheap to clone.
///
/// q is as small as exactness and flooding allow, because an input costs n log2 q bits. The two parties choose
/// the same parameters from the same public numbers.
///
/// *Security*: 128 bits under RLWE with ternary secrets (see the crate's Security section); q never exceeds the
/// Homomorphic Encryption Standard's limit for n.
#[derive(Clone)]
pub struct Params(Arc<Inner>);

struct Inner {
    budget: Budget,
    weight_bits: u32,
    basis: Basis,
    /// Scaling of shares to q.
    plain: Scale,
    /// Roundings of a response's c0 and c1.
    response: [Rounding; 2],
    /// The basis that responses are decrypted in: its modulus exceeds every coefficient of c1 s over the integers.
    decryption: Basis,
}

/// The numbers that determine everything else.
#[derive(Clone, Debug, PartialEq)]
struct Budget {
    n: usize,
    plain_bits: u32,
    /// The primes of q and their widths.
    primes: Vec<(u64, u32)>,
    /// Flooding is uniform on [-2^flood_bits, 2^flood_bits).
    flood_bits: u32,
    /// Bits of a response's coefficients of c0 and c1.
    response_bits: [u32; 2],
    scaling: Scaling,
    /// Noise before flooding stays below this.
    noise: f64,
    /// Weights that may meet in one output, and products of one.
    load: Load,
}

impl Params {
    /// The parameters of least traffic for shares in Z_{2^plain_bits} (2 to 64), weights of `weight_bits` bits (1 to
    /// 31, two's complement), and at most `taps` products per output (input channels per group times kernel area).
    ///
    /// Layers with narrower weights or fewer taps fit too. There is room in the noise for 16 outputs in a result;
    /// [`Params::with_room`] chooses it.
    ///
    /// # Errors
    /// [`Error::Parameters`] when an argument is out of range or no degree up to 16384 has room.
    pub fn choose(plain_bits: u32, weight_bits: u32, taps: usize) -> Result<Self, Error> {
        Self::with_room(plain_bits, weight_bits, taps, taps.saturating_mul(SHARED_OUTPUTS))
    }

    /// As [`Params::choose`], with room for `weights` weights of greatest magnitude, at least `taps`, in the noise of an
    /// output: the outputs of one kernel polynomial share its noise.
    ///
    /// # Errors
    /// As [`Params::choose`].
    pub fn with_room(
        plain_bits: u32,
        weight_bits: u32,
        taps: usize,
        weights: usize,
    ) -> Result<Self, Error> {
        let refuse =
            |why: &str| Error::Parameters { plain_bits, weight_bits, taps, why: why.into() };
        if !(2..=64).contains(&plain_bits) {
            return Err(refuse("the ring must have 2 to 64 bits"));
        }
        if !(1..=31).contains(&weight_bits) {
            return Err(refuse("weights must have 1 to 31 bits"));
        }
        if !(1..=MAX_TAPS).contains(&taps) {
            return Err(refuse("an output must sum 1 to 2^24 products"));
        }
        let budget = Budget::choose(plain_bits, weight_bits, taps, weights).ok_or_else(|| {
            refuse("the modulus would exceed 438 bits; use a smaller ring or narrower weights")
        })?;
        Ok(Self::from_budget(budget, weight_bits))
    }

    fn from_budget(budget: Budget, weight_bits: u32) -> Self {
        let basis = Basis::new(budget.n, &budget.primes);
        // The noise bound is that of one scaling, so the other is not used even where it could be.
        let exact = budget.scaling == Scaling::Exact;
        let plain = Scale::new(&basis, budget.plain_bits, exact);
        debug_assert_eq!(plain.exact().is_some(), exact);
        let response = budget.response_bits.map(|bits| Rounding::new(&basis, bits));
        let decryption = Basis::new(budget.n, &budget.decryption_primes());
        Self(Arc::new(Inner { budget, weight_bits, basis, plain, response, decryption }))
    }

    /// The ring degree n: coefficients per ciphertext.
    pub fn degree(&self) -> usize {
        self.0.budget.n
    }

    /// log2 q, rounded up.
    pub fn log_q(&self) -> u32 {
        self.0.budget.log_q()
    }

    /// Bits of the ring of shares.
    pub fn plain_bits(&self) -> u32 {
        self.0.budget.plain_bits
    }

    /// Bits of a weight.
    pub fn weight_bits(&self) -> u32 {
        self.0.weight_bits
    }

    /// Bits of a response's coefficients: of c0, of which only those that hold outputs are sent, and of c1.
    pub fn response_bits(&self) -> [u32; 2] {
        self.0.budget.response_bits
    }

    /// Bound on the noise of an output before flooding, holding with probability 1 - 2^-40 for a whole layer.
    pub fn noise_bound(&self) -> f64 {
        self.0.budget.noise
    }

    /// log2 of the magnitude of the flooding noise.
    pub fn flood_bits(&self) -> u32 {
        self.0.budget.flood_bits
    }

    /// Weights that may meet in one output coefficient, all of greatest magnitude, within the noise bound.
    pub fn weight_capacity(&self) -> usize {
        self.0.budget.load.weights
    }

    pub(crate) fn basis(&self) -> &Basis {
        &self.0.basis
    }

    pub(crate) fn plain(&self) -> &Scale {
        &self.0.plain
    }

    pub(crate) fn response(&self) -> &[Rounding; 2] {
        &self.0.response
    }

    pub(crate) fn decryption(&self) -> &Basis {
        &self.0.decryption
    }

    /// Products that one output sums at most.
    pub(crate) fn taps(&self) -> usize {
        self.0.budget.load.taps
    }

    pub(crate) fn plain_mask(&self) -> u64 {
        u64::MAX >> (64 - self.plain_bits())
    }
}

#[cfg(test)]
impl Params {
    /// The same parameters with this flooding and response widths: for measuring what these otherwise hide.
    pub(crate) fn with_response(&self, flood_bits: u32, response_bits: [u32; 2]) -> Self {
        let budget = Budget { flood_bits, response_bits, ..self.0.budget.clone() };
        Self::from_budget(budget, self.0.weight_bits)
    }

    /// log2 q, exactly.
    pub(crate) fn exact_log_q(&self) -> f64 {
        self.0.budget.primes.iter().map(|p| (p.0 as f64).log2()).sum()
    }

    /// Bounds on the error of an output in units of the plaintext's least bit: all of it, and the part that comes from
    /// switching moduli.
    pub(crate) fn error_bounds(&self) -> [f64; 2] {
        [self.0.budget.error(), self.0.budget.response_error()]
    }

    /// Standard deviation bound of the noise before flooding when `weights` weights of greatest magnitude meet.
    pub(crate) fn deviation(&self, weights: usize) -> f64 {
        let load = Load { weights, taps: 0, ..self.0.budget.load };
        self.0.budget.scaling.bound(self.degree(), &load) / noise::tail()
    }
}

impl PartialEq for Params {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.0.budget == other.0.budget && self.0.weight_bits == other.0.weight_bits)
    }
}

impl std::fmt::Debug for Params {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Params")
            .field("weight_bits", &self.0.weight_bits)
            .field("budget", &self.0.budget)
            .finish()
    }
}

impl Budget {
    fn log_q(&self) -> u32 {
        self.primes.iter().map(|p| p.1).sum()
    }

    /// Bits sent per coefficient of an input and an output: outputs fill about half of a response.
    fn traffic(&self) -> u32 {
        let [c0, c1] = self.response_bits;
        2 * self.log_q() + 2 * c1 + c0
    }

    fn choose(plain_bits: u32, weight_bits: u32, taps: usize, weights: usize) -> Option<Self> {
        let weights = weights.clamp(taps, MAX_TAPS * SHARED_OUTPUTS);
        let load = Load { taps, weights, largest: f64::from(weight_bits - 1).exp2() };
        let fit = |&(n, max_log_q): &(usize, u32)| Self::fit(n, max_log_q, plain_bits, &load);
        MAX_LOG_Q.iter().find_map(fit)
    }

    /// The lightest budget; one whose primes scale shares exactly where there is any, because that is faster.
    fn fit(n: usize, max_log_q: u32, plain_bits: u32, load: &Load) -> Option<Self> {
        [Scaling::Exact, Scaling::Dithered]
            .into_iter()
            .find_map(|scaling| Self::fit_scaled(n, max_log_q, plain_bits, load, scaling))
    }

    fn fit_scaled(
        n: usize,
        max_log_q: u32,
        plain_bits: u32,
        load: &Load,
        scaling: Scaling,
    ) -> Option<Self> {
        let noise_bits = scaling.bound(n, load).log2().ceil();
        let noise = noise_bits.exp2();
        let load = Load { weights: scaling.weights_within(n, load, noise), ..*load };
        let flood_bits = noise::FLOOD_BITS + noise_bits as u32;
        let choices =
            (2..=6).flat_map(|c0| (7..=13).map(move |c1| [plain_bits + c0, plain_bits + c1]));
        let exact = if scaling == Scaling::Exact { plain_bits } else { 0 };
        let mut found = HashMap::new();
        let mut primes =
            |total: u32| found.entry(total).or_insert_with(|| primes_of(n, total, exact)).clone();
        let fits = choices.filter_map(|response_bits| {
            let budget = Self {
                n,
                plain_bits,
                primes: Vec::new(),
                flood_bits,
                response_bits,
                scaling,
                noise,
                load,
            };
            (budget.log_q_needed()?..=max_log_q).find_map(|total| {
                let budget = Self { primes: primes(total)?, ..budget.clone() };
                (budget.error() < 0.5).then_some(budget)
            })
        });
        fits.min_by_key(Self::traffic)
    }

    /// Primes whose product exceeds four times the greatest coefficient of c1 s, c1 balanced in its width and s ternary.
    fn decryption_primes(&self) -> Vec<(u64, u32)> {
        const WIDTH: u32 = 50;
        let bits = self.response_bits[1] + self.n.ilog2();
        let count = (bits + 1).div_ceil(WIDTH - 1);
        find_primes(self.n, WIDTH, count as usize).into_iter().map(|p| (p, WIDTH)).collect()
    }

    /// Bits of q below which [`Budget::error`] is certainly too large; none when no q is large enough.
    fn log_q_needed(&self) -> Option<u32> {
        let room = 0.5 - self.response_error();
        (room > 0.0)
            .then(|| (self.at_q().log2() + f64::from(self.plain_bits) - room.log2()).floor() as u32)
    }

    /// Error modulo q of a response before its moduli are switched: the noise, the flooding, and the rounding of the
    /// mask.
    fn at_q(&self) -> f64 {
        self.noise + f64::from(self.flood_bits).exp2() + 2.0
    }

    /// Error of switching a response's moduli, in units of the plaintext's least bit; decryption is exact from there.
    fn response_error(&self) -> f64 {
        let [c0, c1] =
            self.response_bits.map(|bits| (f64::from(self.plain_bits) - f64::from(bits)).exp2());
        0.5 * c0 + noise::rounding(self.n) * c1
    }

    /// Bound on the whole error of a decrypted output, in units of the plaintext's least bit: exact below 1/2.
    fn error(&self) -> f64 {
        let log_q: f64 = self.primes.iter().map(|p| (p.0 as f64).log2()).sum();
        let slack = 1.0 + 2_f64.powi(-20);
        slack * (self.response_error() + self.at_q() * (f64::from(self.plain_bits) - log_q).exp2())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_choice_is_secure_exact_and_flooded() {
        for plain_bits in [2, 8, 16, 25, 32, 37, 41, 48, 56, 64] {
            for (weight_bits, taps) in
                [(1, 1), (8, 9), (8, 576), (8, 4608), (9, 25088), (16, 4608), (31, 1 << 20)]
            {
                let params = Params::choose(plain_bits, weight_bits, taps).unwrap();
                let budget = &params.0.budget;
                let limit = MAX_LOG_Q.iter().find(|row| row.0 == budget.n).unwrap().1;
                let log_q: f64 = budget.primes.iter().map(|p| (p.0 as f64).log2()).sum();
                assert!(log_q <= f64::from(params.log_q()) && params.log_q() <= limit);
                assert!(budget.error() < 0.5);
                assert!(budget.load.weights >= SHARED_OUTPUTS * taps);
                let noise = budget.scaling.bound(budget.n, &budget.load);
                let reach = f64::from(budget.response_bits[1] - 1).exp2() * budget.n as f64;
                let decryption = budget.decryption_primes();
                assert!(decryption.iter().map(|p| p.0 as f64).product::<f64>() > 4.0 * reach);
                assert!(noise <= budget.noise * (1.0 + 1e-9));
                assert!(
                    f64::from(budget.flood_bits).exp2() >= 2_f64.powi(40) * noise * (1.0 - 1e-9)
                );
                assert_eq!(params, Params::choose(plain_bits, weight_bits, taps).unwrap());
            }
        }
    }

    #[test]
    fn common_choices_are_small() {
        let params = Params::choose(37, 8, 576).unwrap();
        assert_eq!((params.degree(), params.log_q()), (4096, 98));
        assert_eq!(params.response_bits(), [40, 47]);
        let params = Params::choose(26, 9, 4608).unwrap();
        assert_eq!((params.log_q(), params.response_bits()), (90, [29, 36]));
        assert!(
            [params, Params::choose(37, 8, 576).unwrap()]
                .iter()
                .all(|p| p.plain().exact().is_some())
        );
        assert_eq!(Params::choose(64, 8, 576).unwrap().degree(), 8192);
    }

    #[test]
    fn arguments_out_of_range_are_refused() {
        for (plain_bits, weight_bits, taps) in
            [(1, 8, 9), (65, 8, 9), (37, 0, 9), (37, 32, 9), (37, 8, 0), (37, 8, (1 << 24) + 1)]
        {
            assert!(matches!(
                Params::choose(plain_bits, weight_bits, taps),
                Err(Error::Parameters { .. })
            ));
        }
    }
}
