//! Kernels as the products need them.

use std::ops::Range;

use sordino_kernels::ntt::Ntt;
use zeroize::Zeroizing;

use crate::layout::Places;
use crate::{ConvLayout, Error, Params};

/// Bytes of transformed kernel polynomials that a layer keeps unless told otherwise.
pub const KERNEL_BUDGET: usize = 16 << 20;

/// Results whose products are computed together: as many as transformed inputs are read for once. More when kernels
/// are polynomials in a power of X, which are small.
const ROWS: usize = 4;
const SCALED_ROWS: usize = 16;
/// Kernels that are transformed before their values are put in place: a line of the cache, and what factors come in.
const TOGETHER: usize = 8;

/// A layer's weights, ready for evaluation: transformed once as far as they fit a budget of memory, the rest
/// polynomial by polynomial during evaluation, once for all tiles.
///
/// The kernel polynomials of a 1x1 convolution are polynomials in X^r, r the layout's run: their transforms are
/// constant on runs of r values, and only one value of each is computed, kept and multiplied by.
///
/// *Security*: the weights in the clear, for the server alone; zeroised when dropped.
pub struct EncodedKernel {
    places: Places,
    params: Params,
    weights: Zeroizing<Vec<i32>>,
    /// For each prime the transform of degree n / r; none when r is 1.
    short: Vec<Ntt>,
    /// The first pieces, transformed: for all units, or all results when r is 1.
    kept: Vec<Zeroizing<Vec<u64>>>,
}

impl EncodedKernel {
    /// Encodes with a budget of [`KERNEL_BUDGET`] bytes.
    ///
    /// *Shapes*: `kernel` is [`ConvShape::kernel_len`](crate::ConvShape::kernel_len) values, row-major.
    ///
    /// # Errors
    /// [`Error::Misuse`] when the length is wrong or a weight needs more bits than the parameters have.
    pub fn encode(layout: &ConvLayout, kernel: &[i32]) -> Result<Self, Error> {
        Self::encode_within(layout, kernel, KERNEL_BUDGET)
    }

    /// Encodes with a budget of `budget` bytes for transformed polynomials.
    ///
    /// # Errors
    /// As [`EncodedKernel::encode`].
    pub fn encode_within(
        layout: &ConvLayout,
        kernel: &[i32],
        budget: usize,
    ) -> Result<Self, Error> {
        let wanted = layout.shape().kernel_len();
        if kernel.len() != wanted {
            return Err(Error::Misuse(format!(
                "a kernel of {} weights, the layout has {wanted}",
                kernel.len()
            )));
        }
        let bits = layout.params().weight_bits();
        let range = -(1_i64 << (bits - 1))..1_i64 << (bits - 1);
        if !kernel.iter().all(|w| range.contains(&i64::from(*w))) {
            return Err(Error::Misuse(format!(
                "a weight has more than the {bits} bits of the parameters"
            )));
        }
        let basis = layout.params().basis();
        let degree = basis.n() / layout.run();
        let short = || basis.primes().iter().map(|p| Ntt::new(degree, p.modulus.p())).collect();
        let mut encoded = Self {
            places: layout.places(),
            params: layout.params().clone(),
            weights: Zeroizing::new(kernel.to_vec()),
            short: if layout.run() > 1 { short() } else { Vec::new() },
            kept: Vec::new(),
        };
        for number in 0..pieces_within(layout, budget) {
            let (group, piece) = (number / pieces(layout), number % pieces(layout));
            let mut words = Zeroizing::new(Vec::new());
            if layout.run() > 1 {
                encoded.matrices(layout, group, piece, &mut words);
            } else {
                encoded.polynomials(layout, group, piece, &mut words);
            }
            encoded.kept.push(words);
        }
        Ok(encoded)
    }

    /// The same kernel for another layout of the same convolution, transformed as it is used.
    ///
    /// # Errors
    /// As [`EncodedKernel::encode`].
    pub(crate) fn moved(&self, layout: &ConvLayout) -> Result<Self, Error> {
        if self.places.shape() != layout.shape() || self.params != *layout.params() {
            return Err(Error::Misuse("the kernel was encoded for another layout".into()));
        }
        Self::encode_within(layout, &self.weights, 0)
    }

    /// Bytes of memory that a layer's transformed polynomials take in all.
    pub fn transformed_bytes(layout: &ConvLayout) -> usize {
        let words: usize = (0..pieces(layout)).map(|piece| piece_len(layout, piece)).sum();
        layout.merged_groups().saturating_mul(words * size_of::<u64>())
    }

    /// Whether the kernel was encoded for this layout.
    pub(crate) fn fits(&self, layout: &ConvLayout) -> bool {
        self.params == *layout.params() && self.places == layout.places()
    }

