use super::window::{Window2, image};
use super::{Form, Lower, Range, bits};
use crate::Error;
use crate::fixed::semantics::{Tournament, windows};
use crate::fixed::{PoolShape, Rearrange};
use crate::ir::{Node, Op, Reduce, Unary, ValueId, Window};

impl Lower<'_> {
    pub(super) fn max_pool(
        &mut self,
        index: usize,
        n: &Node,
        window: &Window,
    ) -> Result<(), Error> {
        let shape = self.shape(self.id(n, 0)?)?;
        let (channels, plane) = image(n, &shape)?;
        let pool = Window2::new(n, window)?.pool(channels, plane);
        let x = self.operand(n, 0)?;
        self.max(index, n, x, pool)
    }

    pub(super) fn global_max(&mut self, index: usize, n: &Node) -> Result<(), Error> {
        let shape = self.shape(self.id(n, 0)?)?;
        let (channels, plane) = image(n, &shape)?;
        let x = self.operand(n, 0)?;
        self.max(index, n, x, whole(channels, plane))
    }

    /// A max pool together with the rectifier it is paired with, in the cheaper order.
    ///
    /// Cost is counted in bits compared. Pooling first compares wide values within windows and
    /// activates few; activating first narrows every value before windows compare them.
    fn max(&mut self, index: usize, n: &Node, x: Form, pool: PoolShape) -> Result<(), Error> {
        let x = self.positive(&n.name, x)?;
        let rectifier = self.plan.partner[index].map(|i| &self.g.nodes[i]);
        let last = match self.plan.partner[index] {
            Some(i) if i > index => self.g.nodes[i].outputs[0],
            _ => n.outputs[0],
        };
        let hi = match rectifier.map(|r| &r.op) {
            Some(Op::Unary(Unary::Clip { hi, .. })) => f64::from(*hi),
            _ => f64::INFINITY,
        };
        let range = self.range(last)?;
        let shape = self.shape(n.outputs[0])?;
        let edge = self.b.edge(x.edge);
        let margin = self.b.options.margin;
        let wide = u64::from(edge.bits(margin));
        let seen = if rectifier.is_some() { edge.range.clipped(f64::INFINITY) } else { edge.range };
        let frac = edge.frac.min(super::frac_for(
            seen.magnitude() * f64::from(edge.divisor),
            self.b.options.act_bits,
        ));
        let unit = f64::from(frac).exp2() * f64::from(edge.divisor);
        let narrow = u64::from(bits(seen.magnitude() * unit * margin));
        let comparisons =
            Tournament::new(&windows(&pool)).comparisons() as u64 * u64::from(pool.channels);
        let (before, after) = (edge.len(), shape.iter().map(|&d| u64::from(d)).product::<u64>());
        let pool_first = comparisons * (wide + 1) + after * wide;
        let activate_first = before * wide + (comparisons + after) * (narrow + 1);
        let small = wide <= narrow + 1;

        let y = if rectifier.is_none() && (small || self.plan.users[self.id(n, 0)?.0].len() > 1) {
            let edge = self.b.narrow(x.edge);
            Form { edge: self.b.max_pool(&n.name, edge, pool, shape), ..x }
        } else if rectifier.is_none() {
            let frac = self.b.frac_within(x.edge, self.b.options.act_bits);
            let edge = if pool_first <= activate_first {
                let y = self.b.max_pool(&n.name, x.edge, pool, shape);
                self.b.round_to(y, frac)
            } else {
                let y = self.b.round_to(x.edge, frac);
                self.b.max_pool(&n.name, y, pool, shape)
            };
            Form { edge, ..x }
        } else if small || pool_first <= activate_first {
            let edge = self.b.max_pool(&n.name, x.edge, pool, shape);
            let name = rectifier.map_or(&n.name, |r| &r.name);
            self.rectify(name, Form { edge, ..x }, hi, range)?
        } else {
            let name = rectifier.map_or(&n.name, |r| &r.name);
            let before = seen.affine(x.scale, 0.0);
            let y = self.rectify(name, x, hi, before)?;
            let edge = self.b.max_pool(&n.name, y.edge, pool, shape);
            Form { edge, ..y }
        };
        self.follow_steps(n);
        self.set(n.outputs[0], y);
        Ok(())
    }

    /// A movement or maximum of quantised integers keeps their scale.
    pub(super) fn follow_steps(&mut self, n: &Node) {
        if let Some(x) = n.inputs.first().copied().flatten() {
            for o in &n.outputs {
                self.steps[o.0] = self.steps[x.0];
            }
        }
    }

    pub(super) fn average_pool(
        &mut self,
        n: &Node,
        window: &Window,
        with_pad: bool,
    ) -> Result<(), Error> {
        let shape = self.shape(self.id(n, 0)?)?;
        let (channels, plane) = image(n, &shape)?;
        let pool = Window2::new(n, window)?.pool(channels, plane);
        let taps = pool.kernel[0] * pool.kernel[1];
        let seen = windows(&pool);
        let counts: Vec<u32> = (0..seen.len()).map(|i| seen.get(i).len() as u32).collect();
        let x = self.operand(n, 0)?;
        let uniform = if with_pad { Some(taps) } else { counts.first().copied() }
            .filter(|c| *c > 0 && (with_pad || counts.iter().all(|d| d == c)));
        if let Some(count) = uniform {
            return self.mean(n, x, pool, count);
        }
        // The divisor depends on the position: sums, then a factor per element.
        let x = self.plain(&n.name, x)?;
        let most = counts.iter().copied().max().unwrap_or(1);
        let range = self.b.edge(x.edge).range.affine(f64::from(most), 0.0);
        let range = range.union(Range::new(0.0, 0.0));
        let shape = self.shape(n.outputs[0])?;
        let name = format!("{}/sum", n.name);
        let edge = self.b.sum_pool(&name, x.edge, pool, 1, shape, range)?;
        let factor: Vec<f64> =
            (0..channels).flat_map(|_| counts.iter().map(|&c| 1.0 / f64::from(c.max(1)))).collect();
        let y = self.scale_by(&n.name, Form { edge, ..x }, &factor, &[])?;
        self.calibrated(y.edge, n.outputs[0])?;
        self.set(n.outputs[0], y);
        Ok(())
    }

    pub(super) fn global_average(&mut self, n: &Node) -> Result<(), Error> {
        let shape = self.shape(self.id(n, 0)?)?;
        let (channels, plane) = image(n, &shape)?;
        let x = self.operand(n, 0)?;
        self.mean(n, x, whole(channels, plane), plane[0] * plane[1])
    }

    fn mean(&mut self, n: &Node, x: Form, pool: PoolShape, count: u32) -> Result<(), Error> {
        let x = self.plain(&n.name, x)?;
        let range = self.mean_range(n, x)?;
        let shape = self.shape(n.outputs[0])?;
        let edge = self.b.sum_pool(&n.name, x.edge, pool, count, shape, range)?;
        self.set(n.outputs[0], Form { edge, ..x });
        Ok(())
    }

    pub(super) fn reduce(
        &mut self,
        index: usize,
        n: &Node,
        kind: Reduce,
        axes: &[usize],
    ) -> Result<(), Error> {
        let id = self.id(n, 0)?;
        let x = self.operand(n, 0)?;
        let x = if kind == Reduce::Min { x.affine(-1.0, 0.0) } else { x };
        let (x, pool) = self.trailing(n, x, id, axes)?;
        let count = pool.kernel[1];
        match kind {
            Reduce::Mean => self.mean(n, x, pool, count)?,
            Reduce::Sum => self.mean(n, x, pool, 1)?,
            Reduce::Max | Reduce::Min => {
                self.max(index, n, x, pool)?;
                if let (Reduce::Min, Some(f)) = (kind, self.form(n.outputs[0])) {
                    self.set(n.outputs[0], f.affine(-1.0, 0.0));
                }
            }
        }
        Ok(())
    }

    /// Moves reduced axes last and returns the pool over them.
    fn trailing(
        &mut self,
        n: &Node,
        x: Form,
        id: ValueId,
        axes: &[usize],
    ) -> Result<(Form, PoolShape), Error> {
        let shape = self.shape(id)?;
        let kept = (0..shape.len()).filter(|a| !axes.contains(a));
        let perm: Vec<usize> =
            kept.clone().chain((0..shape.len()).filter(|a| axes.contains(a))).collect();
        let moved: Vec<u32> = perm.iter().map(|&a| shape[a]).collect();
        let channels: u32 = kept.map(|a| shape[a]).product();
        let count: u32 = axes.iter().map(|&a| shape[a]).product();
        let mut edge = x.edge;
        if !perm.is_sorted() {
            let perm = perm.iter().map(|&a| a as u32).collect();
            let name = format!("{}/transpose", n.name);
            edge = self.b.rearrange(&name, Rearrange::Transpose { perm }, edge, moved);
        }
        Ok((Form { edge, ..x }, whole(channels, [1, count])))
    }
}

/// One window over the whole plane.
fn whole(channels: u32, [h, w]: [u32; 2]) -> PoolShape {
    PoolShape { channels, h, w, kernel: [h, w], stride: [1, 1], dilation: [1, 1], pads: [0; 4] }
}
