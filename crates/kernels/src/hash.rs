//! Hashing under fixed-key AES-128.
//!
//! *Security*: modelled with AES under a public key as an ideal permutation. The keys are digits of pi.

use crate::Block;
use crate::aes::scalar;

/// Keys for [`tmmo`] and for the left and right child of [`ggm_double`].
const KEYS: [Block; 3] = [
    Block(0x243f_6a88_85a3_08d3_1319_8a2e_0370_7344),
    Block(0xa409_3822_299f_31d0_082e_fa98_ec4e_6c89),
    Block(0x4528_21e6_38d0_1377_be54_66cf_34e9_0c6c),
];

/// `out[i] = H(x[i], tweak + i)` with H(x, t) = P(P(x) ^ t) ^ P(x), P being AES under a fixed public key.
///
/// *Security*: tweakable circular correlation robust in the ideal-permutation model if no tweak is used twice for
/// correlated inputs.
///
/// *Source*: Guo, Katz, Wang, Yu, "Efficient and secure multiparty computation from fixed-key block ciphers",
/// eprint 2019/074, section 7.4 (TMMO).
///
/// # Panics
/// If the lengths differ.
pub fn tmmo(x: &[Block], tweak: u64, out: &mut [Block]) {
    assert_eq!(x.len(), out.len(), "hash output length");
    let p = scalar::cipher(KEYS[0]);
    for (i, (x, out)) in x.iter().zip(out).enumerate() {
        let inner = scalar::encrypt(&p, *x);
        let tweak = Block(tweak.wrapping_add(i as u64).into());
        *out = scalar::encrypt(&p, inner ^ tweak) ^ inner;
    }
}

/// Both keys of a correlated OT: `out0[i] = H(q[i], tweak + i)` and `out1[i] = H(q[i] ^ delta, tweak + i)`, H as in
/// [`tmmo`].
///
/// # Panics
/// If the lengths differ.
pub fn tmmo_cot(q: &[Block], delta: Block, tweak: u64, out0: &mut [Block], out1: &mut [Block]) {
    assert!(q.len() == out0.len() && q.len() == out1.len(), "hash output length");
    tmmo(q, tweak, out0);
    for (out, q) in out1.iter_mut().zip(q) {
        *out = *q ^ delta;
    }
    let shifted = out1.to_vec();
    tmmo(&shifted, tweak, out1);
}

/// One level of a GGM tree: `children[2i] = P0(x) ^ x` and `children[2i + 1] = P1(x) ^ x` for `x = parents[i]`.
///
/// *Security*: a length-doubling generator if the two fixed-key permutations are ideal.
///
/// # Panics
/// If there are not twice as many children as parents.
pub fn ggm_double(parents: &[Block], children: &mut [Block]) {
    assert_eq!(2 * parents.len(), children.len(), "two children per parent");
    let (left, right) = (scalar::cipher(KEYS[1]), scalar::cipher(KEYS[2]));
    for (x, pair) in parents.iter().zip(children.chunks_exact_mut(2)) {
        pair[0] = scalar::encrypt(&left, *x) ^ *x;
        pair[1] = scalar::encrypt(&right, *x) ^ *x;
    }
}
