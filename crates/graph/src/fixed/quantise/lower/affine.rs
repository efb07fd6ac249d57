//! Turning symbolic forms into values on edges.

use super::super::builder::RealLinear;
use super::{Form, Lower, Range};
use crate::Error;
use crate::fixed::{ConvShape, EdgeId};

impl Lower<'_> {
    /// The same value with neither square nor offset: `scale * v`. Costs a product where the form
    /// has degree two; offsets are local.
    pub(super) fn plain(&mut self, name: &str, mut f: Form) -> Result<Form, Error> {
        if f.square != 0.0 {
            f = match self.curve(f) {
                Some(curve) => self.tabulate(name, curve)?,
                None => self.square(name, f)?,
            };
        }
        if f.scale == 0.0 {
            let range = Range::new(0.0, 0.0);
            let zero = self.b.add(&format!("{name}/zero"), f.edge, f.edge, true, range);
            f = Form { edge: zero, scale: 1.0, ..f };
        }
        if f.offset != 0.0 {
            let offset = f.offset / f.scale;
            f.edge = self.offset(&format!("{name}/offset"), f.edge, offset)?;
            f.offset = 0.0;
        }
        Ok(f)
    }

    /// Completes the square: `a v^2 + b v + c = a (v + b/2a)^2 + c - b^2/4a`.
    fn square(&mut self, name: &str, f: Form) -> Result<Form, Error> {
        let half = f.scale / (2.0 * f.square);
        let t = self.offset(&format!("{name}/offset"), f.edge, half)?;
        let t = self.b.narrow(t);
        let top = self.b.edge(t).range.magnitude();
        let s = self.b.mul(&format!("{name}/square"), t, t, Range::new(0.0, top * top))?;
        let rest = f.offset - f.square * half * half;
        Ok(Form { edge: s, square: 0.0, scale: f.square, offset: rest, secret: f.secret })
    }

    fn offset(&mut self, name: &str, x: EdgeId, c: f64) -> Result<EdgeId, Error> {
        let range = self.b.edge(x).range.affine(1.0, c);
        self.b.add_const(name, x, &[c], range)
    }

    /// A plain form with a positive factor.
    pub(super) fn positive(&mut self, name: &str, f: Form) -> Result<Form, Error> {
        let f = self.plain(name, f)?;
        if f.scale > 0.0 {
            return Ok(f);
        }
        let name = format!("{name}/negate");
        let zero = self.b.add(&name, f.edge, f.edge, true, Range::new(0.0, 0.0));
        let range = self.b.edge(f.edge).range.affine(-1.0, 0.0);
        let edge = self.b.add(&name, zero, f.edge, true, range);
        Ok(Form { edge, scale: -f.scale, ..f })
    }

    /// The value itself on an edge; costs a linear layer where a factor is left.
    pub(super) fn unit(&mut self, name: &str, f: Form) -> Result<Form, Error> {
        let f = self.plain(name, f)?;
        if f.is_plain() {
            return Ok(f);
        }
        let shape = self.b.edge(f.edge).shape.clone();
        let w = shape.last().copied().unwrap_or(1);
        let h = (self.b.edge(f.edge).len() / u64::from(w)) as u32;
        let range = self.b.edge(f.edge).range.affine(f.scale, 0.0);
        let conv = pointwise(1, 1, 1, [h, w]);
        let l = RealLinear { conv, kernel: &[1.0], bias: &[], shape, range };
        self.linear(&format!("{name}/scale"), f, l)
    }

    /// Two values as multiples of edges by one common factor and divisor.
    pub(super) fn common(&mut self, name: &str, a: Form, b: Form) -> Result<(Form, Form), Error> {
        let mut fs = self.common_all(name, vec![a, b])?;
        match (fs.pop(), fs.pop()) {
            (Some(b), Some(a)) => Ok((a, b)),
            _ => Err(Error::Invalid(format!("node '{name}' lacks an operand"))),
        }
    }

    /// As [`Lower::common`] for any number of values.
    pub(super) fn common_all(&mut self, name: &str, fs: Vec<Form>) -> Result<Vec<Form>, Error> {
        let fs = fs.into_iter().map(|f| self.plain(name, f)).collect::<Result<Vec<_>, _>>()?;
        let divisor = |s: &Self, f: &Form| s.b.edge(f.edge).divisor;
        let same =
            fs.iter().all(|f| f.scale == fs[0].scale && divisor(self, f) == divisor(self, &fs[0]));
        if same {
            return Ok(fs);
        }
        fs.into_iter()
            .map(
                |f| if divisor(self, &f) == 1 { self.unit(name, f) } else { self.divided(name, f) },
            )
            .collect()
    }

    /// The value on an edge of divisor 1.
    fn divided(&mut self, name: &str, f: Form) -> Result<Form, Error> {
        let n = self.b.edge(f.edge).len() as usize;
        self.scale_by(name, f, &vec![1.0; n], &[])
    }

    /// Element-wise `factor * x + bias` in one linear layer: a channel per factor where they
    /// vary along axis 1 only, one per element otherwise. `bias` may be empty.
    pub(super) fn scale_by(
        &mut self,
        name: &str,
        f: Form,
        factor: &[f64],
        bias: &[f64],
    ) -> Result<Form, Error> {
        let f = self.plain(name, f)?;
        let from = self.b.edge(f.edge).clone();
        let n = factor.len();
        let channels = match from.shape[..] {
            [1, c, ..] => c as usize,
            _ => n,
        };
        let run = n / channels;
        let flat = |v: &[f64], run: usize| v.chunks(run).all(|c| c.iter().all(|x| *x == c[0]));
        let run = if flat(factor, run) && flat(bias, run) { run } else { 1 };
        let first = |v: &[f64]| v.iter().copied().step_by(run).collect::<Vec<f64>>();
        let (kernel, bias) = (first(factor), first(bias));
        let ends =
            |c: usize| from.range.affine(f.scale * kernel[c], bias.get(c).copied().unwrap_or(0.0));
        let range = (1..kernel.len()).fold(ends(0), |r, c| r.union(ends(c)));
        let c = kernel.len() as u32;
        let conv = pointwise(c, c, c, plane(&from.shape, run));
        let l = RealLinear { conv, kernel: &kernel, bias: &bias, shape: from.shape.clone(), range };
        self.linear(name, f, l)
    }
}

/// A convolution with a 1x1 kernel.
pub(super) fn pointwise(cin: u32, cout: u32, groups: u32, [h, w]: [u32; 2]) -> ConvShape {
    ConvShape {
        cin,
        h,
        w,
        cout,
        kernel: [1, 1],
        stride: [1, 1],
        dilation: [1, 1],
        pads: [0; 4],
        groups,
    }
}

/// `n` elements per channel as a plane: the last two axes where they are it.
fn plane(shape: &[u32], n: usize) -> [u32; 2] {
    match shape {
        [.., h, w] if *h as usize * *w as usize == n => [*h, *w],
        _ => [1, n as u32],
    }
}
