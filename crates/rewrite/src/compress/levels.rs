//! Few levels: small integers times scales.

use super::Scale;
use super::grid::{largest, step};
use super::layers::Layer;

/// The integers that weights become.
#[derive(Clone, Copy, Debug)]
pub(super) enum Levels {
    /// Every one up to this magnitude.
    Up(u32),
    /// 1 and -1.
    Signs,
}

/// Scales that are tried, from the one that clips nothing down.
const TRIED: u32 = 64;

/// The part of it that the least of them is.
const LEAST: f64 = 0.1;

impl Levels {
    fn top(self) -> f64 {
        match self {
            Self::Up(top) => f64::from(top),
            Self::Signs => 1.0,
        }
    }

    pub(super) fn round(self, weight: f64, scale: f64) -> f64 {
        let code = match self {
            Self::Up(top) => (weight / scale).round().clamp(-f64::from(top), f64::from(top)),
            Self::Signs => weight.signum(),
        };
        // No negative zero.
        code * scale + 0.0
    }

    fn error(self, weights: &[f64], scale: f64) -> f64 {
        weights.iter().map(|&w| (self.round(w, scale) - w).powi(2)).sum()
    }

    /// The scale of least squared error among those tried.
    fn best(self, weights: &[f64], tried: impl Iterator<Item = f64>) -> f64 {
        let error = |scale| (self.error(weights, scale), scale);
        let least = tried.map(error).min_by(|a, b| a.0.total_cmp(&b.0));
        least.map_or(1.0, |(_, scale)| scale)
    }

    /// One scale for a layer, a power of two, or one per output channel.
    pub(super) fn scales(self, layer: &Layer, scale: Scale, grid_bits: u32) -> Vec<f64> {
        if scale == Scale::Channel {
            return self.channel_scales(layer, grid_bits);
        }
        let most = step(largest(&layer.weights), self.top());
        let filled: Vec<f64> = layer.weights.iter().copied().filter(|w| *w != 0.0).collect();
        vec![self.best(&filled, (0..8).map(|i| most * f64::from(-i).exp2()))]
    }

    /// For each channel its best scale, rounded to a multiple of one power of two: the least
    /// of which the products with levels stay within the bits.
    fn channel_scales(self, layer: &Layer, grid_bits: u32) -> Vec<f64> {
        let mut channels = vec![Vec::new(); layer.channels];
        for (i, &w) in layer.weights.iter().enumerate() {
            channels[layer.channel(i)].push(w);
        }
        let real: Vec<f64> = channels.iter().map(|weights| self.real_scale(weights)).collect();
        let most = (f64::from((1u32 << (grid_bits - 1)) - 1) / self.top()).floor();
        let unit = step(largest(&real), most);
        real.iter().map(|s| (s / unit).round().clamp(1.0, most) * unit).collect()
    }

    fn real_scale(self, weights: &[f64]) -> f64 {
        match self {
            Self::Signs => {
                let filled = weights.iter().filter(|w| **w != 0.0);
                let count = filled.clone().count().max(1);
                filled.map(|w| w.abs()).sum::<f64>() / count as f64
            }
            Self::Up(_) => {
                let most = largest(weights) / self.top();
                if most == 0.0 {
                    return 0.0;
                }
                let part = |i| 1.0 - (1.0 - LEAST) * f64::from(i) / f64::from(TRIED - 1);
                self.best(weights, (0..TRIED).map(|i| most * part(i)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ternary_scale_is_near_the_best() {
        // The best for given weights, by trying every threshold.
        let weights: Vec<f64> = (0..200).map(|i| (f64::from(i) * 0.37).sin().powi(3)).collect();
        let mut sizes: Vec<f64> = weights.iter().map(|w| w.abs()).collect();
        sizes.sort_by(|a, b| b.total_cmp(a));
        let mut sum = 0.0;
        let gain = sizes.iter().zip(1..).map(|(w, n)| {
            sum += w;
            sum * sum / f64::from(n)
        });
        let best = weights.iter().map(|w| w * w).sum::<f64>() - gain.fold(0.0, f64::max);
        let levels = Levels::Up(1);
        let found = levels.error(&weights, levels.real_scale(&weights));
        assert!(found <= best * 1.01, "{found} {best}");
    }

    #[test]
    fn few_bits_clip_where_that_is_better() {
        let mut weights = vec![1.0, -1.0, 0.5, -0.5, 0.25, 0.75];
        weights.extend(weights.clone());
        weights.extend(weights.clone());
        weights.push(4.0);
        let levels = Levels::Up(3);
        let scale = levels.real_scale(&weights);
        assert!(scale < 4.0 / 3.0);
        assert!(levels.error(&weights, scale) < levels.error(&weights, 4.0 / 3.0));
    }

    #[test]
    fn signs_take_the_mean() {
        let layer = Layer::of(&[0.5, -1.5, 0.0, 2.0, 4.0, -6.0], 2);
        assert_eq!(Levels::Signs.scales(&layer, Scale::Channel, 8), [1.0, 4.0]);
        assert_eq!(Levels::Signs.scales(&layer, Scale::Layer, 8), [2.0]);
    }
}
