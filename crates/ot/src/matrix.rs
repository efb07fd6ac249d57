//! Products of one party's integer matrix and the other's matrix over a ring, additively shared.
//!
//! *What*: the receiver has an integer matrix `W` of two's-complement numbers of b bits, the sender `X` over Z_2^l; they
//! get additive shares of `W X mod 2^l`. Several groups, each with a `W` and an `X` of its own, make one product
//! ([`Shape`]); a product may be worked off in parts of its weights ([`Part`]), whose shares add up.
//!
//! The product with bit t of a weight is a correlated OT whose message is a whole row of `X`, in the l - t bits that are
//! left of the ring after the shift by t; the top bit counts `-2^(b-1)`. So a weight uses b COTs, however many columns
//! `X` has. COTs are taken as they are, not as pads made ahead: 16 bytes each, which a pad of one column is already.
//!
//! *Cost*: `min(b, l)` COTs per weight; that many bits per weight from the receiver, rounded up to bytes once, then
//! for each bit t of a weight `l - t` bits per column from the sender, in messages of bounded size. One round for the
//! receiver, whatever the number of parts.
//!
//! *Security*: semi-honest. The two keys of a COT, hashed as everywhere, seed two generators (AES-128 in counter mode)
//! whose output masks the row: the key that the receiver lacks is pseudo-random by correlation robustness of the hash,
//! hence so is its output if AES is a pseudo-random permutation. Counters start at a place that the session's base OTs
//! and the number of the COT divided by 1024 decide, so that a computation of AES can be held against 1024 keys of a session
//! only: T of them have an advantage of at most about `T * 2^-117`, as for the hash itself.
//!
//! *Source*: Rathee et al., "CrypTFlow2", CCS 2020, section 4.1 (messages that shrink, one transfer for a row);
//! Demmler, Schneider, Zohner, "ABY", NDSS 2015.

use core::ops::Range;

use bytemuck::Pod;
use sordino_kernels::{Block, Wiped};
use sordino_secret::{Bits, pack, packed_len, unpack};
use sordino_wire::{Lane, Masked, Meter, Role};

use crate::error::{expect_len, expect_range};
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// Ring elements under one bit of the weights that a message carries, unless a single row has more.
const CHUNK: usize = 1 << 14;
/// Keeps the generators' counters of different COTs apart.
const MAX_COLUMNS: usize = 1 << 28;

/// Sizes of a product: for each group a `rows x inner` matrix of weights and an `inner x columns` one over the ring.
///
/// All matrices are row-major, group after group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape {
    /// Independent products.
    pub groups: usize,
    /// Rows of the weights and the result.
    pub rows: usize,
    /// Columns of the weights.
    pub inner: usize,
    /// Columns of the ring elements and the result, at most 2^28.
    pub columns: usize,
    /// Bits of a weight with its sign, 1 to 64: only the low ones count.
    pub weight_bits: u32,
    /// Bits of the ring, 1 to 64.
    pub bits: u32,
}

impl Shape {
    /// Weights of all groups.
    pub const fn weights(&self) -> usize {
        self.groups * self.rows * self.inner
    }

    /// Ring elements of the sender's.
    pub const fn inputs(&self) -> usize {
        self.groups * self.inner * self.columns
    }

    /// Ring elements of the result.
    pub const fn outputs(&self) -> usize {
        self.groups * self.rows * self.columns
    }

    /// COTs that each weight uses.
    pub const fn cots_per_weight(&self) -> usize {
        self.steps() as usize
    }

    /// Bits that the sender sends for each weight.
    pub fn bits_per_weight(&self) -> u64 {
        let bits: u64 = (0..self.steps()).map(|t| u64::from(self.bits - t)).sum();
        bits * self.columns as u64
    }

    /// Bits of a weight that matter modulo 2^bits; beyond the ring's the sign makes no difference.
    const fn steps(&self) -> u32 {
        if self.weight_bits < self.bits { self.weight_bits } else { self.bits }
    }

    fn message_len(&self, weights: usize) -> usize {
        (0..self.steps()).map(|t| packed_len(weights * self.columns, self.bits - t)).sum()
    }

    fn check(&self) -> Result<(), Error> {
        expect_range("size of a weight", self.weight_bits, 1, 64, "1 to 64 bits")?;
        expect_range("ring size", self.bits, 1, 64, "1 to 64 bits")?;
        if self.columns > MAX_COLUMNS {
            let (what, supported) = ("columns of a product", "at most 2^28");
            return Err(Error::Parameter { what, got: self.columns as u64, supported });
        }
        Ok(())
    }

    /// First place of a weight's row of `X`, and of its row of the result.
    fn places(&self, weight: usize) -> (usize, usize) {
        let (row, j) = (weight / self.inner, weight % self.inner);
        ((row / self.rows * self.inner + j) * self.columns, row * self.columns)
    }
}

