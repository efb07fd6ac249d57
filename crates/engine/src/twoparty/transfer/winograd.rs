//! Winograd's convolution in Z_2^l, exact: fewer products for 3x3 kernels that move by one pixel.
//!
//! `Y = A' [(G w G') . (B' d B)] A` computes m x m pixels of the result from a patch `d` of m + 2 by
//! m + 2 pixels. `B` and `A` are integer; the rows of `G` are multiplied by `2^e 3^f` to be so. The
//! products of row i and column j then carry the factor `2^(e_i + e_j) 3^(f_i + f_j)`: powers of
//! three are divided out, for they have inverses, and the other powers of two are made up to `2^E`, so
//! that the transform gives shares of `2^E y`.
//!
//! Two points of evaluation that are equal modulo 2 cost a factor of two. There are only three
//! that differ, 0, 1 and infinity; m = 4 adds -1, 2 and 1/2, one to each, which keeps E at 2 where
//! the usual -1, 2 and -2 have 6. m = 3 adds the roots of x^2 + x + 1 instead, which differ from all:
//! E is 0, and Karatsuba's three products for that factor make six in each direction, with as many
//! products per pixel as m = 2 but smaller weights.
//!
//! That takes a ring of l + E bits, a single product only one of `l + e_i + e_j`. No protocol is needed on
//! either end:
//!
//! * *Into the larger ring.* The client's share alone is transformed, and any number that is congruent to it
//!   modulo `2^l` will do, for `2^E W (x + 2^l v) = 2^E W x mod 2^(l+E)`: its words are read as they are.
//! * *Back.* Two shares of a multiple of `2^E` have low bits that are both zero or add up to `2^E`: one party
//!   rounds its share down and the other its own up, and the quotients are shares of `y mod 2^l`.
//!
//! *Cost*: against nine products of b-bit weights for a pixel, 4 of b + 2 on average (m = 2), 4 of
//! b + 1.7 (m = 3) or 2.25 of b + 3.3 (m = 4), where tiles cover the image without a remainder. That is the worst case, of
//! weights that are all as large as b bits allow; sums of trained kernels have about a bit less, which
//! their owner publishes ([`KernelSums`]).
//!
//! *Source*: Lavin, Gray, "Fast Algorithms for Convolutional Neural Networks", CVPR 2016; Winograd,
//! "Arithmetic Complexity of Computations", 1980, for factors of a higher degree; the points are ours. On shares: Zeng et
//! al., "CoPriv", NeurIPS 2023, which extends and truncates instead.

use super::Kernel;
use super::columns::Plane;
use sordino_graph::fixed::LineSum::{Alternating, Difference, End, Powers, Sum};
use sordino_graph::fixed::{ConvShape, KernelSums, LineSum};
use sordino_ot::matrix::Shape;
use sordino_secret::{Party, Ring};
use sordino_wire::Role;

/// Largest side of a patch, and most products in one direction.
const MOST: usize = 6;
/// The inverse of 3 modulo 2^64.
const THIRD: u64 = 0xaaaa_aaaa_aaaa_aaab;

/// One size of tile.
#[derive(Debug)]
pub(crate) struct Winograd {
    /// Pixels of the result on each side of a tile.
    pub(crate) tile: usize,
    /// B transposed: for each product a row of the patch's side.
    input: &'static [[i64; MOST]],
    /// Rows of G, made integer: of each kind of sum the factors with that number.
    kernel: &'static [(LineSum, usize)],
    /// Powers of two and three that make the rows of G integer.
    scale: &'static [(u32, u32)],
    /// A transposed: for each pixel a row over the products.
    output: &'static [[i64; MOST]],
}

