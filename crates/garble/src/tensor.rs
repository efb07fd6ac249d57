use crate::{Error, Prime};
use sordino_kernels::{Block, digits};
use zeroize::Zeroize;

/// Labels of one modulus: those of a tensor's elements, in their order.
///
/// The garbler's are zero labels, the evaluator's active ones; arithmetic is the same. Label `i`
/// is the bytes `[i * n, (i + 1) * n)`, one digit each. Wiped on drop; never printed.
pub struct Labels {
    prime: Prime,
    digits: Vec<u8>,
}

impl Labels {
    /// Zero digits: the labels of constant zeros.
    pub fn zero(prime: Prime, len: usize) -> Self {
        Self { prime, digits: vec![0; len * prime.digits()] }
    }

    pub(crate) fn from_digits(prime: Prime, digits: Vec<u8>) -> Self {
        debug_assert!(digits.len().is_multiple_of(prime.digits()));
        Self { prime, digits }
    }

    /// The modulus.
    pub fn prime(&self) -> Prime {
        self.prime
    }

    /// Number of labels.
    pub fn len(&self) -> usize {
        self.digits.len() / self.prime.digits()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.digits.is_empty()
    }

    pub(crate) fn digits(&self) -> &[u8] {
        &self.digits
    }

    pub(crate) fn digits_mut(&mut self) -> &mut [u8] {
        &mut self.digits
    }

    /// Digits of labels `from..to`.
    pub(crate) fn part(&self, from: usize, to: usize) -> &[u8] {
        let n = self.prime.digits();
        &self.digits[from * n..to * n]
    }

    /// One block per label, to be sent.
    pub fn pack(&self) -> Vec<Block> {
        let mut out = vec![Block::ZERO; self.len()];
        digits::pack(self.prime.radix(), &self.digits, &mut out);
        out
    }

    /// Reads labels that were sent. Any block is a label of some kind; a forged one shows when
    /// the output is decoded.
    pub fn unpack(prime: Prime, blocks: &[Block]) -> Self {
        let mut labels = Self::zero(prime, blocks.len());
        digits::unpack(prime.radix(), blocks, &mut labels.digits);
        labels
    }

    /// The sum.
    pub fn add(&self, other: &Self) -> Self {
        assert!(self.prime == other.prime && self.len() == other.len(), "operands of a sum");
        let mut out = Self::zero(self.prime, self.len());
        digits::add(self.prime.radix(), &self.digits, &other.digits, &mut out.digits);
        out
    }

    /// The difference.
    pub fn sub(&self, other: &Self) -> Self {
        assert!(self.prime == other.prime && self.len() == other.len(), "operands of a difference");
        let mut out = Self::zero(self.prime, self.len());
        digits::sub(self.prime.radix(), &self.digits, &other.digits, &mut out.digits);
        out
    }

    /// `factor` times.
    pub fn scale(&self, factor: i128) -> Self {
        let c = self.prime.reduce(factor);
        let mut out = Self::zero(self.prime, self.len());
        digits::scale(self.prime.radix(), c, &self.digits, &mut out.digits);
        out
    }

    /// Element `indices[i]` at place `i`; none gives a zero constant.
    pub fn gather(&self, indices: impl ExactSizeIterator<Item = Option<u32>>) -> Self {
        let n = self.prime.digits();
        let mut out = Self::zero(self.prime, indices.len());
        for (to, from) in out.digits.chunks_exact_mut(n).zip(indices) {
            if let Some(i) = from {
                to.copy_from_slice(&self.digits[i as usize * n..(i as usize + 1) * n]);
            }
        }
        out
    }

    /// Sums of `window(i)`'s elements.
    pub fn sums<'a>(
        &self,
        windows: impl ExactSizeIterator<Item = &'a [u32]>,
        offset: usize,
    ) -> Self {
        let n = self.prime.digits();
        let r = self.prime.radix();
        let mut out = Self::zero(self.prime, windows.len());
        for (to, window) in out.digits.chunks_exact_mut(n).zip(windows) {
            for &i in window {
                let at = (offset + i as usize) * n;
                digits::add_scaled(r, to, 1, &self.digits[at..at + n]);
            }
        }
        out
    }

    /// Sums of `count` consecutive elements.
    pub fn sum_each(&self, count: usize) -> Self {
        let index: Vec<u32> = (0..self.len() as u32).collect();
        self.sums(index.chunks_exact(count), 0)
    }

    /// Appends another tensor's labels.
    pub fn extend(&mut self, other: &Self) {
        assert_eq!(self.prime, other.prime, "operands of a concatenation");
        self.digits.extend_from_slice(&other.digits);
    }

    /// Copies `count` labels from `from` at place `at`.
    pub fn append_part(&mut self, other: &Self, from: usize, count: usize) {
        assert_eq!(self.prime, other.prime, "operands of a concatenation");
        self.digits.extend_from_slice(other.part(from, from + count));
    }

    /// A tensor of `lens` labels, or an error naming what has another size.
    pub fn expect(self, len: usize) -> Result<Self, Error> {
        if self.len() == len {
            Ok(self)
        } else {
            Err(Error::Config(format!("{} labels where {len} belong", self.len())))
        }
    }
}

impl Drop for Labels {
    fn drop(&mut self) {
        self.digits.zeroize();
    }
}
