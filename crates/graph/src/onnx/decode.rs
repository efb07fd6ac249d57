use super::proto::ModelProto;
use super::{Limits, limits};
use crate::Error;
use prost::Message;
use prost::bytes::Bytes;

/// Decodes a model after checking that doing so stays within `limits`.
pub(super) fn model(bytes: &[u8], limits: &Limits) -> Result<ModelProto, Error> {
    if bytes.is_empty() {
        return Err(Error::Decode("the file is empty".into()));
    }
    limits::check(bytes, limits)?;
    let model = ModelProto::decode(Bytes::copy_from_slice(bytes))
        .map_err(|e| Error::Decode(e.to_string()))?;
    if model.graph.is_none() {
        return Err(Error::Decode("the file holds no graph; is it an ONNX model?".into()));
    }
    Ok(model)
}
