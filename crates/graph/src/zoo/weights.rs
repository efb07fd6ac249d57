/// Kernel entries, row by output, and one bias per output.
pub(super) struct Drawn {
    pub(super) kernel: Vec<f32>,
    pub(super) bias: Vec<f32>,
}

/// Parameters of a batch normalisation, one entry per channel.
pub(super) struct Normalisation {
    pub(super) gamma: Vec<f32>,
    pub(super) beta: Vec<f32>,
    pub(super) mean: Vec<f32>,
    pub(super) var: Vec<f32>,
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

    /// Factors between half and one and a half times `scale`, one in twelve of them negative and
    /// one in forty nearly 0, as training leaves them; offsets of at most half of `scale`. The
    /// statistics are those of normalised values until measured.
    pub(super) fn normalisation(&mut self, channels: usize, scale: f32) -> Normalisation {
        let gamma = (0..channels).map(|_| scale * self.factor()).collect();
        let beta = (0..channels).map(|_| 0.5 * scale * self.unit()).collect();
        Normalisation { gamma, beta, mean: vec![0.0; channels], var: vec![1.0; channels] }
    }

    fn factor(&mut self) -> f32 {
        let (size, kind) = (1.0 + 0.5 * self.unit(), 0.5 + 0.5 * self.unit());
        match kind {
            k if k < 1.0 / 40.0 => 1e-4 * size,
            k if k < 1.0 / 40.0 + 1.0 / 12.0 => -size,
            _ => size,
        }
    }

    /// Uniform in -1 to 1.
    pub(super) fn unit(&mut self) -> f32 {
        let mut bytes = [0; 4];
        self.0.fill(&mut bytes);
        i32::from_le_bytes(bytes) as f32 / -(i32::MIN as f32)
    }
}
