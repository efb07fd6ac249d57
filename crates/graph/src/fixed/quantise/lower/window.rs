use super::super::builder::RealLinear;
use super::{Form, Lower};
use crate::Error;
use crate::fixed::{ConvShape, PoolShape, Rearrange};
use crate::ir::{Node, Window};

/// The attributes of a one- or two-dimensional window, as two-dimensional.
#[derive(Clone, Copy)]
pub(super) struct Window2 {
    pub(super) kernel: [u32; 2],
    pub(super) stride: [u32; 2],
    pub(super) dilation: [u32; 2],
    pub(super) pads: [u32; 4],
}

impl Window2 {
    pub(super) fn new(n: &Node, w: &Window) -> Result<Self, Error> {
        let axes = w.kernel.len();
        if !(1..=2).contains(&axes) {
            return Err(super::refuse(
                n,
                &format!("it has {axes} spatial axes"),
                "one and two are possible",
            ));
        }
        let number = |v: usize| {
            u32::try_from(v).map_err(|_| Error::Limit(format!("node '{}': attribute {v}", n.name)))
        };
        let pair = |v: &[usize]| -> Result<[u32; 2], Error> {
            Ok(match *v {
                [a] => [1, number(a)?],
                [a, b] => [number(a)?, number(b)?],
                _ => {
                    return Err(Error::Invalid(format!(
                        "node '{}': attributes of its window disagree",
                        n.name
                    )));
                }
            })
        };
        let (before, after): (Vec<usize>, Vec<usize>) = w.pads.iter().copied().unzip();
        let (before, after) = if axes == 1 {
            ([0, number(before[0])?], [0, number(after[0])?])
        } else {
            (pair(&before)?, pair(&after)?)
        };
        Ok(Self {
            kernel: pair(&w.kernel)?,
            stride: pair(&w.stride)?,
            dilation: pair(&w.dilation)?,
            pads: [before[0], after[0], before[1], after[1]],
        })
    }

    pub(super) fn pool(self, channels: u32, [h, w]: [u32; 2]) -> PoolShape {
        let Self { kernel, stride, dilation, pads } = self;
        PoolShape { channels, h, w, kernel, stride, dilation, pads }
    }
}

/// Channels and plane of `[1, c, (h,) w]`.
pub(super) fn image(n: &Node, shape: &[u32]) -> Result<(u32, [u32; 2]), Error> {
    match *shape {
        [1, c, w] => Ok((c, [1, w])),
        [1, c, h, w] => Ok((c, [h, w])),
        _ => Err(super::refuse(
            n,
            &format!("its operand has shape {shape:?}"),
            "one image of one or two spatial axes is possible",
        )),
    }
}

