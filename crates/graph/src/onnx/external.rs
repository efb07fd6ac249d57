use super::proto::TensorProto;
use super::tensor::{from_raw, shape};
use crate::Error;
use crate::ir::Tensor;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::{Component, Path};

/// The value of a tensor kept in a file below `folder`.
pub(super) fn tensor(proto: &TensorProto, folder: &Path) -> Result<Tensor, Error> {
    let name = proto.name();
    let entry = |key: &str| {
        proto.external_data.iter().find(|e| e.key() == key).map(|e| e.value().to_owned())
    };
    let number = |key: &str| -> Result<Option<u64>, Error> {
        entry(key)
            .map(|v| v.parse())
            .transpose()
            .map_err(|_| Error::Invalid(format!("tensor '{name}': {key} is not a number")))
    };
    let location = entry("location")
        .ok_or_else(|| Error::Invalid(format!("tensor '{name}' names no file")))?;
    let relative = Path::new(&location);
    if !relative.components().all(|c| matches!(c, Component::Normal(_) | Component::CurDir)) {
        return Err(Error::Invalid(format!("tensor '{name}' points outside the model's folder")));
    }
    let shape = shape(proto)?;
    let count: usize = shape.iter().product();
    let path = folder.join(relative);
    let io = |e: std::io::Error| Error::Io(format!("{}: {e}", path.display()));
    let mut file = File::open(&path).map_err(io)?;
    let offset = number("offset")?.unwrap_or(0);
    let available = file.metadata().map_err(io)?.len().saturating_sub(offset);
    let length = number("length")?.unwrap_or(available);
    if length > available || length > count as u64 * 8 {
        return Err(Error::Invalid(format!(
            "tensor '{name}' takes {length} bytes from offset {offset} of '{location}'"
        )));
    }
    file.seek(SeekFrom::Start(offset)).map_err(io)?;
    let mut raw = Vec::with_capacity(length as usize);
    file.take(length).read_to_end(&mut raw).map_err(io)?;
    Tensor::new(shape, from_raw(proto, &raw, count)?)
}
