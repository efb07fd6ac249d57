use super::layers::Layer;

/// Of what a share of the weights is pruned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Of every layer.
    Layer,
    /// Of all layers together. Weights of different layers are compared by the share of the squared
    /// weights from theirs up, in their layer, that is theirs (Lee, Park, Mo, Ahn, Shin,
    /// "Layer-adaptive sparsity for the magnitude-based pruning", ICLR 2021): no layer dies, and a
    /// layer's scale does not matter.
    Network,
}

/// Zeroes a share of the weights, rounded to the nearest number of them; of equal ones the first.
pub(super) fn prune(layers: &mut [Layer], sparsity: f64, scope: Scope) {
    let number = |of: usize| (sparsity * of as f64).round() as usize;
    match scope {
        Scope::Layer => {
            for layer in layers {
                let count = number(layer.weights.len());
                for i in rising(&layer.weights).into_iter().take(count) {
                    layer.weights[i] = 0.0;
                }
            }
        }
        Scope::Network => {
            let scored = layers.iter().enumerate().flat_map(|(l, layer)| {
                scores(&layer.weights).into_iter().map(move |(score, i)| (score, l, i))
            });
            let mut all: Vec<(f64, usize, usize)> = scored.collect();
            all.sort_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
            let count = number(all.len());
            for &(_, l, i) in all.iter().take(count) {
                layers[l].weights[i] = 0.0;
            }
        }
    }
}

/// Indices by magnitude.
fn rising(weights: &[f64]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by(|&a, &b| weights[a].abs().total_cmp(&weights[b].abs()).then(a.cmp(&b)));
    order
}

/// Each weight's square over the sum of squares from its own up.
fn scores(weights: &[f64]) -> Vec<(f64, usize)> {
    let mut sum = 0.0;
    let score = |i: usize| {
        let square = weights[i] * weights[i];
        sum += square;
        (if square > 0.0 { square / sum } else { 0.0 }, i)
    };
    rising(weights).into_iter().rev().map(score).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn smallest_go_first() {
        let mut layers = [Layer::of(&[3.0, -1.0, 0.5, -4.0, 2.0, 0.5], 1)];
        prune(&mut layers, 0.5, Scope::Layer);
        assert_eq!(layers[0].weights, [3.0, 0.0, 0.0, -4.0, 2.0, 0.0]);
    }

    #[test]
    fn scales_of_layers_do_not_matter() {
        let weights: Vec<f64> = (1..=20).map(|i| f64::from(i * i)).collect();
        let small: Vec<f64> = weights.iter().map(|w| w * 1e-3).collect();
        let mut layers = [Layer::of(&weights, 1), Layer::of(&small, 1)];
        prune(&mut layers, 0.5, Scope::Network);
        let zeros = |l: &Layer| l.weights.iter().filter(|w| **w == 0.0).count();
        assert_eq!((zeros(&layers[0]), zeros(&layers[1])), (10, 10));
        // The largest of a layer stays.
        let mut layers = [Layer::of(&[1.0], 1), Layer::of(&weights, 1)];
        prune(&mut layers, 0.9, Scope::Network);
        assert_eq!(zeros(&layers[0]), 0);
    }
}
