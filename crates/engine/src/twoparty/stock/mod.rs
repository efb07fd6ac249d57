//! What a step uses up, made before its operands are known.
//!
//! Transfers are hashed to the pads that a step needs as soon as they are drawn: a few bytes per
//! element in place of 16 per transfer, so that a tile can be large and a stock can be stored.

mod part;

use super::{CotPool, Cots};
use crate::Error;
use sordino_ot::triple::{self, BitTriples};
use sordino_ot::{one_of_n, ring_cot};
use sordino_secret::Party;
use sordino_wire::{Lane, Role};
use std::collections::VecDeque;
use zeroize::Zeroizing;

pub(crate) use part::{Part, draws};

/// One party's half of a [`Part`].
enum Item {
    TablesOut(one_of_n::SenderPads),
    TablesIn(one_of_n::ReceiverPads),
    Triples(BitTriples),
    RingOut(ring_cot::SenderPads),
    RingIn(ring_cot::ReceiverPads),
    Raw(Option<Cots>),
}

/// One party's halves of a step's parts, in order; used up by value.
pub(crate) struct Stock(VecDeque<Item>);

impl Stock {
    /// Draws transfers and hashes them.
    pub(crate) fn draw<P: Party>(
        lane: &mut Lane,
        pool: &mut CotPool,
        parts: &[Part],
    ) -> Result<Self, Error> {
        let mut items =
            parts.iter().map(|p| Item::empty::<P>(*p)).collect::<Result<VecDeque<_>, _>>()?;
        for draw in draws(parts) {
            let needs = draw.iter().map(|(_, part)| part.needs()).sum();
            let mut cots = pool.take::<P>(lane, needs)?;
            for (i, part) in draw {
                let own = cots.split::<P>(part.needs())?;
                items[i].extend(part, own)?;
            }
        }
        Ok(Self(items))
    }

    /// Bytes of [`write`](Self::write) for these parts.
    pub(crate) fn len<P: Party>(parts: &[Part]) -> usize {
        parts.iter().map(|part| part.stored::<P>()).sum()
    }

    /// The stock as `len` bytes, for a store of secrets.
    pub(crate) fn write(self, len: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
        let mut out = Zeroizing::new(Vec::with_capacity(len));
        for item in self.0 {
            match item {
                Item::TablesOut(pads) => pads.write(&mut out),
                Item::TablesIn(pads) => pads.write(&mut out),
                Item::Triples(triples) => triples.write(&mut out),
                Item::RingOut(pads) => pads.write(&mut out),
                Item::RingIn(pads) => pads.write(&mut out),
                Item::Raw(_) => {
                    return Err(Error::Config("transfers as they are cannot be stored".into()));
                }
            }
        }
        Ok(out)
    }

    /// What [`write`](Self::write) wrote for these parts.
    pub(crate) fn read<P: Party>(parts: &[Part], mut bytes: &[u8]) -> Result<Self, Error> {
        let mut items = VecDeque::with_capacity(parts.len());
        for part in parts {
            let (own, rest) = bytes.split_at_checked(part.stored::<P>()).ok_or_else(mismatch)?;
            bytes = rest;
            items.push_back(Item::read::<P>(*part, own)?);
        }
        Ok(Self(items))
    }

    pub(crate) fn tables_out(&mut self) -> Result<one_of_n::SenderPads, Error> {
        match self.0.pop_front() {
            Some(Item::TablesOut(pads)) => Ok(pads),
            _ => Err(mismatch()),
        }
    }

    pub(crate) fn tables_in(&mut self) -> Result<one_of_n::ReceiverPads, Error> {
        match self.0.pop_front() {
            Some(Item::TablesIn(pads)) => Ok(pads),
            _ => Err(mismatch()),
        }
    }

    pub(crate) fn triples(&mut self) -> Result<BitTriples, Error> {
        match self.0.pop_front() {
            Some(Item::Triples(triples)) => Ok(triples),
            _ => Err(mismatch()),
        }
    }

