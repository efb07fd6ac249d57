use zeroize::Zeroize;

/// A packed vector of bits, 64 to a word, the unused bits of the last word zero.
///
/// It is the working form of XOR shares, choice bits and opened masks. Not `Debug`: most of its
/// uses are secret.
#[derive(Clone, Default)]
pub struct Bits {
    words: Vec<u64>,
    len: usize,
}

impl Drop for Bits {
    fn drop(&mut self) {
        self.words.zeroize();
    }
}

impl Bits {
    /// `n` zeros.
    pub fn zero(n: usize) -> Self {
        Self { words: vec![0; n.div_ceil(64)], len: n }
    }

    /// The first `n` bits of `words`.
    pub fn from_words(mut words: Vec<u64>, n: usize) -> Self {
        words.resize(n.div_ceil(64), 0);
        let mut bits = Self { words, len: n };
        bits.trim();
        bits
    }

    /// The first `n` bits of `bytes`, least significant first; missing bytes are zero.
    pub fn from_bytes(n: usize, bytes: &[u8]) -> Self {
        let mut words = vec![0u64; n.div_ceil(64)];
        for (w, chunk) in words.iter_mut().zip(bytes.chunks(8)) {
            let mut b = [0u8; 8];
            b[..chunk.len()].copy_from_slice(chunk);
            *w = u64::from_le_bytes(b);
        }
        Self::from_words(words, n)
    }

    /// Collects bits given as words of which the lowest bit counts.
    pub fn collect(bits: impl ExactSizeIterator<Item = u64>) -> Self {
        let mut out = Self::zero(bits.len());
        for (i, b) in bits.enumerate() {
            out.words[i / 64] |= (b & 1) << (i % 64);
        }
        out
    }

    /// Number of bits.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `i`, 0 or 1.
    pub fn get(&self, i: usize) -> u64 {
        (self.words[i / 64] >> (i % 64)) & 1
    }

    /// Sets bit `i` to the lowest bit of `b`.
    pub fn set(&mut self, i: usize, b: u64) {
        let w = &mut self.words[i / 64];
        *w = (*w & !(1 << (i % 64))) | ((b & 1) << (i % 64));
    }

    /// The words.
    pub fn words(&self) -> &[u64] {
        &self.words
    }

    /// The words; bits past the length must stay zero, see [`Bits::trim`].
    pub fn words_mut(&mut self) -> &mut [u64] {
        &mut self.words
    }

    /// Clears the bits past the length.
    pub fn trim(&mut self) {
        let used = self.len % 64;
        if used != 0
            && let Some(last) = self.words.last_mut()
        {
            *last &= (1u64 << used) - 1;
        }
    }

    /// `ceil(len / 8)` bytes, least significant bit first.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out: Vec<u8> = self.words.iter().flat_map(|w| w.to_le_bytes()).collect();
        out.truncate(self.len.div_ceil(8));
        out
    }

    /// `self ^= other`.
    pub fn xor_assign(&mut self, other: &Self) {
        debug_assert_eq!(self.len, other.len);
        for (a, b) in self.words.iter_mut().zip(&other.words) {
            *a ^= b;
        }
    }

    /// `self & other`.
    pub fn and(&self, other: &Self) -> Self {
        debug_assert_eq!(self.len, other.len);
        let words = self.words.iter().zip(&other.words).map(|(a, b)| a & b).collect();
        Self { words, len: self.len }
    }

    /// Flips every bit.
    pub fn invert(&mut self) {
        for w in &mut self.words {
            *w = !*w;
        }
        self.trim();
    }

    /// Bits `start..start + n`.
    pub fn slice(&self, start: usize, n: usize) -> Self {
        let (word, shift) = (start / 64, start % 64);
        let words = (0..n.div_ceil(64))
            .map(|i| {
                let lo = self.words.get(word + i).copied().unwrap_or(0) >> shift;
                let hi = match shift {
                    0 => 0,
                    s => self.words.get(word + i + 1).copied().unwrap_or(0) << (64 - s),
                };
                lo | hi
            })
            .collect();
        Self::from_words(words, n)
    }

    /// Appends `other`.
    pub fn extend(&mut self, other: &Self) {
        let (n, shift) = (self.len, self.len % 64);
        self.len += other.len;
        self.words.resize(self.len.div_ceil(64), 0);
        for (i, &w) in other.words.iter().enumerate() {
            self.words[n / 64 + i] |= w << shift;
            if shift != 0
                && let Some(next) = self.words.get_mut(n / 64 + i + 1)
            {
                *next |= w >> (64 - shift);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Bits;
    use proptest::prelude::*;

    fn of(v: &[bool]) -> Bits {
        Bits::collect(v.iter().map(|&b| u64::from(b)))
    }

    fn back(b: &Bits) -> Vec<bool> {
        (0..b.len()).map(|i| b.get(i) == 1).collect()
    }

    proptest! {
        #[test]
        fn bytes_slices_and_joins(v in prop::collection::vec(any::<bool>(), 0..300),
                                  w in prop::collection::vec(any::<bool>(), 0..300), cut in 0usize..300) {
            let b = of(&v);
            prop_assert_eq!(back(&Bits::from_bytes(v.len(), &b.to_bytes())), v.clone());
            let cut = cut.min(v.len());
            prop_assert_eq!(back(&b.slice(cut, v.len() - cut)), v[cut..].to_vec());
            let mut joined = b.clone();
            joined.extend(&of(&w));
            prop_assert_eq!(back(&joined), [v.clone(), w].concat());
            let mut inv = b.clone();
            inv.invert();
            prop_assert_eq!(back(&inv), v.iter().map(|x| !x).collect::<Vec<_>>());
        }
    }
}
