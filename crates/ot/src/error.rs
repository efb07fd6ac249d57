/// Errors of this crate.
///
/// No variant carries a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The lane failed, or the peer sent a message of another kind or length than the protocol says.
    #[error(transparent)]
    Wire(#[from] sordino_wire::Error),
    /// The peer sent something that no honest peer sends.
    #[error("the peer sent {what}: it is faulty or hostile, end the session")]
    Peer {
        /// What was wrong with it.
        what: &'static str,
    },
    /// An earlier call failed, after which the two parties' states no longer match.
    #[error("the supply of correlated OTs failed before: end the session")]
    Broken,
    /// A parameter outside what is supported.
    #[error("{what} is {got}, supported: {supported}")]
    Parameter {
        /// Which parameter.
        what: &'static str,
        /// What was asked for.
        got: u64,
        /// What is supported.
        supported: &'static str,
    },
    /// Operands of different lengths, or fewer correlations than the call uses.
    #[error("{what}: got {got}, expected {want}")]
    Length {
        /// Which operand.
        what: &'static str,
        /// What it has.
        got: usize,
        /// What it should have.
        want: usize,
    },
}

/// `Ok` if `got == want`.
pub(crate) fn expect_len(what: &'static str, got: usize, want: usize) -> Result<(), Error> {
    if got == want { Ok(()) } else { Err(Error::Length { what, got, want }) }
}

/// `Ok` if `got` lies in `low..=high`.
pub(crate) fn expect_range(
    what: &'static str,
    got: u32,
    low: u32,
    high: u32,
    supported: &'static str,
) -> Result<(), Error> {
    if (low..=high).contains(&got) {
        Ok(())
    } else {
        Err(Error::Parameter { what, got: got.into(), supported })
    }
}
