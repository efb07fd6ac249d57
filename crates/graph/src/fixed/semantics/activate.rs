use super::{encode, wrap};
use crate::fixed::Function;

/// `f((x + 2^(shift-1)) >> shift)`: rounds away `shift` fraction bits, then applies the function.
///
/// The operand is read in `Z_2^ring_in`, and the sum with the rounding term wraps there; the
/// result is written in `Z_2^ring_out`, which may be larger (sign extension) or smaller.
pub fn activate(x: &[u64], ring_in: u32, shift: u32, f: Function, ring_out: u32) -> Vec<u64> {
    x.iter().map(|&v| encode(f.apply(shifted(v, ring_in, shift)), ring_out)).collect()
}

/// As [`activate`] with `max(t, 0)` where the element's flip is 0 and `min(t, 0)` where it is 1.
/// There is one flip per element, or one per run of as many elements as there are of each.
pub fn gate(x: &[u64], ring_in: u32, shift: u32, flips: &[i64], ring_out: u32) -> Vec<u64> {
    let run = (x.len() / flips.len().max(1)).max(1);
    x.chunks(run)
        .zip(flips)
        .flat_map(|(x, &flip)| {
            x.iter().map(move |&v| {
                let t = shifted(v, ring_in, shift);
                encode(if flip == 0 { t.max(0) } else { t.min(0) }, ring_out)
            })
        })
        .collect()
}

fn shifted(v: u64, ring_in: u32, shift: u32) -> i64 {
    let half = if shift == 0 { 0 } else { 1u64 << (shift - 1) };
    wrap(v.wrapping_add(half), ring_in) >> shift
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
            let signs: [i128; 2] = [t.max(0), t.min(0)];
            let got = gate(&[v, v, v, v], ring_in, shift, &[0, 1], ring_out);
            for (i, got) in got.into_iter().enumerate() {
                prop_assert_eq!(i128::from(got), signs[i / 2].rem_euclid(1 << ring_out));
            }
        }
    }
}
