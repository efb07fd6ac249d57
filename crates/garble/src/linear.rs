use crate::{Labels, Prime};
use rayon::prelude::*;
use sordino_kernels::digits::{self, Operand};
use sordino_kernels::ring::Conv2d;
use std::collections::BTreeMap;

/// Output channels that one thread computes together.
const CHANNELS: usize = 16;

/// The integer weights of a linear layer, reduced for every modulus it runs in.
pub struct Kernel {
    shape: Conv2d,
    residues: BTreeMap<Prime, Vec<i8>>,
}

impl Kernel {
    /// Weights `[cout][cin/groups][kh][kw]` for these moduli.
    ///
    /// # Panics
    /// If the number of weights is not that of the shape.
    pub fn new(shape: Conv2d, weights: &[i32], primes: impl IntoIterator<Item = Prime>) -> Self {
        assert_eq!(weights.len(), shape.kernel_len(), "weights of a linear layer");
        // Quotients are no closer to a half than 1 / 2p, so that they are rounded right (but of p = 2, where 1 and -1 are the same).
        // What is added and subtracted rounds a float to the nearest integer, eight weights at a time.
        const TO_INTEGER: f64 = 1.5 * (1u64 << 52) as f64;
        let centred = |p: Prime| {
            let (p, inverse) = (i32::from(p.get()), 1.0 / f64::from(p.get()));
            move |&w: &i32| {
                let quotient = (f64::from(w) * inverse + TO_INTEGER) - TO_INTEGER;
                w.wrapping_sub((quotient as i32).wrapping_mul(p)) as i8
            }
        };
        let reduce = |p: Prime| (p, weights.iter().map(centred(p)).collect());
        Self { shape, residues: primes.into_iter().map(reduce).collect() }
    }

    /// The layer's geometry.
    pub fn shape(&self) -> &Conv2d {
        &self.shape
    }
}

/// A convolution or matrix product on labels: the same for zero and for active ones.
///
/// *Shapes*: `x` is `[cin][h][w]`, the result `[cout][oh][ow]`. *Cost*: nothing is sent or
/// hashed; `digits` products for each product of the layer.
///
/// # Panics
/// If the kernel was not made for the modulus of `x`, or `x` has another size.
pub fn convolve(kernel: &Kernel, x: &Labels) -> Labels {
    let p = x.prime();
    let shape = &kernel.shape;
    let weights = &kernel.residues[&p];
    let operand = Operand::new(shape, p.radix(), x.digits());
    let plane = shape.output_len() / shape.cout;
    let mut y = Labels::zero(p, shape.output_len());
    let taps = shape.kernel_len() / shape.cout;
    y.digits_mut().par_chunks_mut(CHANNELS * plane * p.digits()).enumerate().for_each(|(i, y)| {
        let channels = i * CHANNELS..((i + 1) * CHANNELS).min(shape.cout);
        let weights = &weights[channels.start * taps..channels.end * taps];
        digits::conv(&operand, channels, weights, y);
    });
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_are_reduced_to_the_least_magnitude() {
        let near = |at: i64| (-300..=300).map(move |d| (at + d) as i32);
        let weights: Vec<i32> = [0, 1 << 20, i64::from(i32::MAX) - 300, i64::from(i32::MIN) + 300]
            .into_iter()
            .flat_map(near)
            .collect();
        let one = [1; 2];
        let (cin, cout, h, w, kh, kw) = (weights.len(), 1, 1, 1, 1, 1);
        let shape =
            Conv2d { cin, h, w, cout, kh, kw, stride: one, dilation: one, pads: [0; 4], groups: 1 };
        let kernel = Kernel::new(shape, &weights, Prime::ALL);
        for p in Prime::ALL {
            let modulus = i32::from(p.get());
            for (w, v) in weights.iter().zip(&kernel.residues[&p]) {
                let v = i32::from(*v);
                assert_eq!(v.rem_euclid(modulus), w.rem_euclid(modulus), "{w} modulo {modulus}");
                assert!(v.abs() <= modulus / 2, "{w} modulo {modulus}");
            }
        }
    }
}
