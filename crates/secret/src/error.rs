/// Errors of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system gave no randomness.
    #[error("the operating system gave no randomness: {0}")]
    Entropy(String),
    /// Operands of different lengths, or a length that does not fit the data.
    #[error("length mismatch: {what} has {got}, expected {want}")]
    Length {
        /// Which operand.
        what: &'static str,
        /// What it has.
        got: usize,
        /// What it should have.
        want: usize,
    },
}
