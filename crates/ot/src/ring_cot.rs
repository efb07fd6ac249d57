//! Products of a bit and a ring element, additively shared.
//!
//! *What*: the sender has ring elements `corr[i]`, the receiver bits `choice[i]`; they get `s[i]` and `r[i]` with
//! `s[i] + r[i] = choice[i] * corr[i] mod 2^bits`.
//!
//! In two steps: [`SenderPads`] and [`ReceiverPads`] come from COTs alone, [`run`] uses them up.
//!
//! *Cost*: one COT per element; `n` bits from the receiver, then `n * bits` bits from the sender, each rounded up to
//! bytes once. All batches of a call, in either direction, share one message of bits and one of corrections each way.
//!
//! *Security*: semi-honest, from correlation robustness of the hash.
//!
//! *Source*: Asharov, Lindell, Schneider, Zohner, CCS 2013 (correlated OT).

use sordino_kernels::{Wiped, wipe};
use sordino_secret::{Bits, pack, packed_len, unpack};
use sordino_wire::{Dir, Lane, Masked, Meter, Role};

use crate::error::{expect_len, expect_range};
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// Keys hashed at a time.
const BATCH: usize = 1024;

/// The sender's half of random ring COTs: two pads per element.
///
/// Consumed by the protocols, not `Clone`, zeroised on drop:
///
/// ```compile_fail,E0382
/// # use sordino_ot::{Error, ring_cot};
/// # use sordino_wire::Lane;
/// fn twice(lane: &mut Lane, pads: ring_cot::SenderPads) -> Result<(), Error> {
///     let batch = ring_cot::Corrections { pads, corr: &[1] };
///     ring_cot::run(lane, vec![batch], vec![])?;
///     let batch = ring_cot::Corrections { pads, corr: &[2] };
///     ring_cot::run(lane, vec![batch], vec![])?;
///     Ok(())
/// }
/// ```
pub struct SenderPads {
    bits: u32,
    pads: [Vec<u64>; 2],
}

/// The receiver's half: a random bit per element and the pad that it names.
///
/// Consumed by the protocols, not `Clone`, zeroised on drop.
pub struct ReceiverPads {
    bits: u32,
    choice: Bits,
    pads: Vec<u64>,
}

impl Drop for SenderPads {
    fn drop(&mut self) {
        self.pads.iter_mut().for_each(|pads| wipe(pads));
    }
}

impl Drop for ReceiverPads {
    fn drop(&mut self) {
        wipe(&mut self.pads);
    }
}

impl SenderPads {
    /// Hashes COTs to pads of `bits` (1 to 64) bits. Sends nothing.
    ///
    /// *Errors*: if the size is out of range.
    pub fn derive(cots: SenderCots, bits: u32) -> Result<Self, Error> {
        let (mask, n) = (check(bits)?, cots.len());
        let mut pads = [(); 2].map(|()| Vec::with_capacity(n));
        let [mut key0, mut key1] = [(); 2].map(|()| Wiped::zeros(BATCH.min(n)));
        for start in (0..n).step_by(BATCH) {
            let count = BATCH.min(n - start);
            cots.keys(start, &mut key0[..count], &mut key1[..count]);
            for (pads, keys) in pads.iter_mut().zip([&key0, &key1]) {
                pads.extend(keys[..count].iter().map(|k| k.0 as u64 & mask));
            }
        }
        Ok(Self { bits, pads })
    }

    /// No pads, with room for `n`, to be extended.
    pub fn empty(n: usize, bits: u32) -> Result<Self, Error> {
        check(bits)?;
        Ok(Self { bits, pads: [(); 2].map(|()| Vec::with_capacity(n)) })
    }

