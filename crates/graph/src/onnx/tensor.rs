use super::proto::TensorProto;
use super::proto::tensor_proto::{DataLocation, DataType};
use crate::Error;
use crate::infer::check_size;
use crate::ir::{DType, Tensor, TensorData};
use prost::Message;

/// How the file's element types are held here, and the range of its integers.
pub(super) fn element(data_type: i32) -> Result<DType, Error> {
    use DataType as T;
    match DataType::try_from(data_type) {
        Ok(T::Float | T::Float16 | T::Bfloat16 | T::Double) => Ok(DType::F32),
        Ok(
            T::Int8
            | T::Int16
            | T::Int32
            | T::Int64
            | T::Uint8
            | T::Uint16
            | T::Uint32
            | T::Uint64
            | T::Int4
            | T::Uint4,
        ) => Ok(DType::I64),
        Ok(T::Bool) => Ok(DType::Bool),
        Ok(other) => Err(Error::Invalid(format!(
            "element type {} is not supported; export the model in float32",
            other.as_str_name()
        ))),
        Err(_) => Err(Error::Invalid(format!("element type {data_type} does not exist"))),
    }
}

/// Smallest and largest number of an integer type of at most 32 bits.
pub(super) fn integer_range(data_type: i32) -> Option<(i64, i64)> {
    use DataType as T;
    Some(match DataType::try_from(data_type).ok()? {
        T::Int8 => (i8::MIN.into(), i8::MAX.into()),
        T::Uint8 => (0, u8::MAX.into()),
        T::Int16 => (i16::MIN.into(), i16::MAX.into()),
        T::Uint16 => (0, u16::MAX.into()),
        T::Int32 => (i32::MIN.into(), i32::MAX.into()),
        T::Int4 => (-8, 7),
        T::Uint4 => (0, 15),
        _ => return None,
    })
}

/// Decodes a serialised `TensorProto` (the `.pb` files of ONNX test data): its name and value.
///
/// # Errors
/// [`Error::Decode`] and [`Error::Invalid`] when it is not one.
pub fn named_tensor_from_bytes(bytes: &[u8]) -> Result<(String, Tensor), Error> {
    let proto = TensorProto::decode(bytes).map_err(|e| Error::Decode(e.to_string()))?;
    Ok((proto.name().to_owned(), tensor_from_proto(&proto)?))
}

/// The value of a tensor stored in the file itself.
///
/// # Errors
/// [`Error::Invalid`] when its parts contradict each other, [`Error::Limit`] when it is too large.
pub fn tensor_from_proto(proto: &TensorProto) -> Result<Tensor, Error> {
    if proto.data_location() == DataLocation::External {
        return Err(Error::Invalid(format!(
            "tensor '{}' is stored in another file; give the model's folder, or save it as one file",
            proto.name()
        )));
    }
    let shape = shape(proto)?;
    let count = shape.iter().product();
    let data = match proto.raw_data.as_deref() {
        Some(raw) if !raw.is_empty() || count == 0 => from_raw(proto, raw, count)?,
        _ => from_fields(proto, count)?,
    };
    Tensor::new(shape, data).map_err(|e| Error::Invalid(format!("tensor '{}': {e}", proto.name())))
}

/// Dimensions, checked for size.
pub(super) fn shape(proto: &TensorProto) -> Result<Vec<usize>, Error> {
    let shape =
        proto.dims.iter().map(|&d| usize::try_from(d)).collect::<Result<Vec<_>, _>>().map_err(
            |_| {
                Error::Invalid(format!("tensor '{}' has dimensions {:?}", proto.name(), proto.dims))
            },
        )?;
    check_size(&shape)?;
    Ok(shape)
}

