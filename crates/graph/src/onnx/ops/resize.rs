use super::super::node::Ctx;
use crate::Error;
use crate::infer::MAX_ELEMENTS;
use crate::ir::Op;

/// How an output position maps to a source coordinate.
#[derive(Clone, Copy)]
enum Transform {
    HalfPixel,
    HalfPixelSymmetric,
    PytorchHalfPixel,
    AlignCorners,
    Asymmetric,
    /// Output pixel centres without the half-pixel shift back (opset 10's and `tf_half_pixel`).
    TfHalfPixel,
}

/// Which neighbour a source coordinate takes.
#[derive(Clone, Copy)]
enum Nearest {
    PreferFloor,
    PreferCeil,
    Floor,
    Ceil,
}

pub(super) fn resize(ctx: &mut Ctx) -> Result<(), Error> {
    let a = &ctx.attrs;
    if !matches!(a.string("mode")?.unwrap_or("nearest"), "nearest") {
        return Err(ctx.unsupported(
            "interpolation other than nearest",
            "export with nearest-neighbour resizing, or a transposed convolution",
        ));
    }
    a.float("cubic_coeff_a")?;
    a.int("exclude_outside")?;
    a.float("extrapolation_value")?;
    a.flag("antialias", false)?;
    let old = ctx.opset < 11;
    let transform = match a.string("coordinate_transformation_mode")? {
        None if old => Transform::Asymmetric,
        None | Some("half_pixel") => Transform::HalfPixel,
        Some("half_pixel_symmetric") => Transform::HalfPixelSymmetric,
        Some("pytorch_half_pixel") => Transform::PytorchHalfPixel,
        Some("align_corners") => Transform::AlignCorners,
        Some("asymmetric") => Transform::Asymmetric,
        Some("tf_half_pixel_for_nn") => Transform::TfHalfPixel,
        Some(other) => {
            return Err(ctx.unsupported(
                format!("coordinate transformation '{other}'"),
                "resize the whole image",
            ));
        }
    };
    let nearest = match a.string("nearest_mode")? {
        None if old => Nearest::Floor,
        None | Some("round_prefer_floor") => Nearest::PreferFloor,
        Some("round_prefer_ceil") => Nearest::PreferCeil,
        Some("floor") => Nearest::Floor,
        Some("ceil") => Nearest::Ceil,
        Some(other) => return Err(Error::Invalid(format!("nearest_mode '{other}'"))),
    };
    let (scales, sizes) = if old {
        (ctx.floats(1)?, None)
    } else {
        (ctx.floats(2)?.filter(|s| !s.is_empty()), ctx.ints(3)?.filter(|s| !s.is_empty()))
    };
    let policy = ctx.attrs.string("keep_aspect_ratio_policy")?.unwrap_or("stretch");
    let rank = ctx.shape(ctx.input(0)?).len();
    let axes: Vec<usize> = match ctx.attrs.ints("axes")? {
        Some(axes) => axes.iter().map(|&a| ctx.axis(a, rank)).collect::<Result<_, _>>()?,
        None => (0..rank).collect(),
    };
    emit(ctx, &axes, Target { scales, sizes, policy }, transform, nearest)
}

pub(super) fn upsample(ctx: &mut Ctx) -> Result<(), Error> {
    let a = &ctx.attrs;
    if a.string("mode")?.unwrap_or("nearest") != "nearest" {
        return Err(ctx.unsupported("interpolation", "export with nearest-neighbour resizing"));
    }
    let rank = ctx.shape(ctx.input(0)?).len();
    let scales = match ctx.opset {
        9.. => ctx.floats(1)?,
        7..=8 => a.floats("scales")?.map(<[f32]>::to_vec),
        _ => {
            let both = (a.float("height_scale")?, a.float("width_scale")?);
            let (h, w) = (both.0.unwrap_or(1.0), both.1.unwrap_or(1.0));
            Some([vec![1.0; rank.saturating_sub(2)], vec![h, w]].concat())
        }
    };
    let axes: Vec<usize> = (0..rank).collect();
    let target = Target { scales, sizes: None, policy: "stretch" };
    emit(ctx, &axes, target, Transform::Asymmetric, Nearest::Floor)
}

