//! Non-negative least squares.
//!
//! *Source*: Lawson, Hanson, "Solving least squares problems", 1974, chapter 23: columns enter the solution one at a time,
//! the one that reduces the error fastest first, and leave it where they would turn negative.

/// Finds x >= 0 of least |A x - b|, A given by its columns, all as long as b.
///
/// Where columns depend on each other, one of the solutions. *Cost*: for k columns and n rows some k times k^2 n.
pub(super) fn solve(columns: &[Vec<f64>], b: &[f64]) -> Vec<f64> {
    let norms: Vec<f64> = columns.iter().map(|c| norm(c)).collect();
    let scaled: Vec<Vec<f64>> =
        columns.iter().zip(&norms).map(|(c, norm)| scale(c, *norm)).collect();
    let mut x = vec![0.0; columns.len()];
    let mut free: Vec<usize> = Vec::new();
    // Columns that did not help when they were let in, until something changes.
    let mut idle: Vec<usize> = Vec::new();
    let enough = 1e-12 * norm(b).max(f64::MIN_POSITIVE);
    // Each round reduces the error, so that it ends; the bound is for rounding alone.
    for _ in 0..10 * columns.len() {
        let rest = residual(&scaled, &x, b);
        let gain = |i: &usize| dot(&scaled[*i], &rest);
        let others =
            (0..scaled.len()).filter(|i| norms[*i] > 0.0 && !free.contains(i) && !idle.contains(i));
        let best = others.max_by(|a, b| gain(a).total_cmp(&gain(b)));
        let Some(best) = best.filter(|i| gain(i) > enough) else { break };
        free.push(best);
        if !settle(&scaled, b, &mut free, &mut x) {
            free.retain(|i| *i != best);
            x[best] = 0.0;
        }
        if free.contains(&best) {
            idle.clear();
        } else {
            idle.push(best);
        }
    }
    x.iter().zip(&norms).map(|(x, norm)| if *norm > 0.0 { x / norm } else { 0.0 }).collect()
}

/// Moves x to the least squares of the free columns, as far as it stays positive. False where they depend on each
/// other.
fn settle(columns: &[Vec<f64>], b: &[f64], free: &mut Vec<usize>, x: &mut [f64]) -> bool {
    while !free.is_empty() {
        let Some(wanted) = least_squares(columns, free, b) else { return false };
        let ahead = |(i, w): (&usize, &f64)| (*w <= 0.0).then(|| x[*i] / (x[*i] - w));
        let step = free.iter().zip(&wanted).filter_map(ahead).fold(1.0, f64::min);
        for (i, w) in free.iter().zip(&wanted) {
            x[*i] += step * (w - x[*i]);
        }
        if step >= 1.0 {
            return true;
        }
        let stays = |i: &usize, w: f64| w > 0.0 || x[*i] > 1e-12;
        let kept: Vec<usize> =
            free.iter().zip(&wanted).filter(|(i, w)| stays(i, **w)).map(|(i, _)| *i).collect();
        for i in free.iter().filter(|i| !kept.contains(i)) {
            x[*i] = 0.0;
        }
        // One that stopped the step leaves at least.
        if kept.len() == free.len() {
            return false;
        }
        *free = kept;
    }
    true
}

/// By orthogonal columns; none where one depends on those before it.
fn least_squares(columns: &[Vec<f64>], free: &[usize], b: &[f64]) -> Option<Vec<f64>> {
    let mut basis: Vec<Vec<f64>> = Vec::with_capacity(free.len());
    let mut upper: Vec<Vec<f64>> = Vec::with_capacity(free.len());
    for i in free {
        let mut column = columns[*i].clone();
        let mut parts = vec![0.0; basis.len()];
        // Twice, for rounding.
        for _ in 0..2 {
            for (q, part) in basis.iter().zip(&mut parts) {
                let along = dot(q, &column);
                *part += along;
                column.iter_mut().zip(q).for_each(|(v, q)| *v -= along * q);
            }
        }
        let left = norm(&column);
        if left < 1e-9 {
            return None;
        }
        parts.push(left);
        basis.push(scale(&column, left));
        upper.push(parts);
    }
    let mut x: Vec<f64> = basis.iter().map(|q| dot(q, b)).collect();
    for i in (0..x.len()).rev() {
        x[i] /= upper[i][i];
        let solved = x[i];
        (0..i).for_each(|j| x[j] -= upper[i][j] * solved);
    }
    Some(x)
}

