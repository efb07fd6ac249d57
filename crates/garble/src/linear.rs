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
        let centred = |p: Prime| {
            let p = i32::from(p.get());
            move |&w: &i32| {
                let v = w.rem_euclid(p);
                (if v > p / 2 { v - p } else { v }) as i8
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
