//! Bit security of learning parity with regular noise over F_2, against the attacks that published estimators cover.
//!
//! *Estimated*: pooled Gaussian elimination, statistical decoding 2.0, SD-ISD and BJMM as in Liu, Wang, Yang, Yu, eprint
//! 2022/712, on exact noise after the reduction to n - t, k - t that regular noise allows; regular information-set
//! decoding by permutation and by enumeration (Esser, Santini, eprint 2023/1568); guessing combined with linearised
//! quadratic equations (eprint 2025/1284); the algebraic attack AGB (Briaud, Oygarden, EUROCRYPT 2023, eprint 2023/176)
//! and AGB 2.0 (eprint 2025/1476), of which a lower bound is taken: the constraint that ties the guesses of its two stages
//! is dropped. Witness degrees go up to 4, as in the authors' script. On the four sets of emp-ot 1.0, whose authors name
//! the hybrid attack as the binding one at 128 bits, this module gives 128.1 to 128.7, and the test below holds it to that.
//!
//! *Not estimated*: representation-based regular decoding, which the authors' script puts 2 bits above enumeration at
//! these sizes; memory and memory access, which all formulas count as free; quantum attacks; attacks on the sparsity of
//! the code (rows of weight ten), which like all published parameters are chosen for a random code.
//!
//! *Units*: log2 of bit operations, as in the papers' own scripts.

/// An instance: `t` blocks of `n / t` samples with one error each, secret of `k` bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Instance {
    pub(crate) n: f64,
    pub(crate) k: f64,
    pub(crate) t: f64,
}

impl Instance {
    pub(crate) fn new(t: usize, log_block: u32, k: usize) -> Self {
        Self { n: (t << log_block) as f64, k: k as f64, t: t as f64 }
    }

    fn block(self) -> f64 {
        (self.n / self.t).floor()
    }

    /// The cheapest attack.
    pub(crate) fn bits(self) -> f64 {
        [
            self.pooled_gauss(),
            self.statistical_decoding(),
            self.regular_permutation(),
            self.regular_enumeration(),
            self.stern(),
            self.bjmm(),
            self.hybrid(),
            self.algebraic(),
        ]
        .into_iter()
        .fold(f64::INFINITY, f64::min)
    }

    /// Guess k error-free samples and invert.
    pub(crate) fn pooled_gauss(self) -> f64 {
        let (n, k, t) = (self.n - self.t, self.k - self.t, self.t);
        let guess = log2_choose(n, t) - log2_choose(n - k, t);
        guess + 2.8 * k.min(n - k).log2()
    }

    /// Statistical decoding 2.0: low-weight parity checks after guessing as many secret bits as Gauss costs.
    pub(crate) fn statistical_decoding(self) -> f64 {
        let (n, k, t) = (self.n - self.t, self.k - self.t, self.t);
        let k = k - self.pooled_gauss().floor();
        (k + 1.0).log2() + 2.0 * t * ((n - t + 1.0) / (n - k - t)).log2()
    }

    /// Information-set decoding by collisions (SD-ISD) on exact noise: p errors in the k + l guessed places.
    pub(crate) fn stern(self) -> f64 {
        let (n, k, t) = (self.n - self.t, self.k - self.t, self.t);
        let mut best = f64::INFINITY;
        for p in (0..40).step_by(2).map(f64::from) {
            for l in (2..200).step_by(2).map(f64::from) {
                let list = log2_choose(((k + l) / 2.0).floor(), p / 2.0);
                let matches = 2.0 * list - l;
                let step = add3(eliminate(n, k + l), 1.0 + list, 1.0 + matches) + n.log2();
                let hit = log2_choose(n - k - l, t - p) - log2_choose(n, t) + l + matches;
                if hit < 0.0 {
                    best = best.min(step - hit);
                }
            }
        }
        best
    }