fn residual(columns: &[Vec<f64>], x: &[f64], b: &[f64]) -> Vec<f64> {
    let mut rest = b.to_vec();
    for (column, x) in columns.iter().zip(x).filter(|(_, x)| **x != 0.0) {
        rest.iter_mut().zip(column).for_each(|(rest, a)| *rest -= a * x);
    }
    rest
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn norm(a: &[f64]) -> f64 {
    dot(a, a).sqrt()
}

fn scale(a: &[f64], by: f64) -> Vec<f64> {
    let by = if by > 0.0 { by } else { 1.0 };
    a.iter().map(|v| v / by).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn times(columns: &[Vec<f64>], x: &[f64]) -> Vec<f64> {
        let zero = vec![0.0; columns[0].len()];
        residual(columns, x, &zero).iter().map(|v| -v).collect()
    }

    #[test]
    fn what_would_be_negative_is_zero() {
        // Without bounds the solution is (3, -1); with them the first column alone fits best.
        let columns = [vec![1.0, 0.0, 1.0], vec![0.0, 1.0, 1.0]];
        let x = solve(&columns, &[3.0, -1.0, 2.0]);
        assert!((x[0] - 2.5).abs() < 1e-12 && x[1] == 0.0, "{x:?}");
    }

    #[test]
    fn empty_and_equal_columns_do_no_harm() {
        let columns = [vec![1.0, 2.0], vec![0.0, 0.0], vec![1.0, 2.0]];
        let x = solve(&columns, &[2.0, 4.0]);
        assert!((x[0] + x[2] - 2.0).abs() < 1e-12 && x[1] == 0.0, "{x:?}");
        assert_eq!(solve(&columns, &[-2.0, -4.0]), [0.0; 3]);
        assert_eq!(solve(&[], &[1.0]), []);
    }

    proptest! {
        /// Columns of very different sizes, as units of work are.
        #[test]
        fn known_coefficients_are_found(
            entries in prop::collection::vec(0.1f64..1.0, 12 * 6),
            scales in prop::collection::vec(-9i32..3, 6),
            zero in 0usize..6,
        ) {
            let columns: Vec<Vec<f64>> = entries
                .chunks(12)
                .zip(&scales)
                .map(|(c, s)| c.iter().map(|v| v * 10f64.powi(*s)).collect())
                .collect();
            let mut known: Vec<f64> = scales.iter().map(|s| 2.0 * 10f64.powi(-*s)).collect();
            known[zero] = 0.0;
            let x = solve(&columns, &times(&columns, &known));
            for ((x, known), s) in x.iter().zip(&known).zip(&scales) {
                prop_assert!((x - known).abs() * 10f64.powi(*s) < 1e-6, "{x} for {known}");
            }
        }

        /// No coefficient can be moved to the better: the conditions of Karush, Kuhn and Tucker.
        #[test]
        fn nothing_fits_better(
            entries in prop::collection::vec(-1.0f64..1.0, 8 * 5),
            b in prop::collection::vec(-1.0f64..1.0, 8),
        ) {
            let columns: Vec<Vec<f64>> = entries.chunks(8).map(<[f64]>::to_vec).collect();
            let x = solve(&columns, &b);
            let rest = residual(&columns, &x, &b);
            for (column, x) in columns.iter().zip(&x) {
                prop_assert!(*x >= 0.0);
                let slope = dot(column, &rest);
                prop_assert!(slope < 1e-9, "{slope}");
                prop_assert!(*x == 0.0 || slope.abs() < 1e-9, "{slope}");
            }
        }
    }
}
