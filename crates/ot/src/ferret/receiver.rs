use sordino_kernels::{Block, Wiped, transpose};
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, Public};

use super::code::Code;
use super::params::Params;
use super::plan::{Plan, Step};
use super::pool::Pool;
use super::tree::{self, Forest};
use super::{BOOTSTRAP, messages, without_choice};
use crate::{Error, kinds, softspoken};

/// The COT receiver.
pub(crate) struct Receiver {
    bootstrap: softspoken::Receiver,
    code: Code,
    forest: Forest,
    plan: Plan,
    pool: Pool,
}

impl Receiver {
    pub(crate) fn setup(lane: &mut Lane, rng: &mut SecretRng) -> Result<Self, Error> {
        let bootstrap = softspoken::Receiver::setup(lane, rng, BOOTSTRAP)?;
        let seed = rng.block();
        lane.send(kinds::FERRET_CODE, Public::pod(&[seed]))?;
        lane.flush()?;
        Ok(Self {
            code: Code::new(seed),
            forest: Forest::new(bootstrap.session()),
            bootstrap,
            plan: Plan::default(),
            pool: Pool::default(),
        })
    }

    pub(crate) fn session(&self) -> Block {
        self.bootstrap.session()
    }

    /// Sets `t` of as many COTs as there is room for, and returns their choice bits.
    pub(crate) fn extend(&mut self, lane: &mut Lane, t: &mut [Block]) -> Result<Bits, Error> {
        let n = t.len();
        let mut room = &mut *t;
        while let Some(step) = self.plan.next(n) {
            if let Err(e) = self.take(lane, step, &mut room) {
                // Half-made COTs must not be handed out by a later call.
                self.pool.clear();
                return Err(e);
            }
        }
        self.pool.pop_into(room)?;
        let mut words = vec![0; n.div_ceil(64)];
        transpose::low_columns(t, 1, &mut words);
        Ok(Bits::from_words(words, n))
    }

    fn take(&mut self, lane: &mut Lane, step: Step, room: &mut &mut [Block]) -> Result<(), Error> {
        match step {
            Step::SoftSpoken(n) => {
                let t = self.pool.push_zeros(n);
                let choice = self.bootstrap.extend(lane, t)?;
                for (i, t) in t.iter_mut().enumerate() {
                    *t = Block(without_choice(*t).0 | u128::from(choice.get(i)));
                }
            }
            Step::Iterate(p) => self.iterate(lane, p, room)?,
        }
        Ok(())
    }

    fn iterate(
        &mut self,
        lane: &mut Lane,
        p: Params,
        room: &mut &mut [Block],
    ) -> Result<(), Error> {
        let mut used = Wiped::zeros(p.used());
        self.pool.pop_into(&mut used)?;
        let (input, keys) = used.split_at(p.k);
        let depth = p.depth as usize;
        let mut keys = keys.chunks_exact(depth);
        let mut left = p.t;
        for count in messages(&p) {
            let mut sums = vec![Block::ZERO; count * depth];
            lane.recv_into(kinds::FERRET_SUMS, bytemuck::must_cast_slice_mut(&mut sums))?;
            for (sums, keys) in sums.chunks_exact(depth).zip(keys.by_ref()) {
                left -= 1;
                let tree = self.pool.place(&p, left, room);
                tree::grow_punctured(&mut self.forest, keys, sums, tree);
                self.code.add(input, tree);
            }
        }
        Ok(())
    }
}
