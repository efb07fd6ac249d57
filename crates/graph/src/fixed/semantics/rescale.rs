use super::{encode, wrap};
use crate::fixed::Function;

/// `f(floor((c + floor(divisor/2)) / divisor))` for the representative `c` of the operand modulo
/// the odd `modulus` that is nearest to zero.
///
/// The operand is read in `Z_2^ring_in` as a two's-complement number, the result is written in
/// `Z_2^ring_out`.
pub fn rescale(
    x: &[u64],
    ring_in: u32,
    modulus: u64,
    divisor: u64,
    f: Function,
    ring_out: u32,
) -> Vec<u64> {
    let (m, d) = (modulus as i64, divisor as i64);
    x.iter()
        .map(|&v| {
            let r = wrap(v, ring_in).rem_euclid(m);
            let c = if r > m / 2 { r - m } else { r };
            encode(f.apply((c + d / 2).div_euclid(d)), ring_out)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn takes_the_nearest_representative() {
        let of = |v: i64| wrap(rescale(&[v as u64], 64, 21, 3, Function::Identity, 8)[0], 8);
        assert_eq!([-10, -2, -1, 1, 2, 10].map(of), [-3, -1, 0, 0, 1, 3]);
        assert_eq!([11, 21, -11].map(of), [-3, 0, 3]);
    }

    proptest! {
        #[test]
        fn equals_naive_integers(
            v: u64, ring_in in 2u32..=64, ring_out in 2u32..=64, m in 1u64..1 << 61, d: u64,
            small: bool, hi in 1i64..1000, kind in 0usize..3,
        ) {
            let modulus = 2 * (if small { m % 1000 + 1 } else { m }) + 1;
            let divisor = d % (modulus - 1) + 1;
            let f = [Function::Identity, Function::Relu, Function::ReluMax { hi }][kind];
            let ring = 1i128 << ring_in;
            let mut x = i128::from(v).rem_euclid(ring);
            if x >= ring / 2 { x -= ring }
            let half = i128::from(modulus / 2);
            let c = (x + half).rem_euclid(i128::from(modulus)) - half;
            let t = (c + i128::from(divisor / 2)).div_euclid(i128::from(divisor));
            let want = match f {
                Function::Identity => t,
                Function::Relu => t.max(0),
                Function::ReluMax { hi } => t.clamp(0, i128::from(hi)),
            };
            let got = rescale(&[v], ring_in, modulus, divisor, f, ring_out)[0];
            prop_assert_eq!(i128::from(got), want.rem_euclid(1 << ring_out));
        }
    }
}
