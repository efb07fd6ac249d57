//! Labels of arithmetic garbling: vectors of digits modulo a small prime, unpacked (a byte per digit) for arithmetic
//! and packed (one [`Block`]) for hashing and for the wire.
//!
//! A tensor of unpacked labels is label-major: label i is bytes `i * digits .. (i + 1) * digits`, each below p.
//!
//! *Source*: Ball, Malkin, Rosulek, "Garbling Gadgets for Boolean and Arithmetic Circuits", CCS 2016, section 4
//! (labels, offset and colour). Packing whole digits into bits is ours.

use crate::Block;
use crate::isa::dispatch;

mod arith;
mod linear;
mod portable;
mod radix;
mod sample;
#[cfg(target_arch = "x86_64")]
mod x86;

pub use arith::{add, add_each, add_scaled, scale, sub, sub_scale};
pub use linear::{Operand, conv};
pub use radix::Radix;
pub use sample::sample;

/// Packs labels: digit i goes to bits `i * bits .. (i + 1) * bits`; bits beyond the last digit are zero.
///
/// # Panics
/// If `labels` is not `out.len()` labels.
pub fn pack(r: Radix, labels: &[u8], out: &mut [Block]) {
    check_labels(r, labels.len(), out.len());
    dispatch!(pack(r, labels, out), portable::pack(r, labels, out));
}

/// Unpacks labels, the inverse of [`pack`]. A field of p or more, which only a tampered row has, is reduced by one
/// subtraction of p (fields are below 2p); bits beyond the last digit are ignored.
///
/// # Panics
/// If `out` is not `packed.len()` labels.
pub fn unpack(r: Radix, packed: &[Block], out: &mut [u8]) {
    check_labels(r, out.len(), packed.len());
    dispatch!(unpack(r, packed, out), portable::unpack(r, packed, out));
}

/// All labels of a wire in the order of their colours: `out[c]` is the packed label zero + (c - `zero[0]`) delta.
///
/// `zero` and `delta` are one label each, and `delta[0]` is 1; `out` is p labels.
///
/// *Security*: running time does not depend on the labels, the colour of `zero` included.
///
/// # Panics
/// If a length differs.
pub fn keys(r: Radix, zero: &[u8], delta: &[u8], out: &mut [Block]) {
    assert!(zero.len() == r.digits() && delta.len() == r.digits(), "one label each");
    assert_eq!(out.len(), usize::from(r.p()), "one key for each colour");
    dispatch!(keys(r, zero, delta, out), portable::keys(r, zero, delta, out));
}

/// `out[v]` = the packed label base + v delta.
///
/// # Panics
/// If `base` or `delta` is not one label, or `out` is longer than p.
pub fn ladder(r: Radix, base: &[u8], delta: &[u8], out: &mut [Block]) {
    assert!(base.len() == r.digits() && delta.len() == r.digits(), "one label each");
    assert!(out.len() <= usize::from(r.p()), "no more than p different labels");
    dispatch!(ladder(r, base, delta, out), portable::ladder(r, base, delta, out));
}

/// `out[i]` = `table[index[i]]`, or the zero block if the table is not that long.
///
/// *Security*: neither running time nor addresses depend on `index`: all entries are read, into registers or one by
/// one.
///
/// # Panics
/// If `index` and `out` differ in length.
pub fn select(table: &[Block], index: &[u8], out: &mut [Block]) {
    assert_eq!(index.len(), out.len(), "one index for each row");
    let table = &table[..table.len().min(256)];
    dispatch!(select(table, index, out), portable::select(table, index, out));
}

/// `out[c]` = `f[(c - by) mod f.len()]`.
///
/// *Security*: neither running time nor addresses depend on `by`.
///
/// # Panics
/// If `f` has fewer than 2 or more than 251 entries, `out` another length, or `by` is no index of `f`.
pub fn rotate(f: &[u8], by: u8, out: &mut [u8]) {
    assert!((2..=251).contains(&f.len()), "a table of 2 to 251 entries");
    assert!(usize::from(by) < f.len(), "a rotation by less than the length");
    assert_eq!(f.len(), out.len(), "a rotated table of the same length");
    dispatch!(rotate(f, by, out), portable::rotate(f, by, out));
}

/// How many labels `bytes` bytes are.
fn whole_labels(r: Radix, bytes: usize) -> usize {
    assert!(bytes.is_multiple_of(r.digits()), "{bytes} bytes are not whole labels of {r:?}");
    bytes / r.digits()
}

fn check_labels(r: Radix, bytes: usize, labels: usize) {
    assert_eq!(whole_labels(r, bytes), labels, "number of labels of {r:?}");
}

#[cfg(test)]
mod tests;
