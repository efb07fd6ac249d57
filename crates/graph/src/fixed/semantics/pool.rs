use super::{Tournament, reduce};
use crate::fixed::PoolShape;

/// The valid elements of every window of one channel's plane, in compressed rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Windows {
    /// Window `i` is `elements[starts[i]..starts[i + 1]]`.
    pub starts: Vec<u32>,
    /// Positions in the `h * w` plane, row-major within a window.
    pub elements: Vec<u32>,
}

impl Windows {
    /// Number of windows.
    pub fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// Whether there is no window.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The positions of window `i`.
    pub fn get(&self, i: usize) -> &[u32] {
        &self.elements[self.starts[i] as usize..self.starts[i + 1] as usize]
    }
}

/// Windows of a pooling in row-major order of its outputs, the same for every channel. Padded
/// positions are left out.
pub fn windows(pool: &PoolShape) -> Windows {
    let (oh, ow) = pool.output();
    let mut starts = vec![0];
    let mut elements = Vec::new();
    for r in 0..oh {
        for c in 0..ow {
            for u in 0..pool.kernel[0] {
                let row = (r * pool.stride[0] + u * pool.dilation[0]).wrapping_sub(pool.pads[0]);
                if row >= pool.h {
                    continue;
                }
                for v in 0..pool.kernel[1] {
                    let col =
                        (c * pool.stride[1] + v * pool.dilation[1]).wrapping_sub(pool.pads[2]);
                    if col < pool.w {
                        elements.push(row * pool.w + col);
                    }
                }
            }
            starts.push(elements.len() as u32);
        }
    }
    Windows { starts, elements }
}

/// Sum over each window modulo `2^ring`; an empty window gives 0.
pub fn sum_pool(pool: &PoolShape, x: &[u64], ring: u32) -> Vec<u64> {
    let windows = windows(pool);
    let mut y = Vec::with_capacity(pool.channels as usize * windows.len());
    for plane in planes(pool, x) {
        for i in 0..windows.len() {
            let sum = windows.get(i).iter().fold(0u64, |s, &e| s.wrapping_add(plane[e as usize]));
            y.push(reduce(sum, ring));
        }
    }
    y
}

/// Maximum over each window by the documented tournament in `Z_2^ring_in`, reduced to
/// `Z_2^ring_out`.
pub fn max_pool(pool: &PoolShape, x: &[u64], ring_in: u32, ring_out: u32) -> Vec<u64> {
    let plan = Tournament::new(&windows(pool));
    let mut y = Vec::with_capacity(pool.channels as usize * plan.winners());
    for plane in planes(pool, x) {
        y.extend(plan.run(plane, ring_in).into_iter().map(|v| reduce(v, ring_out)));
    }
    y
}

fn planes<'a>(pool: &PoolShape, x: &'a [u64]) -> impl Iterator<Item = &'a [u64]> {
    let plane = pool.h as usize * pool.w as usize;
    assert_eq!(x.len(), pool.channels as usize * plane, "operand of a pool");
    x.chunks_exact(plane.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::semantics::{encode, wrap};
    use proptest::prelude::*;

    prop_compose! {
        fn any_pool()(
            channels in 1u32..3, h in 3u32..7, w in 3u32..7, kernel in [1u32..4, 1u32..4],
            stride in [1u32..4, 1u32..4], pads in [0u32..3, 0u32..3, 0u32..3, 0u32..3],
        ) -> PoolShape {
            let pads = [
                pads[0].min(kernel[0] - 1), pads[1].min(kernel[0] - 1),
                pads[2].min(kernel[1] - 1), pads[3].min(kernel[1] - 1),
            ];
            PoolShape { channels, h, w, kernel, stride, dilation: [1, 1], pads }
        }
    }

    fn gather(p: &PoolShape, x: &[i64], o: u32, r: u32, c: u32) -> Vec<i64> {
        let mut v = Vec::new();
        for u in 0..p.kernel[0] {
            for q in 0..p.kernel[1] {
                let row = i64::from(r * p.stride[0] + u) - i64::from(p.pads[0]);
                let col = i64::from(c * p.stride[1] + q) - i64::from(p.pads[2]);
                if (0..i64::from(p.h)).contains(&row) && (0..i64::from(p.w)).contains(&col) {
                    v.push(
                        x[((i64::from(o) * i64::from(p.h) + row) * i64::from(p.w) + col) as usize],
                    );
                }
            }
        }
        v
    }

    proptest! {
        #[test]
        fn pools_equal_naive_integers(p in any_pool(), ring in 4u32..=64, seed: u64) {
            let n = p.channels * p.h * p.w;
            // Two bits below the ring, so that no difference wraps.
            let x: Vec<i64> = (0..u64::from(n))
                .map(|i| wrap((seed ^ i).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7, ring - 2))
                .collect();
            let words: Vec<u64> = x.iter().map(|&v| encode(v, ring)).collect();
            let (sums, maxima) = (sum_pool(&p, &words, ring), max_pool(&p, &words, ring, ring));
            let (oh, ow) = p.output();
            let mut i = 0;
            for o in 0..p.channels {
                for r in 0..oh {
                    for c in 0..ow {
                        let window = gather(&p, &x, o, r, c);
                        let sum: i128 = window.iter().map(|&v| i128::from(v)).sum();
                        prop_assert_eq!(i128::from(sums[i]), sum.rem_euclid(1 << ring));
                        let max = window.iter().copied().max().map_or(0, |m| encode(m, ring));
                        prop_assert_eq!(maxima[i], max);
                        i += 1;
                    }
                }
            }
            prop_assert_eq!(i, sums.len());
        }
    }
}
