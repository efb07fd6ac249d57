use sordino_kernels::wipe;

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
        wipe(&mut self.words);
    }
}

impl Bits {
    /// None, with room for `n`: nothing is left behind in memory that became too small.
    pub fn with_capacity(n: usize) -> Self {
        Self { words: Vec::with_capacity(n.div_ceil(64)), len: 0 }
    }

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
        let (whole, rest) = bytes.as_chunks();
        for (word, bytes) in words.iter_mut().zip(whole) {
            *word = u64::from_le_bytes(*bytes);
        }
        if let Some(word) = words.get_mut(whole.len()) {
            *word = rest.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte));
        }
        Self::from_words(words, n)
    }

    /// Collects bits given as words of which the lowest bit counts.
    pub fn collect(bits: impl ExactSizeIterator<Item = u64>) -> Self {
        let len = bits.len();
        let mut words = Vec::with_capacity(len.div_ceil(64));
        let mut word = 0;
        for (i, bit) in bits.enumerate() {
            word |= (bit & 1) << (i % 64);
            if i % 64 == 63 {
                words.push(core::mem::take(&mut word));
            }
        }
        if !len.is_multiple_of(64) {
            words.push(word);
        }
        Self { words, len }
    }

    /// Bit `bit` (below 8) of every byte.
    pub fn of_bytes(bytes: &[u8], bit: u32) -> Self {
        // The product brings bit 0 of byte i to bit 56 + i, and nothing else there.
        const GATHER: u64 = 0x0102_0408_1020_4080;
        const LOW: u64 = 0x0101_0101_0101_0101;
        let gather = |bytes: [u8; 8]| ((u64::from_le_bytes(bytes) >> bit & LOW) * GATHER) >> 56;
        let mut words = Vec::with_capacity(bytes.len().div_ceil(64));
        for group in bytes.chunks(64) {
            let (eights, rest) = group.as_chunks();
            let mut word = 0;
            for (i, bytes) in eights.iter().enumerate() {
                word |= gather(*bytes) << (8 * i);
            }
            if !rest.is_empty() {
                let mut last = [0; 8];
                last[..rest.len()].copy_from_slice(rest);
                word |= gather(last) << (8 * eights.len());
            }
            words.push(word);
        }
        Self { words, len: bytes.len() }
    }

    /// Number of bits.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Bit `i`, 0 or 1.
    #[inline]
    pub fn get(&self, i: usize) -> u64 {
        (self.words[i / 64] >> (i % 64)) & 1
    }

    /// Sets bit `i` to the lowest bit of `b`.
    pub fn set(&mut self, i: usize, b: u64) {
        let w = &mut self.words[i / 64];
        *w = (*w & !(1 << (i % 64))) | ((b & 1) << (i % 64));
    }

    /// The words.
    #[inline]
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
        let mut out = vec![0; 8 * self.words.len()];
        for (bytes, word) in out.as_chunks_mut().0.iter_mut().zip(&self.words) {
            *bytes = word.to_le_bytes();
        }
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
        let need = n.div_ceil(64);
        let from = &self.words[word.min(self.words.len())..];
        let mut words = Vec::with_capacity(need);
        if shift == 0 {
            words.extend_from_slice(&from[..need.min(from.len())]);
        } else {
            let joined = from.windows(2).take(need).map(|w| w[0] >> shift | w[1] << (64 - shift));
            words.extend(joined);
            if words.len() < need
                && let Some(last) = from.last()
            {
                words.push(last >> shift);
            }
        }
        Self::from_words(words, n)
    }

    /// Appends `other`.
    pub fn extend(&mut self, other: &Self) {
        let shift = self.len % 64;
        self.len += other.len;
        if shift == 0 {
            self.words.extend_from_slice(&other.words);
            return;
        }
        let mut carry = self.words.pop().unwrap_or(0);
        for &word in &other.words {
            self.words.push(carry | word << shift);
            carry = word >> (64 - shift);
        }
        if self.words.len() < self.len.div_ceil(64) {
            self.words.push(carry);
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

        #[test]
        fn bits_of_bytes(v in prop::collection::vec(any::<u8>(), 0..300), bit in 0u32..8) {
            let want: Vec<bool> = v.iter().map(|x| x >> bit & 1 == 1).collect();
            prop_assert_eq!(back(&Bits::of_bytes(&v, bit)), want);
        }
    }
}
