use super::curve::Curve;
use super::options::QuantiseOptions;
use super::range::{Range, bits, frac_for};
use crate::Error;
use crate::fixed::{
    ConvShape, EdgeId, FixedNode, FixedOp, Function, KernelSums, LayerWeights, PoolShape,
    Rearrange, WeightId,
};
use std::collections::{HashMap, HashSet};

/// An edge whose ring is not known yet.
#[derive(Clone, Debug)]
pub(in crate::fixed) struct Draft {
    pub(in crate::fixed) name: String,
    pub(in crate::fixed) shape: Vec<u32>,
    pub(in crate::fixed) frac: i32,
    pub(in crate::fixed) divisor: u32,
    /// Real values, calibrated.
    pub(in crate::fixed) range: Range,
}

impl Draft {
    pub(in crate::fixed) fn len(&self) -> u64 {
        self.shape.iter().map(|&d| u64::from(d)).product()
    }

    /// Integer per unit.
    pub(in crate::fixed) fn unit(&self) -> f64 {
        f64::from(self.frac).exp2() * f64::from(self.divisor)
    }

    /// Signed bits of the calibrated range, `margin` times over.
    pub(super) fn bits(&self, margin: f64) -> u32 {
        bits(self.range.magnitude() * self.unit() * margin)
    }

    fn at(&self, frac: i32) -> Self {
        Self { frac, ..self.clone() }
    }
}

/// Nodes and edges under construction, at the level of integers.
pub(super) struct Builder<'a> {
    pub(super) options: &'a QuantiseOptions,
    pub(super) edges: Vec<Draft>,
    pub(super) nodes: Vec<FixedNode>,
    pub(super) weights: Vec<LayerWeights>,
    /// Values already rounded to a number of fraction bits.
    rounded: HashMap<(EdgeId, i32), EdgeId>,
    /// What masks leave as it is, rounded.
    kept: HashSet<EdgeId>,
    /// Functions of one edge, by the edge of their results, where functions are tables; none where
    /// they are sequences of comparisons and products.
    pub(super) curves: Option<HashMap<EdgeId, Curve>>,
    /// Ring bits per edge, once assigned.
    pub(super) rings: Vec<u32>,
}

/// A linear layer in reals.
pub(super) struct RealLinear<'a> {
    pub(super) conv: ConvShape,
    pub(super) kernel: &'a [f64],
    /// Per output channel, or empty.
    pub(super) bias: &'a [f64],
    pub(super) shape: Vec<u32>,
    pub(super) range: Range,
}

impl<'a> Builder<'a> {
    pub(super) fn new(options: &'a QuantiseOptions) -> Self {
        Self {
            options,
            edges: vec![],
            nodes: vec![],
            weights: vec![],
            rounded: HashMap::new(),
            kept: HashSet::new(),
            curves: None,
            rings: vec![],
        }
    }

    pub(super) fn edge(&self, id: EdgeId) -> &Draft {
        &self.edges[id.0 as usize]
    }

    pub(super) fn new_edge(&mut self, draft: Draft) -> EdgeId {
        self.edges.push(draft);
        EdgeId(self.edges.len() as u32 - 1)
    }

    pub(super) fn node(
        &mut self,
        name: &str,
        op: FixedOp,
        inputs: Vec<EdgeId>,
        out: Draft,
    ) -> EdgeId {
        let output = self.new_edge(out);
        self.nodes.push(FixedNode { name: name.into(), op, inputs, output });
        output
    }

    fn secrets(&mut self, layer: LayerWeights) -> WeightId {
        self.weights.push(layer);
        WeightId(self.weights.len() as u32 - 1)
    }

