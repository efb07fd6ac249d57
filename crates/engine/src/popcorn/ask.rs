//! The server's side of an exchange.

use super::messages::{BITS, BLINDED, MASKED, PARTS, PRODUCTS, receive, send};
use super::order::Order;
use super::plan::{Exchange, Plan};
use super::round::Round;
use super::schedule::{Event, schedule};
use super::supply::Supply;
use crate::Error;
use crate::session::PopcornMode;
use crate::twoparty::Observer;
use sordino_he::paillier::{Computed, MASK_BITS, Plaintexts, PublicKey};
use sordino_secret::SecretRng;
use sordino_wire::{Kind, Lane};
use zeroize::Zeroizing;

/// What the server talks to the client with.
pub(super) struct Asker<'a> {
    pub(super) lane: &'a mut Lane,
    pub(super) plan: &'a Plan,
    pub(super) key: &'a PublicKey,
    pub(super) rng: &'a mut SecretRng,
    pub(super) zeros: &'a mut Supply,
    pub(super) observer: &'a mut dyn Observer,
}

type Masks = Zeroizing<Vec<u128>>;
/// 1 where it is the negative of a value that the client tells of; none if nowhere.
type Turned = Option<Zeroizing<Vec<u64>>>;

/// What the server knows of a tile.
enum State {
    /// Nothing is asked.
    Value(Computed),
    /// Asked for the upper part of this value under these masks.
    Split(Computed, Masks),
    /// A value, and its upper part but for a carry.
    Rough(Computed, Computed),
    /// An upper part, and asked for its carry.
    Carry(Computed, Turned),
    /// Asked for the tests of this value and its products under these masks.
    Rectify(Computed, Masks, Turned),
}

/// Tiles of an exchange that are under way.
struct Tile {
    state: State,
    /// 1 where what is left over by a rectifier is wanted.
    rest: Option<Vec<u64>>,
}