    /// Information-set decoding with representations at two levels (BJMM) on exact noise.
    pub(crate) fn bjmm(self) -> f64 {
        let (n, k, t) = (self.n - self.t, self.k - self.t, self.t);
        let mut best = f64::INFINITY;
        for p2 in (2..12).step_by(2).map(f64::from) {
            for l in (2..240).step_by(2).map(f64::from) {
                for e2 in (0..p2 as u32).map(f64::from) {
                    let p1 = 2.0 * (p2 - e2);
                    for e1 in (0..p1 as u32).map(f64::from) {
                        best = best.min(bjmm_cost(n, k, t, l, [p2, p1, 2.0 * (p1 - e1)], [e2, e1]));
                    }
                }
            }
        }
        best
    }

    /// Regular ISD by permutation: the same share of every block is guessed free of errors.
    pub(crate) fn regular_permutation(self) -> f64 {
        let k = self.k - self.t;
        2.0 * (self.n - k).log2() + self.n.log2() - self.t * (1.0 - k / self.n).log2()
    }

    /// Regular ISD by enumeration: p of the errors may fall into the guessed part.
    pub(crate) fn regular_enumeration(self) -> f64 {
        let (n, t) = (self.n, self.t);
        let (k, half) = (self.k - t, t / 2.0);
        let mut best = f64::INFINITY;
        for p in (0..30).step_by(2).map(f64::from) {
            let list = log2_choose(half.round(), p / 2.0) + (k / t).log2() * p / 2.0;
            let mut ell = (list * 0.5).ceil();
            while ell < (list * 1.5).round() {
                let v = (k + ell) / t;
                let b = n / t;
                if v < b {
                    let hit = log2_choose(half.floor(), p / 2.0)
                        + log2_choose(half.ceil(), p / 2.0)
                        + (v / b).log2() * p
                        + (1.0 - v / b).log2() * (t - p);
                    let list = log2_choose(half.round(), p / 2.0) + v.log2() * p / 2.0;
                    let step = (2.0 * (n - k).log2()).max(1.0 + list).max(2.0 * list - ell);
                    best = best.min(n.log2() + step - hit);
                }
                ell += 1.0;
            }
        }
        best
    }

    /// Guess u (in f blocks u + 1) error-free places per block, leave q blocks unguessed, solve the quadratic equations
    /// of the rest by linearisation.
    pub(crate) fn hybrid(self) -> f64 {
        // More guesses than secret bits are useless, and every unguessed block is tried in all its places.
        let most = (self.k / self.t) as u32 + 1;
        let unguessed = (160.0 / self.block().log2()) as u32;
        let all = (0..=most.min(self.block() as u32 - 2))
            .flat_map(|u| (0..=unguessed).map(move |q| (f64::from(u), f64::from(q))));
        all.map(|(u, q)| self.hybrid_guess(u, q)).fold(f64::INFINITY, f64::min)
    }

    fn hybrid_guess(self, u: f64, q: f64) -> f64 {
        let Self { n, k, t } = self;
        let b = self.block();
        let (lose, lose_more) = ((1.0 - u / b).log2(), (1.0 - (u + 1.0) / b).log2());
        let spare = ((n - k) / (b - 1.0)).floor();
        let rows = n - k - spare * (b - u - 2.0);
        let fixed = (b - 1.0) * q;
        let mut best = f64::INFINITY;
        for f in (0..(t - q) as u32).map(f64::from) {
            if n - t - f - (t - q) * u <= 0.0 {
                continue;
            }
            let hit = lose_more * f + lose * (t - q - f);
            let unknown = k - t - (u + 1.0) * f - (t - f - q) * u;
            let eliminate = (rows * (n - k) * (rows + unknown.max(0.0))).max(1.0);
            let free = unknown - fixed;
            let work = if unknown <= 0.0 {
                eliminate
            } else {
                let equations = (t - f - q) * (b - u - 2.0) * (b - u - 1.0) / 2.0
                    + f * (b - u - 2.0) * (b - u - 3.0) / 2.0;
                let tries = b.log2() * q;
                if free < 0.0 || free > (2.0 * equations).sqrt() - 2.0 {
                    continue;
                }
                let (linearise, retry) = if free == 0.0 {
                    (1.0, 1.0)
                } else {
                    (
                        free.powi(4) * unknown * unknown
                            / 8.0
                            / (free * free / 2.0).max(2.0).log2(),
                        1.25 * (2.0 * free * free * fixed + free * fixed * fixed)
                            + (2.5 * free).powi(3) / (2.5 * free).max(2.0).log2(),
                    )
                };
                eliminate + linearise.max(1.0) + retry.max(1.0) * tries.exp2()
            };
            best = best.min(work.log2() - hit);
        }
        best
    }

