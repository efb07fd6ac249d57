//! From a network's output values to a ranked prediction.

use crate::data::Classes;
use serde::Serialize;
use sordino_graph::fixed::{Finish, FixedGraph, FixedOp};
use sordino_graph::ir::{Graph, Op, Unary};

/// What the values of an output mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scores {
    /// Unnormalised: softmax gives probabilities.
    Logits,
    /// Probabilities of classes that exclude each other.
    Probabilities,
    /// Their logarithms.
    LogProbabilities,
    /// Each value stands for itself, such as independent probabilities.
    Values,
    /// One value: the index of the best class.
    Label,
}

impl Scores {
    /// Of a fixed-point network's decoded output.
    pub fn of_fixed(graph: &FixedGraph) -> Self {
        let last = graph.nodes.iter().find(|n| n.output == graph.output).map(|n| &n.op);
        match (last, graph.finish) {
            (Some(FixedOp::ArgMax), _) => Self::Label,
            (_, Finish::Softmax) => Self::Probabilities,
            (_, Finish::LogSoftmax) => Self::LogProbabilities,
            (_, Finish::Sigmoid | Finish::Tanh) => Self::Values,
            (_, Finish::None) => Self::Logits,
        }
    }

    /// Of a float network's first output.
    pub fn of_float(graph: &Graph) -> Self {
        let mut value = graph.outputs[0];
        // Looks through nodes that only move values.
        while let Some(node) = graph.nodes.iter().find(|n| n.outputs.contains(&value)) {
            match (&node.op, &node.inputs[..]) {
                (Op::Reshape { .. } | Op::Cast { .. }, [Some(from), ..]) => value = *from,
                (Op::Softmax { log: false, .. }, _) => return Self::Probabilities,
                (Op::Softmax { log: true, .. }, _) => return Self::LogProbabilities,
                (Op::Unary(Unary::Sigmoid | Unary::Tanh), _) => return Self::Values,
                (Op::ArgMax { .. }, _) => return Self::Label,
                _ => break,
            }
        }
        Self::Logits
    }
}

/// One class of a prediction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranked {
    /// Its number.
    pub class: usize,
    /// Its name, or its number again.
    pub name: String,
    /// The network's value for it; none when only the label was revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub score: Option<f32>,
    /// Its probability, where the values give one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f32>,
}

/// A network's answer to one input.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Prediction {
    /// Which input.
    pub input: String,
    /// Classes, the best first.
    pub top: Vec<Ranked>,
    /// Input values beyond the calibrated range, moved to its end.
    pub saturated: usize,
}

impl Prediction {
    /// The `count` best classes of an output.
    pub fn new(
        input: &str,
        values: &[f32],
        scores: Scores,
        classes: &Classes,
        count: usize,
    ) -> Self {
        let ranked = |class: usize, score, probability| Ranked {
            class,
            name: classes.name(class),
            score,
            probability,
        };
        let top = if scores == Scores::Label {
            values.iter().take(1).map(|&v| ranked(v.max(0.0) as usize, None, None)).collect()
        } else {
            let odds = probabilities(values, scores);
            order(values)
                .into_iter()
                .take(count)
                .map(|i| ranked(i, Some(values[i]), odds.as_ref().map(|p| p[i])))
                .collect()
        };
        Self { input: input.to_owned(), top, saturated: 0 }
    }

    /// The best class, unless the output was empty.
    pub fn class(&self) -> Option<usize> {
        self.top.first().map(|r| r.class)
    }
}

/// The best class of an output: the first of equals, as ArgMax has it.
pub fn best(values: &[f32], scores: Scores) -> Option<usize> {
    match scores {
        Scores::Label => values.first().map(|&v| v.max(0.0) as usize),
        _ => order(values).first().copied(),
    }
}

/// Indices by falling value, equal ones in order.
fn order(values: &[f32]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[b].total_cmp(&values[a]));
    order
}

fn probabilities(values: &[f32], scores: Scores) -> Option<Vec<f32>> {
    match scores {
        Scores::Probabilities => Some(values.to_vec()),
        Scores::LogProbabilities => Some(values.iter().map(|v| v.exp()).collect()),
        Scores::Logits if values.len() > 1 => {
            let max = values.iter().copied().fold(f32::NEG_INFINITY, f32::max);
            let exp: Vec<f32> = values.iter().map(|v| (v - max).exp()).collect();
            let sum: f32 = exp.iter().sum();
            Some(exp.iter().map(|v| v / sum).collect())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_and_names() {
        let classes = Classes::new(vec!["a".into(), "b".into(), "c".into()]);
        let p = Prediction::new("x", &[1.0, 3.0, 3.0], Scores::Logits, &classes, 2);
        assert_eq!(p.class(), Some(1));
        assert_eq!(p.top[1].name, "c");
        let sum = p.top[0].probability.unwrap_or(0.0) * 2.0;
        assert!((sum - 0.9367).abs() < 1e-3, "{sum}");
        assert_eq!(best(&[1.0, 3.0, 3.0], Scores::Logits), Some(1));
    }

    #[test]
    fn labels_have_no_scores() {
        let p = Prediction::new("x", &[7.0], Scores::Label, &Classes::default(), 5);
        assert_eq!((p.class(), p.top[0].name.as_str(), p.top[0].score), (Some(7), "7", None));
        assert_eq!(best(&[7.0], Scores::Label), Some(7));
    }
}
