use super::{encode, reduce};

/// `x + c` modulo `2^ring`.
pub fn add_const(x: &[u64], c: &[i64], ring: u32) -> Vec<u64> {
    assert_eq!(x.len(), c.len(), "operand of a constant addition");
    x.iter().zip(c).map(|(&v, &c)| reduce(v.wrapping_add(encode(c, ring)), ring)).collect()
}

/// `(a << shl[0]) + (b << shl[1])`, or minus, modulo `2^ring`.
pub fn add(a: &[u64], b: &[u64], shl: [u32; 2], subtract: bool, ring: u32) -> Vec<u64> {
    assert_eq!(a.len(), b.len(), "operands of an addition");
    let sum = |(&a, &b): (&u64, &u64)| {
        let (a, b) = (a << shl[0], b << shl[1]);
        reduce(if subtract { a.wrapping_sub(b) } else { a.wrapping_add(b) }, ring)
    };
    a.iter().zip(b).map(sum).collect()
}

/// `a * b` modulo `2^ring`.
pub fn mul(a: &[u64], b: &[u64], ring: u32) -> Vec<u64> {
    assert_eq!(a.len(), b.len(), "operands of a product");
    a.iter().zip(b).map(|(&a, &b)| reduce(a.wrapping_mul(b), ring)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixed::semantics::wrap;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equal_naive_integers(
            a: u64, b: u64, c: i64, ring in 2u32..=64, shl in [0u32..8, 0u32..8], subtract: bool,
        ) {
            let (a, b) = (reduce(a, ring), reduce(b, ring));
            let modulo = |v: i128| v.rem_euclid(1 << ring) as u64;
            let (sa, sb) = (i128::from(wrap(a, ring)), i128::from(wrap(b, ring)));
            prop_assert_eq!(add_const(&[a], &[c], ring), vec![modulo(sa + i128::from(c))]);
            let (ta, tb) = (sa << shl[0], sb << shl[1]);
            let want = modulo(if subtract { ta - tb } else { ta + tb });
            prop_assert_eq!(add(&[a], &[b], shl, subtract, ring), vec![want]);
            prop_assert_eq!(mul(&[a], &[b], ring), vec![modulo(sa * sb)]);
        }
    }
}
