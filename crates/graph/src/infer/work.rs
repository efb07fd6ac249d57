use super::Meta;
use crate::ir::Op;

/// Rough number of multiplications and moves that evaluating `op` takes.
pub fn work(op: &Op, inputs: &[Option<&Meta>], outs: &[Meta]) -> u64 {
    let size = |m: &Meta| m.len() as u64;
    let extent = |i: usize| inputs.get(i).copied().flatten();
    let produced: u64 = outs.iter().map(size).sum();
    let per_element = match op {
        Op::Conv { .. } => extent(1).map_or(1, |w| size(w) / (w.shape[0] as u64).max(1)),
        Op::QLinearConv { .. } => extent(3).map_or(1, |w| size(w) / (w.shape[0] as u64).max(1)),
        Op::ConvTranspose { .. } => {
            let (x, w) = (extent(0).map_or(0, size), extent(1));
            let taps = w.map_or(1, |w| size(w) / (w.shape[0] as u64).max(1));
            return produced.saturating_add(x.saturating_mul(taps));
        }
        Op::Gemm { trans_a, .. } => extent(0).map_or(1, |a| a.shape[usize::from(!trans_a)] as u64),
        Op::MatMul => extent(0).and_then(|a| a.shape.last()).map_or(1, |&k| k as u64),
        Op::MaxPool { window } | Op::AveragePool { window, .. } => {
            window.kernel.iter().map(|&k| k as u64).product()
        }
        Op::Lrn { size, .. } => *size as u64,
        _ => 1,
    };
    let consumed: u64 = inputs.iter().flatten().map(|m| size(m)).sum();
    produced.saturating_mul(per_element.max(1)).saturating_add(consumed)
}
