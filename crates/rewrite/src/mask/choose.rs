use super::Mask;
use crate::train::Random;
use crate::{Error, Network};

/// Which rectifiers stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// Those of the largest masks.
    Largest,
    /// Any, as a baseline.
    Random {
        /// Where the choice comes from.
        seed: u64,
    },
    /// Whole layers from the last one on, the first that does not fit in part, as a baseline.
    Layers,
}

/// Makes masks binary so that at most `budget` rectifiers stay, as many as fit. Returns how many.
///
/// # Errors
/// [`Error::Config`] when the network has fewer rectifiers than the budget.
pub fn choose(
    network: &mut Network,
    masks: &[Mask],
    budget: usize,
    choice: Choice,
) -> Result<usize, Error> {
    let total = super::total(masks);
    if budget > total {
        let why = format!("{budget} rectifiers cannot be kept, the network has {total}");
        return Err(Error::Config(why));
    }
    let mut entries = Vec::new();
    for (layer, mask) in masks.iter().enumerate() {
        let slopes = network.read(mask.slope)?;
        let mut random = Random::new(seed(choice), "mask", layer as u64, 0);
        for (i, slope) in slopes.iter().enumerate() {
            let worth = match choice {
                Choice::Largest => 1.0 - slope,
                Choice::Random { .. } => random.signed_unit(),
                Choice::Layers => layer as f32,
            };
            entries.push((worth, layer, i));
        }
    }
    // A stable order: equal masks stay in the order of the graph.
    entries.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut slopes: Vec<Vec<f32>> = masks.iter().map(|m| vec![1.0; m.entries]).collect();
    let mut kept = 0;
    for (_, layer, i) in entries {
        if kept + masks[layer].each <= budget {
            kept += masks[layer].each;
            slopes[layer][i] = 0.0;
        }
    }
    for (mask, slopes) in masks.iter().zip(slopes) {
        network.write(mask.slope, slopes)?;
    }
    Ok(kept)
}

fn seed(choice: Choice) -> u64 {
    match choice {
        Choice::Random { seed } => seed,
        _ => 0,
    }
}
