//! Rectifiers that become polynomials of the second degree, which take one product of secrets and
//! no comparison.
//!
//! Only `twoparty` computes such products, and on its silent transfers a comparison costs so little
//! that the product, with its roundings in wide rings, may well send more: look at the plans of
//! both networks.
//!
//! A rectifier becomes `a x^2 + b x + c` with three trained numbers for its layer, as X^2act in
//! PolyMPCNet (Peng et al., 2022, later PASNet, DAC 2023), which trains `a` as `w / sqrt(n)` for a
//! layer of n elements, so that its derivative, a sum over all of them, does not outrun the others.

use crate::{Error, Network, Role};
use sordino_graph::float;
use sordino_graph::ir::{Binary, Graph, Node, Op, Tensor, Unary, Value, ValueId};
use std::sync::Arc;

/// What polynomials are before training.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// `x`, as in PolyMPCNet.
    Identity,
    /// Nearest to the rectifier, in mean squares over the operands that samples give: as in AutoReP
    /// (Peng et al., ICCV 2023), which takes a normal distribution for them.
    Fitted,
}

/// A rectifier that has become a polynomial.
#[derive(Clone, Debug)]
pub struct Polynomial {
    /// Name of the node.
    pub node: String,
    /// `w`, `b` and `c`: constants to be trained.
    pub coefficients: [ValueId; 3],
    /// `a`, computed from `w`.
    square: ValueId,
}

/// Replaces rectifiers by polynomials: those of which `chosen` says so by their names.
///
/// # Errors
/// [`Error::Config`] when no rectifier is chosen, [`Error::Data`] without samples to fit to,
/// [`Error::Graph`] when they do not fit the graph.
///
/// *Cost*: two runs of the network per sample, for [`Start::Fitted`].
pub fn polynomial_relus(
    graph: &mut Graph,
    chosen: &dyn Fn(&str) -> bool,
    start: Start,
    samples: &[Tensor],
) -> Result<Vec<Polynomial>, Error> {
    let is_chosen = |n: &Node| n.op == Op::Unary(Unary::Relu) && chosen(&n.name);
    let at: Vec<usize> = (0..graph.nodes.len()).filter(|&i| is_chosen(&graph.nodes[i])).collect();
    if at.is_empty() {
        let relus = graph.nodes.iter().filter(|n| n.op == Op::Unary(Unary::Relu));
        let names: Vec<&str> = relus.map(|n| n.name.as_str()).collect();
        let why = format!("no ReLU is chosen; the network has: {}", names.join(", "));
        return Err(Error::Config(why));
    }
    let operands: Vec<ValueId> = at.iter().filter_map(|&i| graph.nodes[i].inputs[0]).collect();
    let starts = match start {
        Start::Identity => vec![[0.0, 1.0, 0.0]; at.len()],
        Start::Fitted => fitted(graph, &operands, samples)?,
    };
    let mut done = Vec::with_capacity(at.len());
    for (i, &relu) in at.iter().enumerate().rev() {
        done.push(replace(graph, relu, starts[i])?);
    }
    done.reverse();
    Ok(done)
}

/// Makes constants of what polynomials compute from constants alone, after training.
///
/// # Errors
/// [`Error::Config`] when a polynomial is not of this graph.
pub fn settle(graph: &mut Graph, polynomials: &[Polynomial]) -> Result<(), Error> {
    for p in polynomials {
        let other = || Error::Config(format!("'{}' is no polynomial of this network", p.node));
        let name = format!("{}@a", p.node);
        let is_square = |n: &Node| n.name == name && n.outputs == [p.square];
        let at = graph.nodes.iter().position(is_square).ok_or_else(other)?;
        let node = graph.nodes.remove(at);
        let operands: Vec<_> =
            node.inputs.iter().map(|id| id.and_then(|id| graph.constant(id))).collect();
        let value = float::eval(&node.op, &operands)?.into_iter().next().ok_or_else(other)?;
        graph.values[p.square.0].constant = Some(Arc::new(value));
    }
    sordino_graph::passes::remove_dead(graph);
    Ok(())
}

