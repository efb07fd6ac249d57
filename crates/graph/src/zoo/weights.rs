/// Kernel entries, row by output, and one bias per output.
pub(super) struct Drawn {
    pub(super) kernel: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// A deterministic stream of weights. Uniform rather than normal: a square root and a product are
/// the same bits on every machine, logarithms are not.
pub(super) struct Weights(blake3::OutputReader);

impl Weights {
    pub(super) fn new(seed: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("sordino-graph zoo 2026 weights");
        Self(hasher.update(seed.as_bytes()).finalize_xof())
    }

    /// Entries of variance `gain / inputs`, biases of at most a twentieth.
    pub(super) fn draw(&mut self, outputs: usize, inputs: usize, gain: f32) -> Drawn {
        let bound = (3.0 * gain / inputs as f32).sqrt();
        let kernel = (0..outputs * inputs).map(|_| bound * self.unit()).collect();
        Drawn { kernel, bias: (0..outputs).map(|_| 0.05 * self.unit()).collect() }
    }

    /// Uniform in -1 to 1.
    fn unit(&mut self) -> f32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        i32::from_le_bytes(bytes) as f32 / -(i32::MIN as f32)
    }
}
