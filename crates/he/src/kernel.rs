//! Kernels as the products need them.

use std::ops::Range;

use sordino_kernels::ntt::Ntt;
use zeroize::Zeroizing;

use crate::{ConvLayout, ConvShape, Error, Params};

/// Bytes of transformed kernel polynomials that a layer keeps unless told otherwise.
pub const KERNEL_BUDGET: usize = 16 << 20;

/// Results whose products are computed together when kernels are polynomials in a power of X.
const ROWS: usize = 16;

/// A layer's weights, ready for evaluation: transformed once as far as they fit a budget of memory, the rest
/// polynomial by polynomial during evaluation, once for all tiles.
///
/// The kernel polynomials of a 1x1 convolution are polynomials in X^r, r the layout's run: their transforms are
/// constant on runs of r values, and only one value of each is computed, kept and multiplied by.
///
/// *Security*: the weights in the clear, for the server alone; zeroised when dropped.
pub struct EncodedKernel {
    shape: ConvShape,
    params: Params,
    weights: Zeroizing<Vec<i32>>,
    /// For each prime the transform of degree n / r; none when r is 1.
    short: Vec<Ntt>,
    /// The first units, transformed.
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
            shape: *layout.shape(),
            params: layout.params().clone(),
            weights: Zeroizing::new(kernel.to_vec()),
            short: if layout.run() > 1 { short() } else { Vec::new() },
            kept: Vec::new(),
        };
        let mut left = budget;
        for number in 0..layout.merged_groups() * units(layout) {
            let (group, unit) = (number / units(layout), number % units(layout));
            let bytes = unit_len(layout, unit) * size_of::<u64>();
            if bytes > left {
                break;
            }
            left -= bytes;
            encoded.kept.push(encoded.transform(layout, group, unit));
        }
        Ok(encoded)
    }

    /// Bytes of memory that a layer's transformed polynomials take in all.
    pub fn transformed_bytes(layout: &ConvLayout) -> usize {
        let words: usize = (0..units(layout)).map(|unit| unit_len(layout, unit)).sum();
        layout.merged_groups().saturating_mul(words * size_of::<u64>())
    }

    /// Whether the kernel was encoded for this layout.
    pub(crate) fn fits(&self, layout: &ConvLayout) -> bool {
        self.shape == *layout.shape() && self.params == *layout.params()
    }

    /// A unit if it is kept.
    pub(crate) fn kept(&self, layout: &ConvLayout, group: usize, unit: usize) -> Option<&[u64]> {
        self.kept.get(group * units(layout) + unit).map(|words| &words[..])
    }

    /// A unit of a kernel in a power of X: for each prime, value and result of the unit the factors for all inputs.
    pub(crate) fn unit(&self, layout: &ConvLayout, group: usize, unit: usize) -> Unit<'_> {
        match self.kept(layout, group, unit) {
            Some(words) => Unit::Kept(words),
            None => Unit::Made(self.transform(layout, group, unit)),
        }
    }

    fn transform(&self, layout: &ConvLayout, group: usize, unit: usize) -> Zeroizing<Vec<u64>> {
        let mut words = Zeroizing::new(vec![0; unit_len(layout, unit)]);
        let basis = layout.params().basis();
        if layout.run() == 1 {
            let inputs = layout.connected(unit);
            let len = inputs.len() * basis.n();
            for (slot, input) in inputs.enumerate() {
                let each =
                    words.chunks_exact_mut(len).map(|w| &mut w[slot * basis.n()..][..basis.n()]);
                self.polynomial(layout, [group, input, unit], each);
            }
            return words;
        }
        let points = basis.n() / layout.run();
        let rows = rows_of(layout, unit);
        let (count, inputs) = (rows.len(), layout.inputs());
        let section = section(points * count * inputs);
        let mut values = Zeroizing::new(vec![0; points * basis.primes().len()]);
        for (row, result) in rows.enumerate() {
            for input in layout.connected(result) {
                self.residues(layout, [group, input, result], values.chunks_exact_mut(points));
                let each = self.short.iter().zip(values.chunks_exact_mut(points));
                for ((ntt, values), words) in each.zip(words.chunks_exact_mut(section)) {
                    ntt.forward(values);
                    let places = words[row * inputs + input..].iter_mut().step_by(count * inputs);
                    places.zip(values).for_each(|(word, value)| *word = *value);
                }
            }
        }
        for (prime, words) in basis.primes().iter().zip(words.chunks_exact_mut(section)) {
            prime.ntt.factors(words);
        }
        words
    }

    /// The transformed kernel polynomial of a group from an input to a result as factors, for each prime.
    pub(crate) fn polynomial<'a>(
        &self,
        layout: &ConvLayout,
        at: [usize; 3],
        each: impl Iterator<Item = &'a mut [u64]>,
    ) {
        let mut each: Vec<_> = each.collect();
        self.residues(layout, at, each.iter_mut().map(|values| &mut **values));
        for (prime, values) in layout.params().basis().primes().iter().zip(each) {
            prime.ntt.forward(values);
            prime.ntt.factors(values);
        }
    }

    /// The same in coefficients of X^r.
    fn residues<'a>(
        &self,
        layout: &ConvLayout,
        [group, input, result]: [usize; 3],
        each: impl Iterator<Item = &'a mut [u64]>,
    ) {
        let shift = layout.run().trailing_zeros();
        for (prime, values) in layout.params().basis().primes().iter().zip(each) {
            values.fill(0);
            layout.each_weight(group, input, result, |coefficient, index| {
                let weight = i64::from(self.weights[index]);
                values[coefficient >> shift] = prime.modulus.reduce_signed(weight);
            });
        }
    }
}

/// A unit, kept or made for the occasion.
pub(crate) enum Unit<'a> {
    Kept(&'a [u64]),
    Made(Zeroizing<Vec<u64>>),
}

impl Unit<'_> {
    /// The factors for one prime and value: a matrix of results by inputs.
    pub(crate) fn matrix(
        &self,
        layout: &ConvLayout,
        unit: usize,
        prime: usize,
        value: usize,
    ) -> &[u64] {
        let words = match self {
            Self::Kept(words) => words,
            Self::Made(words) => &words[..],
        };
        let size = rows_of(layout, unit).len() * layout.inputs();
        let points = layout.params().degree() / layout.run();
        &words[prime * section(points * size) + value * size..][..size]
    }
}

/// Units of results whose kernels are made together, per merged group: one result, or [`ROWS`] of them when kernels are
/// polynomials in a power of X.
pub(crate) fn units(layout: &ConvLayout) -> usize {
    if layout.run() > 1 { layout.results().div_ceil(ROWS) } else { layout.results() }
}

/// The results of a unit.
pub(crate) fn rows_of(layout: &ConvLayout, unit: usize) -> Range<usize> {
    let rows = if layout.run() > 1 { ROWS } else { 1 };
    unit * rows..((unit + 1) * rows).min(layout.results())
}

fn section(values: usize) -> usize {
    values.next_multiple_of(8)
}

fn unit_len(layout: &ConvLayout, unit: usize) -> usize {
    let basis = layout.params().basis();
    let values = if layout.run() > 1 {
        section(basis.n() / layout.run() * rows_of(layout, unit).len() * layout.inputs())
    } else {
        basis.n() * layout.connected(unit).len()
    };
    values * basis.primes().len()
}