    /// Appends `more`.
    ///
    /// *Errors*: if the sizes differ.
    pub fn extend(&mut self, more: Self) -> Result<(), Error> {
        expect_len("bits of a pad", more.bits as usize, self.bits as usize)?;
        for (pads, more) in self.pads.iter_mut().zip(&more.pads) {
            pads.extend_from_slice(more);
        }
        Ok(())
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.pads[0].len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of [`write`](Self::write) for `n` elements.
    pub const fn stored_len(n: usize, bits: u32) -> usize {
        2 * packed_len(n, bits)
    }

    /// Appends the pads to `out`, for a store of secrets.
    pub fn write(self, out: &mut Vec<u8>) {
        for pads in &self.pads {
            out.extend(pack(pads, self.bits));
        }
    }

    /// `n` elements from what [`write`](Self::write) wrote.
    ///
    /// *Errors*: if the size is out of range or the length is wrong.
    pub fn read(n: usize, bits: u32, bytes: &[u8]) -> Result<Self, Error> {
        check(bits)?;
        expect_len("stored pads", bytes.len(), Self::stored_len(n, bits))?;
        let (first, second) = bytes.split_at(packed_len(n, bits));
        Ok(Self { bits, pads: [first, second].map(|bytes| unpack(bytes, bits, n)) })
    }

    /// The sender's shares of `choice[i] * corr[i]` and the corrections to send, modulo 2^bits for at most as many bits
    /// as the pads have, from the pads at `start..`.
    pub(crate) fn correct(
        &self,
        start: usize,
        flips: &Bits,
        corr: &[u64],
        bits: u32,
    ) -> (Vec<u64>, Vec<u64>) {
        let mask = u64::MAX >> (64 - bits);
        let [mut shares, mut corrections] = [(); 2].map(|()| vec![0; corr.len()]);
        let flips = flips.slice(start, corr.len());
        let out = shares.chunks_mut(64).zip(corrections.chunks_mut(64));
        let pads = self.pads[0][start..].chunks(64).zip(self.pads[1][start..].chunks(64));
        let groups = pads.zip(corr.chunks(64)).zip(out).zip(flips.words());
        for ((((x, y), corr), (shares, corrections)), flips) in groups {
            let out = shares.iter_mut().zip(corrections);
            for (i, (((x, y), corr), (share, correction))) in
                x.iter().zip(y).zip(corr).zip(out).enumerate()
            {
                let swap = (x ^ y) & (flips >> i & 1).wrapping_neg();
                let (x, y) = (x ^ swap, y ^ swap);
                *share = x.wrapping_neg() & mask;
                *correction = x.wrapping_add(*corr).wrapping_sub(y) & mask;
            }
        }
        (shares, corrections)
    }
}

impl ReceiverPads {
    /// As [`SenderPads::derive`].
    ///
    /// *Errors*: as there.
    pub fn derive(cots: ReceiverCots, bits: u32) -> Result<Self, Error> {
        let (mask, n) = (check(bits)?, cots.len());
        let mut pads = Vec::with_capacity(n);
        let mut keys = Wiped::zeros(BATCH.min(n));
        for start in (0..n).step_by(BATCH) {
            let count = BATCH.min(n - start);
            cots.keys(start, &mut keys[..count]);
            pads.extend(keys[..count].iter().map(|k| k.0 as u64 & mask));
        }
        Ok(Self { bits, choice: cots.choice(), pads })
    }

    /// No pads, with room for `n`, to be extended.
    pub fn empty(n: usize, bits: u32) -> Result<Self, Error> {
        check(bits)?;
        Ok(Self { bits, choice: Bits::with_capacity(n), pads: Vec::with_capacity(n) })
    }

    /// Appends `more`.
    ///
    /// *Errors*: if the sizes differ.
    pub fn extend(&mut self, more: Self) -> Result<(), Error> {
        expect_len("bits of a pad", more.bits as usize, self.bits as usize)?;
        self.choice.extend(&more.choice);
        self.pads.extend_from_slice(&more.pads);
        Ok(())
    }

    /// How many elements.
    pub fn len(&self) -> usize {
        self.pads.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.pads.is_empty()
    }

    /// Bytes of [`write`](Self::write) for `n` elements.
    pub const fn stored_len(n: usize, bits: u32) -> usize {
        n.div_ceil(8) + packed_len(n, bits)
    }

    /// Appends bits and pads to `out`, for a store of secrets.
    pub fn write(self, out: &mut Vec<u8>) {
        out.extend(self.choice.to_bytes());
        out.extend(pack(&self.pads, self.bits));
    }

    /// `n` elements from what [`write`](Self::write) wrote.
    ///
    /// *Errors*: if the size is out of range or the length is wrong.
    pub fn read(n: usize, bits: u32, bytes: &[u8]) -> Result<Self, Error> {
        check(bits)?;
        expect_len("stored pads", bytes.len(), Self::stored_len(n, bits))?;
        let (choice, pads) = bytes.split_at(n.div_ceil(8));
        Ok(Self { bits, choice: Bits::from_bytes(n, choice), pads: unpack(pads, bits, n) })
    }

    /// Corrections that turn the random bits into the wanted ones.
    pub(crate) fn flips(&self, choice: &Bits) -> Vec<u8> {
        let mut flips = choice.clone();
        flips.xor_assign(&self.choice);
        flips.to_bytes()
    }

