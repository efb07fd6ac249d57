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
//! only: T of them have an advantage of at most about `T * 2^-117`, as for the hash itself. That a generator's B blocks
//! are all different adds `B^2 * 2^-129` for each COT.
//!
//! *Source*: Rathee et al., "CrypTFlow2", CCS 2020, section 4.1 (messages that shrink, one transfer for a row);
//! Demmler, Schneider, Zohner, "ABY", NDSS 2015.

use core::ops::Range;

use bytemuck::Pod;
use rayon::prelude::*;
use sordino_kernels::{Block, Wiped};
use sordino_secret::{Bits, pack, packed_len, unpack};
use sordino_wire::{Lane, Masked, Meter, Role};

use crate::error::{expect_len, expect_range};
use crate::{Error, ReceiverCots, SenderCots, kinds};

/// Ring elements under one bit of the weights that a message carries at most: some milliseconds' work, for the parties to work
/// at the same time.
const CHUNK: usize = 1 << 13;
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

    fn check(&self) -> Result<(), Error> {
        expect_range("size of a weight", self.weight_bits, 1, 64, "1 to 64 bits")?;
        expect_range("ring size", self.bits, 1, 64, "1 to 64 bits")?;
        if self.columns > MAX_COLUMNS {
            let (what, supported) = ("columns of a product", "at most 2^28");
            return Err(Error::Parameter { what, got: self.columns as u64, supported });
        }
        Ok(())
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

    /// Messages that carry corrections.
    pub fn messages(&self) -> usize {
        let (each, columns) = (self.weights_of_message(), self.shape.columns.max(1));
        self.weights.len().div_ceil(each) * columns.div_ceil(CHUNK)
    }

    fn weights_of_message(&self) -> usize {
        (CHUNK / self.shape.columns.max(1)).max(1)
    }

    fn check(&self) -> Result<(), Error> {
        self.shape.check()?;
        let (got, want) = (self.weights.end, self.shape.weights());
        if got > want { expect_len("weights of a product", got, want) } else { Ok(()) }
    }

    /// What each message is about: several weights, or of one weight several columns.
    fn chunks(&self) -> impl Iterator<Item = Chunk> + use<> {
        let (shape, end) = (self.shape, self.weights.end);
        let each = self.weights_of_message();
        let first = self.weights.start;
        self.weights.clone().step_by(each).flat_map(move |i| {
            let weights = i..(i + each).min(end);
            // Without columns there is still an empty message.
            (0..shape.columns.max(1)).step_by(CHUNK).map(move |j| Chunk {
                shape,
                weights: weights.clone(),
                columns: j..(j + CHUNK).min(shape.columns),
                cots: (weights.start - first) * shape.cots_per_weight(),
            })
        })
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
        let mut chunks = part.chunks();
        while let Some(batch) = batch(&mut chunks) {
            let done: Vec<_> =
                batch.par_iter().map(|chunk| chunk.correct(&cots, at, &flips, x)).collect();
            for (chunk, (message, share)) in batch.iter().zip(done) {
                lane.send(kinds::MATRIX_CORRECTIONS, Masked::new(&message))?;
                chunk.add(&share, sum);
            }
        }
        at += part.cots_needed();
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
    // In the order of the transfers: for the weights of each message bit after bit.
    let mut choice = Bits::with_capacity(total);
    for Weights { part, w, .. } in products.iter() {
        for chunk in part.chunks().filter(|chunk| chunk.columns.start == 0) {
            for t in 0..part.shape.steps() {
                let w = &w[chunk.weights.clone()];
                choice.extend(&Bits::collect(w.iter().map(|w| (w >> t) as u64)));
            }
        }
    }
    let mut flips = choice.clone();
    flips.xor_assign(&cots.choice());
    lane.send(kinds::MATRIX_CHOICES, Masked::new(&flips.to_bytes()))?;

    let mut at = 0;
    for Weights { part, sum, .. } in products {
        let mut chunks = part.chunks();
        while let Some(batch) = batch(&mut chunks) {
            let receive = |chunk| {
                let len = Chunk::message_len(&chunk);
                Ok((chunk, lane.recv(kinds::MATRIX_CORRECTIONS, len)?))
            };
            let batch: Vec<_> = batch.into_iter().map(receive).collect::<Result<_, Error>>()?;
            let done: Vec<_> = batch
                .par_iter()
                .map(|(chunk, message)| chunk.finish(&cots, at, &choice, message))
                .collect();
            for ((chunk, _), share) in batch.iter().zip(done) {
                chunk.add(&share, sum);
            }
        }
        at += part.cots_needed();
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
            m.message(sender.sends(), chunk.message_len());
        }
    }
}