/// F(2x2, 3x3), F(3x3, 3x3) and F(4x4, 3x3).
pub(super) static SIZES: [Winograd; 3] = [
    Winograd {
        tile: 2,
        input: &[[1, 0, -1, 0, 0, 0], [0, 1, 1, 0, 0, 0], [0, -1, 1, 0, 0, 0], [0, -1, 0, 1, 0, 0]],
        kernel: &[(End, 0), (Sum, 0), (Alternating, 0), (End, 1)],
        scale: &[(0, 0), (1, 0), (1, 0), (0, 0)],
        output: &[[1, 1, 1, 0, 0, 0], [0, 1, -1, 1, 0, 0]],
    },
    Winograd {
        tile: 3,
        input: &[
            [1, 0, 0, -1, 0, 0],
            [0, 1, 1, 1, 0, 0],
            [0, 1, -2, 1, 0, 0],
            [0, 1, 1, -2, 0, 0],
            [0, -2, 1, 1, 0, 0],
            [0, -1, 0, 0, 1, 0],
        ],
        kernel: &[(End, 0), (Sum, 0), (Difference, 0), (Difference, 1), (Difference, 2), (End, 1)],
        scale: &[(0, 0), (0, 1), (0, 1), (0, 1), (0, 1), (0, 0)],
        output: &[[1, 1, 1, 0, 1, 0], [0, 1, 0, 1, -1, 0], [0, 1, -1, -1, 0, 1]],
    },
    Winograd {
        tile: 4,
        input: &[
            [2, -5, 0, 5, -2, 0],
            [0, -2, 3, 3, -2, 0],
            [0, -2, 7, -7, 2, 0],
            [0, 1, -2, -1, 2, 0],
            [0, 2, -1, -2, 1, 0],
            [0, -2, 5, 0, -5, 2],
        ],
        kernel: &[(End, 0), (Sum, 0), (Alternating, 0), (Powers, 0), (Powers, 1), (End, 1)],
        scale: &[(1, 0), (1, 0), (1, 2), (1, 2), (1, 2), (1, 0)],
        output: &[[1, 1, 1, 1, 8, 0], [0, 1, -1, 2, 4, 0], [0, 1, 1, 4, 2, 0], [0, 1, -1, 8, 1, 1]],
    },
];

