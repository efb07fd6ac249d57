use super::{axis_of, shape_error};
use crate::Error;

/// Shape after reducing the distinct `axes`.
pub(super) fn shape(x: &[usize], axes: &[usize], keep_dims: bool) -> Result<Vec<usize>, Error> {
    for (i, &axis) in axes.iter().enumerate() {
        axis_of(x, axis)?;
        if axes[..i].contains(&axis) {
            return shape_error(format!("axis {axis} is listed twice"));
        }
    }
    Ok(x.iter()
        .enumerate()
        .filter_map(|(i, &d)| match (axes.contains(&i), keep_dims) {
            (false, _) => Some(d),
            (true, true) => Some(1),
            (true, false) => None,
        })
        .collect())
}
