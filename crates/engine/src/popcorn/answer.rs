//! The client's side of an exchange.

use super::messages::{BITS, BLINDED, MASKED, PARTS, pieces, receive, send};
use super::plan::{Exchange, Plan};
use super::round::Round;
use super::schedule::{Event, schedule};
use super::supply::Supply;
use crate::Error;
use crate::walk::Progress;
use sordino_he::paillier::{Plaintexts, SecretKey};
use sordino_wire::{Kind, Lane};
use zeroize::Zeroizing;

/// What the client answers with.
pub(super) struct Answerer<'a> {
    pub(super) lane: &'a mut Lane,
    pub(super) plan: &'a Plan,
    pub(super) key: &'a SecretKey,
    pub(super) zeros: &'a mut Supply,
}

impl Answerer<'_> {
    /// Encrypts and sends, so many at a time.
    pub(super) fn send(&mut self, kind: Kind, values: &[i128], size: usize) -> Result<(), Error> {
        let public = self.key.public();
        for piece in pieces(values.len(), size) {
            let plaintexts = Plaintexts::from_signed(public, &values[piece.clone()]);
            let pool = self.zeros.pool(piece.len())?;
            send(self.lane, kind, &public.encrypt(&plaintexts, pool)?)?;
            self.lane.flush()?;
        }
        Ok(())
    }

    /// Receives and decrypts.
    pub(super) fn receive(&mut self, kind: Kind, count: usize) -> Result<Plaintexts, Error> {
        Ok(self.key.decrypt(&receive(self.lane, kind, self.key.public(), count)?)?)
    }

    /// Answers all questions of an exchange.
    pub(super) fn run(
        &mut self,
        exchange: &Exchange,
        progress: &mut dyn Progress,
    ) -> Result<(), Error> {
        let tiles = self.plan.tiles(exchange);
        let last = exchange.rounds.len() - 1;
        for event in schedule(tiles.len(), exchange.rounds.len()) {
            if let Event::Ask { tile, round } = event {
                self.answer(exchange.rounds[round], tiles[tile].len())?;
                if round == last {
                    progress.part(tile + 1, tiles.len());
                }
            }
        }
        Ok(())
    }

    fn answer(&mut self, round: Round, elements: usize) -> Result<(), Error> {
        let public = self.key.public();
        let bits = match self.plan.blinded(round, elements)? {
            None => Zeroizing::default(),
            Some(asked) => {
                let blinded = self.receive(BLINDED, asked.count)?;
                asked.slots.positive(public, &blinded, asked.values)?
            }
        };
        let high = match self.plan.masked(round, elements)? {
            None => Zeroizing::default(),
            Some(masked) => {
                let packed = self.receive(MASKED, masked.count)?;
                let values = masked.packing.open_values(public, masked.slots, &packed)?;
                let high = values[..elements].iter().map(|v| (v >> round.shift()) as i128);
                Zeroizing::new(high.collect::<Vec<_>>())
            }
        };
        let minus = bits.iter().map(|bit| -i128::from(*bit));
        let minus: Zeroizing<Vec<i128>> = Zeroizing::new(minus.collect());
        let products = minus.iter().zip(high.iter().cycle()).map(|(mask, high)| mask & high);
        let products: Zeroizing<Vec<i128>> = Zeroizing::new(products.collect());
        for (kind, _) in round.answers() {
            let values = match kind {
                PARTS => &high,
                BITS => &minus,
                _ => &products,
            };
            self.send(kind, values, values.len().max(1))?;
        }
        Ok(())
    }
}