    /// A linear layer over `factor` times the operand. The kernel is quantised to `weight_bits`
    /// with the largest power-of-two scale that fits, or to fewer where they hold it exactly.
    pub(super) fn linear(
        &mut self,
        name: &str,
        x: EdgeId,
        factor: f64,
        l: RealLinear<'_>,
    ) -> Result<EdgeId, Error> {
        let mut weight_bits = self.options.weight_bits;
        let factor = factor / f64::from(self.edge(x).divisor);
        let largest = l.kernel.iter().fold(0f64, |m, k| m.max((k * factor).abs()));
        if l.kernel.iter().any(|k| !k.is_finite()) || !largest.is_finite() {
            return Err(Error::Invalid(format!(
                "layer '{name}' has a weight that is not a number"
            )));
        }
        let mut weight_frac = frac_for(largest, weight_bits);
        let scale = f64::from(weight_frac).exp2() * factor;
        let mut kernel: Vec<i32> = l.kernel.iter().map(|k| (k * scale).round() as i32).collect();
        let mut frac = self.edge(x).frac + weight_frac;
        if l.kernel.iter().zip(&kernel).all(|(k, &q)| k * scale == f64::from(q)) {
            // A bias stays as precise as the result is going to be.
            let kept = frac_for(l.range.magnitude(), self.options.act_bits);
            let most = if l.bias.is_empty() { u32::MAX } else { (frac - kept).max(0) as u32 };
            let spare = spare_bits(&kernel).min(most);
            kernel.iter_mut().for_each(|q| *q >>= spare);
            weight_frac -= spare as i32;
            frac -= spare as i32;
            weight_bits -= spare;
        }
        let bias = integers(name, l.bias, f64::from(frac).exp2())?;
        let sums = KernelSums::published(&l.conv, &kernel, weight_bits);
        let weights = self.secrets(LayerWeights { kernel, bias });
        let op = FixedOp::Linear { conv: l.conv, weights, weight_bits, weight_frac, sums };
        let out = Draft { name: name.into(), shape: l.shape, frac, divisor: 1, range: l.range };
        Ok(self.node(name, op, vec![x], out))
    }

    /// Adds one constant per element, or one to all of them.
    pub(super) fn add_const(
        &mut self,
        name: &str,
        x: EdgeId,
        values: &[f64],
        range: Range,
    ) -> Result<EdgeId, Error> {
        let from = self.edge(x).clone();
        let mut bias = integers(name, values, from.unit())?;
        if bias.len() == 1 {
            bias = vec![bias[0]; from.len() as usize];
        }
        if bias.iter().all(|&b| b == 0) {
            return Ok(x);
        }
        let weights = self.secrets(LayerWeights { kernel: vec![], bias });
        let out = Draft { name: name.into(), range, ..from };
        Ok(self.node(name, FixedOp::AddConst { weights }, vec![x], out))
    }

    /// Applies a function and rounds to `act_bits`. `hi` bounds the result from above, in reals.
    pub(super) fn activate(&mut self, name: &str, x: EdgeId, relu: Relu, range: Range) -> EdgeId {
        let from = self.edge(x);
        let frac = from
            .frac
            .min(frac_for(range.magnitude() * f64::from(from.divisor), self.options.act_bits));
        let out = Draft { name: name.into(), range, ..from.at(frac) };
        let function = match relu {
            Relu::Unbounded => Function::Relu,
            Relu::Bounded(hi) => {
                Function::ReluMax { hi: (hi * out.unit()).round().max(1.0) as i64 }
            }
        };
        let shift = (from.frac - frac) as u32;
        self.node(name, FixedOp::Activate { shift, function, flips: None }, vec![x], out)
    }

    /// `max(x, 0)`, or `min(x, 0)` in the channels that flip, rounded to `act_bits`.
    pub(super) fn gate(&mut self, name: &str, x: EdgeId, flips: &[bool], range: Range) -> EdgeId {
        let from = self.edge(x);
        let frac = from
            .frac
            .min(frac_for(range.magnitude() * f64::from(from.divisor), self.options.act_bits));
        let out = Draft { name: name.into(), range, ..from.at(frac) };
        let shift = (from.frac - frac) as u32;
        let bias = flips.iter().map(|&f| i64::from(f)).collect();
        let flips = Some(self.secrets(LayerWeights { kernel: vec![], bias }));
        self.node(name, FixedOp::Activate { shift, function: Function::Relu, flips }, vec![x], out)
    }

