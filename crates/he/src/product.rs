//! Sums of products of transformed inputs with kernels.

use zeroize::Zeroizing;

use crate::ConvLayout;
use crate::kernel::{EncodedKernel, matrix, resize, rows_of};

/// Columns that are multiplied together: what a few registers hold.
const PANEL: usize = 32;
/// Inputs whose kernel polynomials to a unit's results are transformed before they are used: as many as stay in the
/// second-level cache.
const AHEAD: usize = 4;

/// The transformed inputs of one job as factors, c0 and c1: for each prime and part, panels of neighbouring values,
/// and in each panel the values of all inputs. Panels lie in one run of values; without runs there is one panel.
pub(crate) struct Inputs {
    width: usize,
    count: usize,
    degree: usize,
    words: Zeroizing<Vec<u64>>,
}

impl Inputs {
    pub(crate) fn new(layout: &ConvLayout) -> Self {
        let (degree, count) = (layout.params().degree(), layout.inputs());
        let width = if layout.run() > 1 { layout.run().min(PANEL) } else { degree };
        let primes = layout.params().basis().primes().len();
        let words = Zeroizing::new(vec![0; 2 * primes * degree * count]);
        Self { width, count, degree, words }
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

/// Memory that units use one after the other.
#[derive(Default)]
pub(crate) struct Scratch {
    kernels: Zeroizing<Vec<u64>>,
    sums: Zeroizing<Vec<u64>>,
}

/// The sums of a unit: for each job and result c0 and c1, transformed and reduced.
pub(crate) fn sums<'a>(
    layout: &ConvLayout,
    kernel: &EncodedKernel,
    group: usize,
    unit: usize,
    jobs: &[Inputs],
    Scratch { kernels, sums }: &'a mut Scratch,
) -> &'a mut [u64] {
    let basis = layout.params().basis();
    let len = 2 * basis.n() * basis.primes().len();
    resize(sums, jobs.len() * rows_of(layout, unit).len() * len);
    if layout.run() > 1 {
        scaled(layout, kernel.unit(layout, group, unit, kernels), unit, jobs, sums);
    } else {
        sums.fill(0);
        general(layout, kernel, [group, unit], jobs, sums, kernels);
    }
    sums
}

/// Kernels in a power of X: for every value of theirs a product of matrices.
fn scaled(layout: &ConvLayout, kernel: &[u64], unit: usize, jobs: &[Inputs], sums: &mut [u64]) {
    let basis = layout.params().basis();
    let (n, primes, rows) = (basis.n(), basis.primes().len(), rows_of(layout, unit).len());
    let stride = 2 * primes * n;
    for (inputs, sums) in jobs.iter().zip(sums.chunks_exact_mut(rows * stride)) {
        for (i, prime) in basis.primes().iter().enumerate() {
            for panel in 0..n / inputs.width {
                let at = panel * inputs.width;
                let matrix = matrix(layout, kernel, unit, i, at / layout.run());
                for part in 0..2 {
                    let out = &mut sums[(part * primes + i) * n + at..];
                    let values = inputs.panel(i, part, panel);
                    prime.ntt.mul_matrix(rows, inputs.width, matrix, values, out, stride);
                }
            }
        }
    }
}

/// Any kernels: sums of products of vectors, for results with the same inputs together.
fn general(
    layout: &ConvLayout,
    kernel: &EncodedKernel,
    [group, unit]: [usize; 2],
    jobs: &[Inputs],
    sums: &mut [u64],
    made: &mut Zeroizing<Vec<u64>>,
) {
    let basis = layout.params().basis();
    let (n, primes) = (basis.n(), basis.primes().len());
    let results: Vec<usize> = rows_of(layout, unit).collect();
    resize(made, results.len() * AHEAD * n);
    let mut row = 0;
    for rows in results.chunk_by(|a, b| layout.connected(*a) == layout.connected(*b)) {
        let connected = layout.connected(rows[0]);
        for first in connected.clone().step_by(AHEAD) {
            let batch = first..connected.end.min(first + AHEAD);
            for (i, prime) in basis.primes().iter().enumerate() {
                let mut factors = Vec::with_capacity(rows.len() * batch.len());
                for (result, made) in rows.iter().zip(made.chunks_exact_mut(AHEAD * n)) {
                    let words = if let Some(kept) = kernel.kept(layout, [group, *result], i) {
                        &kept[(first - connected.start) * n..]
                    } else {
                        for (input, made) in batch.clone().zip(made.chunks_exact_mut(n)) {
                            kernel.polynomial(layout, [group, input, *result], i, made);
                        }
                        &*made
                    };
                    factors.extend(words.chunks_exact(n).take(batch.len()));
                }
                for (inputs, sums) in
                    jobs.iter().zip(sums.chunks_exact_mut(results.len() * 2 * primes * n))
                {
                    let values: Vec<_> =
                        batch.clone().map(|input| inputs.whole(i, input)).collect();
                    let out = sums.chunks_exact_mut(2 * primes * n).skip(row).take(rows.len());
                    let mut out: Vec<_> = out
                        .map(|sums| {
                            let (c0, c1) = sums.split_at_mut(primes * n);
                            [c0, c1].map(|c| &mut c[i * n..][..n])
                        })
                        .collect();
                    prime.ntt.add_products(&mut out, &values, &factors);
                }
            }
        }
        row += rows.len();
    }
}