impl Network {
    /// Lets training change the coefficients of polynomials.
    ///
    /// # Errors
    /// [`Error::Config`] when a polynomial is not of this network.
    pub fn train_polynomials(&mut self, polynomials: &[Polynomial]) -> Result<(), Error> {
        let values = polynomials.iter().flat_map(|p| p.coefficients);
        values.into_iter().try_for_each(|value| self.train_also(value, Role::Coefficient))
    }
}

/// Puts nodes for `(a x + b) x + c` where a rectifier is.
fn replace(graph: &mut Graph, relu: usize, [a, b, c]: [f64; 3]) -> Result<Polynomial, Error> {
    let Node { name, inputs, outputs, .. } = graph.nodes[relu].clone();
    let result = graph.value(outputs[0]).clone();
    let scale = (result.shape.iter().product::<usize>().max(1) as f64).sqrt().recip();
    let mut constant = |what: &str, value: f64| -> Result<ValueId, Error> {
        let tensor = Tensor::f32(vec![1], vec![value as f32])?;
        Ok(push(graph, format!("{name}@{what}"), vec![1], Some(tensor)))
    };
    let coefficients = [constant("w", a / scale)?, constant("b", b)?, constant("c", c)?];
    let scale = constant("scale", scale)?;
    let square = push(graph, format!("{name}@a"), vec![1], None);
    let [ax, inner, product] = ["ax", "inner", "product"]
        .map(|what| push(graph, format!("{name}@{what}"), result.shape.clone(), None));
    let [w, b, c] = coefficients.map(Some);
    let x = inputs[0];
    let steps = [
        (Binary::Mul, [w, Some(scale)], square, "a"),
        (Binary::Mul, [x, Some(square)], ax, "ax"),
        (Binary::Add, [Some(ax), b], inner, "inner"),
        (Binary::Mul, [Some(inner), x], product, "product"),
        (Binary::Add, [Some(product), c], outputs[0], "polynomial"),
    ];
    let nodes = steps.map(|(op, inputs, output, what)| Node {
        name: format!("{name}@{what}"),
        op: Op::Binary(op),
        inputs: inputs.to_vec(),
        outputs: vec![output],
    });
    graph.nodes.splice(relu..=relu, nodes);
    Ok(Polynomial { node: name, coefficients, square })
}

fn push(graph: &mut Graph, name: String, shape: Vec<usize>, constant: Option<Tensor>) -> ValueId {
    let dtype = sordino_graph::ir::DType::F32;
    graph.values.push(Value { name, dtype, shape, constant: constant.map(Arc::new) });
    ValueId(graph.values.len() - 1)
}

/// For each operand the polynomial nearest to the rectifier.
fn fitted(graph: &Graph, operands: &[ValueId], samples: &[Tensor]) -> Result<Vec<[f64; 3]>, Error> {
    if samples.is_empty() {
        let why = "there is no sample to fit polynomials to; give at least one";
        return Err(Error::Data(why.into()));
    }
    let mut moments = vec![Moments::default(); operands.len()];
    each(graph, operands, samples, |i, x| moments[i].add(x))?;
    let mut sums = vec![Sums::default(); operands.len()];
    each(graph, operands, samples, |i, x| sums[i].add(moments[i].standard(x), x.max(0.0)))?;
    let fits = sums.iter().zip(&moments).map(|(sums, m)| m.expanded(sums.nearest()));
    Ok(fits.collect())
}

/// Shows all elements of the operands on all samples.
fn each(
    graph: &Graph,
    operands: &[ValueId],
    samples: &[Tensor],
    mut show: impl FnMut(usize, f64),
) -> Result<(), Error> {
    for sample in samples {
        float::run_with(graph, std::slice::from_ref(sample), |id, tensor| {
            for (i, _) in operands.iter().enumerate().filter(|(_, o)| **o == id) {
                tensor.as_f32().unwrap_or_default().iter().for_each(|&x| show(i, f64::from(x)));
            }
        })?;
    }
    Ok(())
}

