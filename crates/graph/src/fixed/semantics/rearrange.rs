use super::{encode, reduce};
use crate::fixed::Rearrange;

/// For every output element the operand's element it copies; none takes [`fill_value`].
///
/// Every backend on shares moves its elements by this map; the party that holds the public part
/// of a sharing writes the fill value, the others write 0.
pub fn index_map(r: &Rearrange, input: &[u32], output: &[u32]) -> Vec<Option<u32>> {
    let strides = row_major(input);
    let n: usize = output.iter().map(|&d| d as usize).product();
    match r {
        Rearrange::Reshape => (0..n as u32).map(Some).collect(),
        Rearrange::Transpose { perm } => map(n, output, |i| {
            Some(i.iter().zip(perm).map(|(&x, &p)| x * strides[p as usize]).sum())
        }),
        Rearrange::Pad { pads, .. } => map(n, output, |i| {
            let mut at = 0;
            for (a, &x) in i.iter().enumerate() {
                let from = i64::from(x) - i64::from(pads[a].0);
                if from < 0 || from >= i64::from(input[a]) {
                    return None;
                }
                at += from as u32 * strides[a];
            }
            Some(at)
        }),
        Rearrange::Slice { starts, steps } => map(n, output, |i| {
            let from = |a: usize| i64::from(starts[a]) + i64::from(i[a]) * i64::from(steps[a]);
            Some((0..i.len()).map(|a| from(a) as u32 * strides[a]).sum())
        }),
        Rearrange::Take { axis, indices } => map(n, output, |i| {
            let from = |a: usize| {
                if a == *axis as usize { indices[i[a] as usize] } else { i[a] }
            };
            Some((0..i.len()).map(|a| from(a) * strides[a]).sum())
        }),
        Rearrange::Dilate { step } => map(n, output, |i| {
            let first = i.len() - 2;
            let mut at = 0;
            for (a, &x) in i.iter().enumerate() {
                let step = if a < first { 1 } else { step[a - first] };
                if x % step != 0 {
                    return None;
                }
                at += x / step * strides[a];
            }
            Some(at)
        }),
    }
}

/// What an element without a source holds.
pub fn fill_value(r: &Rearrange) -> i64 {
    match r {
        Rearrange::Pad { value, .. } => *value,
        _ => 0,
    }
}

/// Moves elements, modulo `2^ring`.
pub fn rearrange(r: &Rearrange, input: &[u32], output: &[u32], x: &[u64], ring: u32) -> Vec<u64> {
    if matches!(r, Rearrange::Reshape) {
        return x.iter().map(|&v| reduce(v, ring)).collect();
    }
    let fill = encode(fill_value(r), ring);
    index_map(r, input, output)
        .into_iter()
        .map(|from| from.map_or(fill, |i| reduce(x[i as usize], ring)))
        .collect()
}

fn row_major(shape: &[u32]) -> Vec<u32> {
    let mut strides = vec![1; shape.len()];
    for a in (1..shape.len()).rev() {
        strides[a - 1] = strides[a] * shape[a];
    }
    strides
}

/// Evaluates `f` at every multi-index of a tensor of `n` elements in row-major order.
fn map<T>(n: usize, shape: &[u32], f: impl Fn(&[u32]) -> T) -> Vec<T> {
    let mut index = vec![0; shape.len()];
    let mut out = Vec::with_capacity(n);
    for _ in 0..n {
        out.push(f(&index));
        for a in (0..shape.len()).rev() {
            index[a] += 1;
            if index[a] < shape[a] {
                break;
            }
            index[a] = 0;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn moved(r: Rearrange, input: &[u32], output: &[u32]) -> Vec<u64> {
        let n: u32 = input.iter().product();
        let x: Vec<u64> = (1..=u64::from(n)).collect();
        rearrange(&r, input, output, &x, 8)
    }

    #[test]
    fn moves_elements_as_onnx_does() {
        assert_eq!(moved(Rearrange::Reshape, &[2, 2], &[4]), [1, 2, 3, 4]);
        let t = Rearrange::Transpose { perm: vec![1, 0] };
        assert_eq!(moved(t, &[2, 3], &[3, 2]), [1, 4, 2, 5, 3, 6]);
        let t = Rearrange::Transpose { perm: vec![2, 0, 1] };
        assert_eq!(moved(t, &[2, 2, 3], &[3, 2, 2])[..4], [1, 4, 7, 10]);
        let p = Rearrange::Pad { pads: vec![(1, 0), (-1, 1)], value: -1 };
        assert_eq!(moved(p, &[2, 2], &[3, 2]), [255, 255, 2, 255, 4, 255]);
        let s = Rearrange::Slice { starts: vec![0, 2], steps: vec![1, -2] };
        assert_eq!(moved(s, &[2, 3], &[2, 2]), [3, 1, 6, 4]);
        let t = Rearrange::Take { axis: 1, indices: vec![2, 2, 0, 1] };
        assert_eq!(moved(t, &[1, 3], &[1, 4]), [3, 3, 1, 2]);
        let d = Rearrange::Dilate { step: [2, 1] };
        assert_eq!(moved(d, &[2, 2], &[3, 2]), [1, 2, 0, 0, 3, 4]);
    }
}
