use zeroize::Zeroizing;

use crate::layout::WeightAt;
use crate::ring::Poly;
use crate::{ConvLayout, ConvShape, Error, Params};

/// Bytes of transformed kernel polynomials that a layer keeps unless told otherwise.
pub const KERNEL_BUDGET: usize = 16 << 20;

/// A layer's weights, ready for evaluation: transformed once if they fit a budget of memory, else polynomial by
/// polynomial during evaluation.
///
/// *Security*: the weights in the clear, for the server alone; zeroised when dropped.
pub struct EncodedKernel {
    shape: ConvShape,
    params: Params,
    weights: Zeroizing<Vec<i32>>,
    /// For each merged group, result and input; `None` where no weight connects them.
    transformed: Option<Vec<Option<Poly>>>,
    inputs: usize,
    results: usize,
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
        let (groups, inputs, results) = (layout.merged_groups(), layout.inputs(), layout.results());
        let count = groups * inputs * results;
        let mut encoded = Self {
            shape: *layout.shape(),
            params: layout.params().clone(),
            weights: Zeroizing::new(kernel.to_vec()),
            transformed: None,
            inputs,
            results,
        };
        if count.saturating_mul(layout.params().basis().zero().bytes()) <= budget {
            let at = |i: usize| (i / (results * inputs), i % inputs, i / inputs % results);
            let polynomials = (0..count).map(|i| {
                let (group, input, result) = at(i);
                encoded.polynomial(layout, group, input, result)
            });
            encoded.transformed = Some(polynomials.collect());
        }
        Ok(encoded)
    }

    /// Whether the kernel was encoded for this layout.
    pub(crate) fn fits(&self, layout: &ConvLayout) -> bool {
        self.shape == *layout.shape() && self.params == *layout.params()
    }

    /// Runs `use_it` on the transformed polynomial from an input to a result, if a weight connects them.
    pub(crate) fn with(
        &self,
        layout: &ConvLayout,
        group: usize,
        input: usize,
        result: usize,
        use_it: impl FnOnce(&Poly),
    ) {
        if let Some(transformed) = &self.transformed {
            transformed[(group * self.results + result) * self.inputs + input].as_ref().map(use_it);
        } else {
            self.polynomial(layout, group, input, result).as_ref().map(use_it);
        }
    }

    fn polynomial(
        &self,
        layout: &ConvLayout,
        group: usize,
        input: usize,
        result: usize,
    ) -> Option<Poly> {
        let basis = layout.params().basis();
        let weights = layout.weights(group, input, result);
        if weights.is_empty() {
            return None;
        }
        if let [WeightAt { coefficient: 0, index }] = weights[..] {
            // A constant is its own transform: so are all kernels of 1x1 convolutions on large images.
            return Some(basis.small(&vec![self.weights[index]; basis.n()]));
        }
        let mut coefficients = Zeroizing::new(vec![0; basis.n()]);
        for at in weights {
            coefficients[at.coefficient] = self.weights[at.index];
        }
        let mut poly = basis.small(&coefficients);
        basis.forward(&mut poly);
        Some(poly)
    }
}
