use crate::Array;
use burn_tensor::{Int, Tensor, TensorData};

/// Takes positions along an axis, in any order and as often as wanted.
pub(super) fn along(x: &Array, axis: usize, positions: &[usize]) -> Array {
    let (view, extent) = (x.around(axis), x.shape()[axis]);
    let mut shape = x.shape().to_vec();
    shape[axis] = positions.len();
    let first = positions.first().copied().unwrap_or(0);
    if positions.iter().enumerate().all(|(i, &p)| p == first + i) {
        if positions.len() == extent {
            return x.clone();
        }
        return Array::of(view.narrow(1, first, positions.len()), x.lead(), &shape);
    }
    let indices: Vec<i64> = positions.iter().map(|&p| p as i64).collect();
    let data = TensorData::new(indices, [positions.len()]);
    let indices = Tensor::<1, Int>::from_data(data, &view.device().inner());
    Array::of(view.select(1, indices), x.lead(), &shape)
}
