use super::semantics::{encode, wrap};
use super::{Edge, Finish, FixedGraph};
use crate::Error;

/// An input as ring words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncodedInput {
    /// One word per element.
    pub words: Vec<u64>,
    /// How many elements lay outside the edge's `lo..=hi` and were moved to the nearer end.
    pub saturated: usize,
}

/// Rounds real values to the edge's scale. Values outside the edge's range saturate: a network
/// calibrated on other data would wrap around on them.
///
/// # Errors
/// [`Error::Shape`] for another number of elements, [`Error::Invalid`] for NaN or infinity.
pub fn encode_input(edge: &Edge, values: &[f32]) -> Result<EncodedInput, Error> {
    if values.len() != edge.len() {
        return Err(Error::Shape(format!(
            "the input has {} elements, the network expects {} ({:?})",
            values.len(),
            edge.len(),
            edge.shape
        )));
    }
    let scale = edge.unit();
    let mut saturated = 0;
    let mut word = |&v: &f32| {
        if !v.is_finite() {
            return Err(Error::Invalid("the input holds NaN or infinity".into()));
        }
        // The cast saturates, which the clamp then counts like any value out of range.
        let q = (f64::from(v) * scale).round() as i64;
        let c = q.clamp(edge.lo, edge.hi);
        saturated += usize::from(c != q);
        Ok(encode(c, edge.ring))
    };
    let words = values.iter().map(&mut word).collect::<Result<_, _>>()?;
    Ok(EncodedInput { words, saturated })
}

/// Real values of a tensor on `edge`.
pub fn decode(edge: &Edge, words: &[u64]) -> Vec<f32> {
    let scale = (-f64::from(edge.frac)).exp2() / f64::from(edge.divisor);
    words.iter().map(|&v| (wrap(v, edge.ring) as f64 * scale) as f32).collect()
}

/// Real values of the revealed output, after [`FixedGraph::finish`].
///
/// # Errors
/// [`Error::Shape`] for another number of words.
pub fn decode_output(graph: &FixedGraph, words: &[u64]) -> Result<Vec<f32>, Error> {
    let edge = &graph.edges[graph.output.0 as usize];
    if words.len() != edge.len() {
        return Err(Error::Shape(format!(
            "{} output words instead of {}",
            words.len(),
            edge.len()
        )));
    }
    let mut y = decode(edge, words);
    let row = edge.shape.iter().rev().find(|&&d| d != 1).map_or(1, |&d| d as usize);
    match graph.finish {
        Finish::None => {}
        Finish::Softmax => y.chunks_mut(row).for_each(softmax),
        Finish::LogSoftmax => y.chunks_mut(row).for_each(log_softmax),
        Finish::Sigmoid => y.iter_mut().for_each(|v| *v = 1.0 / (1.0 + (-*v).exp())),
        Finish::Tanh => y.iter_mut().for_each(|v| *v = v.tanh()),
    }
    Ok(y)
}

fn softmax(row: &mut [f32]) {
    log_softmax(row);
    row.iter_mut().for_each(|v| *v = v.exp());
}

fn log_softmax(row: &mut [f32]) {
    let max = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let sum: f32 = row.iter().map(|v| (v - max).exp()).sum();
    row.iter_mut().for_each(|v| *v -= max + sum.ln());
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixed::EdgeId;

    fn edge(frac: i32, divisor: u32) -> Edge {
        Edge { name: "x".into(), shape: vec![1, 3], frac, divisor, ring: 16, lo: -512, hi: 511 }
    }

    #[test]
    fn rounds_and_saturates() {
        let e = encode_input(&edge(4, 1), &[0.03, -1.0, 99.0]).unwrap();
        assert_eq!(e.words, [0, (1 << 16) - 16, 511]);
        assert_eq!(e.saturated, 1);
        assert!(encode_input(&edge(4, 1), &[0.0]).is_err());
        assert!(encode_input(&edge(4, 1), &[0.0, f32::NAN, 0.0]).is_err());
    }

    #[test]
    fn decodes_with_divisor_and_finish() {
        let mut g = FixedGraph {
            name: "g".into(),
            edges: vec![edge(1, 3)],
            nodes: vec![],
            input: EdgeId(0),
            output: EdgeId(0),
            finish: Finish::None,
        };
        let words = [6, 12, encode(-6, 16)];
        assert_eq!(decode_output(&g, &words).unwrap(), [1.0, 2.0, -1.0]);
        g.finish = Finish::Softmax;
        let p = decode_output(&g, &words).unwrap();
        assert!((p.iter().sum::<f32>() - 1.0).abs() < 1e-6 && p[1] > p[0] && p[0] > p[2]);
        g.finish = Finish::Sigmoid;
        assert!((decode_output(&g, &words).unwrap()[0] - 0.731_058_6).abs() < 1e-6);
    }
}