impl Lower<'_> {
    pub(super) fn conv(&mut self, n: &Node, window: &Window, groups: usize) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let kernel: Vec<f64> = self.floats(n, 1)?.iter().map(|&k| f64::from(k)).collect();
        let bias = self.optional_bias(n, 2)?;
        let y = self.convolve(n, x, window, groups, &kernel, &bias)?;
        self.set(n.outputs[0], y);
        Ok(())
    }

    pub(super) fn optional_bias(&self, n: &Node, i: usize) -> Result<Vec<f64>, Error> {
        match n.inputs.get(i).copied().flatten() {
            None => Ok(Vec::new()),
            Some(_) => Ok(self.floats(n, i)?.iter().map(|&b| f64::from(b)).collect()),
        }
    }

    pub(super) fn convolve(
        &mut self,
        n: &Node,
        x: Form,
        window: &Window,
        groups: usize,
        kernel: &[f64],
        bias: &[f64],
    ) -> Result<Form, Error> {
        let x = self.plain(&n.name, x)?;
        let (cin, [h, w]) = image(n, &self.b.edge(x.edge).shape)?;
        let shape = self.shape(n.outputs[0])?;
        let (cout, _) = image(n, &shape)?;
        let Window2 { kernel: k, stride, dilation, pads } = Window2::new(n, window)?;
        let groups = groups as u32;
        let conv = ConvShape { cin, h, w, cout, kernel: k, stride, dilation, pads, groups };
        let range = self.range(n.outputs[0])?;
        self.linear_of(n, x, RealLinear { conv, kernel, bias, shape, range })
    }

    /// Inserts zeros between the operand's elements, then convolves with the mirrored kernel.
    pub(super) fn conv_transpose(
        &mut self,
        n: &Node,
        window: &Window,
        groups: usize,
        output_padding: &[usize],
    ) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let x = self.plain(&n.name, x)?;
        let mut shape = self.b.edge(x.edge).shape.clone();
        let (cin, _) = image(n, &shape)?;
        let out_shape = self.shape(n.outputs[0])?;
        let (cout, _) = image(n, &out_shape)?;
        let win = Window2::new(n, window)?;
        let extra = match *output_padding {
            [] => [0, 0],
            [w] => [0, w as i32],
            [h, w, ..] => [h as i32, w as i32],
        };
        let mut edge = x.edge;
        let rank = shape.len();
        if win.stride != [1, 1] {
            let step = win.stride;
            for (d, s) in
                shape[rank - window.kernel.len()..].iter_mut().zip(&step[2 - window.kernel.len()..])
            {
                *d = (*d - 1) * s + 1;
            }
            let dilate = Rearrange::Dilate { step };
            edge = self.b.rearrange(&format!("{}/dilate", n.name), dilate, edge, shape.clone());
        }
        let mut pads = [0u32; 4];
        let mut crop = vec![(0, 0); rank];
        for a in 0..2 {
            let reach = (win.dilation[a] * (win.kernel[a] - 1)) as i32;
            let before = reach - win.pads[2 * a] as i32;
            let after = reach - win.pads[2 * a + 1] as i32 + extra[a];
            pads[2 * a] = before.max(0) as u32;
            pads[2 * a + 1] = after.max(0) as u32;
            if before < 0 || after < 0 {
                let axis = rank - 2 + a;
                crop[axis] = (before.min(0), after.min(0));
                shape[axis] = (shape[axis] as i32 + before.min(0) + after.min(0)) as u32;
            }
        }
        if crop.iter().any(|&c| c != (0, 0)) {
            let r = Rearrange::Pad { pads: crop, value: 0 };
            edge = self.b.rearrange(&format!("{}/crop", n.name), r, edge, shape.clone());
        }
        let (_, [h, w]) = image(n, &shape)?;
        let groups = groups as u32;
        let kernel = mirrored(self.floats(n, 1)?, [cin, cout, groups], win.kernel);
        let bias = self.optional_bias(n, 2)?;
        let conv = ConvShape {
            cin,
            h,
            w,
            cout,
            kernel: win.kernel,
            stride: [1, 1],
            dilation: win.dilation,
            pads,
            groups,
        };
        let range = self.range(n.outputs[0])?;
        let l = RealLinear { conv, kernel: &kernel, bias: &bias, shape: out_shape, range };
        let y = self.linear(&n.name, Form { edge, ..x }, l)?;
        self.set(n.outputs[0], y);
        Ok(())
    }
}

/// `[cin][cout/groups][kh][kw]` to `[cout][cin/groups][kh][kw]` with both spatial axes reversed.
fn mirrored(w: &[f32], [cin, cout, groups]: [u32; 3], [kh, kw]: [u32; 2]) -> Vec<f64> {
    let (cig, cog) = (cin / groups, cout / groups);
    let area = (kh * kw) as usize;
    let mut out = Vec::with_capacity(w.len());
    for o in 0..cout {
        let (group, local) = (o / cog, o % cog);
        for i in 0..cig {
            let at = ((group * cig + i) * cog + local) as usize * area;
            out.extend(w[at..at + area].iter().rev().map(|&k| f64::from(k)));
        }
    }
    out
}
