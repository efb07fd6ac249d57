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

/// H(x) = P(x) ^ x with P being AES under a public key.
///
/// *Security*: with P an ideal permutation, correlation robust: for a secret uniform delta and any distinct public x_i,
/// the H(x_i ^ delta) look like independent uniform blocks. The advantage of T calls of P or its inverse against m such
/// blocks is at most about `2 T m / 2^128 + m^2 / 2^129`, so a key should hash few blocks. Not circular (nothing that
/// depends on delta may be encrypted under a hash) and not tweakable (equal inputs have equal hashes): where that is
/// needed, use [`tmmo`].
///
/// *Source*: Guo, Katz, Wang, Yu, eprint 2019/074, section 7.2 (MMO); a key for every few hashes: Guo, Katz, Wang, Weng,
/// Yu, eprint 2019/1168.
pub struct Mmo(Key);

impl Mmo {
    /// The hash under a public key.
    pub fn new(key: Block) -> Self {
        Self(Key::new(key))
    }

    /// `out[i]` = H(x\[i\]).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn hash(&self, x: &[Block], out: &mut [Block]) {
        assert_eq!(x.len(), out.len(), "hash output length");
        self.0.mmo(x, out);
    }

    /// Both keys of a correlated OT: `out0[i]` = H(q\[i\]) and `out1[i]` = H(q\[i\] ^ delta).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn cot(&self, q: &[Block], delta: Block, out0: &mut [Block], out1: &mut [Block]) {
        assert!(q.len() == out0.len() && q.len() == out1.len(), "hash output length");
        self.0.mmo_cot(q, delta, [out0, out1]);
    }
}

/// H(x) = P(s(x)) ^ s(x) with P being AES under a public key and s taking the halves (high, low) of a block to
/// (high ^ low, high).
///
/// *Security*: with P an ideal permutation, circular correlation robust: for a secret uniform delta, distinct public x_i
/// and any public bits b_i, the H(x_i ^ delta) ^ b_i delta look like independent uniform blocks. The advantage is about
/// that of [`Mmo`]. Not tweakable.
///
/// *Source*: Guo, Katz, Wang, Yu, eprint 2019/074, section 7.3 (MMO after a linear orthomorphism).
pub struct Ccr(Key);

impl Ccr {
    /// The hash under a public key.
    pub fn new(key: Block) -> Self {
        Self(Key::new(key))
    }

    /// `out[i]` = H(x\[i\]).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn hash(&self, x: &[Block], out: &mut [Block]) {
        assert_eq!(x.len(), out.len(), "hash output length");
        self.0.ccr(x, out);
    }

    /// One level of a correlated GGM tree: `nodes[i]` becomes its left child H(nodes\[i\]), `right[i]` its right child,
    /// which is the rest of the node. Returns the sum of the left children.
    ///
    /// *Source*: Guo et al., "Half-tree", EUROCRYPT 2023 (eprint 2022/1431).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn grow(&self, nodes: &mut [Block], right: &mut [Block]) -> Block {
        assert_eq!(nodes.len(), right.len(), "two children per node");
        self.0.ccr_grow(nodes, right)
    }
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