    /// A lower bound of AGB 2.0, over witness degrees 2 to 4.
    pub(crate) fn algebraic(self) -> f64 {
        (2..=4).map(|d| self.algebraic_degree(d)).fold(f64::INFINITY, f64::min)
    }

    fn algebraic_degree(self, degree: usize) -> f64 {
        let most = |f: u32| {
            let by_secret = (self.k / f64::from(f.max(1))) as u32;
            by_secret.min(self.block() as u32 - 1)
        };
        let lose = |f: f64, mu: f64| -f * (1.0 - mu / self.block()).log2();
        // The outer guess brings the degree down: for each f the least mu that does. AGB stops there.
        let (mut best, mut outer) = (f64::INFINITY, f64::INFINITY);
        for f in 0..=self.t as u32 {
            let solvable = |mu: u32| self.solvable(f.into(), mu.into(), degree);
            let (mut low, mut high) = (0, most(f));
            if !solvable(high) {
                continue;
            }
            while low < high {
                let mid = (low + high) / 2;
                if solvable(mid) { high = mid } else { low = mid + 1 }
            }
            let (f, mu) = (f64::from(f), f64::from(low));
            let monomials = tail(self.series(f, mu, false), degree);
            let rows = 3.0 * (self.k + 1.0 - f * mu).max(1.0);
            best = best.min(2.0 * monomials.log2() + rows.log2() + lose(f, mu));
            outer = outer.min(lose(f, mu));
        }
        // AGB 2.0: a cheaper inner guess, whose reduced system is solved again for every outer guess.
        for f in 0..=self.t as u32 {
            for mu in 0..=most(f) {
                let (f, mu) = (f64::from(f), f64::from(mu));
                if lose(f, mu) > outer {
                    break;
                }
                let monomials = tail(self.series(f, mu, false), degree);
                let left = tail(self.series(f, mu, true), degree).max(1.0);
                let rank = (monomials - left).max(1.0);
                let dense = 5.64 * monomials.powf(2.8);
                let sparse = monomials * rank * rank / rank.log2().max(1.0);
                let reduce = dense.min(sparse).max(1.0).log2() + lose(f, mu);
                let solve = (5.64 * left.min(rank).powf(2.8)).log2() + outer;
                best = best.min(reduce.max(solve));
            }
        }
        best
    }

    /// Whether guessing mu error-free places in f blocks makes the system solvable at this degree.
    fn solvable(self, f: f64, mu: f64, degree: usize) -> bool {
        tail(self.series(f, mu, true), degree) < 1.0
    }

    /// Coefficients up to z^4 of the Hilbert series (1 + (b - mu - 1) z)^f (1 + (b - 1) z)^(t - f), divided by
    /// (1 + z)^(n - k - 1) if the parity checks count.
    fn series(self, f: f64, mu: f64, checks: bool) -> [f64; 5] {
        let b = self.block();
        let a = binomial_series(f, b - mu - 1.0);
        let c = binomial_series(self.t - f, b - 1.0);
        let free = multiply(a, c);
        if !checks {
            return free;
        }
        let m = self.n - self.k;
        let parity = [
            1.0,
            -(m - 1.0),
            m * (m - 1.0) / 2.0,
            -(m + 1.0) * m * (m - 1.0) / 6.0,
            (m + 2.0) * (m + 1.0) * m * (m - 1.0) / 24.0,
        ];
        multiply(free, parity)
    }
}

