//! Hashing under fixed-key AES-128.
//!
//! *Security*: modelled with AES under a public key as an ideal permutation. The keys are digits of pi.

use crate::Block;
use crate::aes::{self, Key};

/// `out[i]` = H(x\[i\], tweak + i) with H(x, t) = P(P(x) ^ t) ^ P(x), P being AES under a fixed public key.
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
    aes::tmmo(x, tweak, out);
}

/// The hash of [`tmmo`] under a public key of its own, in two halves, for inputs hashed under several tweaks.
///
/// *Security*: as for [`tmmo`], with AES under this key as the ideal permutation. A key per circuit keeps hash values
/// of different circuits apart: an adversary cannot search for inputs to all of them at once (Guo, Katz, Wang, Weng,
/// Yu, "Better concrete security for half-gates garbling (in the multi-instance setting)", eprint 2019/1168).
pub struct Tmmo(Key);

impl Tmmo {
    /// The hash under a public key.
    pub fn new(key: Block) -> Self {
        Self(Key::new(key))
    }

    /// `out[i]` = P(x\[i\]): the part that does not depend on the tweak.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn permute(&self, x: &[Block], out: &mut [Block]) {
        assert_eq!(x.len(), out.len(), "hash output length");
        self.0.permute(x, out);
    }

    /// `out[i]` ^= H(x\[i\], tweak + i step) for `px[i]` = P(x\[i\]). Tweaks are modulo 2^64.
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn mask(&self, px: &[Block], tweak: u64, step: u64, out: &mut [Block]) {
        assert_eq!(px.len(), out.len(), "hash output length");
        self.0.tmmo_from(px, tweak, step, out);
    }
}

/// Both keys of a correlated OT: `out0[i]` = H(q\[i\], tweak + i) and `out1[i]` = H(q\[i\] ^ delta, tweak + i), H as in
/// [`tmmo`].
///
/// # Panics
/// If the lengths differ.
pub fn tmmo_cot(q: &[Block], delta: Block, tweak: u64, out0: &mut [Block], out1: &mut [Block]) {
    assert!(q.len() == out0.len() && q.len() == out1.len(), "hash output length");
    aes::tmmo_cot(q, delta, tweak, [out0, out1]);
}

/// One level of a GGM tree: `children[2i]` = P0(x) ^ x and `children[2i + 1]` = P1(x) ^ x for `x = parents[i]`, P0 and
/// P1 being AES under two fixed public keys.
///
/// *Security*: a length-doubling generator if the two permutations are ideal.
///
/// # Panics
/// If there are not twice as many children as parents.
pub fn ggm_double(parents: &[Block], children: &mut [Block]) {
    assert_eq!(2 * parents.len(), children.len(), "two children per parent");
    aes::ggm_double(parents, children);
}
