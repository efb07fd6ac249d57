//! A table on shares by garbled circuits: constant rounds, for any function.
//!
//! The server garbles [`gadget::quotient`] and one row of encrypted words per value of the
//! quotient; the client evaluates. A value is `x = a + b mod 2^l` with the server's `a` and the
//! client's `b`. Both know that `|x| <= B` (the edge's range); with `b' = b + B mod 2^l` the sum
//! `a + b'` is `x + B + 2^l` as an integer unless `a <= x + B`, which happens with probability
//! `(2B+1) / 2^l <= 2^-40` because `a` is uniform (public coins see to that where it is not). So
//! `a` and `b' - B - 2^l` are shares of `x` modulo every prime: the server's moves its zero
//! labels, the client's bits choose labels by oblivious transfer. The result is masked by a random word that is the server's new share.
//!
//! *Cost*: one transfer of two blocks per bit of each residue, the gadget's rows, and 8 bytes per
//! value of the quotient; one round for as many elements as transfers fit in memory.
//!
//! *Security*: semi-honest, either party; the assumptions of `sordino_garble` and `sordino_ot`.
//! Fresh offsets and a fresh hash key for every part of a layer. An element is wrong with
//! probability at most 2^-40, over the shares, or for constant shares over the fixed coins.
//!
//! *Source*: Gazelle and Delphi for garbled activations on shares; the gadget is ours.

use crate::twoparty::stock::{Part, Stock};
use crate::{Error, Layer};
use sordino_garble::{Base, Evaluator, Garbler, Labels, Machine, Prime, Program, Tables, gadget};
use sordino_kernels::Block;
use sordino_ot::block::{self, BlockReceiver, BlockSender};
use sordino_secret::{Bits, Party, Ring, SecretRng};
use sordino_wire::{Garbled, Kind, Lane, Meter, Role};
use std::ops::Range;

const ROWS: Kind = Kind::new(0x0410, "garbled activation tables");
const WORDS: Kind = Kind::new(0x0411, "garbled activation results");

/// Elements garbled together: about 16 MiB of tables.
const PART: usize = 4096;
/// Bits by which the ring exceeds twice the edge's range.
const SLACK: u32 = 40;
/// The largest magnitude for which a ring of 64 bits has that room.
pub(crate) const MAX_BOUND: u64 = (1 << (63 - SLACK)) - 1;

/// The public shape of a table on shares.
pub(crate) struct GarbledTable {
    primes: Vec<Prime>,
    program: Program,
    values: Vec<u64>,
    ring_in: Ring,
    ring_out: Ring,
    /// `B`.
    bound: u64,
}

impl GarbledTable {
    /// A layer's table.
    ///
    /// # Errors
    /// [`Error::Unsupported`] when the ring leaves no room for the statistical argument,
    /// [`Error::Garble`] for moduli that labels cannot have.
    pub(crate) fn new(
        l: &Layer<'_>,
        divisor: u64,
        first: i64,
        values: &[i64],
    ) -> Result<Self, Error> {
        let (edge, out) = (l.input(0), l.output());
        let bound = edge.lo.unsigned_abs().max(edge.hi.unsigned_abs());
        if edge.ring < 64 && u128::from(bound) * 2 + 1 > 1u128 << edge.ring.saturating_sub(SLACK)
            || bound > MAX_BOUND
        {
            return Err(Error::Unsupported {
                node: l.node.name.clone(),
                op: "Lookup".into(),
                why: format!("values up to {bound} need a ring of {SLACK} bits more on shares"),
                hint: "serve the network with --nonlinear garbled, which makes rings wide enough, \
                       or with --backend garbled"
                    .into(),
            });
        }
        let modulus = divisor.checked_mul(values.len() as u64).unwrap_or(0);
        let ring_out = Ring::new(out.ring);
        Ok(Self {
            primes: Base::factor(modulus)?.primes().to_vec(),
            program: gadget::quotient(divisor, first, values.len())?,
            values: values.iter().map(|&v| ring_out.reduce(v as u64)).collect(),
            ring_in: Ring::new(edge.ring),
            ring_out,
            bound,
        })
    }

    /// Bits of a residue.
    fn bits(p: Prime) -> u32 {
        p.get().ilog2() + 1
    }

    fn transfers(&self) -> usize {
        self.primes.iter().map(|&p| Self::bits(p) as usize).sum()
    }

    /// What `n` elements use up: the parties' transfers choose labels as they are.
    pub(crate) fn parts(&self, n: usize) -> Vec<Part> {
        vec![Part::Raw { n: n * self.transfers() }]
    }

    /// Blocks of a part: the circuit's public number, then the tables.
    fn rows(&self, n: usize) -> usize {
        1 + n * self.program.cost().rows
    }

    fn pieces(n: usize) -> impl Iterator<Item = Range<usize>> {
        (0..n).step_by(PART).map(move |i| i..(i + PART).min(n))
    }

    /// Messages for `n` elements.
    pub(crate) fn cost(&self, m: &mut Meter, n: usize) {
        block::cost_choices(m, Role::Server, n * self.transfers());
        for part in Self::pieces(n) {
            let n = part.len();
            block::cost_pairs(m, Role::Server, n * self.transfers());
            m.message(Role::Server.sends(), self.rows(n) * size_of::<Block>());
            m.message(Role::Server.sends(), n * self.values.len() * 8);
        }
    }

