//! Least squares for the layers of a form.

use super::build::{Conv, Parts};
use super::{Observed, apply};
use crate::Error;
use crate::compress::{least_squares, stride_over};
use nalgebra::{DMatrix, DVector};
use sordino_graph::ir::{Node, Op, Tensor, ValueId};

/// Positions that components of results are taken from.
const POSITIONS: usize = 8192;

/// A matrix by its entries.
pub(super) fn rows(rows: usize, columns: usize, at: impl Fn(usize, usize) -> f32) -> DMatrix<f64> {
    DMatrix::from_fn(rows, columns, |i, j| f64::from(at(i, j)))
}

/// The first right singular vectors times their singular values, one after the other: as many as asked for, if there are.
pub(super) fn right(matrix: &DMatrix<f64>, wanted: usize) -> Vec<f32> {
    let (rows, columns) = matrix.shape();
    // Of the smaller side: the other one's vectors follow.
    let scaled: Vec<Vec<f64>> = if columns <= rows {
        let (vectors, squares) = eigen(matrix.tr_mul(matrix));
        let scaled = |(v, s): (Vec<f64>, f64)| {
            let s = s.max(0.0).sqrt();
            v.into_iter().map(|x| x * s).collect()
        };
        vectors.into_iter().zip(squares).map(scaled).take(wanted).collect()
    } else {
        let (vectors, _) = eigen(matrix * matrix.transpose());
        let through =
            |u: Vec<f64>| (matrix.tr_mul(&DVector::from_vec(u))).iter().copied().collect();
        vectors.into_iter().map(through).take(wanted).collect()
    };
    scaled.into_iter().flatten().map(|x| x as f32).collect()
}

/// Eigenvectors and eigenvalues of a symmetric matrix, the largest first.
fn eigen(matrix: DMatrix<f64>) -> (Vec<Vec<f64>>, Vec<f64>) {
    let found = matrix.symmetric_eigen();
    let mut order: Vec<usize> = (0..found.eigenvalues.len()).collect();
    order.sort_by(|a, b| found.eigenvalues[*b].total_cmp(&found.eigenvalues[*a]));
    let vector = |i: &usize| found.eigenvectors.column(*i).iter().copied().collect();
    (order.iter().map(vector).collect(), order.iter().map(|i| found.eigenvalues[*i]).collect())
}

/// Channels of results at positions that are spread over all samples: a row each.
fn positions(results: &[Tensor], channels: usize) -> Result<DMatrix<f64>, Error> {
    let area = results.first().map_or(1, |t| t.len() / channels.max(1)).max(1);
    let width = results.first().and_then(|t| t.shape().last().copied()).unwrap_or(1);
    let step = stride_over(results.len() * area, POSITIONS, width);
    let at: Vec<usize> = (0..results.len() * area).step_by(step).collect();
    let values = results.iter().map(Tensor::as_f32).collect::<Result<Vec<_>, _>>()?;
    let matrix = rows(at.len(), channels, |i, c| values[at[i] / area][c * area + at[i] % area]);
    Ok(matrix)
}

/// Channels of results without their mean.
fn centred(results: &[Tensor], channels: usize) -> Result<DMatrix<f64>, Error> {
    let mut matrix = positions(results, channels)?;
    for mut column in matrix.column_iter_mut() {
        let mean = column.mean();
        column.add_scalar_mut(-mean);
    }
    Ok(matrix)
}

/// Directions in which results vary most: a row each.
pub(super) fn principal(
    results: &[Tensor],
    channels: usize,
    wanted: usize,
) -> Result<DMatrix<f64>, Error> {
    let centred = centred(results, channels)?;
    let (vectors, _) = eigen(centred.tr_mul(&centred));
    Ok(DMatrix::from_fn(wanted.min(vectors.len()), channels, |i, c| vectors[i][c]))
}

