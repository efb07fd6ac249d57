use super::{Form, Lower, frac_for, refuse};
use crate::Error;
use crate::fixed::{EdgeId, Rearrange};
use crate::ir::{DType, Node, Op, PadMode};

/// Surplus bits of a concatenation over its widest operand, so that operands of smaller range
/// keep part of their finer scale.
const CONCAT_BITS: u32 = 2;

impl Lower<'_> {
    /// Movement of elements, local on shares.
    pub(super) fn movement(&mut self, n: &Node) -> Result<(), Error> {
        if let Op::Concat { axis } = n.op {
            return self.concat(n, axis);
        }
        let x = self.operand(n, 0)?;
        let from = self.shape(self.id(n, 0)?)?;
        let to = self.shape(n.outputs[0])?;
        let y = match &n.op {
            Op::Reshape { .. } => self.moved(n, x, Rearrange::Reshape, to),
            Op::Transpose { perm } => {
                let perm = perm.iter().map(|&a| a as u32).collect();
                self.moved(n, x, Rearrange::Transpose { perm }, to)
            }
            Op::Pad { pads, mode: PadMode::Constant, value } => {
                self.pad(n, x, pads, f64::from(*value), to)?
            }
            Op::Pad { pads, mode, .. } => {
                let index = |a: usize| -> Vec<u32> {
                    let (size, before) = (i64::from(from[a]), pads[a].0 as i64);
                    (0..i64::from(to[a])).map(|i| mirrored(i - before, size, mode) as u32).collect()
                };
                self.taken(n, x, &from, (0..from.len()).map(|a| (a, index(a))).collect())
            }
            Op::Slice { starts, steps, .. } => {
                let starts = starts.iter().map(|&s| s as u32).collect();
                let steps = steps.iter().map(|&s| s as i32).collect();
                self.moved(n, x, Rearrange::Slice { starts, steps }, to)
            }
            Op::Split { axis, sizes } => return self.split(n, x, &from, *axis, sizes),
            Op::Gather { axis } => self.gather(n, x, &from, *axis, to)?,
            Op::Expand { .. } => self.expand(&n.name, x, &to)?,
            Op::Tile { .. } => {
                let index = |a: usize| (0..to[a]).map(|i| i % from[a]).collect();
                self.taken(n, x, &from, (0..from.len()).map(|a| (a, index(a))).collect())
            }
            Op::ResizeNearest { index } => {
                let first = from.len() - index.len();
                let axes = index.iter().enumerate();
                let axes = axes.map(|(a, v)| (first + a, v.iter().map(|&i| i as u32).collect()));
                self.taken(n, x, &from, axes.collect())
            }
            Op::DepthSpace { block, to_space, column_row } => {
                self.blocks(n, x, &from, (*block as u32, *to_space, *column_row), to)?
            }
            Op::Cast { to: DType::F32 } => x,
            Op::Cast { to } if self.g.value(self.id(n, 0)?).dtype == *to => x,
            _ => {
                return Err(refuse(
                    n,
                    "it is not computed privately",
                    "replace it by operators that `sordino check` lists as supported",
                ));
            }
        };
        self.follow_steps(n);
        self.set(n.outputs[0], y);
        Ok(())
    }

    fn moved(&mut self, n: &Node, x: Form, r: Rearrange, shape: Vec<u32>) -> Form {
        Form { edge: self.b.rearrange(&n.name, r, x.edge, shape), ..x }
    }

    /// Selects indices along several axes, leaving out those that stay as they are.
    fn taken(&mut self, n: &Node, x: Form, from: &[u32], axes: Vec<(usize, Vec<u32>)>) -> Form {
        let mut shape = from.to_vec();
        let mut edge = x.edge;
        for (a, indices) in axes {
            if indices.iter().copied().eq(0..shape[a]) {
                continue;
            }
            shape[a] = indices.len() as u32;
            let take = Rearrange::Take { axis: a as u32, indices };
            edge = self.b.rearrange(&n.name, take, edge, shape.clone());
        }
        Form { edge, ..x }
    }

    fn pad(
        &mut self,
        n: &Node,
        x: Form,
        pads: &[(isize, isize)],
        value: f64,
        to: Vec<u32>,
    ) -> Result<Form, Error> {
        let mut x = self.plain(&n.name, x)?;
        if value != 0.0 && x.secret {
            // The padding is public; at a secret factor's scale it would show the factor.
            x = self.unit(&n.name, x)?;
        }
        let value = (value / x.scale * self.b.edge(x.edge).unit()).round();
        if value.abs() >= 2f64.powi(62) {
            return Err(Error::Limit(format!(
                "node '{}' pads with a value beyond 62 bits",
                n.name
            )));
        }
        let pads = pads.iter().map(|&(a, b)| (a as i32, b as i32)).collect();
        Ok(self.moved(n, x, Rearrange::Pad { pads, value: value as i64 }, to))
    }

    fn split(
        &mut self,
        n: &Node,
        x: Form,
        from: &[u32],
        axis: usize,
        sizes: &[usize],
    ) -> Result<(), Error> {
        let mut at = 0;
        for (&id, &size) in n.outputs.iter().zip(sizes) {
            let mut starts = vec![0; from.len()];
            starts[axis] = at;
            let slice = Rearrange::Slice { starts, steps: vec![1; from.len()] };
            let y = self.moved(n, x, slice, self.shape(id)?);
            self.set(id, y);
            at += size as u32;
        }
        self.follow_steps(n);
        Ok(())
    }

    fn gather(
        &mut self,
        n: &Node,
        x: Form,
        from: &[u32],
        axis: usize,
        to: Vec<u32>,
    ) -> Result<Form, Error> {
        let indices = self.tensor(n, 1)?.as_i64()?;
        let size = i64::from(from[axis]);
        let wrapped = |&i: &i64| u32::try_from(if i < 0 { i + size } else { i }).ok();
        let indices = indices.iter().map(wrapped).collect::<Option<Vec<u32>>>();
        let indices = indices
            .filter(|v| v.iter().all(|&i| i < from[axis]))
            .ok_or_else(|| Error::Invalid(format!("node '{}' gathers beyond its axis", n.name)))?;
        let y = self.taken(n, x, from, vec![(axis, indices)]);
        Ok(self.moved(n, y, Rearrange::Reshape, to))
    }

    fn blocks(
        &mut self,
        n: &Node,
        x: Form,
        from: &[u32],
        (b, to_space, column_row): (u32, bool, bool),
        to: Vec<u32>,
    ) -> Result<Form, Error> {
        let &[batch, c, h, w] = from else {
            return Err(refuse(n, "its operand is not an image", "use four axes"));
        };
        let (split, perm): ([u32; 6], [u32; 6]) = match (to_space, column_row) {
            (true, false) => ([batch, b, b, c / (b * b), h, w], [0, 3, 4, 1, 5, 2]),
            (true, true) => ([batch, c / (b * b), b, b, h, w], [0, 1, 4, 2, 5, 3]),
            (false, _) => ([batch, c, h / b, b, w / b, b], [0, 3, 5, 1, 2, 4]),
        };
        let x = self.moved(n, x, Rearrange::Reshape, split.to_vec());
        let shape = perm.iter().map(|&p| split[p as usize]).collect();
        let x = self.moved(n, x, Rearrange::Transpose { perm: perm.to_vec() }, shape);
        Ok(self.moved(n, x, Rearrange::Reshape, to))
    }

    fn concat(&mut self, n: &Node, axis: usize) -> Result<(), Error> {
        let fs = (0..n.inputs.len()).map(|i| self.operand(n, i)).collect::<Result<Vec<_>, _>>()?;
        let fs = self.common_all(&n.name, fs)?;
        let edges = self.aligned(n, fs.iter().map(|f| f.edge).collect());
        let shape = self.shape(n.outputs[0])?;
        let edge = self.b.concat(&n.name, axis, edges, shape);
        let secret = fs.iter().any(|f| f.secret);
        self.follow_steps(n);
        self.set(n.outputs[0], Form { edge, secret, ..fs[0] });
        Ok(())
    }

    /// Rounds the operands of a concatenation where that is cheaper than carrying wide values
    /// through all that reads it: each later activation compares every bit that is kept, and one
    /// operand's bits widen all the others.
    fn aligned(&mut self, n: &Node, edges: Vec<EdgeId>) -> Vec<EdgeId> {
        let o = self.b.options;
        let read = self.plan.fanout[n.outputs[0].0] as u64
            * self.g.value(n.outputs[0]).shape.iter().product::<usize>() as u64;
        let magnitude = edges
            .iter()
            .map(|&e| self.b.edge(e).range.magnitude() * f64::from(self.b.edge(e).divisor))
            .fold(0.0, f64::max);
        let target = frac_for(magnitude, o.act_bits + CONCAT_BITS);
        let round = |s: &Self, e: EdgeId| {
            let d = s.b.edge(e);
            let own = s.b.frac_within(e, o.act_bits);
            let kept = own.min(target);
            let wide = u64::from(d.bits(o.margin));
            let surplus = (d.frac - kept).max(0) as u64;
            (read * surplus > wide * d.len()).then_some(kept)
        };
        edges
            .into_iter()
            .map(|e| match round(self, e) {
                Some(frac) => self.b.round_to(e, frac),
                None => e,
            })
            .collect()
    }
}

/// Source index of a position that may lie outside `0..size`.
fn mirrored(i: i64, size: i64, mode: &PadMode) -> i64 {
    match mode {
        PadMode::Reflect if size > 1 => {
            let period = 2 * (size - 1);
            let r = i.rem_euclid(period);
            r.min(period - r)
        }
        _ => i.clamp(0, size - 1),
    }
}