/// Count, sum and sum of squares.
#[derive(Clone, Copy, Default)]
struct Moments([f64; 3]);

impl Moments {
    fn add(&mut self, x: f64) {
        [1.0, x, x * x].iter().zip(&mut self.0).for_each(|(x, sum)| *sum += x);
    }

    fn mean(&self) -> f64 {
        self.0[1] / self.0[0].max(1.0)
    }

    /// Never 0, so that it can be divided by.
    fn deviation(&self) -> f64 {
        (self.0[2] / self.0[0].max(1.0) - self.mean().powi(2)).max(1e-12).sqrt()
    }

    fn standard(&self, x: f64) -> f64 {
        (x - self.mean()) / self.deviation()
    }

    /// A polynomial of the standardised number as one of the number.
    fn expanded(&self, [a, b, c]: [f64; 3]) -> [f64; 3] {
        let (m, s) = (self.mean(), self.deviation());
        let (a, b) = (a / (s * s), b / s);
        [a, b - 2.0 * a * m, c - b * m + a * m * m]
    }
}

/// What least squares need of pairs: powers of the first, and their products with the second.
#[derive(Clone, Copy, Default)]
struct Sums {
    powers: [f64; 5],
    products: [f64; 3],
}

/// What is added to the squares, so that there is a solution where operands are few.
const RIDGE: f64 = 1e-9;

impl Sums {
    fn add(&mut self, z: f64, y: f64) {
        let mut power = 1.0;
        for i in 0..5 {
            self.powers[i] += power;
            if i < 3 {
                self.products[i] += power * y;
            }
            power *= z;
        }
    }

    /// `[a, b, c]` of the least sum of squares.
    fn nearest(&self) -> [f64; 3] {
        let n = self.powers[0].max(1.0);
        let entry = |i: usize, j: usize| self.powers[i + j] / n + if i == j { RIDGE } else { 0.0 };
        let mut rows: [[f64; 4]; 3] =
            std::array::from_fn(|i| [entry(i, 0), entry(i, 1), entry(i, 2), self.products[i] / n]);
        // Positive definite: elimination needs no pivoting.
        for i in 0..3 {
            let pivot = rows[i];
            for j in (0..3).filter(|&j| j != i) {
                let factor = rows[j][i] / pivot[i];
                rows[j].iter_mut().zip(pivot).for_each(|(x, p)| *x -= factor * p);
            }
        }
        let solution = |i: usize| rows[i][3] / rows[i][i];
        [solution(2), solution(1), solution(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fit(values: &[f64]) -> [f64; 3] {
        let mut moments = Moments::default();
        values.iter().for_each(|&x| moments.add(x));
        let mut sums = Sums::default();
        values.iter().for_each(|&x| sums.add(moments.standard(x), x.max(0.0)));
        moments.expanded(sums.nearest())
    }

    fn close(got: [f64; 3], want: [f64; 3]) {
        assert!(got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-3), "{got:?} {want:?}");
    }

    #[test]
    fn fits_are_those_of_known_distributions() {
        // Uniform between -1 and 1: projections on Legendre's polynomials give 15/32, 1/2, 3/32.
        let uniform: Vec<f64> =
            (0..20_000).map(|i| (f64::from(i) + 0.5) / 10_000.0 - 1.0).collect();
        close(fit(&uniform), [15.0 / 32.0, 0.5, 3.0 / 32.0]);
        // Of one sign, the rectifier is a line.
        let positive: Vec<f64> = uniform.iter().map(|x| x + 3.0).collect();
        close(fit(&positive), [0.0, 1.0, 0.0]);
        let negative: Vec<f64> = uniform.iter().map(|x| x - 3.0).collect();
        close(fit(&negative), [0.0; 3]);
        // One number: whatever is right there.
        let [a, b, c] = fit(&[2.0; 10]);
        assert!((4.0 * a + 2.0 * b + c - 2.0).abs() < 1e-3);
    }
}