/// The next few messages, which are worked on at the same time: no more than that, for the peer waits for the first.
fn batch(chunks: &mut impl Iterator<Item = Chunk>) -> Option<Vec<Chunk>> {
    let batch: Vec<_> = chunks.take(rayon::current_num_threads()).collect();
    (!batch.is_empty()).then_some(batch)
}

/// What a message is about.
struct Chunk {
    shape: Shape,
    weights: Range<usize>,
    columns: Range<usize>,
    /// Where its COTs start among those of the part.
    cots: usize,
}

impl Chunk {
    fn message_len(&self) -> usize {
        let n = self.weights.len() * self.columns.len();
        (0..self.shape.steps()).map(|t| packed_len(n, self.shape.bits - t)).sum()
    }

    /// Rows of the result that the weights add to.
    fn rows(&self) -> Range<usize> {
        let inner = self.shape.inner.max(1);
        self.weights.start / inner..self.weights.end.div_ceil(inner)
    }

    /// Adds what [`correct`](Self::correct) or [`finish`](Self::finish) gave.
    fn add(&self, share: &[u64], sum: &mut [u64]) {
        let width = self.columns.len();
        for (row, share) in self.rows().zip(share.chunks(width.max(1))) {
            let first = row * self.shape.columns + self.columns.start;
            for (sum, share) in sum[first..first + width].iter_mut().zip(share) {
                *sum = sum.wrapping_add(*share) & u64::MAX >> (64 - self.shape.bits);
            }
        }
    }

    /// The message that corrects the receiver's shares, and the sender's.
    fn correct(
        &self,
        cots: &SenderCots,
        at: usize,
        flips: &Bits,
        x: &[u64],
    ) -> (Vec<u8>, Wiped<u64>) {
        let mut message = Vec::with_capacity(self.message_len());
        let mut share = self.zeros();
        for t in 0..self.shape.steps() {
            let step = self.step(at, t);
            let corrections = match self.shape.bits - t {
                0..=16 => step.correct::<u16>(cots, flips, x, &mut share),
                17..=32 => step.correct::<u32>(cots, flips, x, &mut share),
                _ => step.correct::<u64>(cots, flips, x, &mut share),
            };
            message.extend(pack(&corrections, self.shape.bits - t));
        }
        (message, share)
    }

    /// The receiver's shares.
    fn finish(&self, cots: &ReceiverCots, at: usize, choice: &Bits, message: &[u8]) -> Wiped<u64> {
        let mut share = self.zeros();
        let mut rest = message;
        for t in 0..self.shape.steps() {
            let (bits, n) = (self.shape.bits - t, self.weights.len() * self.columns.len());
            let (own, next) = rest.split_at(packed_len(n, bits));
            rest = next;
            let corrections = unpack(own, bits, n);
            let step = self.step(at, t);
            match bits {
                0..=16 => step.finish::<u16>(cots, choice, &corrections, &mut share),
                17..=32 => step.finish::<u32>(cots, choice, &corrections, &mut share),
                _ => step.finish::<u64>(cots, choice, &corrections, &mut share),
            }
        }
        share
    }

    fn zeros(&self) -> Wiped<u64> {
        Wiped::zeros(self.rows().len() * self.columns.len())
    }

    fn step(&self, at: usize, t: u32) -> Step<'_> {
        let cots = at + self.cots + t as usize * self.weights.len();
        Step { chunk: self, t, cots }
    }
}

/// Bit `t` of the weights of a message, whose COTs start at `cots`.
struct Step<'a> {
    chunk: &'a Chunk,
    t: u32,
    cots: usize,
}

