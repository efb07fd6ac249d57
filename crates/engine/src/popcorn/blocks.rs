//! In which parts the server computes linear layers, and after which of them it says that it is alive.

use super::messages::pieces;
use crate::Error;
use crate::shape::encrypted;
use sordino_graph::fixed::{ConvShape, FixedOp, PoolShape};
use sordino_he::paillier::Layout;
use sordino_kernels::bigint::LANES;
use std::ops::Range;

/// Products of weights and values that a server may compute without a sign of life: half a minute of a core with vectors, three
/// without. More only where those of a single channel are more, in rows enough for all lanes.
const SILENT: u64 = 1 << 23;

/// Some output channels of a convolution.
pub(super) struct Block {
    pub(super) channels: Range<usize>,
    /// Elements of the input that they read.
    pub(super) inputs: Range<usize>,
    /// The convolution of these to those.
    pub(super) conv: ConvShape,
}

impl Block {
    pub(super) fn layout(&self) -> Result<Layout, Error> {
        Ok(Layout::elements(&encrypted(&self.conv))?)
    }

    /// Weights of an output channel.
    pub(super) fn taps(&self) -> usize {
        taps(&self.conv)
    }
}

fn taps(conv: &ConvShape) -> usize {
    (conv.cin / conv.groups) as usize * conv.kernel.iter().map(|k| *k as usize).product::<usize>()
}

/// The blocks in which an operation is computed if it is linear. They share no work, so they are few: rows are computed one after
/// the other anyway.
pub(super) fn blocks(op: &FixedOp) -> Vec<Block> {
    match op {
        FixedOp::Linear { conv, .. } => cut(conv, SILENT),
        FixedOp::SumPool(pool) => cut(&sums(pool), SILENT),
        _ => Vec::new(),
    }
}

/// For every part of an operation that is linear, block by block, whether a sign of life follows it.
pub(super) fn signs(op: &FixedOp) -> Result<Vec<bool>, Error> {
    let (mut signs, mut silent) = (Vec::new(), 0_u64);
    for block in blocks(op) {
        for results in block.layout()?.part_sizes() {
            let products = (results as u64).saturating_mul(block.taps() as u64);
            if let Some(last) = signs.last_mut()
                && silent.saturating_add(products) > SILENT
            {
                (*last, silent) = (true, 0);
            }
            signs.push(false);
            silent = silent.saturating_add(products);
        }
    }
    Ok(signs)
}

/// Blocks of which the least number of rows takes so many products, or a channel each.
fn cut(conv: &ConvShape, most: u64) -> Vec<Block> {
    let (rows, columns) = conv.output();
    // A channel's results are computed in whole groups of lanes.
    let least = (LANES >> columns.trailing_zeros().min(LANES.ilog2())).min(rows as usize);
    let channel = (least * columns as usize).saturating_mul(taps(conv)).max(1);
    let size = (most / channel as u64).max(1) as usize;
    let groups = conv.groups as usize;
    let [read, own] = [conv.cin as usize / groups, conv.cout as usize / groups];
    let plane = (conv.h * conv.w) as usize;
    let block = |groups: Range<usize>, channels: Range<usize>| Block {
        inputs: groups.start * read * plane..groups.end * read * plane,
        conv: ConvShape {
            cin: (groups.len() * read) as u32,
            cout: channels.len() as u32,
            groups: groups.len() as u32,
            ..*conv
        },
        channels,
    };
    if size < own {
        let within = |group: usize| {
            let own = pieces(own, size).map(move |c| group * own + c.start..group * own + c.end);
            own.map(move |channels| (group..group + 1, channels))
        };
        return (0..groups).flat_map(within).map(|(groups, own)| block(groups, own)).collect();
    }
    let whole = pieces(groups, (size / own.max(1)).max(1));
    whole.map(|groups| block(groups.clone(), groups.start * own..groups.end * own)).collect()
}

/// The sum over windows as a convolution of each channel with ones.
fn sums(pool: &PoolShape) -> ConvShape {
    ConvShape {
        cin: pool.channels,
        h: pool.h,
        w: pool.w,
        cout: pool.channels,
        kernel: pool.kernel,
        stride: pool.stride,
        dilation: pool.dilation,
        pads: pool.pads,
        groups: pool.channels,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use sordino_graph::fixed::semantics::linear;

    fn conv(channels: [u32; 2], size: u32, groups: u32) -> ConvShape {
        let [cin, cout] = channels;
        let (kernel, pads) = ([3; 2], [1; 4]);
        let (h, w, stride, dilation) = (size, size, [1; 2], [1; 2]);
        ConvShape { cin, h, w, cout, kernel, stride, dilation, pads, groups }
    }

    #[test]
    fn blocks_make_up_the_layer() {
        for (channels, groups) in [([4, 10], 1), ([4, 10], 2), ([6, 6], 6), ([6, 12], 3)] {
            let conv = conv(channels, 5, groups);
            let taps = taps(&conv);
            let kernel: Vec<i32> =
                (0..conv.cout * taps as u32).map(|i| i as i32 * 7 % 31).collect();
            let x: Vec<u64> = (0..u64::from(conv.cin) * 25).map(|i| i * 11 % 37).collect();
            let whole = linear(&conv, &kernel, &[], &x, 32);
            let channel = 25 * taps as u64;
            for (most, count) in [(1, conv.cout as usize), (channel * 4, 0), (channel * 99, 1)] {
                let blocks = cut(&conv, most);
                assert!(count == 0 || blocks.len() == count, "{}", blocks.len());
                let parts = blocks.iter().flat_map(|block| {
                    let own = &kernel[block.channels.start * taps..block.channels.end * taps];
                    linear(&block.conv, own, &[], &x[block.inputs.clone()], 32)
                });
                assert_eq!(parts.collect::<Vec<_>>(), whole, "{groups} groups, {most} products");
            }
        }
    }

    /// Layers of large networks: a channel of which takes 29 million products, in groups, and dense.
    #[test]
    fn none_is_silent_for_long() {
        let five = ConvShape { kernel: [5; 2], pads: [2; 4], ..conv([96, 256], 27, 2) };
        let dense = ConvShape { kernel: [1; 2], pads: [0; 4], ..conv([25088, 4096], 1, 1) };
        for conv in [conv([64, 64], 224, 1), five, dense] {
            for block in cut(&conv, SILENT) {
                let sizes = block.layout().unwrap().part_sizes();
                let most = sizes.into_iter().max().unwrap() * block.taps();
                assert!(most as u64 <= SILENT, "{most} products");
            }
        }
        assert_eq!(cut(&conv([64, 64], 224, 1), SILENT).len(), 1);
    }
}
