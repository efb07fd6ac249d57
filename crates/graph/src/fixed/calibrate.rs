use crate::ir::{Graph, Op, Tensor, TensorData, ValueId};
use crate::{Error, float};
use std::collections::HashMap;

/// Samples on which a value is this many times larger than on the median sample do not count for
/// its range: networks with polynomial activations diverge on rare inputs, and a ring made for
/// those would leave no bits for the others.
const OUTLIER: f32 = 8.0;

/// What was seen of every value while a network ran on sample inputs.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Calibration {
    /// Per value, smallest and largest element of each sample.
    ranges: Vec<Vec<(f32, f32)>>,
    fractional: Vec<bool>,
    /// Smallest and largest element per channel, of values that a batch normalisation reads.
    channels: HashMap<ValueId, Vec<(f32, f32)>>,
    samples: usize,
}

impl Calibration {
    /// Nothing seen yet.
    pub fn new(graph: &Graph) -> Self {
        let n = graph.values.len();
        let normalised = graph.nodes.iter().filter(|n| matches!(n.op, Op::BatchNorm { .. }));
        let channels = normalised
            .filter_map(|n| {
                let x = n.inputs.first().copied().flatten()?;
                let count = graph.value(x).shape.get(1).copied().unwrap_or(1);
                Some((x, vec![(f32::INFINITY, f32::NEG_INFINITY); count]))
            })
            .collect();
        let ranges = vec![Vec::new(); n];
        Self { ranges, fractional: vec![false; n], channels, samples: 0 }
    }

    /// Runs the float network on each input and records the smallest and largest of every value.
    ///
    /// # Errors
    /// Those of the float executor; [`Error::Config`] without any input.
    pub fn run(graph: &Graph, inputs: &[Tensor]) -> Result<Self, Error> {
        let mut c = Self::new(graph);
        for x in inputs {
            c.observe(graph, x)?;
        }
        if inputs.is_empty() {
            return Err(Error::Config("calibration needs at least one sample input".into()));
        }
        Ok(c)
    }

    /// Runs the float network on one more input and returns its outputs.
    ///
    /// # Errors
    /// Those of the float executor.
    pub fn observe(&mut self, graph: &Graph, input: &Tensor) -> Result<Vec<Tensor>, Error> {
        self.samples += 1;
        float::run_with(graph, std::slice::from_ref(input), |id, t| self.record(id, t))
    }

    /// Adds a value of one sample.
    pub fn record(&mut self, id: ValueId, t: &Tensor) {
        let (lo, hi) = match t.data() {
            TensorData::F32(v) => {
                self.fractional[id.0] |= v.iter().any(|x| x.fract() != 0.0);
                if let Some(channels) = self.channels.get_mut(&id) {
                    let run = (v.len() / channels.len().max(1)).max(1);
                    for (range, v) in channels.iter_mut().zip(v.chunks(run)) {
                        *range = widened(*range, v);
                    }
                }
                widened((f32::INFINITY, f32::NEG_INFINITY), v)
            }
            TensorData::I64(v) => {
                let ends = |f: fn(i64, i64) -> i64| v.iter().copied().reduce(f).unwrap_or(0);
                (ends(i64::min) as f32, ends(i64::max) as f32)
            }
            TensorData::Bool(_) => (0.0, 1.0),
        };
        self.ranges[id.0].push((lo, hi));
    }

    /// Smallest and largest element seen, apart from samples that are outliers; none when the
    /// value was never seen.
    pub fn range(&self, id: ValueId) -> Option<(f32, f32)> {
        let seen = self.ranges.get(id.0)?;
        let magnitude = |&(lo, hi): &(f32, f32)| lo.abs().max(hi.abs());
        let mut sizes: Vec<f32> = seen.iter().map(magnitude).collect();
        sizes.sort_by(f32::total_cmp);
        let median = *sizes.get(sizes.len() / 2)?;
        let outlier = |r: &(f32, f32)| median > 0.0 && magnitude(r) > median * OUTLIER;
        // NaN stays, which quantisation then refuses.
        seen.iter()
            .copied()
            .filter(|r| !outlier(r))
            .reduce(|(a, b), (lo, hi)| (if lo >= a { a } else { lo }, if hi <= b { b } else { hi }))
    }

    /// Smallest and largest element seen in each channel of a value that a batch normalisation
    /// reads; none of other values, and when the value was never seen.
    pub fn channels(&self, id: ValueId) -> Option<&[(f32, f32)]> {
        let channels = self.channels.get(&id)?;
        channels.iter().all(|(lo, hi)| lo <= hi).then_some(channels)
    }

    /// Whether every element seen was a whole number.
    pub fn is_integral(&self, id: ValueId) -> bool {
        self.range(id).is_some() && !self.fractional[id.0]
    }

    /// Number of inputs run.
    pub fn samples(&self) -> usize {
        self.samples
    }
}

/// A range and these elements. Comparisons keep NaN, which quantisation then refuses.
fn widened(range: (f32, f32), v: &[f32]) -> (f32, f32) {
    v.iter()
        .fold(range, |(lo, hi), &x| (if x >= lo { lo } else { x }, if x <= hi { hi } else { x }))
}