    /// `max(x, 0)` at the operand's scale.
    pub(super) fn exact_relu(&mut self, name: &str, x: EdgeId, range: Range) -> EdgeId {
        let out = Draft { name: name.into(), range, ..self.edge(x).clone() };
        let op = FixedOp::Activate { shift: 0, function: Function::Relu, flips: None };
        self.node(name, op, vec![x], out)
    }

    /// Drops fraction bits down to `frac` unless there are no more; each value only once.
    pub(super) fn round_to(&mut self, x: EdgeId, frac: i32) -> EdgeId {
        let from = self.edge(x);
        if from.frac <= frac {
            return x;
        }
        if let Some(&y) = self.rounded.get(&(x, frac)) {
            return y;
        }
        let name = format!("{}/round", from.name);
        let shift = (from.frac - frac) as u32;
        let op = FixedOp::Activate { shift, function: Function::Identity, flips: None };
        let out = Draft { name: name.clone(), ..from.at(frac) };
        let y = self.node(&name, op, vec![x], out);
        self.rounded.insert((x, frac), y);
        y
    }

    /// What a mask leaves as it is, rounded to `frac`.
    pub(super) fn keep(&mut self, x: EdgeId, frac: i32) -> EdgeId {
        let y = self.round_to(x, frac);
        if y != x {
            self.kept.insert(y);
        }
        y
    }

    /// One more bit of the operand of a rounding that extends the ring of what a mask leaves: with
    /// it, the two-party backend's rough truncation extends without a comparison.
    pub(super) fn spare(&self, y: EdgeId, own: u32, shift: u32, out: u32) -> u32 {
        u32::from(self.kept.contains(&y) && out + shift > own && out + 2 * shift > 2 * own)
    }

    /// The fraction bits at which an edge fits `bits` signed bits without margin.
    pub(super) fn frac_within(&self, x: EdgeId, bits: u32) -> i32 {
        let e = self.edge(x);
        e.frac.min(frac_for(e.range.magnitude() * f64::from(e.divisor), bits))
    }

    /// Rounds to `act_bits`.
    pub(super) fn narrow(&mut self, x: EdgeId) -> EdgeId {
        let frac = self.frac_within(x, self.options.act_bits);
        self.round_to(x, frac)
    }

    /// An operand of a linear layer with `outputs` elements: rounded to `act_bits`, unless
    /// carrying the surplus bits through the layer's ring costs less than rounding them away.
    pub(super) fn operand(&mut self, x: EdgeId, outputs: u64) -> EdgeId {
        let frac = self.frac_within(x, self.options.act_bits);
        let e = self.edge(x);
        let surplus = (e.frac - frac) as u64;
        let known = self.rounded.contains_key(&(x, frac));
        let rounding = e.len() * u64::from(e.bits(self.options.margin));
        if !known && surplus <= MAX_SURPLUS && surplus * outputs <= rounding {
            x
        } else {
            self.round_to(x, frac)
        }
    }

    /// Sum over windows, read as a mean over `count` elements (1 for a plain sum).
    pub(super) fn sum_pool(
        &mut self,
        name: &str,
        x: EdgeId,
        pool: PoolShape,
        count: u32,
        shape: Vec<u32>,
        range: Range,
    ) -> Result<EdgeId, Error> {
        let from = self.edge(x);
        let twos = count.trailing_zeros();
        let divisor = from.divisor.checked_mul(count >> twos).ok_or_else(|| {
            Error::Limit(format!(
                "layer '{name}': the divisors of nested average pools exceed 32 bits"
            ))
        })?;
        let frac = from.frac + twos as i32;
        let out = Draft { name: name.into(), shape, frac, divisor, range };
        Ok(self.node(name, FixedOp::SumPool(pool), vec![x], out))
    }

    pub(super) fn max_pool(
        &mut self,
        name: &str,
        x: EdgeId,
        pool: PoolShape,
        shape: Vec<u32>,
    ) -> EdgeId {
        let out = Draft { name: name.into(), shape, ..self.edge(x).clone() };
        self.node(name, FixedOp::MaxPool(pool), vec![x], out)
    }