    fn piece(&self, layout: &ConvLayout, group: usize, piece: usize) -> Option<&[u64]> {
        self.kept.get(group * pieces(layout) + piece).map(|words| &words[..])
    }

    /// A unit of a kernel in a power of X: for each prime, value and result the factors for all inputs. Made in
    /// `made` unless it is kept.
    pub(crate) fn unit<'a>(
        &'a self,
        layout: &ConvLayout,
        group: usize,
        unit: usize,
        made: &'a mut Zeroizing<Vec<u64>>,
    ) -> &'a [u64] {
        if let Some(words) = self.piece(layout, group, unit) {
            return words;
        }
        self.matrices(layout, group, unit, made);
        made
    }

    /// The transformed polynomials to a result for one prime from all connected inputs, if they are kept.
    pub(crate) fn kept(
        &self,
        layout: &ConvLayout,
        [group, result]: [usize; 2],
        prime: usize,
    ) -> Option<&[u64]> {
        let words = self.piece(layout, group, result)?;
        let len = words.len() / layout.params().basis().primes().len();
        Some(&words[prime * len..][..len])
    }

    fn matrices(
        &self,
        layout: &ConvLayout,
        group: usize,
        unit: usize,
        words: &mut Zeroizing<Vec<u64>>,
    ) {
        if rows_of(layout, unit).any(|row| layout.connected(row).len() < layout.inputs()) {
            words.fill(0);
        }
        resize(words, piece_len(layout, unit));
        let basis = layout.params().basis();
        let points = basis.n() / layout.run();
        let (rows, inputs) = (rows_of(layout, unit), layout.inputs());
        let section = section(points * rows.len() * inputs);
        let mut values = Zeroizing::new(vec![0; points * TOGETHER]);
        let primes = basis.primes().iter().zip(&self.short);
        for (i, ((prime, short), words)) in primes.zip(words.chunks_exact_mut(section)).enumerate()
        {
            for (row, result) in rows.clone().enumerate() {
                let connected = layout.connected(result);
                for first in connected.clone().step_by(TOGETHER) {
                    let last = connected.end.min(first + TOGETHER);
                    for (input, values) in (first..last).zip(values.chunks_exact_mut(points)) {
                        self.residues(layout, [group, input, result], i, values);
                        short.forward(values);
                    }
                    let places = words[row * inputs..].chunks_mut(rows.len() * inputs);
                    for (value, place) in places.enumerate().take(points) {
                        for (slot, word) in place[first..last].iter_mut().enumerate() {
                            *word = values[slot * points + value];
                        }
                    }
                }
            }
            prime.ntt.factors(words);
        }
    }

    fn polynomials(
        &self,
        layout: &ConvLayout,
        group: usize,
        result: usize,
        words: &mut Zeroizing<Vec<u64>>,
    ) {
        let n = layout.params().degree();
        resize(words, piece_len(layout, result));
        let inputs = layout.connected(result);
        for (prime, words) in words.chunks_exact_mut(inputs.len() * n).enumerate() {
            for (input, values) in inputs.clone().zip(words.chunks_exact_mut(n)) {
                self.polynomial(layout, [group, input, result], prime, values);
            }
        }
    }

    /// The transformed kernel polynomial of a group from an input to a result as factors for one prime.
    pub(crate) fn polynomial(
        &self,
        layout: &ConvLayout,
        at: [usize; 3],
        prime: usize,
        values: &mut [u64],
    ) {
        self.residues(layout, at, prime, values);
        let ntt = &layout.params().basis().primes()[prime].ntt;
        ntt.forward(values);
        ntt.factors(values);
    }

    /// Its coefficients as a polynomial in X^r.
    fn residues(
        &self,
        layout: &ConvLayout,
        [group, input, result]: [usize; 3],
        prime: usize,
        values: &mut [u64],
    ) {
        let shift = layout.run().trailing_zeros();
        let modulus = &layout.params().basis().primes()[prime].modulus;
        values.fill(0);
        layout.each_weight(group, input, result, |coefficient, index| {
            let weight = i64::from(self.weights[index]);
            values[coefficient >> shift] = modulus.reduce_signed(weight);
        });
    }
}

/// The factors of a unit for one prime and value: a matrix of results by inputs.
pub(crate) fn matrix<'a>(
    layout: &ConvLayout,
    words: &'a [u64],
    unit: usize,
    prime: usize,
    value: usize,
) -> &'a [u64] {
    let size = rows_of(layout, unit).len() * layout.inputs();
    let points = layout.params().degree() / layout.run();
    &words[prime * section(points * size) + value * size..][..size]
}

