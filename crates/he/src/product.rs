//! Sums of products of transformed inputs with kernels.

use zeroize::Zeroizing;

use crate::ConvLayout;
use crate::kernel::{EncodedKernel, Unit, rows_of};

/// Columns that are multiplied together: what a few registers hold.
const PANEL: usize = 32;
/// Kernel polynomials that are transformed before they are used: as many as stay in the second-level cache.
const AHEAD: usize = 8;

/// The transformed inputs of one job as factors, c0 and c1: for each prime and part, panels of neighbouring values,
/// and in each panel the values of all inputs. Panels lie in one run of values; without runs there is one panel.
pub(crate) struct Inputs {
    width: usize,
    count: usize,
    degree: usize,
    words: Vec<u64>,
}

impl Inputs {
    pub(crate) fn new(layout: &ConvLayout) -> Self {
        let (degree, count) = (layout.params().degree(), layout.inputs());
        let width = if layout.run() > 1 { layout.run().min(PANEL) } else { degree };
        let primes = layout.params().basis().primes().len();
        Self { width, count, degree, words: vec![0; 2 * primes * degree * count] }
    }

    /// Puts an input in its place.
    pub(crate) fn put(&mut self, input: usize, parts: [&[u64]; 2]) {
        let (degree, width) = (self.degree, self.width);
        let primes = parts[0].len() / degree;
        for i in 0..2 * primes {
            let values = &parts[i % 2][i / 2 * degree..][..degree];
            let start = i * degree * self.count + input * width;
            let places = self.words[start..].chunks_mut(self.count * width);
            for (place, values) in places.zip(values.chunks_exact(width)) {
                place[..width].copy_from_slice(values);
            }
        }
    }

    fn panel(&self, prime: usize, part: usize, panel: usize) -> &[u64] {
        let len = self.count * self.width;
        let panels = self.degree / self.width;
        &self.words[((2 * prime + part) * panels + panel) * len..][..len]
    }

    /// One input without runs: c0 and c1.
    fn whole(&self, prime: usize, input: usize) -> [&[u64]; 2] {
        [0, 1].map(|part| &self.panel(prime, part, 0)[input * self.width..][..self.width])
    }
}

/// The sums of a unit: for each job and result c0 and c1, transformed and reduced.
pub(crate) fn sums(
    layout: &ConvLayout,
    kernel: &EncodedKernel,
    group: usize,
    unit: usize,
    jobs: &[Inputs],
) -> Zeroizing<Vec<u64>> {
    let basis = layout.params().basis();
    let len = 2 * basis.n() * basis.primes().len();
    let mut sums = Zeroizing::new(vec![0; jobs.len() * rows_of(layout, unit).len() * len]);
    if layout.run() > 1 {
        scaled(layout, &kernel.unit(layout, group, unit), unit, jobs, &mut sums);
    } else {
        general(layout, kernel, group, unit, jobs, &mut sums);
    }
    sums
}

/// Kernels in a power of X: for every value of theirs a product of matrices.
fn scaled(layout: &ConvLayout, kernel: &Unit<'_>, unit: usize, jobs: &[Inputs], sums: &mut [u64]) {
    let basis = layout.params().basis();
    let (n, primes, rows) = (basis.n(), basis.primes().len(), rows_of(layout, unit).len());
    let stride = 2 * primes * n;
    for (inputs, sums) in jobs.iter().zip(sums.chunks_exact_mut(rows * stride)) {
        for (i, prime) in basis.primes().iter().enumerate() {
            for panel in 0..n / inputs.width {
                let at = panel * inputs.width;
                let matrix = kernel.matrix(layout, unit, i, at / layout.run());
                for part in 0..2 {
                    let out = &mut sums[(part * primes + i) * n + at..];
                    let values = inputs.panel(i, part, panel);
                    prime.ntt.mul_matrix(rows, inputs.width, matrix, values, out, stride);
                }
            }
        }
    }
}

/// Any kernels: the unit is one result.
fn general(
    layout: &ConvLayout,
    kernel: &EncodedKernel,
    group: usize,
    unit: usize,
    jobs: &[Inputs],
    sums: &mut [u64],
) {
    let basis = layout.params().basis();
    let (n, primes) = (basis.n(), basis.primes().len());
    let connected = layout.connected(unit);
    let kept = kernel.kept(layout, group, unit);
    let mut made = Zeroizing::new(vec![0; if kept.is_none() { primes * AHEAD * n } else { 0 }]);
    let mut first = connected.start;
    while first < connected.end {
        let batch = first..connected.end.min(first + AHEAD);
        if kept.is_none() {
            for (slot, input) in batch.clone().enumerate() {
                let each = made.chunks_exact_mut(AHEAD * n).map(|w| &mut w[slot * n..][..n]);
                kernel.polynomial(layout, [group, input, unit], each);
            }
        }
        for (i, prime) in basis.primes().iter().enumerate() {
            let factors = match kept {
                Some(kept) => &kept[(i * connected.len() + first - connected.start) * n..],
                None => &made[i * AHEAD * n..],
            };
            let factors: Vec<&[u64]> = factors.chunks_exact(n).take(batch.len()).collect();
            for (inputs, sums) in jobs.iter().zip(sums.chunks_exact_mut(2 * primes * n)) {
                let values: Vec<_> = batch.clone().map(|input| inputs.whole(i, input)).collect();
                let (c0, c1) = sums.split_at_mut(primes * n);
                let out = [c0, c1].map(|c| &mut c[i * n..][..n]);
                prime.ntt.add_products(out, &values, &factors);
            }
        }
        first = batch.end;
    }
}
