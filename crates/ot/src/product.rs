//! Products of two ring elements, one of each party, additively shared.
//!
//! *What*: the receiver has `x[i]` below 2^x_bits, the sender `y[i]`; they get additive shares of
//! `x[i] * y[i] mod 2^out_bits`. With `x_bits = out_bits` the sign convention of `x` does not matter.
//!
//! *Cost*: `min(x_bits, out_bits)` COTs per product; that many bits per product from the receiver, then for bit `i`
//! `out_bits - i` bits per product from the sender. One round for the receiver.
//!
//! *Security*: semi-honest, as [`crate::ring_cot`].
//!
//! *Source*: Gilboa, "Two party RSA key generation", CRYPTO 1999; shrinking messages as in Demmler,
//! Schneider, Zohner, "ABY", NDSS 2015.

use sordino_secret::{Bits, pack, packed_len, unpack};
use sordino_wire::{Lane, Masked, Meter, Role};

use crate::error::{expect_len, expect_range};
use crate::ring_cot::{ReceiverPads, SenderPads};
use crate::{Error, kinds};

/// Ring COTs, of pads with `out_bits` bits, that `n` products use.
pub const fn cots_needed(n: usize, x_bits: u32, out_bits: u32) -> usize {
    n * steps(x_bits, out_bits) as usize
}

/// The shares of the party that holds `y`.
///
/// *Errors*: on lengths that do not match, sizes not in 1 to 64 bits, or a failing lane.
pub fn send(
    lane: &mut Lane,
    pads: SenderPads,
    y: &[u64],
    x_bits: u32,
    out_bits: u32,
) -> Result<Vec<u64>, Error> {
    let n = y.len();
    check(pads.len(), n, x_bits, out_bits)?;
    if n == 0 {
        return Ok(Vec::new());
    }
    let flips = lane.recv(kinds::PRODUCT_CHOICES, pads.len().div_ceil(8))?;
    let flips = Bits::from_bytes(pads.len(), &flips);
    let mut shares = vec![0u64; n];
    let mut message = Vec::with_capacity(message_len(n, x_bits, out_bits));
    for i in 0..steps(x_bits, out_bits) {
        let (own, corrections) = pads.correct(i as usize * n, &flips, y, out_bits - i);
        message.extend(pack(&corrections, out_bits - i));
        add_shifted(&mut shares, &own, i);
    }
    lane.send(kinds::PRODUCT_CORRECTIONS, Masked::new(&message))?;
    Ok(reduced(shares, out_bits))
}

/// The shares of the party that holds `x`, of which the low `x_bits` bits count.
///
/// *Errors*: as for [`send`].
pub fn recv(
    lane: &mut Lane,
    pads: ReceiverPads,
    x: &[u64],
    x_bits: u32,
    out_bits: u32,
) -> Result<Vec<u64>, Error> {
    let n = x.len();
    check(pads.len(), n, x_bits, out_bits)?;
    if n == 0 {
        return Ok(Vec::new());
    }
    // Bit after bit, each of all elements.
    let steps = steps(x_bits, out_bits);
    let mut choice = Bits::zero(0);
    for i in 0..steps {
        choice.extend(&Bits::collect(x.iter().map(|x| x >> i)));
    }
    lane.send(kinds::PRODUCT_CHOICES, Masked::new(&pads.flips(&choice)))?;

    let message = lane.recv(kinds::PRODUCT_CORRECTIONS, message_len(n, x_bits, out_bits))?;
    let mut message = &message[..];
    let mut shares = vec![0u64; n];
    for i in 0..steps {
        let bits = out_bits - i;
        let (part, rest) = message.split_at(packed_len(n, bits));
        message = rest;
        let own = pads.finish(i as usize * n, &choice, &unpack(part, bits, n), bits);
        add_shifted(&mut shares, &own, i);
    }
    Ok(reduced(shares, out_bits))
}

/// Replays the messages of `n` products.
pub fn cost(m: &mut Meter, sender: Role, n: usize, x_bits: u32, out_bits: u32) {
    if n > 0 {
        m.message(sender.peer().sends(), cots_needed(n, x_bits, out_bits).div_ceil(8));
        m.message(sender.sends(), message_len(n, x_bits, out_bits));
    }
}

/// Bits of `x` that matter modulo 2^out_bits.
const fn steps(x_bits: u32, out_bits: u32) -> u32 {
    if x_bits < out_bits { x_bits } else { out_bits }
}

fn message_len(n: usize, x_bits: u32, out_bits: u32) -> usize {
    (0..steps(x_bits, out_bits)).map(|i| packed_len(n, out_bits - i)).sum()
}

fn check(pads: usize, n: usize, x_bits: u32, out_bits: u32) -> Result<(), Error> {
    expect_range("size of a factor", x_bits, 1, 64, "1 to 64 bits")?;
    expect_range("ring size", out_bits, 1, 64, "1 to 64 bits")?;
    expect_len("pads of ring COTs", pads, cots_needed(n, x_bits, out_bits))
}

fn add_shifted(shares: &mut [u64], own: &[u64], shift: u32) {
    for (share, own) in shares.iter_mut().zip(own) {
        *share = share.wrapping_add(own << shift);
    }
}

fn reduced(mut shares: Vec<u64>, bits: u32) -> Vec<u64> {
    for share in &mut shares {
        *share &= u64::MAX >> (64 - bits);
    }
    shares
}
