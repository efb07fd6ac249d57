use crate::Error;
use burn_tensor::{Device, Tensor, TensorData};

/// A value of the graph for `lead` samples at once.
///
/// The graph's shapes are those of one sample (batch size 1). Samples are an axis before all of
/// them that no operator sees, so that reshaping, transposing and slicing mean for each sample
/// what they mean in the graph, also where they touch the graph's own batch axis. Constants have a
/// `lead` of 1 and broadcast. Elements are kept as one axis, row-major: `burn` has ranks in its
/// types, and a change of shape costs nothing.
#[derive(Clone, Debug)]
pub struct Array {
    flat: Tensor<1>,
    lead: usize,
    shape: Vec<usize>,
}

impl Array {
    /// From values on the host, sample after sample.
    ///
    /// # Errors
    /// [`Error::Data`] when `values` are not `lead` samples of `shape`.
    pub fn from_values(
        values: Vec<f32>,
        lead: usize,
        shape: &[usize],
        device: &Device,
    ) -> Result<Self, Error> {
        let each = shape.iter().product::<usize>();
        if values.is_empty() || each.checked_mul(lead) != Some(values.len()) {
            let n = values.len();
            return Err(Error::Data(format!("{n} values for {lead} inputs of shape {shape:?}")));
        }
        Ok(Self { flat: upload(values, device), lead, shape: shape.to_vec() })
    }

    /// A constant.
    pub(crate) fn constant(flat: Tensor<1>, shape: &[usize]) -> Self {
        Self { flat, lead: 1, shape: shape.to_vec() }
    }

    /// A result of any rank.
    pub(crate) fn of<const D: usize>(tensor: Tensor<D>, lead: usize, shape: &[usize]) -> Self {
        let flat = tensor.reshape([lead * shape.iter().product::<usize>()]);
        Self { flat, lead, shape: shape.to_vec() }
    }

    /// Number of samples, 1 for a constant.
    pub fn lead(&self) -> usize {
        self.lead
    }

    /// Shape of one sample.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Elements, sample after sample.
    pub(crate) fn flat(&self) -> Tensor<1> {
        self.flat.clone()
    }

    /// The elements under other axes, of which there must be as many.
    pub(crate) fn view<const D: usize>(&self, dims: [usize; D]) -> Tensor<D> {
        self.flat.clone().reshape(dims)
    }

    /// As `[outer, extent of the axis, inner]`, samples being part of `outer`.
    pub(crate) fn around(&self, axis: usize) -> Tensor<3> {
        let outer = self.lead * self.shape[..axis].iter().product::<usize>();
        let inner = self.shape[axis + 1..].iter().product();
        self.view([outer, self.shape[axis], inner])
    }

    /// As `[rows, channels, area]`, the channel being axis 1.
    pub(crate) fn planes(&self) -> Tensor<3> {
        self.around(1)
    }

    /// The same function of every element.
    pub(crate) fn map(&self, f: impl FnOnce(Tensor<1>) -> Tensor<1>) -> Self {
        Self { flat: f(self.flat()), lead: self.lead, shape: self.shape.clone() }
    }

    /// The elements on the host, sample after sample.
    ///
    /// # Errors
    /// [`Error::Device`] when they cannot be read.
    pub fn values(&self) -> Result<Vec<f32>, Error> {
        download(self.flat.clone())
    }
}

/// Values as a tensor of one axis.
pub(crate) fn upload(values: Vec<f32>, device: &Device) -> Tensor<1> {
    let n = values.len();
    Tensor::from_data(TensorData::new(values, [n]), device)
}

/// Values of a tensor of one axis.
pub(crate) fn download(tensor: Tensor<1>) -> Result<Vec<f32>, Error> {
    tensor.try_into_vec_as::<f32>().map_err(|e| Error::Device(e.to_string()))
}