/// How large the result is to be, per listed axis.
struct Target<'a> {
    scales: Option<Vec<f32>>,
    sizes: Option<Vec<i64>>,
    policy: &'a str,
}

impl Target<'_> {
    /// Scale and extent of each listed axis.
    fn resolve(&self, shape: &[usize]) -> Result<Vec<(f64, usize)>, Error> {
        let bad = || Error::Invalid(format!("scales or sizes do not fit {shape:?}"));
        let (scales, fixed): (Vec<f64>, Option<Vec<usize>>) = match (&self.scales, &self.sizes) {
            (Some(scales), None) if scales.len() == shape.len() => {
                (scales.iter().map(|&s| s.into()).collect(), None)
            }
            (None, Some(sizes)) if sizes.len() == shape.len() => {
                let ratio = |(&n, &d): (&i64, &usize)| n as f64 / d as f64;
                let ratios: Vec<f64> = sizes.iter().zip(shape).map(ratio).collect();
                let common = match self.policy {
                    "stretch" => None,
                    "not_larger" => ratios.iter().copied().reduce(f64::min),
                    "not_smaller" => ratios.iter().copied().reduce(f64::max),
                    _ => return Err(bad()),
                };
                match common {
                    Some(s) => {
                        let sizes = shape.iter().map(|&d| (s * d as f64).round() as usize);
                        (vec![s; shape.len()], Some(sizes.collect()))
                    }
                    None => {
                        let n = sizes.iter().map(|&n| usize::try_from(n).map_err(|_| bad()));
                        (ratios, Some(n.collect::<Result<_, _>>()?))
                    }
                }
            }
            _ => return Err(bad()),
        };
        (0..shape.len())
            .map(|i| {
                let s = scales[i];
                if !s.is_finite() || s <= 0.0 {
                    return Err(bad());
                }
                let n = fixed.as_ref().map_or((s * shape[i] as f64).floor() as usize, |f| f[i]);
                if n > MAX_ELEMENTS || shape[i] == 0 { Err(bad()) } else { Ok((s, n)) }
            })
            .collect()
    }
}

fn emit(
    ctx: &mut Ctx,
    axes: &[usize],
    target: Target,
    transform: Transform,
    nearest: Nearest,
) -> Result<(), Error> {
    let x = ctx.input(0)?;
    let shape = ctx.shape(x);
    let listed: Vec<usize> = axes.iter().map(|&a| shape[a]).collect();
    let mut index: Vec<Vec<usize>> = shape.iter().map(|&d| (0..d).collect()).collect();
    for (&axis, (scale, n)) in axes.iter().zip(target.resolve(&listed)?) {
        let d = shape[axis];
        index[axis] = (0..n)
            .map(|i| {
                let at = transform.source(i as f64, scale, d as f64, n as f64);
                nearest.pick(at).clamp(0.0, (d - 1) as f64) as usize
            })
            .collect();
    }
    ctx.finish_with(Op::ResizeNearest { index }, &[x])
}

impl Transform {
    fn source(self, i: f64, scale: f64, d: f64, n: f64) -> f64 {
        match self {
            Self::HalfPixel => (i + 0.5) / scale - 0.5,
            Self::HalfPixelSymmetric => {
                let adjustment = n / (scale * d);
                d / 2.0 * (1.0 - adjustment) + (i + 0.5) / scale - 0.5
            }
            Self::PytorchHalfPixel if n > 1.0 => (i + 0.5) / scale - 0.5,
            Self::PytorchHalfPixel => 0.0,
            Self::AlignCorners if n > 1.0 => i * (d - 1.0) / (n - 1.0),
            Self::AlignCorners => 0.0,
            Self::Asymmetric => i / scale,
            Self::TfHalfPixel => (i + 0.5) / scale,
        }
    }
}

impl Nearest {
    fn pick(self, at: f64) -> f64 {
        match self {
            Self::PreferFloor => (at - 0.5).ceil(),
            Self::PreferCeil => (at + 0.5).floor(),
            Self::Floor => at.floor(),
            Self::Ceil => at.ceil(),
        }
    }
}
