use super::{encode, reduce};
use crate::fixed::ConvShape;
use sordino_kernels::ring::{Conv2d, conv2d_u32, conv2d_u64};

/// Convolution of the operand with an integer kernel, plus bias, modulo `2^ring`.
///
/// An empty `bias` is zero. Rings of up to 32 bits run in 32-bit words, which is exact because
/// reduction modulo `2^ring` commutes with sums and products.
pub fn linear(conv: &ConvShape, kernel: &[i32], bias: &[i64], x: &[u64], ring: u32) -> Vec<u64> {
    let shape = geometry(conv);
    let (h, w) = conv.output();
    let plane = h as usize * w as usize;
    let n = conv.cout as usize * plane;
    let mut y = if ring <= 32 {
        let x: Vec<u32> = x.iter().map(|&v| v as u32).collect();
        let k: Vec<u32> = kernel.iter().map(|&v| v as u32).collect();
        let mut y = vec![0u32; n];
        conv2d_u32(&shape, &x, &k, &mut y);
        y.into_iter().map(u64::from).collect()
    } else {
        let k: Vec<u64> = kernel.iter().map(|&v| i64::from(v) as u64).collect();
        let mut y = vec![0u64; n];
        conv2d_u64(&shape, x, &k, &mut y);
        y
    };
    for (c, channel) in y.chunks_exact_mut(plane).enumerate() {
        let b = encode(bias.get(c).copied().unwrap_or(0), ring);
        for v in channel {
            *v = reduce(v.wrapping_add(b), ring);
        }
    }
    y
}

fn geometry(c: &ConvShape) -> Conv2d {
    Conv2d {
        cin: c.cin as usize,
        h: c.h as usize,
        w: c.w as usize,
        cout: c.cout as usize,
        kh: c.kernel[0] as usize,
        kw: c.kernel[1] as usize,
        stride: c.stride.map(|v| v as usize),
        dilation: c.dilation.map(|v| v as usize),
        pads: c.pads.map(|v| v as usize),
        groups: c.groups as usize,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::semantics::wrap;
    use proptest::prelude::*;

    fn naive(c: &ConvShape, k: &[i32], b: &[i64], x: &[u64], ring: u32) -> Vec<u64> {
        let (oh, ow) = c.output();
        let (cig, cog) = (c.cin / c.groups, c.cout / c.groups);
        let mut y = Vec::new();
        for o in 0..c.cout {
            for r in 0..oh {
                for q in 0..ow {
                    let mut sum = b.get(o as usize).copied().map_or(0, i128::from);
                    for i in 0..cig {
                        for u in 0..c.kernel[0] {
                            for v in 0..c.kernel[1] {
                                let row = i64::from(r * c.stride[0] + u * c.dilation[0])
                                    - i64::from(c.pads[0]);
                                let col = i64::from(q * c.stride[1] + v * c.dilation[1])
                                    - i64::from(c.pads[2]);
                                if row < 0
                                    || col < 0
                                    || row >= i64::from(c.h)
                                    || col >= i64::from(c.w)
                                {
                                    continue;
                                }
                                let ch = i64::from(o / cog * cig + i);
                                let at = (ch * i64::from(c.h) + row) * i64::from(c.w) + col;
                                let tap = ((o * cig + i) * c.kernel[0] + u) * c.kernel[1] + v;
                                let xv = i128::from(wrap(x[at as usize], ring));
                                sum += xv * i128::from(k[tap as usize]);
                            }
                        }
                    }
                    y.push(sum.rem_euclid(1 << ring) as u64);
                }
            }
        }
        y
    }

    prop_compose! {
        fn any_conv()(
            groups in 1u32..3, cig in 1u32..3, cog in 1u32..3, h in 3u32..7, w in 3u32..7,
            kernel in [1u32..4, 1u32..4], stride in [1u32..3, 1u32..3],
            dilation in [1u32..2, 1u32..2], pads in [0u32..2, 0u32..2, 0u32..2, 0u32..2],
        ) -> ConvShape {
            ConvShape {
                cin: groups * cig, h, w, cout: groups * cog, kernel, stride, dilation, pads, groups,
            }
        }
    }

    proptest! {
        #[test]
        fn equals_naive_integers(c in any_conv(), ring in 2u32..=64, seed: u64) {
            let mut s = seed;
            let mut next = || { s = s.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407); s ^ (s >> 29) };
            let x: Vec<u64> = (0..c.cin * c.h * c.w).map(|_| reduce(next(), ring)).collect();
            let k: Vec<i32> = (0..c.cout * (c.cin / c.groups) * c.kernel[0] * c.kernel[1])
                .map(|_| next() as i32).collect();
            let b: Vec<i64> = (0..c.cout).map(|_| next() as i64).collect();
            prop_assert_eq!(linear(&c, &k, &b, &x, ring), naive(&c, &k, &b, &x, ring));
            prop_assert_eq!(linear(&c, &k, &[], &x, ring), naive(&c, &k, &[], &x, ring));
        }
    }
}
