use super::Samples;
use super::parts::on_all_cores;
use crate::{Error, Network};
use serde::Serialize;

/// How many samples a network classifies as they are labelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Score {
    /// Right ones.
    pub right: usize,
    /// All.
    pub total: usize,
}

impl Score {
    /// Share of right ones in percent.
    pub fn percent(self) -> f64 {
        100.0 * self.right as f64 / self.total.max(1) as f64
    }
}

/// Classifies all samples, each core `batch` at a time, with the stored statistics.
///
/// # Errors
/// [`Error::Data`] when the samples do not fit the network.
pub fn evaluate(network: &Network, samples: &Samples, batch: usize) -> Result<Score, Error> {
    samples.check(network)?;
    let indices: Vec<usize> = (0..samples.len()).collect();
    let parts: Vec<_> = indices.chunks(batch.max(1)).collect();
    let right = on_all_cores(network.device(), &parts, |chunk: &&[usize]| {
        let input = samples.batch(chunk, network.device(), |_, _| {})?;
        let scores = network.value_of(network.logits(), &input)?.values()?;
        let rows = scores.chunks(network.classes());
        Ok(rows.zip(*chunk).filter(|(row, i)| best(row) == samples.label(**i)).count())
    })?;
    Ok(Score { right: right.iter().sum(), total: samples.len() })
}

/// Index of the largest entry, the first of equal ones.
pub(crate) fn best(row: &[f32]) -> usize {
    (1..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}
