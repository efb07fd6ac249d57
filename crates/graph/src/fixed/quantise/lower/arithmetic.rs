use super::{Form, Lower, Range, refuse};
use crate::Error;
use crate::fixed::{EdgeId, Rearrange};
use crate::ir::{Binary, Node, Tensor};

impl Lower<'_> {
    pub(super) fn binary(&mut self, n: &Node, f: Binary) -> Result<(), Error> {
        let y = match (self.constant(n, 0), self.constant(n, 1)) {
            (None, None) => self.two_secrets(n, f)?,
            (None, Some(c)) => self.with_constant(n, f, c, false)?,
            (Some(c), None) => self.with_constant(n, f, c, true)?,
            (Some(_), Some(_)) => return Ok(()),
        };
        self.set(n.outputs[0], y);
        Ok(())
    }

    /// `f(x, c)`, or `f(c, x)` when `swapped`.
    fn with_constant(
        &mut self,
        n: &Node,
        f: Binary,
        c: &Tensor,
        swapped: bool,
    ) -> Result<Form, Error> {
        let out = n.outputs[0];
        let shape = self.shape(out)?;
        let x = self.operand(n, usize::from(swapped))?;
        let x = self.expand(&n.name, x, &shape)?;
        let c = broadcast(c, &self.g.value(out).shape)?;
        let Some(&first) = c.first() else { return Ok(x) };
        let uniform = c.iter().all(|v| *v == first);
        match (f, swapped) {
            (Binary::Add, _) => self.plus(n, x, &c, uniform),
            (Binary::Sub, false) => {
                let c: Vec<f64> = c.iter().map(|v| -v).collect();
                self.plus(n, x, &c, uniform)
            }
            (Binary::Sub, true) => self.plus(n, x.affine(-1.0, 0.0), &c, uniform),
            (Binary::Mul, _) => self.times(n, x, &c, uniform),
            (Binary::Div, false) => {
                let c: Vec<f64> = c.iter().map(|v| 1.0 / v).collect();
                self.times(n, x, &c, uniform)
            }
            (Binary::Pow, false) if uniform && first == 1.0 => Ok(x),
            (Binary::Pow, false) if uniform && first == 2.0 => self.multiply(n, x, x),
            (Binary::Max, _) if uniform => {
                let range = self.range(out)?;
                self.clip(&n.name, x.secret(), first, f64::INFINITY, range)
            }
            (Binary::Min, _) if uniform => {
                let range = self.range(out)?;
                self.clip(&n.name, x.secret(), f64::NEG_INFINITY, first, range)
            }
            _ => Err(refuse(
                n,
                "this combination with a constant is not computed privately",
                "sums, differences, products and quotients by constants, squares, and bounds by one constant are",
            )),
        }
    }

    fn plus(&mut self, n: &Node, x: Form, c: &[f64], uniform: bool) -> Result<Form, Error> {
        if uniform {
            return Ok(x.affine(1.0, c[0]).secret());
        }
        let x = self.plain(&n.name, x)?;
        let values: Vec<f64> = c.iter().map(|v| v / x.scale).collect();
        let range = self.range(n.outputs[0])?.affine(1.0 / x.scale, 0.0);
        let edge = self.b.add_const(&n.name, x.edge, &values, range)?;
        Ok(Form { edge, ..x }.secret())
    }

    fn times(&mut self, n: &Node, x: Form, c: &[f64], uniform: bool) -> Result<Form, Error> {
        if c.iter().any(|v| !v.is_finite()) {
            return Err(Error::Invalid(format!("node '{}' divides by zero", n.name)));
        }
        if uniform {
            return Ok(x.affine(c[0], 0.0).secret());
        }
        let y = self.scale_by(&n.name, x, c, &[])?;
        self.calibrated(y.edge, n.outputs[0])?;
        Ok(y)
    }

    fn two_secrets(&mut self, n: &Node, f: Binary) -> Result<Form, Error> {
        let shape = self.shape(n.outputs[0])?;
        let range = self.range(n.outputs[0])?;
        let mut xs = [self.operand(n, 0)?, self.operand(n, 1)?];
        for x in &mut xs {
            *x = self.expand(&n.name, *x, &shape)?;
        }
        let [a, b] = xs;
        match f {
            Binary::Add | Binary::Sub => {
                let b = if f == Binary::Sub { b.affine(-1.0, 0.0) } else { b };
                match a.add(b) {
                    Some(y) => Ok(y),
                    None => self.sum(&n.name, a, b, range),
                }
            }
            Binary::Mul => self.multiply(n, a, b),
            Binary::Max => {
                let d = self.difference(&n.name, a, b)?;
                self.sum(&n.name, b, d, range)
            }
            Binary::Min => {
                let d = self.difference(&n.name, a, b)?;
                self.sum(&n.name, a, d.affine(-1.0, 0.0), range)
            }
            Binary::Div | Binary::Pow => Err(refuse(
                n,
                "quotients and powers of two values that depend on the input are not computed privately",
                "divide by constants only",
            )),
        }
    }

    fn sum(&mut self, name: &str, a: Form, b: Form, range: Range) -> Result<Form, Error> {
        let a = self.plain(name, a)?;
        let b = self.plain(name, b)?;
        if a.scale == -b.scale && self.b.edge(a.edge).divisor == self.b.edge(b.edge).divisor {
            let edge = self.b.add(name, a.edge, b.edge, true, range.affine(1.0 / a.scale, 0.0));
            return Ok(Form { edge, ..a });
        }
        let (a, b) = self.common(name, a, b)?;
        let edge = self.b.add(name, a.edge, b.edge, false, range.affine(1.0 / a.scale, 0.0));
        Ok(Form { edge, secret: a.secret || b.secret, ..a })
    }

    /// `relu(a - b)`.
    fn difference(&mut self, name: &str, a: Form, b: Form) -> Result<Form, Error> {
        let (a, b) = self.common(name, a, b)?;
        let (ra, rb) = (self.b.edge(a.edge).range, self.b.edge(b.edge).range);
        let range = ra.sum(rb.affine(-1.0, 0.0));
        let edge = self.b.add(&format!("{name}/difference"), a.edge, b.edge, true, range);
        let d = self.positive(name, Form { edge, ..a })?;
        Ok(self.exact_relu(name, d))
    }

    fn multiply(&mut self, n: &Node, a: Form, b: Form) -> Result<Form, Error> {
        if let Some(y) = a.mul(b) {
            return Ok(y);
        }
        let range = self.range(n.outputs[0])?;
        self.product(&n.name, a, b, range)
    }

    /// The product of two forms on a new edge, its calibrated real range being `range`.
    pub(super) fn product(
        &mut self,
        name: &str,
        a: Form,
        b: Form,
        range: Range,
    ) -> Result<Form, Error> {
        let (a, b) = (self.plain(name, a)?, self.plain(name, b)?);
        let (x, y) = (self.b.narrow(a.edge), self.b.narrow(b.edge));
        let scale = a.scale * b.scale;
        let edge = self.b.mul(name, x, y, range.affine(1.0 / scale, 0.0))?;
        Ok(Form { edge, square: 0.0, scale, offset: 0.0, secret: a.secret || b.secret })
    }

    pub(super) fn batch_norm(&mut self, index: usize, n: &Node, epsilon: f32) -> Result<(), Error> {
        let x = self.operand(n, 0)?;
        let [scale, bias, mean, var] = [1, 2, 3, 4].map(|i| self.floats(n, i));
        let (scale, bias, mean, var) = (scale?, bias?, mean?, var?);
        let shape = &self.g.value(n.outputs[0]).shape;
        let channels = shape.get(1).copied().unwrap_or(1);
        let run: usize = shape.iter().skip(2).product();
        let n_all: usize = shape.iter().product();
        let of = |v: &[f32], c: usize| f64::from(v[c]);
        let factor: Vec<f64> = (0..channels)
            .map(|c| of(scale, c) / (of(var, c) + f64::from(epsilon)).sqrt())
            .collect();
        let offset: Vec<f64> =
            (0..channels).map(|c| of(bias, c) - of(mean, c) * factor[c]).collect();
        if self.gate(index, n, &factor, &offset)? {
            return Ok(());
        }
        let everywhere =
            |v: &[f64]| (0..n_all).map(|i| v[i / run.max(1) % channels.max(1)]).collect::<Vec<_>>();
        let y = self.scale_by(&n.name, x, &everywhere(&factor), &everywhere(&offset))?;
        self.calibrated(y.edge, n.outputs[0])?;
        self.set(n.outputs[0], y);
        Ok(())
    }

    /// Narrows an edge's computed range to what calibration saw of the value it stands for.
    pub(super) fn calibrated(&mut self, edge: EdgeId, id: crate::ir::ValueId) -> Result<(), Error> {
        let range = self.range(id)?;
        self.b.edges[edge.0 as usize].range = range;
        Ok(())
    }

    /// Repeats a value along axes of extent 1 up to `shape`.
    pub(super) fn expand(&mut self, name: &str, f: Form, shape: &[u32]) -> Result<Form, Error> {
        let mut now = self.b.edge(f.edge).shape.clone();
        if now == shape {
            return Ok(f);
        }
        let lead = shape.len().saturating_sub(now.len());
        now.splice(0..0, std::iter::repeat_n(1, lead));
        let name = format!("{name}/expand");
        let mut edge = self.b.rearrange(&name, Rearrange::Reshape, f.edge, now.clone());
        for (axis, &d) in shape.iter().enumerate() {
            if now[axis] != d {
                now[axis] = d;
                let take = Rearrange::Take { axis: axis as u32, indices: vec![0; d as usize] };
                edge = self.b.rearrange(&name, take, edge, now.clone());
            }
        }
        Ok(Form { edge, ..f })
    }
}

/// A float constant at every element of `shape`.
pub(super) fn broadcast(t: &Tensor, shape: &[usize]) -> Result<Vec<f64>, Error> {
    let data = t.as_f32()?;
    let lead = shape.len().checked_sub(t.shape().len());
    let lead = lead.filter(|&l| t.shape().iter().zip(&shape[l..]).all(|(&a, &b)| a == b || a == 1));
    let Some(lead) = lead else {
        return Err(Error::Shape(format!("{:?} does not broadcast to {shape:?}", t.shape())));
    };
    let n: usize = shape.iter().product();
    let mut strides = vec![0; shape.len()];
    let mut stride = 1;
    for (a, &d) in t.shape().iter().enumerate().rev() {
        strides[lead + a] = if d == 1 { 0 } else { stride };
        stride *= d;
    }
    let at = |i: usize| {
        let (mut rest, mut at) = (i, 0);
        for (&d, &s) in shape.iter().zip(&strides).rev() {
            at += rest % d * s;
            rest /= d;
        }
        f64::from(data[at])
    };
    Ok((0..n).map(at).collect())
}
