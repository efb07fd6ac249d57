use super::super::node::Ctx;
use crate::Error;
use crate::ir::Window;

/// Window attributes before padding is resolved.
pub(super) struct Spec {
    pub(super) window: Window,
    pub(super) auto: AutoPad,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum AutoPad {
    /// The file's `pads`.
    Given,
    SameUpper,
    SameLower,
    Valid,
}

/// Positive attribute values of one per spatial axis.
fn extents(ctx: &Ctx, name: &str, axes: usize) -> Result<Option<Vec<usize>>, Error> {
    let Some(v) = ctx.attrs.ints(name)? else { return Ok(None) };
    let v = naturals(name, v)?;
    if v.len() != axes {
        return Err(Error::Invalid(format!("{name} {v:?} for {axes} spatial axes")));
    }
    Ok(Some(v))
}

pub(super) fn naturals(name: &str, v: &[i64]) -> Result<Vec<usize>, Error> {
    let convert = |&v: &i64| u32::try_from(v).ok().map(|v| v as usize);
    v.iter()
        .map(convert)
        .collect::<Option<_>>()
        .ok_or_else(|| Error::Invalid(format!("{name} {v:?}")))
}

impl Spec {
    /// Reads the attributes; `kernel` is the weight's extent, which wins over nothing being given.
    pub(super) fn read(ctx: &Ctx, rank: usize, kernel: Option<&[usize]>) -> Result<Self, Error> {
        let axes = rank.saturating_sub(2);
        if !(1..=2).contains(&axes) {
            return Err(ctx.unsupported(
                format!("{axes} spatial axes"),
                "only 1-D and 2-D networks are supported",
            ));
        }
        let given = extents(ctx, "kernel_shape", axes)?;
        let kernel = match (given, kernel) {
            (Some(given), Some(k)) if given != k => {
                let text = format!("kernel_shape {given:?} but a weight of {k:?}");
                return Err(Error::Invalid(text));
            }
            (Some(k), _) => k,
            (None, Some(k)) => k.to_vec(),
            (None, None) => return Err(Error::Invalid("kernel_shape is missing".into())),
        };
        let pads = match ctx.attrs.ints("pads")? {
            None => vec![0; 2 * axes],
            Some(v) if v.iter().any(|&p| p < 0) => {
                return Err(ctx.unsupported("negative pads", "crop with Slice instead"));
            }
            Some(v) => naturals("pads", v)?,
        };
        if pads.len() != 2 * axes {
            return Err(Error::Invalid(format!("pads {pads:?} for {axes} spatial axes")));
        }
        let auto = match ctx.attrs.string("auto_pad")?.unwrap_or("NOTSET") {
            "NOTSET" | "" => AutoPad::Given,
            "SAME_UPPER" => AutoPad::SameUpper,
            "SAME_LOWER" => AutoPad::SameLower,
            "VALID" => AutoPad::Valid,
            other => return Err(Error::Invalid(format!("auto_pad '{other}'"))),
        };
        let window = Window {
            stride: extents(ctx, "strides", axes)?.unwrap_or(vec![1; axes]),
            dilation: extents(ctx, "dilations", axes)?.unwrap_or(vec![1; axes]),
            pads: (0..axes).map(|i| (pads[i], pads[axes + i])).collect(),
            kernel,
        };
        let positive = window.kernel.iter().chain(&window.stride).chain(&window.dilation);
        if positive.clone().any(|&v| v == 0) {
            return Err(Error::Invalid("kernel, stride and dilation must be positive".into()));
        }
        Ok(Self { window, auto })
    }

    /// The window with `auto_pad` resolved for an input of spatial extents `input`.
    pub(super) fn resolve(self, input: &[usize]) -> Window {
        let mut w = self.window;
        for (i, &n) in input.iter().enumerate() {
            if self.auto == AutoPad::Valid {
                w.pads[i] = (0, 0);
            } else if self.auto != AutoPad::Given {
                let out = n.div_ceil(w.stride[i]);
                let need = (out.max(1) - 1) * w.stride[i] + w.span(i);
                w.pads[i] = share(need.saturating_sub(n), self.auto);
            }
        }
        w
    }
}

/// Both sides' part of a total padding: an odd one goes after for `SAME_UPPER`.
pub(super) fn share(total: usize, auto: AutoPad) -> (usize, usize) {
    let (small, large) = (total / 2, total - total / 2);
    if auto == AutoPad::SameLower { (large, small) } else { (small, large) }
}