/// Elements from little-endian bytes.
pub(super) fn from_raw(proto: &TensorProto, raw: &[u8], n: usize) -> Result<TensorData, Error> {
    use DataType as T;
    let bits = match DataType::try_from(proto.data_type()) {
        Ok(T::Int4 | T::Uint4) => 4,
        Ok(T::Int8 | T::Uint8 | T::Bool) => 8,
        Ok(T::Int16 | T::Uint16 | T::Float16 | T::Bfloat16) => 16,
        Ok(T::Int64 | T::Uint64 | T::Double) => 64,
        _ => 32,
    };
    element(proto.data_type())?;
    if raw.len() != (n * bits).div_ceil(8) {
        return Err(Error::Invalid(format!(
            "tensor '{}' of shape {:?} has {} bytes of data, expected {}",
            proto.name(),
            proto.dims,
            raw.len(),
            (n * bits).div_ceil(8)
        )));
    }
    macro_rules! numbers {
        ($t:ty, $kind:ident, $f:expr) => {{
            let (chunks, _) = raw.as_chunks::<{ size_of::<$t>() }>();
            TensorData::$kind(chunks.iter().map(|&b| $f(<$t>::from_le_bytes(b))).collect())
        }};
    }
    Ok(match DataType::try_from(proto.data_type()) {
        Ok(T::Float) => numbers!(f32, F32, |v| v),
        Ok(T::Double) => numbers!(f64, F32, |v: f64| v as f32),
        Ok(T::Float16) => numbers!(u16, F32, half),
        Ok(T::Bfloat16) => numbers!(u16, F32, bfloat),
        Ok(T::Int8) => numbers!(i8, I64, i64::from),
        Ok(T::Uint8) => numbers!(u8, I64, i64::from),
        Ok(T::Int16) => numbers!(i16, I64, i64::from),
        Ok(T::Uint16) => numbers!(u16, I64, i64::from),
        Ok(T::Int32) => numbers!(i32, I64, i64::from),
        Ok(T::Uint32) => numbers!(u32, I64, i64::from),
        Ok(T::Uint64) => numbers!(u64, I64, |v| v as i64),
        Ok(T::Int4) => TensorData::I64(nibbles(raw, n, true)),
        Ok(T::Uint4) => TensorData::I64(nibbles(raw, n, false)),
        Ok(T::Bool) => TensorData::Bool(raw.iter().map(|&b| b != 0).collect()),
        _ => numbers!(i64, I64, |v| v),
    })
}

fn nibbles(raw: &[u8], n: usize, signed: bool) -> Vec<i64> {
    (0..n)
        .map(|i| {
            let v = i64::from(raw[i / 2] >> (4 * (i % 2)) & 15);
            if signed && v > 7 { v - 16 } else { v }
        })
        .collect()
}

/// Elements from the field that belongs to the type.
fn from_fields(proto: &TensorProto, n: usize) -> Result<TensorData, Error> {
    use DataType as T;
    let ints = || TensorData::I64(proto.int32_data.iter().map(|&v| v.into()).collect());
    let halves = |f: fn(u16) -> f32| {
        TensorData::F32(proto.int32_data.iter().map(|&v| f(v as u16)).collect())
    };
    element(proto.data_type())?;
    Ok(match DataType::try_from(proto.data_type()) {
        Ok(T::Float) => TensorData::F32(proto.float_data.clone()),
        Ok(T::Double) => TensorData::F32(proto.double_data.iter().map(|&v| v as f32).collect()),
        Ok(T::Float16) => halves(half),
        Ok(T::Bfloat16) => halves(bfloat),
        Ok(T::Bool) => TensorData::Bool(proto.int32_data.iter().map(|&v| v != 0).collect()),
        Ok(T::Int64) => TensorData::I64(proto.int64_data.clone()),
        Ok(T::Uint32 | T::Uint64) => {
            TensorData::I64(proto.uint64_data.iter().map(|&v| v as i64).collect())
        }
        Ok(T::Int4 | T::Uint4) => {
            let bytes: Vec<u8> = proto.int32_data.iter().map(|&v| v as u8).collect();
            if bytes.len() != n.div_ceil(2) {
                return Err(Error::Invalid(format!("tensor '{}' is truncated", proto.name())));
            }
            TensorData::I64(nibbles(&bytes, n, proto.data_type() == T::Int4 as i32))
        }
        _ => ints(),
    })
}

/// IEEE half precision.
fn half(bits: u16) -> f32 {
    let sign = u32::from(bits >> 15) << 31;
    let (exponent, fraction) = (u32::from(bits >> 10 & 31), u32::from(bits & 1023));
    match exponent {
        0 => (fraction as f32 * 2f32.powi(-24)).copysign(f32::from_bits(sign | 1)),
        31 => f32::from_bits(sign | 0x7f80_0000 | fraction << 13),
        _ => f32::from_bits(sign | (exponent + 112) << 23 | fraction << 13),
    }
}

/// The upper half of a single.
fn bfloat(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}
