//! What the parties do in one exchange: the server asks, the client answers.

use super::blind::choice;
use super::messages::{BITS, BLINDED, MASKED, PARTS, PRODUCTS, receive, send};
use super::plan::{Packed, Plan, Step};
use crate::Error;
use crate::session::PopcornMode;
use sordino_he::paillier::{Ciphertexts, Computed, Masks, Plaintexts, Pool, PublicKey, SecretKey};
use sordino_secret::SecretRng;
use sordino_wire::{Kind, Lane};
use zeroize::Zeroizing;

/// The server's side.
pub(super) struct Asker<'a> {
    pub(super) lane: &'a mut Lane,
    pub(super) plan: &'a Plan,
    pub(super) key: &'a PublicKey,
    pub(super) rng: &'a mut SecretRng,
}

/// Where the values of a question are among its dummies.
struct Order {
    /// Which value or dummy is asked at each place.
    asked: Vec<usize>,
    /// The place of each value.
    places: Vec<usize>,
}

impl Asker<'_> {
    /// Integers without randomness.
    pub(super) fn constants(&self, values: &[i128]) -> Result<Computed, Error> {
        Ok(Computed::constants(self.key, &Plaintexts::from_signed(self.key, values))?)
    }

    pub(super) fn add_plain(&self, x: &Computed, values: &[i128]) -> Result<Computed, Error> {
        Ok(x.add_plain(&Plaintexts::from_signed(self.key, values))?)
    }

    pub(super) fn subtract(&self, a: &Computed, b: &Computed) -> Result<Computed, Error> {
        Ok(a.add(&b.negate()?)?)
    }

    /// Re-randomises and sends.
    pub(super) fn send(&mut self, kind: Kind, x: &Computed) -> Result<(), Error> {
        let mut pool = Pool::new(self.key);
        pool.fill(x.len(), self.rng);
        send(self.lane, kind, &x.release(&mut pool)?)
    }

    fn receive(&mut self, kind: Kind, count: usize) -> Result<Computed, Error> {
        Ok(receive(self.lane, kind, self.key, count)?.computed())
    }

    /// Sends values under masks, packed.
    fn send_masked(&mut self, v: &Computed, bits: u32) -> Result<Masks, Error> {
        let Packed { packing, slots, count } = self.plan.packed(v.len(), bits)?;
        let masks = packing.mask(self.key, slots, count, self.rng)?;
        let packed = packing.join_ciphertexts(slots, v)?.add_plain(&masks.plaintexts)?;
        self.send(MASKED, &packed)?;
        Ok(masks)
    }

    /// floor((v + 2^(shift - 1)) / 2^shift): a truncation and the comparison that belongs to it.
    pub(super) fn truncate(
        &mut self,
        v: &Computed,
        bits: u32,
        shift: u32,
    ) -> Result<Computed, Error> {
        let n = v.len();
        let rounded = self.add_plain(v, &vec![1 << (shift - 1); n])?;
        let masks = self.send_masked(&rounded, bits)?;
        self.lane.flush()?;
        let (low, high) = (self.receive(PARTS, n)?, self.receive(PARTS, n)?);
        let part = |of: &dyn Fn(u128) -> i128| -> Zeroizing<Vec<i128>> {
            Zeroizing::new(masks.values[..n].iter().map(|mask| of(*mask)).collect())
        };
        let below = part(&|mask| (mask & ((1 << shift) - 1)) as i128);
        let above = part(&|mask| -((mask >> shift) as i128));
        // The lower parts carried if the client's is less than the mask's.
        let carried = self.add_plain(&low.negate()?, &below)?;
        let carried = self.compare(&carried, shift + 1)?;
        self.subtract(&self.add_plain(&high, &above)?, &carried)
    }

    /// Whether each is positive.
    pub(super) fn compare(&mut self, v: &Computed, bits: u32) -> Result<Computed, Error> {
        let (asked, order) = self.among_dummies(v, bits)?;
        let blinded = self.plan.blinding(bits).apply(&asked, self.rng)?;
        self.send(BLINDED, &blinded.values)?;
        self.lane.flush()?;
        let bits = self.receive(BITS, asked.len())?;
        let others = self.add_plain(&bits.negate()?, &vec![1; asked.len()])?;
        let chosen = Computed::chain(&[&bits, &others])?.select(&choice(&blinded.turned))?;
        Ok(chosen.select(&order.places)?)
    }

    /// max(v, 0).
    pub(super) fn rectify(&mut self, v: &Computed, bits: u32) -> Result<Computed, Error> {
        let (asked, order) = self.among_dummies(v, bits)?;
        let blinded = self.plan.blinding(bits).apply(&asked, self.rng)?;
        self.send(BLINDED, &blinded.values)?;
        let masks = self.send_masked(&asked, bits)?;
        self.lane.flush()?;
        let (bits, products) =
            (self.receive(BITS, asked.len())?, self.receive(PRODUCTS, asked.len())?);
        let factors: Zeroizing<Vec<u64>> = Zeroizing::new(
            masks.values[..asked.len()]
                .iter()
                .flat_map(|m| [*m as u64, (m >> 64) as u64])
                .collect(),
        );
        let kept = self.subtract(&products, &bits.multiply(&factors, 2)?)?;
        // Where the sign was turned, the client kept what is not positive.
        let others = self.subtract(&asked, &kept)?;
        let chosen = Computed::chain(&[&kept, &others])?.select(&choice(&blinded.turned))?;
        Ok(chosen.select(&order.places)?)
    }

    /// In `paper`, values in random order among dummies.
    fn among_dummies(&mut self, v: &Computed, bits: u32) -> Result<(Computed, Order), Error> {
        let (n, total) = (v.len(), self.plan.asked(v.len()));
        if self.plan.mode == PopcornMode::Affine || n == 0 {
            return Ok((v.select(&(0..n).collect::<Vec<_>>())?, Order::identity(n)));
        }
        // The share of positive ones is random itself.
        let threshold = self.rng.next_u64();
        let dummies: Zeroizing<Vec<i128>> = Zeroizing::new(
            (n..total)
                .map(|_| {
                    let size = (self.rng.next_u64() >> (65 - bits.clamp(2, 64))) as i128;
                    if self.rng.next_u64() < threshold { size } else { -size }
                })
                .collect(),
        );
        let order = Order::random(n, total, self.rng);
        let all = Computed::chain(&[v, &self.constants(&dummies)?])?;
        Ok((all.select(&order.asked)?, order))
    }
}

