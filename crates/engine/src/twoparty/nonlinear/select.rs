//! Small conversions between XOR and additive shares, each of them one or two ring COTs, so that
//! independent ones share their messages.
//!
//! All are semi-honest; every message is masked by the pad of a fresh correlated transfer, so a
//! party sees uniform bits. Source: CrypTFlow2 section 3.1.1 (bit to ring), SIRNN section 3.2
//! (multiplexer, extension of values with a known sign).

use crate::Error;
use crate::twoparty::stock::{Part, Stock};
use sordino_ot::ring_cot::{self, Shape};
use sordino_secret::{Bits, Party, Ring};
use sordino_wire::{Lane, Meter, Role};
use std::borrow::Cow;

/// A conversion's public shape.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Conversion {
    /// Additive shares of a bit in a ring.
    BitToRing(Ring),
    /// Additive shares of a bit times a ring element.
    Mux(Ring),
    /// Wraps of shares of a value below half of its ring, in a ring of that many bits.
    Wraps(Ring),
}

/// A conversion with its operands.
pub(crate) enum Operands<'a> {
    BitToRing(Ring, &'a Bits),
    Mux(Ring, &'a Bits, &'a [u64]),
    /// The value's own ring, its shares, and the ring of the result.
    Wraps(Ring, &'a [u64], Ring),
}

impl Conversion {
    fn shapes(self, n: usize) -> Vec<Shape> {
        let shape = |sender, bits| Shape { sender, n, bits };
        match self {
            Self::BitToRing(ring) if ring.bits() == 1 => Vec::new(),
            Self::BitToRing(ring) => vec![shape(Role::Server, ring.bits() - 1)],
            Self::Mux(ring) => {
                vec![shape(Role::Server, ring.bits()), shape(Role::Client, ring.bits())]
            }
            Self::Wraps(ring) => vec![shape(Role::Server, ring.bits())],
        }
    }
}

/// What conversions of `n` elements use up.
pub(crate) fn parts(n: usize, conversions: &[Conversion]) -> Vec<Part> {
    let part = |Shape { sender, n, bits }| Part::Ring { sender, n, bits };
    conversions.iter().flat_map(|c| c.shapes(n)).map(part).collect()
}

/// Messages of conversions of `n` elements that run together.
pub(crate) fn cost(m: &mut Meter, n: usize, conversions: &[Conversion]) {
    ring_cot::cost(m, &conversions.iter().flat_map(|c| c.shapes(n)).collect::<Vec<_>>());
}

/// Shares of the conversions' results, in one exchange of bits and one of corrections.
///
/// * `b0 ^ b1 = b0 + b1 - 2 b0 b1`, the product modulo half the ring.
/// * `d x_i = d_i x_i + d_j (1 - 2 d_i) x_i` for each party `i` with peer `j`.
/// * Shares of a value below half of its ring wrap exactly when one of them has its top bit set.
pub(crate) fn run<P: Party>(
    lane: &mut Lane,
    operands: &[Operands<'_>],
    stock: &mut Stock,
) -> Result<Vec<Vec<u64>>, Error> {
    let prepared: Vec<Prepared<'_>> = operands.iter().map(Prepared::new).collect();
    let (mut sends, mut recvs) = (Vec::new(), Vec::new());
    for p in &prepared {
        // Parts are in the order of the shapes: the server's direction first.
        for sender in p.senders() {
            if *sender == P::ROLE {
                sends.push(ring_cot::Corrections { pads: stock.ring_out()?, corr: &p.corr });
            } else {
                recvs.push(ring_cot::Choices { pads: stock.ring_in()?, choice: &p.choice });
            }
        }
    }
    let [mut sent, mut got] = ring_cot::run(lane, sends, recvs)?.map(Vec::into_iter);
    let missing = || Error::Config("a conversion without its products".into());
    let mut results = Vec::with_capacity(prepared.len());
    for p in &prepared {
        let mut sum: Option<Vec<u64>> = None;
        for sender in p.senders() {
            let next = if *sender == P::ROLE { sent.next() } else { got.next() };
            let next = next.ok_or_else(missing)?;
            sum = Some(match sum {
                None => next,
                Some(sum) => sum.iter().zip(&next).map(|(a, b)| a.wrapping_add(*b)).collect(),
            });
        }
        results.push(p.finish(sum));
    }
    Ok(results)
}

/// Operands in the form that the products use.
struct Prepared<'a> {
    operands: &'a Operands<'a>,
    /// What this party brings as a receiver.
    choice: Cow<'a, Bits>,
    /// What this party brings as a sender.
    corr: Vec<u64>,
}

impl<'a> Prepared<'a> {
    fn new(operands: &'a Operands<'a>) -> Self {
        let (choice, corr) = match operands {
            Operands::BitToRing(_, bits) => (Cow::Borrowed(*bits), each(bits).collect()),
            Operands::Mux(ring, d, x) => {
                let signed =
                    |(d, v): (u64, &u64)| ring.reduce(v.wrapping_sub((v & d.wrapping_neg()) << 1));
                (Cow::Borrowed(*d), each(d).zip(*x).map(signed).collect())
            }
            Operands::Wraps(from, y, _) => {
                let top = Bits::collect(y.iter().map(|&v| from.msb(v)));
                let corr = each(&top).collect();
                (Cow::Owned(top), corr)
            }
        };
        Self { operands, choice, corr }
    }

    fn senders(&self) -> &'static [Role] {
        match self.operands {
            Operands::BitToRing(ring, _) if ring.bits() == 1 => &[],
            Operands::Mux(..) => &[Role::Server, Role::Client],
            _ => &[Role::Server],
        }
    }

    fn finish(&self, products: Option<Vec<u64>>) -> Vec<u64> {
        let products = products.unwrap_or_default();
        match self.operands {
            Operands::BitToRing(_, bits) if products.is_empty() => each(bits).collect(),
            Operands::BitToRing(ring, bits) => {
                let sum = |(b, p): (u64, &u64)| ring.reduce(b.wrapping_sub(p << 1));
                each(bits).zip(&products).map(sum).collect()
            }
            Operands::Mux(ring, d, x) => {
                let own = each(d).zip(*x).map(|(d, v)| v & d.wrapping_neg());
                own.zip(&products).map(|(own, p)| ring.reduce(own.wrapping_add(*p))).collect()
            }
            Operands::Wraps(from, y, ring) => {
                let sum = |(v, both): (&u64, &u64)| ring.reduce(from.msb(*v).wrapping_sub(*both));
                y.iter().zip(&products).map(sum).collect()
            }
        }
    }
}

fn each(bits: &Bits) -> impl Iterator<Item = u64> {
    (0..bits.len()).map(|i| bits.get(i))
}
