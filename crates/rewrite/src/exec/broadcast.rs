use crate::{Array, Error};
use burn_tensor::Tensor;

/// Axes that two operands are brought to. Neighbouring axes along which they broadcast alike are
/// merged, so that few remain whatever the rank.
const AXES: usize = 6;

/// Element-wise `f` with numpy broadcasting, samples being the outermost axis.
pub(super) fn zip(
    a: &Array,
    b: &Array,
    f: impl FnOnce(Tensor<AXES>, Tensor<AXES>) -> Tensor<AXES>,
) -> Result<Array, Error> {
    let shape = sordino_graph::infer::broadcast(a.shape(), b.shape())?;
    let lead = a.lead().max(b.lead());
    let mut axes: Vec<[usize; 2]> = Vec::new();
    for i in 0..=shape.len() {
        let [x, y] = [a, b].map(|v| extent(v, i, shape.len()));
        match axes.last_mut() {
            _ if x == 1 && y == 1 => {}
            Some([p, q]) if (*p == *q, *p == 1, *q == 1) == (x == y, x == 1, y == 1) => {
                *p *= x;
                *q *= y;
            }
            _ => axes.push([x, y]),
        }
    }
    if axes.len() > AXES {
        let (a, b) = (a.shape(), b.shape());
        return Err(Error::Config(format!(
            "shapes {a:?} and {b:?} broadcast along more than {AXES} axes"
        )));
    }
    let mut dims = [[1; AXES]; 2];
    for (i, axis) in axes.iter().rev().enumerate() {
        [dims[0][AXES - 1 - i], dims[1][AXES - 1 - i]] = *axis;
    }
    Ok(Array::of(f(a.view(dims[0]), b.view(dims[1])), lead, &shape))
}

/// Extent of axis `i` of `rank + 1` axes, of which the first are the samples.
fn extent(array: &Array, i: usize, rank: usize) -> usize {
    if i == 0 {
        return array.lead();
    }
    let missing = rank - array.shape().len();
    (i - 1).checked_sub(missing).map_or(1, |k| array.shape()[k])
}
