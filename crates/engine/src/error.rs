/// Errors of running a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A layer that the chosen backend cannot run privately.
    #[error("layer '{node}' ({op}): {why}; {hint}")]
    Unsupported {
        /// Name of the layer.
        node: String,
        /// Its operator.
        op: String,
        /// Why not.
        why: String,
        /// What to do about it.
        hint: String,
    },
    /// A setting out of its range, or settings of both parties that do not fit together.
    #[error("{0}")]
    Config(String),
    /// The peer sent something that the protocol does not allow.
    #[error("the peer broke the protocol: {0}")]
    Peer(String),
    /// The link failed.
    #[error(transparent)]
    Wire(#[from] sordino_wire::Error),
    /// Oblivious transfer failed.
    #[error(transparent)]
    Ot(#[from] sordino_ot::Error),
    /// Lattice encryption failed.
    #[error(transparent)]
    He(#[from] sordino_he::Error),
    /// A share operation failed.
    #[error(transparent)]
    Secret(#[from] sordino_secret::Error),
    /// Garbling or evaluating failed, or output labels are forged.
    #[error(transparent)]
    Garble(#[from] sordino_garble::Error),
    /// The store of prepared material failed.
    #[error(transparent)]
    Store(#[from] sordino_store::Error),
    /// The graph or its weights are not valid.
    #[error(transparent)]
    Graph(#[from] sordino_graph::Error),
}