/// One choice of weights `p` (deepest list first) and overlaps `e`; the constraint sizes follow from them.
fn bjmm_cost(n: f64, k: f64, t: f64, l: f64, [p2, p1, p]: [f64; 3], [e2, e1]: [f64; 2]) -> f64 {
    let m = k + l;
    let filtered =
        |p: f64, e: f64| log2_choose(p, e) + log2_choose(m - p, p - e) - log2_choose(m, p);
    let leaf = log2_choose((m / 2.0).floor(), p2 / 2.0);
    let r2 = (filtered(p2, e2) + 4.0 * leaf - log2_choose(m, p1)).floor().clamp(0.0, l - 1.0);
    let r1 = filtered(p1, e1) + log2_choose(m, p1) - log2_choose(m, p);
    let r1 = (r1.floor() - r2).clamp(0.0, l - r2 - 1.0);
    let c3 = 2.0 * leaf - r2;
    let c2 = 2.0 * c3 - r1;
    let s1 = (filtered(p2, e2) + c2).min(log2_choose(m, p1) - r1 - r2);
    let c1 = 2.0 * s1 - l + r1 + r2;
    let s0 = (filtered(p1, e1) + c1).min(log2_choose(m, p) - l);
    let lists = add3(3.0 + leaf, 2.0 + c3, 1.0 + add3(c2, c1, f64::NEG_INFINITY));
    let step = add3(eliminate(n, m), lists, f64::NEG_INFINITY) + n.log2();
    let hit = log2_choose(n - m, t - p) + l + s0 - log2_choose(n, t);
    if hit < 0.0 { step - hit } else { f64::INFINITY }
}

/// log2 of the additions of Gaussian elimination, as the 2022/712 script counts them.
fn eliminate(n: f64, k: f64) -> f64 {
    ((n - k) * n / (n - k).log2()).log2()
}

/// log2(2^a + 2^b + 2^c).
fn add3(a: f64, b: f64, c: f64) -> f64 {
    let most = a.max(b).max(c);
    most + ((a - most).exp2() + (b - most).exp2() + (c - most).exp2()).log2()
}

/// Sum of the coefficients from z to z^degree.
fn tail(series: [f64; 5], degree: usize) -> f64 {
    series[1..=degree].iter().sum()
}

/// (1 + x z)^m up to z^4.
fn binomial_series(m: f64, x: f64) -> [f64; 5] {
    let mut out = [1.0; 5];
    for d in 1..5 {
        out[d] = out[d - 1] * x * (m - (d as f64 - 1.0)) / d as f64;
    }
    out
}

fn multiply(a: [f64; 5], b: [f64; 5]) -> [f64; 5] {
    let mut out = [0.0; 5];
    for (d, out) in out.iter_mut().enumerate() {
        *out = (0..=d).map(|i| a[i] * b[d - i]).sum();
    }
    out
}

fn log2_choose(n: f64, m: f64) -> f64 {
    (ln_factorial(n) - ln_factorial(m) - ln_factorial(n - m)) / core::f64::consts::LN_2
}

/// Stirling's series; exact enough from 16 on.
fn ln_factorial(n: f64) -> f64 {
    if n < 16.0 {
        return (1..=n as u32).map(|i| f64::from(i).ln()).sum();
    }
    n * n.ln() - n + 0.5 * (core::f64::consts::TAU * n).ln() + 1.0 / (12.0 * n)
        - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_sets_get_the_published_level() {
        for (t, depth, log_k) in [(1900, 13, 19), (1520, 12, 18), (1170, 11, 17), (850, 10, 16)] {
            let set = Instance::new(t, depth, 1 << log_k);
            let hybrid = set.hybrid();
            assert!((128.0..129.0).contains(&hybrid), "{set:?}: {hybrid:.1} bits");
            assert!(set.bits() > hybrid - 1.0, "{set:?}: {:.1} bits", set.bits());
        }
    }
}