/// Consecutive weights of a product, in the order of memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The whole product.
    pub shape: Shape,
    /// Which weights.
    pub weights: Range<usize>,
}

impl Part {
    /// All of a product.
    pub fn whole(shape: Shape) -> Self {
        Self { shape, weights: 0..shape.weights() }
    }

    /// COTs that it uses up.
    pub fn cots_needed(&self) -> usize {
        self.weights.len() * self.shape.cots_per_weight()
    }

    fn check(&self) -> Result<(), Error> {
        self.shape.check()?;
        let (got, want) = (self.weights.end, self.shape.weights());
        if got > want { expect_len("weights of a product", got, want) } else { Ok(()) }
    }

    /// The weights that each message is about.
    fn chunks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let (each, end) = ((CHUNK / self.shape.columns.max(1)).max(1), self.weights.end);
        self.weights.clone().step_by(each).map(move |i| i..(i + each).min(end))
    }
}

/// A part of a product in which this party brings the ring elements.
pub struct Elements<'a> {
    /// Which part.
    pub part: &'a Part,
    /// `X` of the whole product.
    pub x: &'a [u64],
    /// This party's share of the whole product, to which that of the part is added.
    pub sum: &'a mut [u64],
}

/// A part of a product in which this party brings the weights.
pub struct Weights<'a> {
    /// Which part.
    pub part: &'a Part,
    /// `W` of the whole product.
    pub w: &'a [i64],
    /// This party's share of the whole product, to which that of the part is added.
    pub sum: &'a mut [u64],
}

