use super::{Meta, Operands, shape_error};
use crate::Error;
use crate::ir::Window;

/// Window attributes beyond this are refused, so that their sums and products cannot overflow.
const MAX_ATTRIBUTE: usize = 1 << 24;

impl Window {
    /// Extents of the result for an input of spatial extents `input`.
    pub fn output(&self, input: &[usize]) -> Result<Vec<usize>, Error> {
        self.check(input.len())?;
        (0..input.len())
            .map(|i| {
                let padded = input[i] + self.pads[i].0 + self.pads[i].1;
                let span = self.span(i);
                if padded < span {
                    return shape_error(format!(
                        "a window of extent {span} does not fit an axis of {padded} (padding included)"
                    ));
                }
                Ok((padded - span) / self.stride[i] + 1)
            })
            .collect()
    }

    /// Extent the kernel covers along spatial axis `i`, dilation included.
    pub fn span(&self, i: usize) -> usize {
        self.dilation[i] * (self.kernel[i] - 1) + 1
    }

    /// Extents of the result of a transposed convolution for spatial extents `input`.
    pub fn transposed_output(
        &self,
        output_padding: &[usize],
        input: &[usize],
    ) -> Result<Vec<usize>, Error> {
        self.check(input.len())?;
        if output_padding.len() != input.len() || output_padding.iter().any(|&p| p > MAX_ATTRIBUTE)
        {
            return shape_error(format!("output padding {output_padding:?}"));
        }
        (0..input.len())
            .map(|i| {
                let full = self.stride[i]
                    .checked_mul(input[i].saturating_sub(1))
                    .map(|n| n + self.span(i) + output_padding[i]);
                let pads = self.pads[i].0 + self.pads[i].1;
                match full {
                    Some(full) if full > pads && input[i] > 0 => Ok(full - pads),
                    _ => shape_error(format!("padding {pads} leaves nothing of the result")),
                }
            })
            .collect()
    }

    fn check(&self, axes: usize) -> Result<(), Error> {
        let lens = [self.kernel.len(), self.stride.len(), self.dilation.len(), self.pads.len()];
        if lens.iter().any(|&n| n != axes) || !(1..=2).contains(&axes) {
            return shape_error(format!("{axes} spatial axes with window attributes for {lens:?}"));
        }
        let positive = self.kernel.iter().chain(&self.stride).chain(&self.dilation);
        if positive.clone().any(|&v| v == 0) {
            return shape_error("kernel, stride and dilation must be positive".into());
        }
        let pads = self.pads.iter().flat_map(|p| [&p.0, &p.1]);
        if positive.chain(pads).any(|&v| v > MAX_ATTRIBUTE) {
            return Err(Error::Limit(format!("window attributes above {MAX_ATTRIBUTE}")));
        }
        Ok(())
    }
}

pub(super) fn conv(ins: &Operands, window: &Window, groups: usize) -> Result<Vec<usize>, Error> {
    let (x, w) = (ins.float(0)?, ins.float(1)?);
    let shape = conv_shape(x, w, window, groups)?;
    ins.vector(2, shape[1], true)?;
    Ok(shape)
}

pub(super) fn conv_shape(
    x: &Meta,
    w: &Meta,
    window: &Window,
    groups: usize,
) -> Result<Vec<usize>, Error> {
    if x.shape.len() < 3 || x.shape.len() != w.shape.len() {
        return shape_error(format!("kernel {:?} for an input of {:?}", w.shape, x.shape));
    }
    let (cin, cout) = (x.shape[1], w.shape[0]);
    let fits = groups > 0 && cin % groups == 0 && cout % groups == 0 && w.shape[1] == cin / groups;
    if !fits || cin == 0 || cout == 0 || w.shape[2..] != window.kernel[..] {
        return shape_error(format!(
            "kernel {:?} in {groups} groups for an input of {:?}",
            w.shape, x.shape
        ));
    }
    let mut shape = vec![x.shape[0], cout];
    shape.extend(window.output(&x.shape[2..])?);
    Ok(shape)
}

pub(super) fn conv_transpose(
    ins: &Operands,
    window: &Window,
    groups: usize,
    output_padding: &[usize],
) -> Result<Vec<usize>, Error> {
    let (x, w) = (ins.float(0)?, ins.float(1)?);
    if x.shape.len() < 3 || x.shape.len() != w.shape.len() {
        return shape_error(format!("kernel {:?} for an input of {:?}", w.shape, x.shape));
    }
    let cin = x.shape[1];
    let fits = groups > 0 && cin % groups == 0 && w.shape[0] == cin;
    if !fits || cin == 0 || w.shape[1] == 0 || w.shape[2..] != window.kernel[..] {
        return shape_error(format!(
            "kernel {:?} in {groups} groups for an input of {:?}",
            w.shape, x.shape
        ));
    }
    let cout = w.shape[1]
        .checked_mul(groups)
        .ok_or_else(|| Error::Shape(format!("{groups} groups of {} channels", w.shape[1])))?;
    ins.vector(2, cout, true)?;
    let mut shape = vec![x.shape[0], cout];
    shape.extend(window.transposed_output(output_padding, &x.shape[2..])?);
    Ok(shape)
}

pub(super) fn pool(x: &Meta, window: &Window) -> Result<Vec<usize>, Error> {
    if x.shape.len() < 3 {
        return shape_error(format!("no spatial axis in {:?}", x.shape));
    }
    let mut shape = x.shape[..2].to_vec();
    shape.extend(window.output(&x.shape[2..])?);
    Ok(shape)
}
