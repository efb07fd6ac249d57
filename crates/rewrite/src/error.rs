use std::io;
use std::path::PathBuf;

/// Errors of training and rewriting networks.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The graph is not consistent, or cannot be written.
    #[error(transparent)]
    Graph(#[from] sordino_graph::Error),
    /// An operator that has no derivative here.
    #[error("node '{node}': {why}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Why it cannot be trained through, and what to do.
        why: String,
    },
    /// A setting out of its range, or a network that it is not for.
    #[error("{0}")]
    Config(String),
    /// Data that does not fit the network.
    #[error("{0}")]
    Data(String),
    /// The loss is no longer a number.
    #[error(
        "step {step}: the loss is {loss}; the first values that are not finite are {place}; lower \
         the learning rate, or resume from an earlier checkpoint"
    )]
    Diverged {
        /// Step, counted from 0 over the whole training.
        step: u64,
        /// What the loss was.
        loss: f32,
        /// Where values first were not finite.
        place: String,
    },
    /// A file that cannot be read or written. One that it was to replace is still there.
    #[error("{what} {}: {source}", path.display())]
    File {
        /// What was being done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// Why it failed.
        source: io::Error,
    },
    /// A file that is no checkpoint of this training.
    #[error("checkpoint {}: {why}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong, and what to do.
        why: String,
    },
    /// The device failed.
    #[error("device: {0}")]
    Device(String),
}