impl Winograd {
    /// Rows and columns of the transformed patch: one product for each.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<> {
        let side = self.input.len();
        (0..side * side).map(move |p| (p / side, p % side))
    }

    /// The common power of two.
    fn common(&self) -> u32 {
        2 * self.scale.iter().map(|(e, _)| *e).max().unwrap_or_default()
    }

    /// Tiles down and across.
    fn tiles(&self, conv: &ConvShape) -> [usize; 2] {
        let (h, w) = conv.output();
        [h, w].map(|n| (n as usize).div_ceil(self.tile))
    }

    /// One product per place, if the layer has the right form and the rings have room.
    pub(super) fn shapes(&self, kernel: Kernel<'_>, bits: u32) -> Option<Vec<Shape>> {
        let conv = kernel.conv;
        if !KernelSums::apply_to(conv) || bits + self.common() > 64 {
            return None;
        }
        let [down, across] = self.tiles(conv);
        let shape = |(i, j): (usize, usize)| Shape {
            groups: conv.groups as usize,
            rows: (conv.cout / conv.groups) as usize,
            inner: (conv.cin / conv.groups) as usize,
            columns: down * across,
            weight_bits: kernel.sums.bits(self.kernel[i].0, self.kernel[j].0),
            bits: bits + self.scale[i].0 + self.scale[j].0,
        };
        Some(self.places().map(shape).collect())
    }

    /// The transformed kernel, one matrix of `cout x cin / groups` per place.
    pub(super) fn weights(&self, kernel: &[i32]) -> Vec<Vec<i64>> {
        let (taps, _) = kernel.as_chunks::<9>();
        let row = |i: usize| self.kernel[i].0.factors()[self.kernel[i].1];
        let entry = |w: &[i32; 9], i: usize, j: usize| -> i64 {
            let (down, across) = (row(i), row(j));
            (0..9).map(|t| down[t / 3] * across[t % 3] * i64::from(w[t])).sum()
        };
        self.places().map(|(i, j)| taps.iter().map(|w| entry(w, i, j)).collect()).collect()
    }

    /// The transformed image, one matrix of `cin x tiles` per place.
    pub(super) fn elements(&self, conv: &ConvShape, x: &[u64]) -> Vec<Vec<u64>> {
        let ([down, across], side) = (self.tiles(conv), self.tile + 2);
        let plane = Plane { rows: conv.h as usize, width: conv.w as usize };
        let n = conv.cin as usize * down * across;
        let mut all: Vec<_> = self.places().map(|_| Vec::with_capacity(n)).collect();
        for channel in x.chunks_exact(plane.rows * plane.width) {
            for tile in 0..down * across {
                let [top, left] = [tile / across, tile % across].map(|t| (t * self.tile) as i64);
                let mut patch = [[0; MOST]; MOST];
                for (i, to) in patch[..side].iter_mut().enumerate() {
                    let row = plane.inside(top + i as i64 - i64::from(conv.pads[0]));
                    for (j, to) in to[..side].iter_mut().enumerate() {
                        let column = left + j as i64 - i64::from(conv.pads[2]);
                        *to = plane.pixel(channel, row, column);
                    }
                }
                let patch = both_sides(self.input, &patch);
                for (all, (i, j)) in all.iter_mut().zip(self.places()) {
                    all.push(patch[i][j]);
                }
            }
        }
        all
    }

    /// This party's share of the layer in the ring of `bits`, from its shares of the products.
    pub(super) fn result<P: Party>(
        &self,
        conv: &ConvShape,
        bits: u32,
        products: &[Vec<u64>],
    ) -> Vec<u64> {
        let ([down, across], (h, w)) = (self.tiles(conv), conv.output());
        let (h, w, e) = (h as usize, w as usize, self.common());
        let large = Ring::new(bits + e);
        // Of two shares of a multiple, one is rounded up.
        let up = if P::ROLE == Role::Server { (1u64 << e) - 1 } else { 0 };
        let factor = |(i, j): (usize, usize)| {
            let ((e0, f0), (e1, f1)) = (self.scale[i], self.scale[j]);
            THIRD.wrapping_pow(f0 + f1) << (e - e0 - e1)
        };
        let factors: Vec<u64> = self.places().map(factor).collect();
        let mut y = vec![0; conv.cout as usize * h * w];
        for (c, channel) in y.chunks_exact_mut(h * w).enumerate() {
            for tile in 0..down * across {
                let mut patch = [[0u64; MOST]; MOST];
                for ((i, j), (product, factor)) in self.places().zip(products.iter().zip(&factors))
                {
                    patch[i][j] = product[c * down * across + tile].wrapping_mul(*factor);
                }
                let pixels = both_sides(self.output, &patch);
                let [top, left] = [tile / across, tile % across].map(|t| t * self.tile);
                for (to, from) in channel.chunks_exact_mut(w).skip(top).take(self.tile).zip(&pixels)
                {
                    for (to, from) in to[left..].iter_mut().zip(&from[..self.tile]) {
                        let v = u128::from(large.reduce(*from)) + u128::from(up);
                        *to = Ring::new(bits).reduce((v >> e) as u64);
                    }
                }
            }
        }
        y
    }
}

/// `T v T'` for a transform of that many rows.
fn both_sides(transform: &[[i64; MOST]], v: &[[u64; MOST]; MOST]) -> [[u64; MOST]; MOST] {
    transposed_product(transform, &transposed_product(transform, v))
}

