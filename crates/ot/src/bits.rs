//! Columns of hashed blocks.

use sordino_kernels::{Block, transpose};
use sordino_secret::Bits;
use zeroize::Zeroize;

/// The low `width` (0 to 128) bits set.
pub(crate) fn low_mask(width: u32) -> u128 {
    if width == 0 { 0 } else { u128::MAX >> (128 - width) }
}

/// Collects bit `j` of every block, for `j` in `0..width`, one vector per `j`.
pub(crate) struct Planes {
    words: Vec<Vec<u64>>,
    len: usize,
}

impl Planes {
    /// For `n` blocks in all.
    pub(crate) fn new(width: u32, n: usize) -> Self {
        Self { words: vec![Vec::with_capacity(n.div_ceil(128) * 2); width as usize], len: 0 }
    }

    /// Appends blocks: a multiple of 128 of them, but for the last call.
    pub(crate) fn push(&mut self, blocks: &[Block]) {
        debug_assert!(self.len.is_multiple_of(128));
        let mut square = [Block::ZERO; 128];
        let mut columns = [Block::ZERO; 128];
        for group in blocks.chunks(128) {
            square[..group.len()].copy_from_slice(group);
            square[group.len()..].fill(Block::ZERO);
            transpose::transpose128(&square, &mut columns);
            for (words, column) in self.words.iter_mut().zip(&columns) {
                words.extend([column.0 as u64, (column.0 >> 64) as u64]);
            }
        }
        square.zeroize();
        columns.zeroize();
        self.len += blocks.len();
    }

    pub(crate) fn finish(self) -> Vec<Bits> {
        self.words.into_iter().map(|w| Bits::from_words(w, self.len)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn planes_are_bits(values in prop::collection::vec(any::<u128>(), 0..300), width in 1u32..=128) {
            let blocks: Vec<_> = values.iter().map(|v| Block(*v)).collect();
            let mut planes = Planes::new(width, blocks.len());
            for part in blocks.chunks(256) {
                planes.push(part);
            }
            let planes = planes.finish();
            prop_assert_eq!(planes.len(), width as usize);
            for (j, plane) in planes.iter().enumerate() {
                prop_assert_eq!(plane.len(), values.len());
                for (i, v) in values.iter().enumerate() {
                    prop_assert_eq!(plane.get(i), (v >> j) as u64 & 1);
                }
            }
        }
    }
}
