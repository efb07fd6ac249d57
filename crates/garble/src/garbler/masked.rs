use super::Garbler;
use crate::Labels;
use crate::machine::Sink;
use rayon::prelude::*;
use sordino_kernels::{Block, digits};

/// Bytes of a masked word.
pub(crate) const WORD: usize = 8;

impl<S: Sink> Garbler<S> {
    /// One encrypted word per value and element: the evaluator, holding the label of `v` in
    /// element `i`, learns `words(i, v)` and nothing else. Rows in the order of colours.
    ///
    /// With words masked by a number that the garbler keeps, this turns a label into additive shares.
    ///
    /// *Cost*: 8 bytes for each value of each element.
    pub fn encrypt_words(
        &mut self,
        x: &Labels,
        words: impl Fn(usize, usize) -> u64 + Sync,
    ) -> Vec<u8> {
        let p = x.prime();
        let size = usize::from(p.get());
        let first = self.next;
        self.next += x.len() as u64;
        let (offset, hash) = (self.offsets.get(p), &self.hash);
        let values: Vec<u8> = (0..p.get()).collect();
        let mut out = vec![0; x.len() * size * WORD];
        let element = |(i, out): (usize, &mut [u8])| {
            let zero = x.part(i, i + 1);
            let mut keys = vec![Block::ZERO; size];
            let mut permuted = keys.clone();
            digits::keys(p.radix(), zero, offset, &mut keys);
            hash.permute(&keys, &mut permuted);
            let table: Vec<Block> = (0..size).map(|v| Block(words(i, v).into())).collect();
            let mut index = vec![0; size];
            digits::rotate(&values, zero[0], &mut index);
            digits::select(&table, &index, &mut keys);
            hash.mask(&permuted, first + i as u64, 0, &mut keys);
            for (to, row) in out.as_chunks_mut::<WORD>().0.iter_mut().zip(&keys) {
                *to = (row.0 as u64).to_le_bytes();
            }
        };
        out.par_chunks_mut(size * WORD).with_min_len(64).enumerate().for_each(element);
        out
    }
}
