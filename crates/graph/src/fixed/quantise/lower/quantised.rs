//! Networks that were quantised by their trainer: their scales are markers here. Integers stand
//! for the reals they dequantise to, rounding to the trainer's grid is left out (our own fixed
//! point rounds), and only saturation that calibration saw happen is kept, since trainers fold
//! a `Relu` into it.

use super::{Form, Lower, refuse};
use crate::Error;
use crate::ir::{Node, Tensor, Window};

/// Overshoot beyond the trainer's range that is not worth a comparison.
const OVERSHOOT: f64 = 1.1;

/// How far sums are taken to lie beyond a bound at which integers saturated, in widths of the
/// integers' range.
const SATURATED: f64 = 1.0;

impl Lower<'_> {
    pub(super) fn quantize(
        &mut self,
        n: &Node,
        axis: Option<usize>,
        limits: (i64, i64),
    ) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let step = self.step(n, 1, axis)?;
        let range = self.range(self.id(n, 0)?)?;
        self.saturate(n, x, range, step, limits)
    }

    fn saturate(
        &mut self,
        n: &Node,
        x: Form,
        seen: super::Range,
        (scale, zero): (f64, f64),
        (lo, hi): (i64, i64),
    ) -> Result<(), Error> {
        let out = n.outputs[0];
        let (lo, hi) = ((lo as f64 - zero) * scale, (hi as f64 - zero) * scale);
        self.steps[out.0] = Some((scale, zero));
        let low = if seen.lo < lo * OVERSHOOT - scale { lo } else { f64::NEG_INFINITY };
        let high = if seen.hi > hi * OVERSHOOT + scale { hi } else { f64::INFINITY };
        let range = self.range(out)?;
        let y = self.clip(&n.name, x, low, high, range)?;
        self.set(out, y);
        Ok(())
    }

    pub(super) fn dequantize(&mut self, n: &Node) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let (scale, zero) = self.step(n, 1, None)?;
        let (s, z) = self.steps[self.id(n, 0)?.0].unwrap_or((1.0, 0.0));
        // (q - zero) * scale, where the form stands for (q - z) * s.
        let y = x.affine(scale / s, (z - zero) * scale);
        self.set(n.outputs[0], y);
        Ok(())
    }

    pub(super) fn qlinear_conv(
        &mut self,
        n: &Node,
        window: &Window,
        groups: usize,
        limits: (i64, i64),
    ) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let (xs, xz) = self.step(n, 1, None)?;
        let (s, z) = self.steps[self.id(n, 0)?.0].unwrap_or((1.0, 0.0));
        let x = x.affine(xs / s, (z - xz) * xs);
        let kernel = self.tensor(n, 3)?;
        let (ws, wz) = (self.floats(n, 4)?, self.zero(n, 5)?);
        let cout = kernel.shape().first().copied().unwrap_or(1).max(1);
        let per = (kernel.len() / cout).max(1);
        let real = |(i, &k): (usize, &i64)| {
            let c = i / per;
            (k as f64 - wz[c % wz.len()]) * f64::from(ws[c % ws.len()])
        };
        let real: Vec<f64> = kernel.as_i64()?.iter().enumerate().map(real).collect();
        let bias = match self.constant(n, 8) {
            Some(b) => b
                .as_i64()?
                .iter()
                .enumerate()
                .map(|(c, &b)| b as f64 * xs * f64::from(ws[c % ws.len()]))
                .collect(),
            None => Vec::new(),
        };
        let step = self.step(n, 6, None)?;
        self.steps[n.outputs[0].0] = Some(step);
        // Calibration saw the saturated result. Where it touched a bound the sums lie beyond.
        let y = self.convolve(n, x, window, groups, &real, &bias)?;
        let (lo, hi) = limits;
        let mut seen = self.range(n.outputs[0])?;
        let beyond = SATURATED * (hi - lo) as f64 * step.0;
        if seen.lo <= (lo as f64 - step.1) * step.0 {
            seen.lo -= beyond;
        }
        if seen.hi >= (hi as f64 - step.1) * step.0 {
            seen.hi += beyond;
        }
        self.b.edges[y.edge.0 as usize].range = seen;
        self.saturate(n, y, seen, step, limits)
    }

    /// Scale and zero point at operands `i` and `i + 1`.
    fn step(&self, n: &Node, i: usize, axis: Option<usize>) -> Result<(f64, f64), Error> {
        let (scale, zero) = (self.floats(n, i)?, self.zero(n, i + 1)?);
        let uniform = scale.iter().all(|s| *s == scale[0]) && zero.iter().all(|z| *z == zero[0]);
        if scale.is_empty() || !uniform {
            return Err(refuse(
                n,
                &format!("activations have a scale per index (axis {axis:?})"),
                "quantise activations per tensor",
            ));
        }
        Ok((f64::from(scale[0]), zero[0]))
    }

    fn zero(&self, n: &Node, i: usize) -> Result<Vec<f64>, Error> {
        match self.constant(n, i).map(Tensor::as_i64).transpose()? {
            Some(z) if !z.is_empty() => Ok(z.iter().map(|&z| z as f64).collect()),
            _ => Ok(vec![0.0]),
        }
    }
}
