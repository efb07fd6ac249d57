use super::Evaluator;
use crate::garbler::masked::WORD;
use crate::machine::Source;
use crate::{Error, Labels};
use sordino_kernels::Block;

impl<S: Source> Evaluator<S> {
    /// The words that the garbler encrypted under the labels held.
    ///
    /// # Errors
    /// [`Error::Tables`] when the rows are not 8 bytes for each value of each element.
    pub fn decrypt_words(&mut self, x: &Labels, rows: &[u8]) -> Result<Vec<u64>, Error> {
        let p = x.prime();
        let size = usize::from(p.get());
        if rows.len() != x.len() * size * WORD {
            return Err(Error::Tables(format!("{} bytes of masked words", rows.len())));
        }
        let first = self.next;
        self.next += x.len() as u64;
        let keys = x.pack();
        let mut permuted = vec![Block::ZERO; keys.len()];
        self.hash.permute(&keys, &mut permuted);
        let words = rows.as_chunks::<WORD>().0;
        let mut out: Vec<Block> = x
            .digits()
            .chunks_exact(p.digits())
            .zip(words.chunks_exact(size))
            .map(|(label, rows)| Block(u64::from_le_bytes(rows[usize::from(label[0])]).into()))
            .collect();
        self.hash.mask(&permuted, first, 1, &mut out);
        Ok(out.iter().map(|b| b.0 as u64).collect())
    }
}
