//! Few different weights per layer.

use super::grid::{Grid, largest};
use super::layers::Layer;

/// Intervals that weights are sorted into: clusters are unions of them.
const BINS: usize = 4096;

/// Weights between two limits.
#[derive(Clone, Copy, Debug, Default)]
struct Bin {
    count: f64,
    sum: f64,
    squares: f64,
}

impl Bin {
    fn of(weight: f64) -> Self {
        Self { count: 1.0, sum: weight, squares: weight * weight }
    }

    fn plus(self, o: Self) -> Self {
        Self {
            count: self.count + o.count,
            sum: self.sum + o.sum,
            squares: self.squares + o.squares,
        }
    }

    fn minus(self, o: Self) -> Self {
        Self {
            count: self.count - o.count,
            sum: self.sum - o.sum,
            squares: self.squares - o.squares,
        }
    }

    fn mean(self) -> f64 {
        self.sum / self.count
    }

    /// Sum of squared distances from the mean.
    fn error(self) -> f64 {
        (self.squares - self.sum * self.mean()).max(0.0)
    }
}

/// Replaces every weight by the mean of its cluster, rounded to integers of a power of two. Zeros
/// stay and count as a value.
pub(super) fn cluster(layer: &mut Layer, values: usize, grid_bits: u32) {
    let most = largest(&layer.weights);
    if most == 0.0 {
        return;
    }
    let place = |w: f64| (((w / most + 1.0) / 2.0 * BINS as f64) as usize).min(BINS - 1);
    let mut bins = vec![Bin::default(); BINS];
    for &w in layer.weights.iter().filter(|w| **w != 0.0) {
        bins[place(w)] = bins[place(w)].plus(Bin::of(w));
    }
    let own = values - usize::from(layer.weights.contains(&0.0));
    let filled: Vec<usize> = (0..BINS).filter(|&i| bins[i].count > 0.0).collect();
    let ends = partition(&filled.iter().map(|&i| bins[i]).collect::<Vec<_>>(), own);
    let mut means = vec![0.0; BINS];
    let mut from = 0;
    for end in ends {
        let cluster = filled[from..end].iter().fold(Bin::default(), |sum, &i| sum.plus(bins[i]));
        filled[from..end].iter().for_each(|&i| means[i] = cluster.mean());
        from = end;
    }
    let grid = Grid::holding(largest(&means), grid_bits);
    for w in layer.weights.iter_mut().filter(|w| **w != 0.0) {
        *w = grid.round(means[place(*w)]) + 0.0;
    }
}

/// Cuts a sequence into at most `parts` runs of least error: where each ends. The best last cut
/// moves up with the end, so that each half of the ends is searched in its part of the cuts only.
fn partition(bins: &[Bin], parts: usize) -> Vec<usize> {
    let n = bins.len();
    let parts = parts.clamp(1, n.max(1));
    let mut sums = vec![Bin::default()];
    for bin in bins {
        sums.push(sums[sums.len() - 1].plus(*bin));
    }
    let error = |from: usize, to: usize| sums[to].minus(sums[from]).error();
    // Least error of the first bins in so many runs, and where the last run begins.
    let mut least: Vec<f64> = (0..=n).map(|to| if to == 0 { 0.0 } else { error(0, to) }).collect();
    let mut cuts = vec![vec![0; n + 1]];
    for run in 1..parts {
        let (mut next, mut cut) = (vec![f64::INFINITY; n + 1], vec![0; n + 1]);
        let mut open = vec![(run + 1, n, run, n)];
        while let Some((first, last, low, high)) = open.pop() {
            if first > last {
                continue;
            }
            let to = first.midpoint(last);
            for from in low..=high.min(to - 1) {
                let sum = least[from] + error(from, to);
                if sum < next[to] {
                    (next[to], cut[to]) = (sum, from);
                }
            }
            open.push((first, to - 1, low, cut[to]));
            open.push((to + 1, last, cut[to], high));
        }
        least = next;
        cuts.push(cut);
    }
    let mut ends = vec![n];
    for cut in cuts[1..].iter().rev() {
        ends.push(cut[ends[ends.len() - 1]]);
    }
    ends.reverse();
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every way to cut.
    fn exhaustive(bins: &[Bin], parts: usize) -> f64 {
        let error = |b: &[Bin]| b.iter().fold(Bin::default(), |s, b| s.plus(*b)).error();
        if parts == 1 {
            return error(bins);
        }
        let cut = |at: usize| exhaustive(&bins[..at], parts - 1) + error(&bins[at..]);
        (parts - 1..bins.len()).map(cut).fold(f64::INFINITY, f64::min)
    }

    #[test]
    fn partition_is_the_best() {
        for seed in 1..20u32 {
            let mut weights: Vec<f64> =
                (0..12).map(|i| (f64::from(i * seed) * 1.7).sin().powi(3)).collect();
            weights.sort_by(f64::total_cmp);
            let bins: Vec<Bin> = weights.iter().map(|&w| Bin::of(w)).collect();
            for parts in 1..6 {
                let ends = partition(&bins, parts);
                assert_eq!((ends.len(), ends[parts - 1]), (parts, 12));
                let mut from = 0;
                let mut sum = 0.0;
                for end in ends {
                    assert!(end > from);
                    sum += bins[from..end].iter().fold(Bin::default(), |s, b| s.plus(*b)).error();
                    from = end;
                }
                let best = exhaustive(&bins, parts);
                assert!(sum <= best + 1e-12, "{parts} parts: {sum} instead of {best}");
            }
        }
        assert_eq!(partition(&[Bin::of(1.0)], 5), [1]);
    }

    #[test]
    fn values_are_few_and_zeros_stay() {
        let mut weights: Vec<f64> = (0..500).map(|i| (f64::from(i) * 0.3).sin()).collect();
        weights.iter_mut().step_by(3).for_each(|w| *w = 0.0);
        let mut layer = Layer::of(&weights, 1);
        cluster(&mut layer, 8, 8);
        let mut distinct = layer.weights.clone();
        distinct.sort_by(f64::total_cmp);
        distinct.dedup();
        assert!(distinct.len() <= 8 && distinct.contains(&0.0), "{distinct:?}");
        assert!(weights.iter().zip(&layer.weights).all(|(a, b)| *a != 0.0 || *b == 0.0));
        assert!(weights.iter().zip(&layer.weights).all(|(a, b)| (a - b).abs() < 0.3));
    }
}
