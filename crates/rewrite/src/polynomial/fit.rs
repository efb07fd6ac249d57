use super::places::Places;
use crate::Error;
use sordino_graph::float;
use sordino_graph::ir::{Graph, Tensor, ValueId};

/// For each operand the polynomial nearest to the rectifier.
pub(super) fn fitted(
    graph: &Graph,
    operands: &[(ValueId, &Places)],
    samples: &[Tensor],
) -> Result<Vec<[f64; 3]>, Error> {
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

/// Shows all elements of the operands that are rectified on all samples.
fn each(
    graph: &Graph,
    operands: &[(ValueId, &Places)],
    samples: &[Tensor],
    mut show: impl FnMut(usize, f64),
) -> Result<(), Error> {
    for sample in samples {
        float::run_with(graph, std::slice::from_ref(sample), |id, tensor| {
            for (i, (_, places)) in operands.iter().enumerate().filter(|(_, (o, _))| *o == id) {
                let values = tensor.as_f32().unwrap_or_default();
                places.kept(values).for_each(|x| show(i, f64::from(x)));
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
