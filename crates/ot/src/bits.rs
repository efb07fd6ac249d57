//! Dense packing of values of up to 128 bits, and columns of hashed blocks.

use sordino_kernels::{Block, transpose};
use sordino_secret::Bits;
use zeroize::Zeroize;

/// Bytes of `n` values of `width` bits.
pub(crate) fn dense_len(n: usize, width: u32) -> usize {
    (n * width as usize).div_ceil(8)
}

/// Writes values of a fixed width without gaps, least significant bit first.
pub(crate) struct Writer {
    bytes: Vec<u8>,
    pending: u128,
    fill: u32,
}

impl Writer {
    pub(crate) fn with_capacity(bytes: usize) -> Self {
        Self { bytes: Vec::with_capacity(bytes + 16), pending: 0, fill: 0 }
    }

    /// Appends the low `width` (1 to 128) bits of `value`, whose other bits are zero.
    pub(crate) fn put(&mut self, value: u128, width: u32) {
        self.pending |= value << self.fill;
        let room = 128 - self.fill;
        if width >= room {
            self.bytes.extend_from_slice(&self.pending.to_le_bytes());
            self.pending = if room == 128 { 0 } else { value >> room };
            self.fill = width - room;
        } else {
            self.fill += width;
        }
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        let tail = self.fill.div_ceil(8) as usize;
        self.bytes.extend_from_slice(&self.pending.to_le_bytes()[..tail]);
        self.bytes
    }
}

/// Reads what [`Writer`] wrote.
pub(crate) struct Reader<'a> {
    bytes: &'a [u8],
    pending: u128,
    fill: u32,
}

impl<'a> Reader<'a> {
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, pending: 0, fill: 0 }
    }

    /// The next `width` (1 to 128) bits.
    pub(crate) fn get(&mut self, width: u32) -> u128 {
        let mask = low_mask(width);
        if self.fill >= width {
            let value = self.pending & mask;
            self.pending = self.pending.checked_shr(width).unwrap_or(0);
            self.fill -= width;
            return value;
        }
        let mut next = [0; 16];
        let n = self.bytes.len().min(16);
        next[..n].copy_from_slice(&self.bytes[..n]);
        self.bytes = &self.bytes[n..];
        let next = u128::from_le_bytes(next);
        let missing = width - self.fill;
        let value = (self.pending | next << self.fill) & mask;
        self.pending = next.checked_shr(missing).unwrap_or(0);
        self.fill = 128 - missing;
        value
    }
}

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
        fn what_is_written_is_read(values in prop::collection::vec((any::<u128>(), 1u32..=128), 0..60)) {
            let mut w = Writer::with_capacity(0);
            for (v, width) in &values {
                w.put(v & low_mask(*width), *width);
            }
            let bytes = w.finish();
            let total: usize = values.iter().map(|(_, width)| *width as usize).sum();
            prop_assert_eq!(bytes.len(), total.div_ceil(8));
            let mut r = Reader::new(&bytes);
            for (v, width) in &values {
                prop_assert_eq!(r.get(*width), v & low_mask(*width));
            }
        }

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
