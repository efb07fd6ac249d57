use super::super::node::Ctx;
use super::window::{AutoPad, Spec, naturals, share};
use crate::Error;
use crate::ir::Op;

fn groups(ctx: &Ctx) -> Result<usize, Error> {
    Ok(naturals("group", &[ctx.attrs.int_or("group", 1)?])?[0])
}

pub(super) fn conv(ctx: &mut Ctx) -> Result<(), Error> {
    let (x, w) = (ctx.shape(ctx.input(0)?), ctx.shape(ctx.input(1)?));
    let spec = Spec::read(ctx, x.len(), w.get(2..))?;
    let window = spec.resolve(&x[2..]);
    let groups = groups(ctx)?;
    ctx.finish(Op::Conv { window, groups }, ctx.all())
}

pub(super) fn conv_transpose(ctx: &mut Ctx) -> Result<(), Error> {
    let (x, w) = (ctx.shape(ctx.input(0)?), ctx.shape(ctx.input(1)?));
    let Spec { mut window, auto } = Spec::read(ctx, x.len(), w.get(2..))?;
    let axes = window.kernel.len();
    let listed = |name| -> Result<Option<Vec<usize>>, Error> {
        let v = ctx.attrs.ints(name)?.map(|v| naturals(name, v)).transpose()?;
        match v {
            Some(v) if v.len() != axes => Err(Error::Invalid(format!("{name} {v:?}"))),
            v => Ok(v),
        }
    };
    let mut output_padding = listed("output_padding")?.unwrap_or(vec![0; axes]);
    let mut wanted = listed("output_shape")?;
    if wanted.is_none() && matches!(auto, AutoPad::SameUpper | AutoPad::SameLower) {
        let same = x[2..].iter().zip(&window.stride).map(|(n, s)| n.saturating_mul(*s));
        wanted = Some(same.collect());
    }
    if auto == AutoPad::Valid {
        window.pads.fill((0, 0));
    }
    if let Some(wanted) = wanted {
        window.pads.fill((0, 0));
        let full = window.transposed_output(&output_padding, &x[2..])?;
        // Without auto_pad the standard puts the larger half first.
        let auto = if auto == AutoPad::SameUpper { auto } else { AutoPad::SameLower };
        for i in 0..axes {
            window.pads[i] = share(full[i].saturating_sub(wanted[i]), auto);
            output_padding[i] += wanted[i].saturating_sub(full[i]);
        }
    }
    let groups = groups(ctx)?;
    ctx.finish(Op::ConvTranspose { window, groups, output_padding }, ctx.all())
}
