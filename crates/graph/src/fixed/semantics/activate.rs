use super::{encode, wrap};
use crate::fixed::Function;

/// `f((x + 2^(shift-1)) >> shift)`: rounds away `shift` fraction bits, then applies the function.
///
/// The operand is read in `Z_2^ring_in`, and the sum with the rounding term wraps there; the
/// result is written in `Z_2^ring_out`, which may be larger (sign extension) or smaller.
pub fn activate(x: &[u64], ring_in: u32, shift: u32, f: Function, ring_out: u32) -> Vec<u64> {
    let half = if shift == 0 { 0 } else { 1u64 << (shift - 1) };
    x.iter()
        .map(|&v| {
            let t = wrap(v.wrapping_add(half), ring_in) >> shift;
            encode(f.apply(t), ring_out)
        })
        .collect()
}

impl Function {
    /// The function of one integer.
    pub fn apply(self, t: i64) -> i64 {
        match self {
            Function::Identity => t,
            Function::Relu => t.max(0),
            Function::ReluMax { hi } => t.max(0).min(hi),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn equals_naive_integers(
            v: u64, ring_in in 2u32..=64, shift in 0u32..63, ring_out in 2u32..=64,
            hi in 1i64..1000, kind in 0usize..3,
        ) {
            let shift = shift % ring_in;
            let f = [Function::Identity, Function::Relu, Function::ReluMax { hi }][kind];
            let modulus = 1i128 << ring_in;
            let half = if shift == 0 { 0 } else { 1i128 << (shift - 1) };
            let mut s = (i128::from(v) + half).rem_euclid(modulus);
            if s >= modulus / 2 { s -= modulus }
            let t = s.div_euclid(1 << shift);
            let want = match f {
                Function::Identity => t,
                Function::Relu => t.max(0),
                Function::ReluMax { hi } => t.clamp(0, i128::from(hi)),
            };
            let got = activate(&[v], ring_in, shift, f, ring_out)[0];
            prop_assert_eq!(i128::from(got), want.rem_euclid(1 << ring_out));
        }
    }
}
