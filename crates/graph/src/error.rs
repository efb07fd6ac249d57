/// Errors of importing, checking, quantising and executing a network.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file is not a readable ONNX model.
    #[error("not a readable ONNX model: {0}")]
    Decode(String),
    /// An operator, attribute or type that is not handled.
    #[error("node '{node}' ({op}): {why}; {hint}")]
    Unsupported {
        /// Name of the node.
        node: String,
        /// Its operator.
        op: String,
        /// Why it cannot be handled.
        why: String,
        /// What to do about it.
        hint: String,
    },
    /// The model contradicts itself (shapes, references, attribute values).
    #[error("invalid model: {0}")]
    Invalid(String),
    /// Tensor shapes or types that do not fit together.
    #[error("shape mismatch: {0}")]
    Shape(String),
    /// A limit of this program was exceeded.
    #[error("limit exceeded: {0}")]
    Limit(String),
    /// An argument out of its range.
    #[error("invalid setting: {0}")]
    Config(String),
    /// A file could not be read.
    #[error("{0}")]
    Io(String),
}

impl Error {
    /// The same error saying at which node it arose.
    pub(crate) fn at(self, node: &str) -> Self {
        match self {
            Self::Shape(text) => Self::Shape(format!("at node '{node}': {text}")),
            Self::Invalid(text) => Self::Invalid(format!("at node '{node}': {text}")),
            Self::Limit(text) => Self::Limit(format!("at node '{node}': {text}")),
            other => other,
        }
    }
}
