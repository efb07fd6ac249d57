//! Products of a bit and a ring element, additively shared.
//!
//! *What*: the sender has ring elements `corr[i]`, the receiver bits `choice[i]`; they get `s[i]` and `r[i]` with
//! `s[i] + r[i] = choice[i] * corr[i] mod 2^bits`.
//!
//! *Cost*: one COT per element; `n` bits from the receiver, then `n * bits` bits from the sender, each rounded up to
//! bytes once. [`exchange`] does both directions in one exchange of bits and one of corrections.
//!
//! *Security*: semi-honest, from correlation robustness of the tweaked hash.
//!
//! *Source*: Asharov, Lindell, Schneider, Zohner, CCS 2013 (correlated OT).

use sordino_kernels::Block;
use sordino_secret::{Bits, pack, packed_len, unpack};
use sordino_wire::{Lane, Masked, Meter, Role};
use zeroize::Zeroize;

use crate::error::{expect_len, expect_range};
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// Keys hashed at a time.
const BATCH: usize = 1024;

/// The sender's shares `s`.
///
/// *Errors*: on lengths that do not match, `bits` not in 1 to 64, or a failing lane.
pub fn send(lane: &mut Lane, cots: SenderCots, corr: &[u64], bits: u32) -> Result<Vec<u64>, Error> {
    check(bits, cots.len(), corr.len())?;
    if corr.is_empty() {
        return Ok(Vec::new());
    }
    let flips = recv_flips(lane, corr.len())?;
    let (shares, corrections) = correct(&cots, 0, &flips, corr, bits);
    lane.send(kinds::RING_CORRECTIONS, Masked::new(&pack(&corrections, bits)))?;
    Ok(shares)
}

/// The receiver's shares `r`.
///
/// *Errors*: as for [`send`].
pub fn recv(
    lane: &mut Lane,
    cots: ReceiverCots,
    choice: &Bits,
    bits: u32,
) -> Result<Vec<u64>, Error> {
    let n = choice.len();
    check(bits, cots.len(), n)?;
    if n == 0 {
        return Ok(Vec::new());
    }
    send_flips(lane, &cots, choice)?;
    recv_shares(lane, &cots, choice, bits)
}

/// Both directions at once: this party's shares `s` of `corr` times the peer's choice, and its shares `r` of its own
/// choice times the peer's `corr`. Both directions have the same length.
///
/// *Errors*: as for [`send`].
pub fn exchange(
    lane: &mut Lane,
    sender: SenderCots,
    receiver: ReceiverCots,
    corr: &[u64],
    choice: &Bits,
    bits: u32,
) -> Result<(Vec<u64>, Vec<u64>), Error> {
    let n = corr.len();
    check(bits, sender.len(), n)?;
    check(bits, receiver.len(), n)?;
    expect_len("choice bits", choice.len(), n)?;
    if n == 0 {
        return Ok((Vec::new(), Vec::new()));
    }
    send_flips(lane, &receiver, choice)?;
    let flips = recv_flips(lane, n)?;
    let (sent, corrections) = correct(&sender, 0, &flips, corr, bits);
    lane.send(kinds::RING_CORRECTIONS, Masked::new(&pack(&corrections, bits)))?;
    let received = recv_shares(lane, &receiver, choice, bits)?;
    Ok((sent, received))
}

/// Replays the messages of [`send`] and [`recv`] on `n` elements.
pub fn cost(m: &mut Meter, sender: Role, n: usize, bits: u32) {
    if n > 0 {
        m.message(sender.peer().sends(), n.div_ceil(8));
        m.message(sender.sends(), packed_len(n, bits));
    }
}

/// Replays the messages of [`exchange`] on `n` elements each way.
pub fn cost_exchange(m: &mut Meter, n: usize, bits: u32) {
    if n > 0 {
        m.exchange(n.div_ceil(8), n.div_ceil(8));
        m.exchange(packed_len(n, bits), packed_len(n, bits));
    }
}

fn check(bits: u32, cots: usize, n: usize) -> Result<(), Error> {
    expect_range("ring size", bits, 1, 64, "1 to 64 bits")?;
    expect_len("correlated OTs", cots, n)
}

fn send_flips(lane: &mut Lane, cots: &ReceiverCots, choice: &Bits) -> Result<(), Error> {
    let mut flips = choice.clone();
    flips.xor_assign(&cots.choice);
    lane.send(kinds::RING_CHOICES, Masked::new(&flips.to_bytes()))?;
    Ok(())
}

fn recv_flips(lane: &mut Lane, n: usize) -> Result<Bits, Error> {
    Ok(Bits::from_bytes(n, &lane.recv(kinds::RING_CHOICES, n.div_ceil(8))?))
}

fn recv_shares(
    lane: &mut Lane,
    cots: &ReceiverCots,
    choice: &Bits,
    bits: u32,
) -> Result<Vec<u64>, Error> {
    let n = choice.len();
    let bytes = lane.recv(kinds::RING_CORRECTIONS, packed_len(n, bits))?;
    Ok(finish(cots, 0, choice, &unpack(&bytes, bits, n), bits))
}

/// The sender's shares of `choice[i] * corr[i]` and the corrections to send, from the COTs at `start..`.
pub(crate) fn correct(
    cots: &SenderCots,
    start: usize,
    flips: &Bits,
    corr: &[u64],
    bits: u32,
) -> (Vec<u64>, Vec<u64>) {
    let mask = u64::MAX >> (64 - bits);
    let mut shares = Vec::with_capacity(corr.len());
    let mut corrections = Vec::with_capacity(corr.len());
    let mut key0 = vec![Block::ZERO; BATCH.min(corr.len())];
    let mut key1 = key0.clone();
    for (batch, corr) in corr.chunks(BATCH).enumerate() {
        let from = start + batch * BATCH;
        let (key0, key1) = (&mut key0[..corr.len()], &mut key1[..corr.len()]);
        cots.keys(from, 0, key0, key1);
        for (i, ((x, y), corr)) in key0.iter().zip(key1.iter()).zip(corr).enumerate() {
            let flip = flips.get(from + i).wrapping_neg();
            let (x, y) = (x.0 as u64, y.0 as u64);
            let swap = (x ^ y) & flip;
            let (x, y) = (x ^ swap, y ^ swap);
            shares.push(x.wrapping_neg() & mask);
            corrections.push(x.wrapping_add(*corr).wrapping_sub(y) & mask);
        }
    }
    key0.zeroize();
    key1.zeroize();
    (shares, corrections)
}

/// The receiver's shares, from the COTs at `start..` and the corrections.
pub(crate) fn finish(
    cots: &ReceiverCots,
    start: usize,
    choice: &Bits,
    corrections: &[u64],
    bits: u32,
) -> Vec<u64> {
    let mask = u64::MAX >> (64 - bits);
    let mut shares = Vec::with_capacity(corrections.len());
    let mut keys = vec![Block::ZERO; BATCH.min(corrections.len())];
    for (batch, corrections) in corrections.chunks(BATCH).enumerate() {
        let from = start + batch * BATCH;
        let keys = &mut keys[..corrections.len()];
        cots.keys(from, 0, keys);
        for (i, (key, correction)) in keys.iter().zip(corrections).enumerate() {
            let chosen = correction & choice.get(from + i).wrapping_neg();
            shares.push((key.0 as u64).wrapping_add(chosen) & mask);
        }
    }
    keys.zeroize();
    shares
}
