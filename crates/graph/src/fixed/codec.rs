use super::FixedGraph;
use super::validate::limits;
use crate::Error;

impl FixedGraph {
    /// The graph as bytes (postcard), the form that is sent and hashed.
    ///
    /// # Errors
    /// [`Error::Limit`] beyond [`limits::GRAPH_BYTES`].
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        let bytes = postcard::to_allocvec(self)
            .map_err(|e| Error::Invalid(format!("the graph cannot be encoded: {e}")))?;
        limits::at_most("bytes of the graph", bytes.len(), limits::GRAPH_BYTES)?;
        Ok(bytes)
    }

    /// Reads and validates a graph received from a peer. Memory stays within a small multiple of
    /// `bytes`.
    ///
    /// # Errors
    /// [`Error::Limit`] for too many bytes, [`Error::Invalid`] for malformed ones, and those of
    /// [`FixedGraph::validate`].
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        limits::at_most("bytes of the graph", bytes.len(), limits::GRAPH_BYTES)?;
        let (graph, rest): (Self, _) = postcard::take_from_bytes(bytes)
            .map_err(|e| Error::Invalid(format!("not a fixed-point graph: {e}")))?;
        if !rest.is_empty() {
            return Err(Error::Invalid(format!(
                "{} bytes after the fixed-point graph",
                rest.len()
            )));
        }
        graph.validate()?;
        Ok(graph)
    }

    /// BLAKE3 of [`FixedGraph::to_bytes`], compared at the handshake.
    ///
    /// # Errors
    /// As [`FixedGraph::to_bytes`].
    pub fn hash(&self) -> Result<[u8; 32], Error> {
        Ok(*blake3::hash(&self.to_bytes()?).as_bytes())
    }
}