    /// The receiver's shares from the corrections, as [`SenderPads::correct`].
    pub(crate) fn finish(
        &self,
        start: usize,
        choice: &Bits,
        corrections: &[u64],
        bits: u32,
    ) -> Vec<u64> {
        let mask = u64::MAX >> (64 - bits);
        let choice = choice.slice(start, corrections.len());
        let mut shares = Vec::with_capacity(corrections.len());
        let pads = self.pads[start..].chunks(64);
        for ((pads, corrections), choice) in pads.zip(corrections.chunks(64)).zip(choice.words()) {
            shares.extend(pads.iter().zip(corrections).enumerate().map(
                |(i, (pad, correction))| {
                    pad.wrapping_add(correction & (choice >> i & 1).wrapping_neg()) & mask
                },
            ));
        }
        shares
    }
}

/// A batch in which this party is the sender.
pub struct Corrections<'a> {
    /// One per element.
    pub pads: SenderPads,
    /// Ring elements.
    pub corr: &'a [u64],
}

/// A batch in which this party is the receiver.
pub struct Choices<'a> {
    /// One per element.
    pub pads: ReceiverPads,
    /// Bits.
    pub choice: &'a Bits,
}

/// This party's shares of its batches: `s` of each that it sends, then `r` of each that it receives. The peer brings the other
/// halves in the same order.
///
/// *Errors*: on lengths that do not match or a failing lane.
pub fn run(
    lane: &mut Lane,
    sends: Vec<Corrections<'_>>,
    recvs: Vec<Choices<'_>>,
) -> Result<[Vec<Vec<u64>>; 2], Error> {
    for s in &sends {
        expect_len("pads of ring COTs", s.pads.len(), s.corr.len())?;
    }
    for r in &recvs {
        expect_len("pads of ring COTs", r.pads.len(), r.choice.len())?;
    }
    let flips: Vec<u8> = recvs.iter().flat_map(|r| r.pads.flips(r.choice)).collect();
    if !flips.is_empty() {
        lane.send(kinds::RING_CHOICES, Masked::new(&flips))?;
    }
    let sent = answer(lane, &sends)?;
    let len = recvs.iter().map(|r| packed_len(r.choice.len(), r.pads.bits)).sum();
    let mut received = Vec::with_capacity(recvs.len());
    let bytes = if len > 0 { lane.recv(kinds::RING_CORRECTIONS, len)? } else { Vec::new() };
    let mut rest = &bytes[..];
    for Choices { pads, choice } in &recvs {
        let (own, next) = rest.split_at(packed_len(choice.len(), pads.bits));
        rest = next;
        let corrections = unpack(own, pads.bits, choice.len());
        received.push(pads.finish(0, choice, &corrections, pads.bits));
    }
    Ok([sent, received])
}

/// Receives the peer's choices for all batches and sends the corrections.
fn answer(lane: &mut Lane, sends: &[Corrections<'_>]) -> Result<Vec<Vec<u64>>, Error> {
    let len = sends.iter().map(|s| s.corr.len().div_ceil(8)).sum();
    if len == 0 {
        return Ok(sends.iter().map(|_| Vec::new()).collect());
    }
    let flips = lane.recv(kinds::RING_CHOICES, len)?;
    let (mut rest, mut message) = (&flips[..], Vec::new());
    let mut shares = Vec::with_capacity(sends.len());
    for Corrections { pads, corr } in sends {
        let (own, next) = rest.split_at(corr.len().div_ceil(8));
        rest = next;
        let flips = Bits::from_bytes(corr.len(), own);
        let (share, corrections) = pads.correct(0, &flips, corr, pads.bits);
        message.extend(pack(&corrections, pads.bits));
        shares.push(share);
    }
    lane.send(kinds::RING_CORRECTIONS, Masked::new(&message))?;
    Ok(shares)
}

/// Numbers that the cost of one batch depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Who brings the ring elements.
    pub sender: Role,
    /// Elements.
    pub n: usize,
    /// Bits of the ring.
    pub bits: u32,
}

/// Replays the messages of [`run`] on batches of these shapes.
pub fn cost(m: &mut Meter, batches: &[Shape]) {
    let total = |sender: Role, len: fn(&Shape) -> usize| -> usize {
        batches.iter().filter(|b| b.sender == sender).map(len).sum()
    };
    let flips = |b: &Shape| b.n.div_ceil(8);
    let corrections = |b: &Shape| packed_len(b.n, b.bits);
    // A party receives what the other one corrects.
    flight(m, total(Role::Server, flips), total(Role::Client, flips));
    flight(m, total(Role::Client, corrections), total(Role::Server, corrections));
}

/// One message each way, but none that is empty.
fn flight(m: &mut Meter, up: usize, down: usize) {
    match (up, down) {
        (0, 0) => {}
        (up, 0) => m.message(Dir::Up, up),
        (0, down) => m.message(Dir::Down, down),
        (up, down) => m.exchange(up, down),
    }
}

/// The mask of a ring of `bits` bits.
fn check(bits: u32) -> Result<u64, Error> {
    expect_range("ring size", bits, 1, 64, "1 to 64 bits")?;
    Ok(u64::MAX >> (64 - bits))
}