impl Asker<'_> {
    /// Integers without randomness.
    pub(super) fn constants(&self, values: &[i128]) -> Result<Computed, Error> {
        Ok(Computed::constants(self.key, &Plaintexts::from_signed(self.key, values))?)
    }

    pub(super) fn add_plain(&self, x: &Computed, values: &[i128]) -> Result<Computed, Error> {
        Ok(x.add_plain(&Plaintexts::from_signed(self.key, values))?)
    }

    fn add_each(&self, x: &Computed, value: i128) -> Result<Computed, Error> {
        self.add_plain(x, &vec![value; x.len()])
    }

    pub(super) fn subtract(&self, a: &Computed, b: &Computed) -> Result<Computed, Error> {
        Ok(a.add(&b.negate()?)?)
    }

    /// Re-randomises and sends.
    pub(super) fn send(&mut self, kind: Kind, x: &Computed) -> Result<(), Error> {
        send(self.lane, kind, &x.release(self.zeros.pool(x.len())?)?)
    }

    fn receive(&mut self, kind: Kind, count: usize) -> Result<Computed, Error> {
        Ok(receive(self.lane, kind, self.key, count)?.computed())
    }

    /// What the rounds of an exchange make of values, tile by tile. Where `rest` is 1, min(t, 0) of a rectifier instead
    /// of max(t, 0).
    pub(super) fn run(
        &mut self,
        exchange: &Exchange,
        values: &Computed,
        rest: Option<&[u64]>,
    ) -> Result<Computed, Error> {
        let (plan, count) = (self.plan, exchange.values);
        if values.len() != count {
            return Err(mismatch());
        }
        let order = Order::random(count, plan.asked(exchange), self.rng);
        let with_dummies;
        let all = match plan.mode {
            PopcornMode::Affine => values,
            PopcornMode::Paper => {
                with_dummies = Computed::chain(&[values, &self.dummies(exchange)?])?;
                &with_dummies
            }
        };
        let ranges = plan.tiles(exchange);
        let mut tiles: Vec<Option<Tile>> = ranges.iter().map(|_| None).collect();
        let mut results = Vec::with_capacity(ranges.len());
        for event in schedule(ranges.len(), exchange.rounds.len()) {
            match event {
                Event::Ask { tile, round } => {
                    let range = ranges[tile].clone();
                    let Tile { state, rest } = match tiles[tile].take() {
                        Some(tile) => tile,
                        None => {
                            let index = &order.asked[range];
                            let rest = rest.map(|rest| {
                                index.iter().map(|i| rest.get(*i).copied().unwrap_or(0)).collect()
                            });
                            Tile { state: State::Value(all.select(index)?), rest }
                        }
                    };
                    let state = self.ask(exchange.rounds[round], state)?;
                    self.lane.flush()?;
                    tiles[tile] = Some(Tile { state, rest });
                }
                Event::Read { tile, round } => {
                    let Tile { state, rest } = tiles[tile].take().ok_or_else(mismatch)?;
                    let state = self.read(exchange.rounds[round], state, rest.as_deref())?;
                    if round + 1 < exchange.rounds.len() {
                        tiles[tile] = Some(Tile { state, rest });
                        continue;
                    }
                    let State::Value(result) = state else { return Err(mismatch()) };
                    results.push(result);
                    self.observer.part(results.len(), ranges.len());
                }
            }
        }
        let results = match results.len() {
            0 => self.constants(&[])?,
            _ => Computed::chain(&results.iter().collect::<Vec<_>>())?,
        };
        Ok(results.select(&order.places)?)
    }

    /// Values of any length, of which a random share is positive.
    fn dummies(&mut self, exchange: &Exchange) -> Result<Computed, Error> {
        let bits = exchange.rounds.iter().find_map(|round| round.masked()).unwrap_or(1);
        let threshold = self.rng.next_u64();
        let count = self.plan.asked(exchange) - exchange.values;
        let dummies: Zeroizing<Vec<i128>> = Zeroizing::new(
            (0..count)
                .map(|_| {
                    // Below 2^(bits - 1): its length is uniform, zero included.
                    let length = (u128::from(self.rng.next_u64()) * u128::from(bits)) >> 64;
                    let top = u128::from(self.rng.next_u64() | 1 << 63);
                    let size = (top >> (64 - length as u32)) as i128;
                    let negative = -i128::from(self.rng.next_u64() >= threshold);
                    (size ^ negative) - negative
                })
                .collect(),
        );
        self.constants(&dummies)
    }

    fn ask(&mut self, round: Round, state: State) -> Result<State, Error> {
        Ok(match (round, state) {
            (Round::Split { shift, exact, .. }, State::Value(mut v)) => {
                if exact {
                    v = self.add_each(&v, 1 << (shift - 1))?;
                }
                let masks = self.send_masked(round, &v)?;
                State::Split(v, masks)
            }
            (Round::Carry { shift }, State::Rough(v, high)) => {
                // The client's lower part is below the mask's where this is positive.
                let low = self.subtract(&high.shift(shift as usize), &v)?;
                let turned = self.send_blinded(round, &low)?;
                State::Carry(high, turned)
            }
            (Round::Rectify { shift, bound, .. }, State::Value(v)) => {
                let turned = match bound {
                    None => self.send_blinded(round, &v)?,
                    Some(bound) => {
                        let above = self.add_each(&v, -i128::from(bound) << shift)?;
                        self.send_blinded(round, &Computed::chain(&[&v, &above])?)?
                    }
                };
                let masks = self.send_masked(round, &v)?;
                State::Rectify(v, masks, turned)
            }
            _ => return Err(mismatch()),
        })
    }

    fn read(&mut self, round: Round, state: State, rest: Option<&[u64]>) -> Result<State, Error> {
        Ok(match (round, state) {
            (Round::Split { shift, exact, .. }, State::Split(v, masks)) => {
                let high = self.receive(PARTS, v.len())?;
                let high = self.add_plain(&high, &upper(&masks, shift))?;
                if exact { State::Rough(v, high) } else { State::Value(high) }
            }
            (Round::Carry { .. }, State::Carry(high, turned)) => {
                let minus = self.receive(BITS, high.len())?;
                let carried = match turned {
                    None => minus,
                    Some(turned) => {
                        let others = self.add_each(&minus.negate()?, -1)?;
                        minus.choose(&others, &turned)?
                    }
                };
                State::Value(high.add(&carried)?)
            }
            (Round::Rectify { .. }, State::Rectify(v, masks, turned)) => {
                State::Value(self.rectified(round, v, &masks, turned, rest)?)
            }
            _ => return Err(mismatch()),
        })
    }

    /// From bits b and products b h of every test, where h is t under a mask: max(t, 0), less what is above the bound.
    fn rectified(
        &mut self,
        round: Round,
        v: Computed,
        masks: &[u128],
        turned: Turned,
        rest: Option<&[u64]>,
    ) -> Result<Computed, Error> {
        let Round::Rectify { bits, shift, bound } = round else { return Err(mismatch()) };
        let (n, tests) = (v.len(), round.tests());
        let t = match shift {
            0 => v,
            _ => {
                let high = self.receive(PARTS, n)?;
                self.add_plain(&high, &upper(masks, shift))?
            }
        };
        let (minus, products) =
            (self.receive(BITS, tests * n)?, self.receive(PRODUCTS, tests * n)?);
        // Masks and bounds of what is kept.
        let above = (0..tests).flat_map(|test| {
            let bound = if test == 0 { 0 } else { bound.unwrap_or(0).unsigned_abs() };
            masks.iter().map(move |mask| (mask >> shift) + u128::from(bound))
        });
        let bits = (bits + MASK_BITS + 1 - shift) as usize;
        let words = |m: u128| [m as u64, (m >> 64) as u64].into_iter().take(bits.div_ceil(64));
        let factors: Zeroizing<Vec<u64>> = Zeroizing::new(above.flat_map(words).collect());
        let kept = products.add(&minus.multiply(&factors, bits)?)?;
        // What was not kept is what is wanted where the value was turned, or the rest is wanted.
        let wanted = match (turned, rest) {
            (None, None) => return self.difference(&kept, n),
            (turned, rest) => {
                let one = |of: Option<&[u64]>, i: usize| of.map_or(0, |of| of[i]);
                let bit = |i| one(turned.as_ref().map(|t| &t[..]), i) ^ one(rest, i % n);
                Zeroizing::new((0..tests * n).map(bit).collect::<Vec<_>>())
            }
        };
        let whole = match bound {
            None => t,
            Some(bound) => Computed::chain(&[&t, &self.add_each(&t, -i128::from(bound))?])?,
        };
        let others = self.subtract(&whole, &kept)?;
        self.difference(&kept.choose(&others, &wanted)?, n)
    }

    /// The first n, less those that follow.
    fn difference(&self, x: &Computed, n: usize) -> Result<Computed, Error> {
        let first = x.range(0..n)?;
        if x.len() == n { Ok(first) } else { self.subtract(&first, &x.range(n..x.len())?) }
    }

    /// Sends values under masks, packed.
    fn send_masked(&mut self, round: Round, v: &Computed) -> Result<Masks, Error> {
        let masked = self.plan.masked(round, v.len())?.ok_or_else(mismatch)?;
        let mut masks = masked.packing.mask(self.key, masked.slots, masked.count, self.rng)?;
        let packed = masked.packing.join_ciphertexts(masked.slots, v)?;
        self.send(MASKED, &packed.add_plain(&masks.plaintexts)?)?;
        masks.values.truncate(v.len());
        Ok(masks.values)
    }

    /// Sends values with their signs turned at random, blinded and packed.
    fn send_blinded(&mut self, round: Round, v: &Computed) -> Result<Turned, Error> {
        let blinded = self.plan.blinded(round, v.len() / round.tests())?.ok_or_else(mismatch)?;
        let (blinding, slots) = (blinded.blinding, blinded.slots);
        let blinds = blinding.draw(v.len(), self.rng);
        let chosen;
        let base = match &blinds.turned {
            None => v,
            Some(turned) => {
                chosen = v.choose(&v.negate()?, turned)?;
                &chosen
            }
        };
        let packed = slots.combine(base, &blinds.factors, blinding.factor_bits())?;
        let packed = packed.add_plain(&slots.place(self.key, &blinds.offsets)?)?;
        self.send(BLINDED, &packed)?;
        Ok(blinds.turned)
    }
}

/// Minus what masks have above the shift.
fn upper(masks: &[u128], shift: u32) -> Zeroizing<Vec<i128>> {
    Zeroizing::new(masks.iter().map(|mask| -((mask >> shift) as i128)).collect())
}

/// The plan lists what is done.
fn mismatch() -> Error {
    Error::Config("an exchange is not the one that was planned".into())
}