/// `(T v)'`.
fn transposed_product(transform: &[[i64; MOST]], v: &[[u64; MOST]; MOST]) -> [[u64; MOST]; MOST] {
    let mut out = [[0u64; MOST]; MOST];
    for (i, row) in transform.iter().enumerate() {
        for (factor, v) in row.iter().zip(v) {
            for (out, v) in out.iter_mut().zip(v) {
                out[i] = out[i].wrapping_add(v.wrapping_mul(*factor as u64));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use sordino_graph::fixed::semantics;
    use sordino_secret::{Client, Server};

    fn draw(seed: &mut u64) -> u64 {
        *seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        *seed ^ *seed >> 29
    }

    prop_compose! {
        fn any_conv()(
            groups in 1u32..3, cig in 1u32..4, cog in 1u32..4, h in 3u32..12, w in 3u32..12,
            pads in [0u32..3, 0u32..3, 0u32..3, 0u32..3],
        ) -> ConvShape {
            ConvShape {
                cin: groups * cig, h, w, cout: groups * cog, kernel: [3, 3], stride: [1, 1],
                dilation: [1, 1], pads, groups,
            }
        }
    }

    proptest! {
        /// Every size, on random shares of the products: the layer's words in its own ring, though
        /// the image is known in no larger one. Weights include the least and the largest.
        #[test]
        fn equals_the_convolution(
            conv in any_conv(), weight_bits in 1u32..=32, ring in 1u32..=64, published: bool,
            mut seed: u64,
        ) {
            let n = (conv.cin * conv.h * conv.w) as usize;
            let x: Vec<u64> = (0..n).map(|_| Ring::new(ring).reduce(draw(&mut seed))).collect();
            let taps = (conv.cout * (conv.cin / conv.groups) * 9) as usize;
            let least = i32::MIN >> (32 - weight_bits);
            let kernel: Vec<i32> = (0..taps)
                .map(|_| match draw(&mut seed) % 4 {
                    0 => least,
                    1 => !least,
                    _ => draw(&mut seed) as i32 >> (32 - weight_bits),
                })
                .collect();
            let want = semantics::linear(&conv, &kernel, &[], &x, ring);
            for size in &SIZES {
                let sums = published.then(|| KernelSums::of(&kernel, weight_bits));
                let known = Kernel::new(&conv, weight_bits, sums);
                let Some(shapes) = size.shapes(known, ring) else {
                    prop_assert!(ring + size.common() > 64);
                    continue;
                };
                let (weights, elements) = (size.weights(&kernel), size.elements(&conv, &x));
                let (mut ours, mut theirs) = (Vec::new(), Vec::new());
                for ((s, w), x) in shapes.iter().zip(&weights).zip(&elements) {
                    prop_assert!(w.iter().all(|w| w << (64 - s.weight_bits) >> (64 - s.weight_bits) == *w));
                    prop_assert_eq!((w.len(), x.len()), (s.weights(), s.inputs()));
                    let mut product = vec![0u64; s.outputs()];
                    for (i, w) in w.iter().enumerate() {
                        let (row, j) = (i / s.inner, i % s.inner);
                        let from = (row / s.rows * s.inner + j) * s.columns;
                        for c in 0..s.columns {
                            let v = x[from + c].wrapping_mul(*w as u64);
                            let y = &mut product[row * s.columns + c];
                            *y = y.wrapping_add(v);
                        }
                    }
                    let ring = Ring::new(s.bits);
                    let own: Vec<u64> =
                        product.iter().map(|_| ring.reduce(draw(&mut seed))).collect();
                    let rest = product.iter().zip(&own);
                    theirs.push(rest.map(|(y, own)| ring.reduce(y.wrapping_sub(*own))).collect());
                    ours.push(own);
                }
                let ours = size.result::<Client>(&conv, ring, &ours);
                let theirs = size.result::<Server>(&conv, ring, &theirs);
                let sum = |(a, b): (&u64, &u64)| Ring::new(ring).reduce(a.wrapping_add(*b));
                let got: Vec<u64> = ours.iter().zip(&theirs).map(sum).collect();
                prop_assert_eq!(&got, &want);
            }
        }
    }

    #[test]
    fn other_kernels_steps_and_full_rings_have_no_transform() {
        let conv = ConvShape {
            cin: 1,
            h: 9,
            w: 9,
            cout: 1,
            kernel: [3, 3],
            stride: [1, 1],
            dilation: [1, 1],
            pads: [0; 4],
            groups: 1,
        };
        let none = |conv: &ConvShape, bits| {
            let kernel = Kernel::new(conv, 8, None);
            SIZES.each_ref().map(|s| s.shapes(kernel, bits).is_none())
        };
        assert_eq!(none(&conv, 62), [false; 3]);
        assert_eq!(none(&conv, 63), [true, false, true]);
        for other in [
            ConvShape { kernel: [3, 1], ..conv.clone() },
            ConvShape { stride: [1, 2], ..conv.clone() },
            ConvShape { dilation: [2, 1], ..conv.clone() },
        ] {
            assert_eq!(none(&other, 20), [true; 3]);
        }
    }
}