    /// New shares of the table's values.
    pub(crate) fn run<P: Party>(
        &self,
        lane: &mut Lane,
        x: &[u64],
        stock: &mut Stock,
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let cots = stock.raw()?;
        let x = &spread::<P>(x);
        match P::ROLE {
            Role::Server => {
                let mut sender = BlockSender::new(lane, cots.send)?;
                let parts =
                    Self::pieces(x.len()).map(|r| self.garble(lane, &x[r], &mut sender, rng));
                Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
            }
            Role::Client => {
                let mut receiver = BlockReceiver::new(lane, cots.recv, self.choices(x))?;
                lane.flush()?;
                let parts =
                    Self::pieces(x.len()).map(|r| self.evaluate(lane, r.len(), &mut receiver));
                Ok(parts.collect::<Result<Vec<_>, _>>()?.concat())
            }
        }
    }

    /// Bits of the client's residues: parts, then moduli, then elements, then bits.
    fn choices(&self, x: &[u64]) -> Bits {
        let mut bits = Bits::zero(x.len() * self.transfers());
        let mut at = 0;
        for part in Self::pieces(x.len()) {
            for &p in &self.primes {
                let constant = p.reduce(-i128::from(self.bound) - (1i128 << self.ring_in.bits()));
                for &word in &x[part.clone()] {
                    let shifted = self.ring_in.reduce(word.wrapping_add(self.bound));
                    let residue = p.plus(p.residue(shifted), constant);
                    for i in 0..Self::bits(p) {
                        bits.set(at, u64::from(residue >> i & 1));
                        at += 1;
                    }
                }
            }
        }
        bits
    }

    fn garble(
        &self,
        lane: &mut Lane,
        x: &[u64],
        sender: &mut BlockSender,
        rng: &mut SecretRng,
    ) -> Result<Vec<u64>, Error> {
        let mut seed = [0; 32];
        rng.fill_bytes(&mut seed);
        let id = rng.block();
        let mut garbler = Garbler::new(&seed, id, vec![id]);
        let mut pairs = Vec::with_capacity(x.len() * self.transfers());
        let mut inputs = Vec::with_capacity(self.primes.len());
        for &p in &self.primes {
            let bits = Self::bits(p) as usize;
            let zero = garbler.input(p, x.len() * bits);
            let steps: Vec<u8> = (0..bits).map(|i| p.reduce(1 << i)).collect();
            let one = garbler.labels_of(&zero, &steps);
            pairs.extend(zero.pack().into_iter().zip(one.pack()).map(|(a, b)| [a, b]));
            let mut label = zero.sum_each(bits);
            let own: Vec<u8> = x.iter().map(|&w| p.residue(self.ring_in.reduce(w))).collect();
            garbler.add_residues(&mut label, &own);
            inputs.push(label);
        }
        sender.send(lane, &pairs)?;
        let quotient = garbler.run(&self.program, &inputs.iter().collect::<Vec<_>>())?;
        let mut shares = vec![0; x.len()];
        rng.fill_words(&mut shares);
        shares.iter_mut().for_each(|s| *s = self.ring_out.reduce(*s));
        let words = garbler.encrypt_words(&quotient[0], |i, v| {
            self.ring_out.reduce(self.values[v].wrapping_sub(shares[i]))
        });
        lane.send(ROWS, Garbled::pod(&garbler.finish()))?;
        lane.send(WORDS, Garbled::new(&words))?;
        Ok(shares)
    }

    fn evaluate(
        &self,
        lane: &mut Lane,
        n: usize,
        receiver: &mut BlockReceiver,
    ) -> Result<Vec<u64>, Error> {
        let blocks = receiver.recv(lane, n * self.transfers())?;
        let mut rest = &blocks[..];
        let mut inputs = Vec::with_capacity(self.primes.len());
        for &p in &self.primes {
            let bits = Self::bits(p) as usize;
            let (own, tail) = rest.split_at(n * bits);
            rest = tail;
            inputs.push(Labels::unpack(p, own).sum_each(bits));
        }
        let rows = lane.recv(ROWS, self.rows(n) * size_of::<Block>())?;
        let mut rows = rows.as_chunks().0.iter().map(|c| Block(u128::from_le_bytes(*c)));
        let id = rows.next().unwrap_or(Block::ZERO);
        let rows = rows.collect();
        let words = lane.recv(WORDS, n * self.values.len() * 8)?;
        let mut evaluator = Evaluator::new(Tables::new(rows), id, blocks.len());
        let quotient = evaluator.run(&self.program, &inputs.iter().collect::<Vec<_>>())?;
        let out = evaluator.decrypt_words(&quotient[0], &words)?;
        Ok(out.into_iter().map(|w| self.ring_out.reduce(w)).collect())
    }
}

/// Moves a share from one party to the other by public coins: those of the input and of padding
/// are constants, where the argument above needs a uniform one.
fn spread<P: Party>(x: &[u64]) -> Vec<u64> {
    let mut coins = vec![0; x.len()];
    SecretRng::from_seed(*b"sordino: public coins for shares").fill_words(&mut coins);
    let moved = x.iter().zip(coins).map(|(x, coin)| match P::ROLE {
        Role::Server => x.wrapping_add(coin),
        Role::Client => x.wrapping_sub(coin),
    });
    moved.collect()
}