/// A product of matrices, row by row.
pub(super) fn products(a: &DMatrix<f64>, b: &DMatrix<f64>) -> Vec<f32> {
    (a * b).transpose().iter().map(|v| *v as f32).collect()
}

/// Pairs of channels of which the first says most of the second, greedily; every channel is in one.
pub(super) fn pairs(results: &[Tensor], channels: usize) -> Result<Vec<(usize, usize)>, Error> {
    let centred = centred(results, channels)?;
    let moments = centred.tr_mul(&centred);
    let size = |c: usize| moments[(c, c)].max(f64::MIN_POSITIVE);
    let mut all: Vec<(f64, usize, usize)> = Vec::new();
    for a in 0..channels {
        for b in a + 1..channels {
            let common = moments[(a, b)].powi(2);
            // What the larger one leaves unsaid of the smaller.
            let (kept, made) = if size(a) >= size(b) { (a, b) } else { (b, a) };
            all.push((size(made) - common / size(kept), kept, made));
        }
    }
    all.sort_by(|x, y| x.0.total_cmp(&y.0).then((x.1, x.2).cmp(&(y.1, y.2))));
    let (mut taken, mut pairs) = (vec![false; channels], Vec::new());
    for (_, kept, made) in all {
        if !taken[kept] && !taken[made] {
            (taken[kept], taken[made]) = (true, true);
            pairs.push((kept, made));
        }
    }
    Ok(pairs)
}

impl Parts {
    /// Fits the last layer to what is observed. Returns what is left: the square of what is wrong, relative to the variance.
    pub(super) fn fit(&mut self, observed: &Observed) -> Result<f64, Error> {
        let read = observed.operands.iter().map(|x| self.read(x)).collect::<Result<Vec<_>, _>>()?;
        let wanted = match &self.joined {
            None => observed.results.clone(),
            Some(joined) => {
                // The first layer is exact but for its bias; the last one makes the others.
                let half = self.first.shape[0];
                let [kept, made] = [0..half, half..2 * half].map(|part| -> Vec<usize> {
                    let at = |want: usize| joined.iter().position(|from| *from == want);
                    part.filter_map(at).collect()
                });
                let results = |order: &[usize]| {
                    observed.results.iter().map(|y| select(y, order)).collect::<Result<Vec<_>, _>>()
                };
                let own = results(&kept)?;
                self.first.bias = Some(offsets(&self.first, &observed.operands, &own)?);
                results(&made)?
            }
        };
        let read = match self.joined {
            None => read,
            Some(_) => observed.operands.iter().map(|x| self.read(x)).collect::<Result<_, _>>()?,
        };
        let node = Node {
            name: "last".into(),
            op: self.last.op(),
            inputs: vec![None; 2],
            outputs: vec![ValueId(0)],
        };
        let (operands, results): (Vec<_>, Vec<_>) =
            (read.iter().collect(), wanted.iter().collect());
        let fitted = least_squares(&node, &self.last.weights, &operands, &results);
        let why = "a convolution gives no finite numbers on the samples";
        self.last.weights = fitted.ok_or_else(|| Error::Data(why.into()))?;
        self.last.bias = Some(offsets(&self.last, &read, &wanted)?);
        // Of all results: where the first layer gives some of them, these are right.
        self.wrong(&read, &wanted, spread(&observed.results)?)
    }

    /// What the last layer reads.
    fn read(&self, x: &Tensor) -> Result<Tensor, Error> {
        let made = self.first.apply(x)?;
        match &self.shuffle {
            None => Ok(made),
            Some(order) => select(&made, order),
        }
    }

    fn wrong(&self, read: &[Tensor], wanted: &[Tensor], all: f64) -> Result<f64, Error> {
        let mut off = 0.0;
        for (x, want) in read.iter().zip(wanted) {
            let (got, want) = (self.last.apply(x)?, want.as_f32()?);
            off +=
                got.as_f32()?.iter().zip(want).map(|(g, w)| f64::from(g - w).powi(2)).sum::<f64>();
        }
        Ok(if off <= f64::EPSILON * all { 0.0 } else { off / all })
    }
}

