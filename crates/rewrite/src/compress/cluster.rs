//! Few different weights per layer.

use super::grid::{Grid, largest};

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

/// The values that a layer's weights get, in order: means of clusters, rounded to integers times a
/// power of two. Zeros stay and count as a value.
pub(super) fn values(weights: &[f64], count: usize, grid_bits: u32) -> Vec<f64> {
    let most = largest(weights);
    if most == 0.0 {
        return vec![0.0];
    }
    let mut bins = vec![Bin::default(); BINS];
    for &w in weights.iter().filter(|w| **w != 0.0) {
        let place = (((w / most + 1.0) / 2.0 * BINS as f64) as usize).min(BINS - 1);
        bins[place] = bins[place].plus(Bin::of(w));
    }
    bins.retain(|bin| bin.count > 0.0);
    let own = count - usize::from(weights.contains(&0.0));
    let mut means = Vec::new();
    let mut from = 0;
    for end in partition(&bins, own) {
        means.push(bins[from..end].iter().fold(Bin::default(), |sum, b| sum.plus(*b)).mean());
        from = end;
    }
    let grid = Grid::holding(largest(&means), grid_bits);
    let mut values: Vec<f64> = means.into_iter().map(|mean| grid.round(mean) + 0.0).collect();
    values.dedup();
    values
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
            let before = least.iter().enumerate().take(high.min(to - 1) + 1).skip(low);
            for (from, base) in before {
                let sum = base + error(from, to);
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
    fn values_are_few() {
        let mut weights: Vec<f64> = (0..500).map(|i| (f64::from(i) * 0.3).sin()).collect();
        weights.iter_mut().step_by(3).for_each(|w| *w = 0.0);
        let found = values(&weights, 8, 8);
        assert_eq!(found.len(), 7, "zero is the eighth");
        assert!(found.is_sorted());
        let nearest = |w: f64| found.iter().map(|v| (w - v).abs()).fold(f64::INFINITY, f64::min);
        assert!(weights.iter().filter(|w| **w != 0.0).all(|&w| nearest(w) < 0.3));
        assert_eq!(values(&[0.0; 3], 4, 8), [0.0]);
    }
}
