use super::conv::{Channels, Plane, forward};
use super::eval::Args;
use crate::Error;
use crate::ir::{Tensor, Window};

/// Scale and zero point of operand `i`, `i + 1`, per tensor or per index of `axis`.
struct Parameters<'a> {
    scale: &'a [f32],
    zero: Option<&'a [i64]>,
    /// Elements that share one entry.
    run: usize,
}

impl<'a> Parameters<'a> {
    fn new(args: &Args<'a>, i: usize, shape: &[usize], axis: Option<usize>) -> Result<Self, Error> {
        let run = axis.map_or(usize::MAX, |a| shape[a + 1..].iter().product::<usize>().max(1));
        let zero = args.opt(i + 1).map(Tensor::as_i64).transpose()?;
        Ok(Self { scale: args.f32(i)?, zero, run })
    }

    fn at(&self, element: usize) -> (f32, i64) {
        let c = element / self.run % self.scale.len();
        (self.scale[c], self.zero.map_or(0, |z| z[c % z.len()]))
    }
}

fn to_integer(x: f32, (scale, zero): (f32, i64), lo: i64, hi: i64) -> i64 {
    let steps = (x / scale).round_ties_even() as i64;
    steps.saturating_add(zero).clamp(lo, hi)
}

pub(super) fn quantize(
    args: &Args,
    axis: Option<usize>,
    lo: i64,
    hi: i64,
) -> Result<Vec<Tensor>, Error> {
    let p = Parameters::new(args, 1, args.out(), axis)?;
    let x = args.f32(0)?.iter().enumerate();
    let y = x.map(|(i, &x)| to_integer(x, p.at(i), lo, hi)).collect();
    Ok(vec![Tensor::i64(args.out().to_vec(), y)?])
}

pub(super) fn dequantize(args: &Args, axis: Option<usize>) -> Result<Vec<Tensor>, Error> {
    let p = Parameters::new(args, 1, args.out(), axis)?;
    let x = args.i64(0)?.iter().enumerate();
    args.floats(x.map(|(i, &x)| real(x, p.at(i))).collect())
}

fn real(x: i64, (scale, zero): (f32, i64)) -> f32 {
    x.saturating_sub(zero) as f32 * scale
}

/// The integers are exact in floats: products of 8-bit numbers stay below 2^24 for the kernel
/// sizes of real networks, and beyond that the rounding is far below the output's step.
pub(super) fn qlinear_conv(
    args: &Args,
    window: &Window,
    groups: usize,
    lo: i64,
    hi: i64,
) -> Result<Vec<Tensor>, Error> {
    let shape = args.shape(0)?;
    let plane = Plane::new(window, shape, args.out());
    let px = Parameters::new(args, 1, shape, None)?;
    let per_channel = (args.tensor(4)?.len() > 1).then_some(0);
    let pw = Parameters::new(args, 4, args.shape(3)?, per_channel)?;
    let py = Parameters::new(args, 6, args.out(), None)?;
    let centred = |v: &[i64], p: &Parameters| -> Vec<f32> {
        v.iter().enumerate().map(|(i, &v)| v.saturating_sub(p.at(i).1) as f32).collect()
    };
    let (x, w) = (centred(args.i64(0)?, &px), centred(args.i64(3)?, &pw));
    let channels = Channels { cin: shape[1], cout: args.out()[1], groups };
    let acc = forward(&x, &w, &plane, channels, args.out()[0])?;
    let bias = args.opt(8).map(Tensor::as_i64).transpose()?;
    let taps = args.shape(3)?[1..].iter().product::<usize>();
    let out = acc.iter().enumerate().map(|(i, &acc)| {
        let c = i / plane.out_area() % channels.cout;
        let acc = acc + bias.map_or(0.0, |b| b[c] as f32);
        let (sy, zy) = py.at(i);
        to_integer(acc * (px.at(0).0 * pw.at(c * taps).0), (sy, zy), lo, hi)
    });
    Ok(vec![Tensor::i64(args.out().to_vec(), out.collect())?])
}
