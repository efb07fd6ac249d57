/// Numbers that depend on a seed, a purpose and two counters only, so that nothing but the number
/// of steps done has to be remembered to go on where a training stopped.
pub struct Random(blake3::OutputReader);

impl Random {
    /// The stream for one purpose.
    pub fn new(seed: u64, purpose: &str, a: u64, b: u64) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("sordino-rewrite 2026 training");
        for number in [seed, a, b] {
            hasher.update(&number.to_le_bytes());
        }
        hasher.update(purpose.as_bytes());
        Self(hasher.finalize_xof())
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    /// Uniform below `bound`, which is not 0.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.bits()) * bound as u128) >> 64) as usize
    }

    /// Uniform in -1 to 1.
    pub fn signed_unit(&mut self) -> f32 {
        (self.bits() as i64 >> 40) as f32 / (1u32 << 23) as f32
    }

    /// A random order of `0..n`.
    pub fn order(&mut self, n: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            order.swap(i, self.below(i + 1));
        }
        order
    }
}