/// The sum of squares of all tensors, each channel without its mean.
fn spread(tensors: &[Tensor]) -> Result<f64, Error> {
    let channels = tensors.first().and_then(|t| t.shape().get(1).copied()).unwrap_or(1);
    let centre = means(tensors, channels)?;
    let mut all = 0.0;
    for tensor in tensors {
        let values = tensor.as_f32()?;
        let area = (values.len() / channels).max(1);
        let from = |(i, v): (usize, &f32)| (f64::from(*v) - centre[i / area]).powi(2);
        all += values.iter().enumerate().map(from).sum::<f64>();
    }
    Ok(all)
}

/// Means of channels over all tensors.
fn means(tensors: &[Tensor], channels: usize) -> Result<Vec<f64>, Error> {
    let mut sums = vec![0.0; channels];
    let mut count = 0;
    for tensor in tensors {
        let values = tensor.as_f32()?;
        let area = (values.len() / channels).max(1);
        for (sum, plane) in sums.iter_mut().zip(values.chunks(area)) {
            *sum += plane.iter().map(|v| f64::from(*v)).sum::<f64>();
        }
        count += area;
    }
    sums.iter_mut().for_each(|s| *s /= count.max(1) as f64);
    Ok(sums)
}

/// What a convolution's results lack on average.
fn offsets(conv: &Conv, operands: &[Tensor], wanted: &[Tensor]) -> Result<Vec<f32>, Error> {
    let bare = Conv {
        window: conv.window.clone(),
        groups: conv.groups,
        shape: conv.shape,
        weights: conv.weights.clone(),
        bias: None,
    };
    let got = operands.iter().map(|x| bare.apply(x)).collect::<Result<Vec<_>, _>>()?;
    let channels = conv.shape[0];
    let (got, want) = (means(&got, channels)?, means(wanted, channels)?);
    Ok(got.iter().zip(&want).map(|(g, w)| (w - g) as f32).collect())
}

/// Channels in another order.
fn select(x: &Tensor, order: &[usize]) -> Result<Tensor, Error> {
    let indices = order.iter().map(|&i| i as i64).collect();
    apply(&Op::Gather { axis: 1 }, &[x, &Tensor::i64(vec![order.len()], indices)?])
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn singular_vectors_give_a_matrix_of_low_rank_back() {
        let (u, v) = ([1.0, -2.0, 0.5], [3.0, 1.0, 2.0, -1.0]);
        let matrix = rows(3, 4, |i, j| u[i] * v[j]);
        let found = right(&matrix, 1);
        let ratio = f64::from(found[0]) / 3.0;
        for (got, want) in found.iter().zip(v) {
            assert!((f64::from(*got) - ratio * f64::from(want)).abs() < 1e-5, "{found:?}");
        }
        // Its length is the singular value.
        let norm = found.iter().map(|x| x * x).sum::<f32>();
        assert!((norm - (1.0 + 4.0 + 0.25) * 15.0).abs() < 1e-3);
        // As many as the smaller side has.
        assert_eq!(right(&matrix, 9).len(), 3 * 4);
    }

    #[test]
    fn channels_that_say_the_same_are_paired() {
        let plane = |c: usize| (0..16).map(move |i| ((i * 7 + 3) % 11) as f32 * [1.0, 0.5][c % 2]);
        let other = |c: usize| (0..16).map(move |i| ((i * 5 + 1) % 13) as f32 * [2.0, 1.0][c % 2]);
        let values = plane(0).chain(other(0)).chain(plane(1)).chain(other(1)).collect();
        let tensor = Tensor::f32(vec![1, 4, 4, 4], values).unwrap();
        let mut found = pairs(&[tensor], 4).unwrap();
        found.sort_unstable();
        assert_eq!(found, [(0, 2), (1, 3)]);
    }
}