    /// `a + b` or `a - b` of equal shapes and divisors.
    pub(super) fn add(
        &mut self,
        name: &str,
        a: EdgeId,
        b: EdgeId,
        subtract: bool,
        range: Range,
    ) -> EdgeId {
        let (fa, fb) = (self.edge(a).frac, self.edge(b).frac);
        let frac = fa.max(fb);
        let shl = [(frac - fa) as u32, (frac - fb) as u32];
        let out = Draft { name: name.into(), range, ..self.edge(a).at(frac) };
        self.node(name, FixedOp::Add { shl, subtract }, vec![a, b], out)
    }

    /// Product of two edges of equal shapes.
    pub(super) fn mul(
        &mut self,
        name: &str,
        a: EdgeId,
        b: EdgeId,
        range: Range,
    ) -> Result<EdgeId, Error> {
        let (x, y) = (self.edge(a), self.edge(b));
        let divisor = x.divisor.checked_mul(y.divisor).ok_or_else(|| {
            Error::Limit(format!("layer '{name}': the divisors of average pools exceed 32 bits"))
        })?;
        let out = Draft {
            name: name.into(),
            shape: x.shape.clone(),
            frac: x.frac + y.frac,
            divisor,
            range,
        };
        Ok(self.node(name, FixedOp::Mul, vec![a, b], out))
    }

    /// Joins edges of equal divisors.
    pub(super) fn concat(
        &mut self,
        name: &str,
        axis: usize,
        xs: Vec<EdgeId>,
        shape: Vec<u32>,
    ) -> EdgeId {
        let frac = xs.iter().map(|&x| self.edge(x).frac).max().unwrap_or(0);
        let shl = xs.iter().map(|&x| (frac - self.edge(x).frac) as u32).collect();
        let first = self.edge(xs[0]).clone();
        let range = xs.iter().fold(first.range, |r, &x| r.union(self.edge(x).range));
        let out = Draft { name: name.into(), shape, frac, divisor: first.divisor, range };
        self.node(name, FixedOp::Concat { axis: axis as u32, shl }, xs, out)
    }

    pub(super) fn rearrange(
        &mut self,
        name: &str,
        r: Rearrange,
        x: EdgeId,
        shape: Vec<u32>,
    ) -> EdgeId {
        let from = self.edge(x).clone();
        if r == Rearrange::Reshape && shape == from.shape {
            return x;
        }
        // Zeros come in where an element has no source.
        let range = match &r {
            Rearrange::Pad { value, .. } => {
                let v = *value as f64 / from.unit();
                from.range.union(Range::new(v, v))
            }
            Rearrange::Dilate { .. } => from.range.union(Range::new(0.0, 0.0)),
            _ => from.range,
        };
        let out = Draft { name: name.into(), shape, range, ..from };
        self.node(name, FixedOp::Rearrange(r), vec![x], out)
    }
}

/// A rectifier in reals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Relu {
    /// `max(x, 0)`.
    Unbounded,
    /// `min(max(x, 0), hi)`.
    Bounded(f64),
}

/// Surplus bits an operand may carry into a linear layer instead of being rounded.
const MAX_SURPLUS: u64 = 12;

/// Entries that are not zero in a kernel whose spare bits are used: as many kernel entries happen
/// to end in zeros only if they were made so, which is no secret then.
const MADE_COARSE: usize = 32;

/// Zeros in which every entry ends.
fn spare_bits(kernel: &[i32]) -> u32 {
    let filled = kernel.iter().filter(|q| **q != 0);
    if filled.clone().count() < MADE_COARSE {
        return 0;
    }
    filled.map(|q| q.trailing_zeros()).min().unwrap_or(0)
}

/// Reals at a scale, as integers that stay clear of 64-bit overflow.
fn integers(name: &str, values: &[f64], unit: f64) -> Result<Vec<i64>, Error> {
    let limit = 2f64.powi(62);
    values
        .iter()
        .map(|v| {
            let q = (v * unit).round();
            if q.abs() < limit {
                return Ok(q as i64);
            }
            Err(Error::Limit(format!(
                "layer '{name}': a constant needs more than 62 bits at its layer's scale; use fewer act_bits or weight_bits"
            )))
        })
        .collect()
}