/// Changes the length; what was there is kept only where it is not moved, so that nothing is left behind.
pub(crate) fn resize(words: &mut Zeroizing<Vec<u64>>, len: usize) {
    if words.capacity() < len {
        *words = Zeroizing::new(Vec::with_capacity(len));
    }
    words.resize(len, 0);
}

fn rows(layout: &ConvLayout) -> usize {
    if layout.run() > 1 { SCALED_ROWS } else { ROWS }
}

/// Units of results that are computed together, per merged group.
pub(crate) fn units(layout: &ConvLayout) -> usize {
    layout.results().div_ceil(rows(layout))
}

/// The results of a unit.
pub(crate) fn rows_of(layout: &ConvLayout, unit: usize) -> Range<usize> {
    let rows = rows(layout);
    unit * rows..((unit + 1) * rows).min(layout.results())
}

/// Results that are computed at the same time, as far as memory is concerned.
pub(crate) fn units_ahead(layout: &ConvLayout) -> usize {
    4 * rows(layout)
}

/// Pieces of kernels that are kept or not, per merged group.
fn pieces(layout: &ConvLayout) -> usize {
    if layout.run() > 1 { units(layout) } else { layout.results() }
}

/// Pieces of all groups that fit a budget of memory.
fn pieces_within(layout: &ConvLayout, budget: usize) -> usize {
    let all = (0..layout.merged_groups()).flat_map(|_| 0..pieces(layout));
    let fits = all.scan(budget, |left, piece| {
        *left = left.checked_sub(piece_len(layout, piece) * size_of::<u64>())?;
        Some(())
    });
    fits.count()
}

/// Polynomials of the pieces that fit a budget of memory.
pub(crate) fn polynomials_within(layout: &ConvLayout, budget: usize) -> usize {
    let of = |number: usize| {
        let piece = number % pieces(layout);
        let results = if layout.run() > 1 { rows_of(layout, piece) } else { piece..piece + 1 };
        results.map(|result| layout.connected(result).len()).sum::<usize>()
    };
    (0..pieces_within(layout, budget)).map(of).sum()
}

fn piece_len(layout: &ConvLayout, piece: usize) -> usize {
    let basis = layout.params().basis();
    let values = if layout.run() > 1 {
        section(basis.n() / layout.run() * rows_of(layout, piece).len() * layout.inputs())
    } else {
        basis.n() * layout.connected(piece).len()
    };
    values * basis.primes().len()
}

fn section(values: usize) -> usize {
    values.next_multiple_of(TOGETHER)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::ConvShape;

    /// Kernels in a power of X have the values of the whole transform, each once, whether they are kept or not.
    #[test]
    fn compact_kernels_are_those_of_the_whole_transform() {
        let params = Params::choose(26, 9, 256).unwrap();
        let basis = params.basis();
        let n = basis.n();
        for (size, cout, groups) in [(56, 3, 1), (14, 40, 1), (28, 20, 1), (14, 24, 2)] {
            let shape = ConvShape { h: size, w: size, groups, ..ConvShape::dense(256, cout) };
            let layout = ConvLayout::new(&shape, &params).unwrap();
            assert!(layout.run() > 1, "{shape:?}");
            let weights: Vec<i32> =
                (0..shape.kernel_len() as i32).map(|i| i * 7919 % 512 - 256).collect();
            let kernel = EncodedKernel::encode_within(&layout, &weights, 0).unwrap();
            let kept = EncodedKernel::encode(&layout, &weights).unwrap();
            for unit in 0..units(&layout) {
                let (mut made, mut unused) = (Zeroizing::default(), Zeroizing::default());
                let words = kernel.unit(&layout, 0, unit, &mut made);
                assert!(words == kept.unit(&layout, 0, unit, &mut unused));
                for (row, result) in rows_of(&layout, unit).enumerate() {
                    for input in layout.connected(result) {
                        for (i, prime) in basis.primes().iter().enumerate() {
                            let mut whole = vec![0; n];
                            layout.each_weight(0, input, result, |coefficient, index| {
                                let weight = i64::from(weights[index]);
                                whole[coefficient] = prime.modulus.reduce_signed(weight);
                            });
                            prime.ntt.forward(&mut whole);
                            prime.ntt.factors(&mut whole);
                            let values = (0..layout.kernel_values()).map(|v| {
                                matrix(&layout, words, unit, i, v)[row * layout.inputs() + input]
                            });
                            for (run, value) in whole.chunks_exact(layout.run()).zip(values) {
                                assert!(run.iter().all(|v| *v == value));
                            }
                        }
                    }
                }
            }
        }
    }
}
