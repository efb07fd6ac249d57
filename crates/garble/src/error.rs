/// What can go wrong with a circuit.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Parameters that no circuit has.
    #[error("{0}")]
    Config(String),
    /// The tables end early or are longer than the circuit.
    #[error(
        "the garbled tables do not fit the circuit: {0}; they belong to another network or release"
    )]
    Tables(String),
    /// Output labels that no honest evaluation gives.
    #[error("the returned labels are not those of an output: the evaluation was tampered with")]
    Forged,
    /// Reading or writing tables.
    #[error("garbled tables: {0}")]
    Io(#[from] std::io::Error),
}
