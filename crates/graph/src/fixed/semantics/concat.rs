use super::reduce;

/// Joins tensors of these shapes along `axis` after `<< shl[i]`, modulo `2^ring`.
pub fn concat(axis: u32, shl: &[u32], shapes: &[&[u32]], xs: &[&[u64]], ring: u32) -> Vec<u64> {
    let axis = axis as usize;
    let product = |dims: &[u32]| dims.iter().map(|&d| d as usize).product::<usize>();
    let outer = product(&shapes[0][..axis]);
    let blocks: Vec<usize> = shapes.iter().map(|s| product(&s[axis..])).collect();
    let mut y = Vec::with_capacity(outer * blocks.iter().sum::<usize>());
    for o in 0..outer {
        for ((x, &block), &s) in xs.iter().zip(&blocks).zip(shl) {
            y.extend(x[o * block..(o + 1) * block].iter().map(|&v| reduce(v << s, ring)));
        }
    }
    y
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_inner_axis_with_shifts() {
        let (a, b) = ([1, 2, 3, 4], [5, 6]);
        let y = concat(1, &[0, 3], &[&[2, 2], &[2, 1]], &[&a, &b], 5);
        assert_eq!(y, [1, 2, 40 % 32, 3, 4, 48 % 32]);
    }

    #[test]
    fn joins_outer_axis() {
        let y = concat(0, &[1, 0], &[&[1, 2], &[2, 2]], &[&[1, 2], &[3, 4, 5, 6]], 8);
        assert_eq!(y, [2, 4, 3, 4, 5, 6]);
    }
}
