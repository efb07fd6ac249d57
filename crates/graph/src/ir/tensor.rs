use crate::Error;

/// Element types a tensor may have. Half and double floats are widened or narrowed to `F32`, and
/// narrow integers are widened, on import; `QuantizeLinear` keeps its range in the operator.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DType {
    /// 32-bit float.
    F32,
    /// 64-bit signed integer (shapes, indices and every integer type of the file).
    I64,
    /// Boolean.
    Bool,
}

/// Elements of a tensor, row-major.
#[derive(Clone, Debug, PartialEq)]
pub enum TensorData {
    /// Floats.
    F32(Vec<f32>),
    /// Integers.
    I64(Vec<i64>),
    /// Booleans.
    Bool(Vec<bool>),
}

/// A dense row-major tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    data: TensorData,
}

impl Tensor {
    /// A tensor of `shape`, whose product must equal the number of elements.
    pub fn new(shape: Vec<usize>, data: TensorData) -> Result<Self, Error> {
        let n = match &data {
            TensorData::F32(v) => v.len(),
            TensorData::I64(v) => v.len(),
            TensorData::Bool(v) => v.len(),
        };
        let want = shape.iter().try_fold(1usize, |a, &d| a.checked_mul(d));
        if want != Some(n) {
            return Err(Error::Shape(format!("shape {shape:?} does not hold {n} elements")));
        }
        Ok(Self { shape, data })
    }

    /// A float tensor.
    pub fn f32(shape: Vec<usize>, data: Vec<f32>) -> Result<Self, Error> {
        Self::new(shape, TensorData::F32(data))
    }

    /// An integer tensor.
    pub fn i64(shape: Vec<usize>, data: Vec<i64>) -> Result<Self, Error> {
        Self::new(shape, TensorData::I64(data))
    }

    /// Dimensions; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.shape.iter().product()
    }

    /// Whether it has no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element type.
    pub fn dtype(&self) -> DType {
        match &self.data {
            TensorData::F32(_) => DType::F32,
            TensorData::I64(_) => DType::I64,
            TensorData::Bool(_) => DType::Bool,
        }
    }

    /// The elements.
    pub fn data(&self) -> &TensorData {
        &self.data
    }

    /// The floats, or an error naming the actual type.
    pub fn as_f32(&self) -> Result<&[f32], Error> {
        match &self.data {
            TensorData::F32(v) => Ok(v),
            _ => Err(Error::Shape(format!("expected float elements, found {:?}", self.dtype()))),
        }
    }

    /// The integers, or an error naming the actual type.
    pub fn as_i64(&self) -> Result<&[i64], Error> {
        match &self.data {
            TensorData::I64(v) => Ok(v),
            _ => Err(Error::Shape(format!("expected integer elements, found {:?}", self.dtype()))),
        }
    }

    /// The booleans, or an error naming the actual type.
    pub fn as_bool(&self) -> Result<&[bool], Error> {
        match &self.data {
            TensorData::Bool(v) => Ok(v),
            _ => Err(Error::Shape(format!("expected boolean elements, found {:?}", self.dtype()))),
        }
    }

    /// The same elements under another shape with as many of them.
    pub fn reshaped(self, shape: Vec<usize>) -> Result<Self, Error> {
        Self::new(shape, self.data)
    }
}
