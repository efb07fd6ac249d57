use super::{Meta, Operands, axis_of, shape_error, window};
use crate::Error;
use crate::ir::{DType, Window};

pub(super) fn quantize(
    ins: &Operands,
    axis: Option<usize>,
    lo: i64,
    hi: i64,
) -> Result<Vec<Meta>, Error> {
    let x = ins.float(0)?;
    parameters(ins, 1, &x.shape, axis)?;
    if lo > hi {
        return shape_error(format!("empty range {lo}..={hi}"));
    }
    Ok(vec![Meta::new(DType::I64, x.shape.clone())])
}

pub(super) fn dequantize(ins: &Operands, axis: Option<usize>) -> Result<Vec<Meta>, Error> {
    let x = ins.int(0)?;
    parameters(ins, 1, &x.shape, axis)?;
    Ok(vec![Meta::new(DType::F32, x.shape.clone())])
}

pub(super) fn qlinear_conv(
    ins: &Operands,
    window: &Window,
    groups: usize,
    lo: i64,
    hi: i64,
) -> Result<Vec<Meta>, Error> {
    let (x, w) = (ins.int(0)?, ins.int(3)?);
    let shape = window::conv_shape(x, w, window, groups)?;
    parameters(ins, 1, &x.shape, None)?;
    let per_channel = ins.float(4)?.len() != 1;
    parameters(ins, 4, &w.shape, per_channel.then_some(0))?;
    parameters(ins, 6, &shape, None)?;
    if ins.get(8).is_some() && ins.int(8)?.shape != [shape[1]] {
        return shape_error(format!("bias {:?} for {} channels", ins.int(8)?.shape, shape[1]));
    }
    if lo > hi {
        return shape_error(format!("empty range {lo}..={hi}"));
    }
    Ok(vec![Meta::new(DType::I64, shape)])
}

/// Scale at operand `i` and optional zero point after it: one number, or one per index of `axis`.
fn parameters(ins: &Operands, i: usize, x: &[usize], axis: Option<usize>) -> Result<(), Error> {
    let n = axis.map_or(Ok(1), |a| axis_of(x, a))?;
    let fits = |m: &Meta| m.len() == n && m.shape.len() <= 1;
    let scale = ins.float(i)?;
    if !fits(scale) {
        return shape_error(format!("scale of shape {:?}, expected {n} elements", scale.shape));
    }
    if ins.get(i + 1).is_some() {
        let zero = ins.int(i + 1)?;
        if !fits(zero) && zero.len() != 1 {
            return shape_error(format!("zero point of shape {:?}, expected {n}", zero.shape));
        }
    }
    Ok(())
}