/// Adds this party's shares of all parts to their sums; the peer calls [`recv`] with the same parts.
///
/// *Errors*: on lengths that do not match, sizes out of range, or a failing lane; sums mean nothing then.
pub fn send(lane: &mut Lane, cots: SenderCots, products: &mut [Elements<'_>]) -> Result<(), Error> {
    let mut total = 0;
    for Elements { part, x, sum } in products.iter() {
        part.check()?;
        expect_len("ring elements of a product", x.len(), part.shape.inputs())?;
        expect_len("share of a product", sum.len(), part.shape.outputs())?;
        total += part.cots_needed();
    }
    expect_len("correlated OTs of products", cots.len(), total)?;
    if total == 0 {
        return Ok(());
    }
    let flips = lane.recv(kinds::MATRIX_CHOICES, total.div_ceil(8))?;
    let flips = Bits::from_bytes(total, &flips);
    let mut at = 0;
    for Elements { part, x, sum } in products {
        let shape = &part.shape;
        for chunk in part.chunks() {
            let mut message = Vec::with_capacity(shape.message_len(chunk.len()));
            for t in 0..shape.steps() {
                let mut step = Step { shape, chunk: chunk.clone(), t, sum };
                let row = step.row_blocks();
                let mut pads = [(); 2].map(|()| Wiped::<Block>::zeros(row * chunk.len()));
                let [pads0, pads1] = &mut pads;
                cots.pads(at, row, pads0, pads1);
                let flips = flips.slice(at, chunk.len());
                let corrections = match step.wide() {
                    false => step.correct::<u32>(&pads, &flips, x),
                    true => step.correct::<u64>(&pads, &flips, x),
                };
                message.extend(pack(&corrections, shape.bits - t));
                at += chunk.len();
            }
            lane.send(kinds::MATRIX_CORRECTIONS, Masked::new(&message))?;
        }
        reduce(sum, shape.bits);
    }
    Ok(())
}

/// Adds this party's shares of all parts to their sums; the peer calls [`send`] with the same parts.
///
/// *Errors*: as for [`send`].
pub fn recv(
    lane: &mut Lane,
    cots: ReceiverCots,
    products: &mut [Weights<'_>],
) -> Result<(), Error> {
    let mut total = 0;
    for Weights { part, w, sum } in products.iter() {
        part.check()?;
        expect_len("weights of a product", w.len(), part.shape.weights())?;
        expect_len("share of a product", sum.len(), part.shape.outputs())?;
        total += part.cots_needed();
    }
    expect_len("correlated OTs of products", cots.len(), total)?;
    if total == 0 {
        return Ok(());
    }
    // In the order of the transfers: for each message bit after bit, each of all its weights.
    let mut choice = Bits::with_capacity(total);
    for Weights { part, w, .. } in products.iter() {
        for chunk in part.chunks() {
            for t in 0..part.shape.steps() {
                choice.extend(&Bits::collect(w[chunk.clone()].iter().map(|w| (w >> t) as u64)));
            }
        }
    }
    let mut flips = choice.clone();
    flips.xor_assign(&cots.choice());
    lane.send(kinds::MATRIX_CHOICES, Masked::new(&flips.to_bytes()))?;

    let mut at = 0;
    for Weights { part, sum, .. } in products {
        let shape = &part.shape;
        for chunk in part.chunks() {
            let message = lane.recv(kinds::MATRIX_CORRECTIONS, shape.message_len(chunk.len()))?;
            let mut rest = &message[..];
            for t in 0..shape.steps() {
                let (bits, n) = (shape.bits - t, chunk.len() * shape.columns);
                let (own, next) = rest.split_at(packed_len(n, bits));
                rest = next;
                let corrections = unpack(own, bits, n);
                let mut step = Step { shape, chunk: chunk.clone(), t, sum };
                let row = step.row_blocks();
                let mut pads = Wiped::<Block>::zeros(row * chunk.len());
                cots.pads(at, row, &mut pads);
                let choice = choice.slice(at, chunk.len());
                match step.wide() {
                    false => step.finish::<u32>(&pads, &choice, &corrections),
                    true => step.finish::<u64>(&pads, &choice, &corrections),
                }
                at += chunk.len();
            }
        }
        reduce(sum, shape.bits);
    }
    Ok(())
}

/// Replays the messages of [`send`] and [`recv`] on these parts.
pub fn cost(m: &mut Meter, sender: Role, parts: &[Part]) {
    let total: usize = parts.iter().map(Part::cots_needed).sum();
    if total == 0 {
        return;
    }
    m.message(sender.peer().sends(), total.div_ceil(8));
    for part in parts {
        for chunk in part.chunks() {
            m.message(sender.sends(), part.shape.message_len(chunk.len()));
        }
    }
}

/// Bit `t` of the weights of a message.
struct Step<'a> {
    shape: &'a Shape,
    chunk: Range<usize>,
    t: u32,
    sum: &'a mut [u64],
}

impl Step<'_> {
    /// Whether an element needs a pad of 64 bits in place of 32.
    fn wide(&self) -> bool {
        self.shape.bits - self.t > 32
    }

    /// Blocks of pads for one row.
    fn row_blocks(&self) -> usize {
        self.shape.columns.div_ceil(if self.wide() { 2 } else { 4 })
    }

    /// All ones where `v` counts negative: the top bit of a weight does.
    fn sign(&self) -> u64 {
        u64::from(self.t + 1 == self.shape.steps()).wrapping_neg()
    }

    /// Adds the sender's shares; what corrects the receiver's, whose bits above the step's ring mean nothing.
    fn correct<T: Pod + Into<u64>>(
        &mut self,
        pads: &[Wiped<Block>; 2],
        flips: &Bits,
        x: &[u64],
    ) -> Vec<u64> {
        let (n, row, t) = (self.shape.columns, self.row_blocks(), self.t);
        // The share is minus a pad.
        let sign = !self.sign();
        let mut corrections = Vec::with_capacity(n * self.chunk.len());
        for (i, weight) in self.chunk.clone().enumerate() {
            let flip = flips.get(i).wrapping_neg();
            let (from, to) = self.shape.places(weight);
            let [pads0, pads1] = [0, 1].map(|side| elements::<T>(&pads[side], i * row, row));
            let sums = &mut self.sum[to..to + n];
            let all = pads0.iter().zip(pads1).zip(&x[from..from + n]).zip(sums);
            corrections.extend(all.map(|(((pad0, pad1), x), sum)| {
                let (pad0, pad1): (u64, u64) = ((*pad0).into(), (*pad1).into());
                let swap = (pad0 ^ pad1) & flip;
                let (same, other) = (pad0 ^ swap, pad1 ^ swap);
                *sum = sum.wrapping_add(negated(same << t, sign));
                same.wrapping_add(*x).wrapping_sub(other)
            }));
        }
        corrections
    }

    /// Adds the receiver's shares.
    fn finish<T: Pod + Into<u64>>(&mut self, pads: &[Block], choice: &Bits, corrections: &[u64]) {
        let (n, row, t, sign) = (self.shape.columns, self.row_blocks(), self.t, self.sign());
        for (i, weight) in self.chunk.clone().enumerate() {
            let chosen = choice.get(i).wrapping_neg();
            let (_, to) = self.shape.places(weight);
            let sums = &mut self.sum[to..to + n];
            let corrections = &corrections[i * n..(i + 1) * n];
            for ((pad, correction), sum) in
                elements::<T>(pads, i * row, row).iter().zip(corrections).zip(sums)
            {
                let pad: u64 = (*pad).into();
                let share = pad.wrapping_add(correction & chosen) << t;
                *sum = sum.wrapping_add(negated(share, sign));
            }
        }
    }
}

/// The pads of one row; there may be a few more than columns.
fn elements<T: Pod>(pads: &[Block], start: usize, row: usize) -> &[T] {
    bytemuck::cast_slice(&pads[start..start + row])
}

/// `-v` if `sign` is all ones, `v` if it is 0.
fn negated(v: u64, sign: u64) -> u64 {
    (v ^ sign).wrapping_sub(sign)
}

fn reduce(sum: &mut [u64], bits: u32) {
    sum.iter_mut().for_each(|v| *v &= u64::MAX >> (64 - bits));
}