impl Step<'_> {
    /// Blocks of pads of one row, those before the chunk's columns and those in it.
    fn blocks<T>(&self) -> [usize; 2] {
        let each = size_of::<Block>() / size_of::<T>();
        // Chunks start at multiples of their size.
        [self.chunk.columns.start / each, self.chunk.columns.len().div_ceil(each)]
    }

    /// For each row of the result the weights that add to it, counted from the chunk's first, and where its share
    /// starts.
    fn rows(&self) -> impl Iterator<Item = (Range<usize>, usize)> + use<> {
        let Chunk { shape, weights, .. } = self.chunk;
        let (inner, weights, width) = (shape.inner, weights.clone(), self.chunk.columns.len());
        self.chunk.rows().enumerate().map(move |(i, row)| {
            let from = (row * inner).max(weights.start) - weights.start;
            (from..((row + 1) * inner).min(weights.end) - weights.start, i * width)
        })
    }

    /// The columns of `X` that a weight, counted from the chunk's first, meets.
    fn elements<'x>(&self, weight: usize, x: &'x [u64]) -> &'x [u64] {
        let Shape { rows, inner, columns, .. } = self.chunk.shape;
        let (row, j) = {
            let weight = self.chunk.weights.start + weight;
            (weight / inner, weight % inner)
        };
        let first = (row / rows * inner + j) * columns + self.chunk.columns.start;
        &x[first..first + self.chunk.columns.len()]
    }

    /// Adds a row's sum, which is that of `2^t` times the bits, to its share.
    fn add<T: Word>(&self, sum: &[T], share: &mut [u64], negative: bool) {
        // The top bit of a weight counts negative.
        let top = self.t + 1 == self.chunk.shape.steps();
        let sign = u64::from(top != negative).wrapping_neg();
        for (share, sum) in share.iter_mut().zip(sum) {
            let v = sum.wide() << self.t;
            *share = share.wrapping_add((v ^ sign).wrapping_sub(sign));
        }
    }

    /// Adds the sender's shares; gives what corrects the receiver's, whose bits above the step's ring mean nothing.
    fn correct<T: Word>(
        &self,
        cots: &SenderCots,
        flips: &Bits,
        x: &[u64],
        share: &mut [u64],
    ) -> Vec<u64> {
        let ([skip, row], width) = (self.blocks::<T>(), self.chunk.columns.len());
        let mut pads = [(); 2].map(|()| Wiped::<Block>::zeros(row * self.chunk.weights.len()));
        let [pads0, pads1] = &mut pads;
        cots.pads(self.cots, skip, row, pads0, pads1);
        let mut corrections = Vec::with_capacity(width * self.chunk.weights.len());
        for (weights, at) in self.rows() {
            let mut sum = Wiped::<T>::zeros(width);
            for weight in weights {
                let flip = T::narrow(flips.get(self.cots + weight).wrapping_neg());
                let [pads0, pads1] =
                    [&pads0, &pads1].map(|pads| words::<T>(pads, weight * row, row));
                let all = pads0.iter().zip(pads1).zip(self.elements(weight, x)).zip(&mut *sum);
                corrections.extend(all.map(|(((pad0, pad1), x), sum)| {
                    let swap = pad0.xor(*pad1).and(flip);
                    let (same, other) = (pad0.xor(swap), pad1.xor(swap));
                    *sum = sum.add(same);
                    same.add(T::narrow(*x)).sub(other).wide()
                }));
            }
            // The share is minus the pads.
            self.add(&sum, &mut share[at..at + width], true);
        }
        corrections
    }

    /// Adds the receiver's shares.
    fn finish<T: Word>(
        &self,
        cots: &ReceiverCots,
        choice: &Bits,
        corrections: &[u64],
        share: &mut [u64],
    ) {
        let ([skip, row], width) = (self.blocks::<T>(), self.chunk.columns.len());
        let mut pads = Wiped::<Block>::zeros(row * self.chunk.weights.len());
        cots.pads(self.cots, skip, row, &mut pads);
        for (weights, at) in self.rows() {
            let mut sum = Wiped::<T>::zeros(width);
            for weight in weights {
                let chosen = T::narrow(choice.get(self.cots + weight).wrapping_neg());
                let corrections = &corrections[weight * width..(weight + 1) * width];
                let pads = words::<T>(&pads, weight * row, row);
                for ((pad, correction), sum) in pads.iter().zip(corrections).zip(&mut *sum) {
                    *sum = sum.add(*pad).add(T::narrow(*correction).and(chosen));
                }
            }
            self.add(&sum, &mut share[at..at + width], false);
        }
    }
}

/// The pads of one row; there may be a few more than columns.
fn words<T: Pod>(pads: &[Block], start: usize, row: usize) -> &[T] {
    bytemuck::cast_slice(&pads[start..start + row])
}

/// Integers modulo a power of two that a step's ring fits in.
trait Word: Pod {
    fn narrow(v: u64) -> Self;
    fn wide(self) -> u64;
    fn add(self, other: Self) -> Self;
    fn sub(self, other: Self) -> Self;
    fn xor(self, other: Self) -> Self;
    fn and(self, other: Self) -> Self;
}

macro_rules! word {
    ($($t:ty)*) => {$(
        impl Word for $t {
            #[inline(always)]
            fn narrow(v: u64) -> Self {
                v as $t
            }
            #[inline(always)]
            fn wide(self) -> u64 {
                self as u64
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
        }
    )*};
}

word!(u16 u32 u64);