    pub(crate) fn ring_out(&mut self) -> Result<ring_cot::SenderPads, Error> {
        match self.0.pop_front() {
            Some(Item::RingOut(pads)) => Ok(pads),
            _ => Err(mismatch()),
        }
    }

    pub(crate) fn ring_in(&mut self) -> Result<ring_cot::ReceiverPads, Error> {
        match self.0.pop_front() {
            Some(Item::RingIn(pads)) => Ok(pads),
            _ => Err(mismatch()),
        }
    }

    pub(crate) fn raw(&mut self) -> Result<Cots, Error> {
        match self.0.pop_front() {
            Some(Item::Raw(Some(cots))) => Ok(cots),
            _ => Err(mismatch()),
        }
    }
}

fn mismatch() -> Error {
    Error::Config("a step asks for other correlations than were made for it".into())
}

impl Item {
    fn empty<P: Party>(part: Part) -> Result<Self, Error> {
        Ok(match part {
            Part::Tables { n, radix, msg_bits } => match P::ROLE {
                Role::Server => Self::TablesOut(one_of_n::SenderPads::empty(n, radix, msg_bits)?),
                Role::Client => Self::TablesIn(one_of_n::ReceiverPads::empty(n, radix, msg_bits)?),
            },
            Part::Triples { n, width } => Self::Triples(BitTriples::empty(n, width)?),
            Part::Ring { sender, n, bits } if sender == P::ROLE => {
                Self::RingOut(ring_cot::SenderPads::empty(n, bits)?)
            }
            Part::Ring { n, bits, .. } => Self::RingIn(ring_cot::ReceiverPads::empty(n, bits)?),
            Part::Raw { .. } => Self::Raw(None),
        })
    }

    fn read<P: Party>(part: Part, bytes: &[u8]) -> Result<Self, Error> {
        Ok(match part {
            Part::Tables { n, radix, msg_bits } => match P::ROLE {
                Role::Server => {
                    Self::TablesOut(one_of_n::SenderPads::read(n, radix, msg_bits, bytes)?)
                }
                Role::Client => {
                    Self::TablesIn(one_of_n::ReceiverPads::read(n, radix, msg_bits, bytes)?)
                }
            },
            Part::Triples { n, width } => Self::Triples(BitTriples::read(n, width, bytes)?),
            Part::Ring { sender, n, bits } if sender == P::ROLE => {
                Self::RingOut(ring_cot::SenderPads::read(n, bits, bytes)?)
            }
            Part::Ring { n, bits, .. } => {
                Self::RingIn(ring_cot::ReceiverPads::read(n, bits, bytes)?)
            }
            Part::Raw { .. } => return Err(mismatch()),
        })
    }

    /// Hashes the transfers of a chunk.
    fn extend(&mut self, part: Part, cots: Cots) -> Result<(), Error> {
        match (part, self) {
            (Part::Tables { radix, msg_bits, .. }, Self::TablesOut(pads)) => {
                pads.extend(one_of_n::SenderPads::derive(cots.send, radix, msg_bits)?)?;
            }
            (Part::Tables { radix, msg_bits, .. }, Self::TablesIn(pads)) => {
                pads.extend(one_of_n::ReceiverPads::derive(cots.recv, radix, msg_bits)?)?;
            }
            (Part::Triples { width, .. }, Self::Triples(triples)) => {
                triples.extend(triple::generate(cots.send, cots.recv, width)?)?;
            }
            (Part::Ring { bits, .. }, Self::RingOut(pads)) => {
                pads.extend(ring_cot::SenderPads::derive(cots.send, bits)?)?;
            }
            (Part::Ring { bits, .. }, Self::RingIn(pads)) => {
                pads.extend(ring_cot::ReceiverPads::derive(cots.recv, bits)?)?;
            }
            (Part::Raw { .. }, Self::Raw(all)) => match all {
                None => *all = Some(cots),
                Some(_) => return Err(mismatch()),
            },
            _ => return Err(mismatch()),
        }
        Ok(())
    }
}