impl Order {
    fn identity(n: usize) -> Self {
        Self { asked: (0..n).collect(), places: (0..n).collect() }
    }

    /// A uniform permutation.
    fn random(values: usize, total: usize, rng: &mut SecretRng) -> Self {
        let mut asked: Vec<usize> = (0..total).collect();
        for i in (1..total).rev() {
            let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
            asked.swap(i, j as usize);
        }
        let mut places = vec![0; total];
        for (place, which) in asked.iter().enumerate() {
            places[*which] = place;
        }
        places.truncate(values);
        Self { asked, places }
    }
}

/// The client's side.
pub(super) struct Answerer<'a> {
    pub(super) lane: &'a mut Lane,
    pub(super) plan: &'a Plan,
    pub(super) key: &'a SecretKey,
    pub(super) rng: &'a mut SecretRng,
}

impl Answerer<'_> {
    /// Encrypts and sends.
    pub(super) fn send(&mut self, kind: Kind, values: &[i128]) -> Result<(), Error> {
        let public = self.key.public();
        let mut pool = Pool::new(public);
        self.key.fill(&mut pool, values.len(), self.rng)?;
        let plaintexts = Plaintexts::from_signed(public, values);
        send(self.lane, kind, &public.encrypt(&plaintexts, &mut pool)?)
    }

    fn receive(&mut self, kind: Kind, count: usize) -> Result<Ciphertexts, Error> {
        receive(self.lane, kind, self.key.public(), count)
    }

    fn masked(&mut self, values: usize, bits: u32) -> Result<Zeroizing<Vec<u128>>, Error> {
        let Packed { packing, slots, count } = self.plan.packed(values, bits)?;
        let packed = self.key.decrypt(&self.receive(MASKED, count)?)?;
        let mut opened = packing.open_values(self.key.public(), slots, &packed)?;
        opened.truncate(values);
        Ok(opened)
    }

    fn positive(&mut self, count: usize) -> Result<Zeroizing<Vec<u64>>, Error> {
        let blinded = self.key.decrypt(&self.receive(BLINDED, count)?)?;
        Ok(blinded.positive(self.key.public()))
    }

    /// Answers one exchange.
    pub(super) fn answer(&mut self, step: &Step) -> Result<(), Error> {
        let encode = |values: &mut dyn Iterator<Item = u128>| -> Zeroizing<Vec<i128>> {
            Zeroizing::new(values.map(|v| v as i128).collect())
        };
        match *step {
            Step::Truncate { values, bits, shift } => {
                let masked = self.masked(values, bits)?;
                let low = encode(&mut masked.iter().map(|v| v & ((1 << shift) - 1)));
                let high = encode(&mut masked.iter().map(|v| v >> shift));
                self.send(PARTS, &low)?;
                self.send(PARTS, &high)?;
            }
            Step::Compare { values, .. } => {
                let positive = self.positive(self.plan.asked(values))?;
                self.send(BITS, &encode(&mut positive.iter().map(|bit| u128::from(*bit))))?;
            }
            Step::Rectify { values, bits } => {
                let asked = self.plan.asked(values);
                let positive = self.positive(asked)?;
                let masked = self.masked(asked, bits)?;
                let products = positive.iter().zip(masked.iter());
                let products =
                    encode(&mut products.map(|(bit, v)| v & u128::from(*bit).wrapping_neg()));
                self.send(BITS, &encode(&mut positive.iter().map(|bit| u128::from(*bit))))?;
                self.send(PRODUCTS, &products)?;
            }
        }
        Ok(self.lane.flush()?)
    }
}
