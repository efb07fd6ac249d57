use super::args::Args;
use crate::{Array, Error};
use burn_tensor::activation;
use sordino_graph::ir::Reduce;

pub(super) fn reduce(args: &Args, kind: Reduce, axes: &[usize]) -> Result<Array, Error> {
    let mut x = args.array(0)?;
    for &axis in axes {
        let view = x.around(axis);
        let folded = match kind {
            Reduce::Mean => view.mean_dim(1),
            Reduce::Sum => view.sum_dim(1),
            Reduce::Max => view.max_dim(1),
            Reduce::Min => view.min_dim(1),
        };
        let mut shape = x.shape().to_vec();
        shape[axis] = 1;
        x = Array::of(folded, x.lead(), &shape);
    }
    Ok(Array::of(x.flat(), x.lead(), args.out()))
}

pub(super) fn softmax(args: &Args, axis: usize, flatten: bool, log: bool) -> Result<Array, Error> {
    let x = args.array(0)?;
    let view = if flatten {
        let inner = x.shape()[axis..].iter().product::<usize>();
        let outer = x.lead() * x.shape()[..axis].iter().product::<usize>();
        x.view([outer, inner, 1])
    } else {
        x.around(axis)
    };
    let y = if log { activation::log_softmax(view, 1) } else { activation::softmax(view, 1) };
    Ok(Array::of(y, x.lead(), args.out()))
}
