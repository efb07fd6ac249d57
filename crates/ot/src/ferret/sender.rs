use sordino_kernels::{Block, Wiped};
use sordino_secret::SecretRng;
use sordino_wire::{Lane, Masked};
use zeroize::Zeroize;

use super::code::Code;
use super::params::Params;
use super::plan::{Plan, Step};
use super::pool::Pool;
use super::tree::{self, Forest};
use super::{BOOTSTRAP, CHOICE, messages, without_choice};
use crate::{Error, kinds, softspoken};

/// The COT sender.
pub(crate) struct Sender {
    delta: Block,
    bootstrap: softspoken::Sender,
    code: Code,
    forest: Forest,
    rng: SecretRng,
    plan: Plan,
    pool: Pool,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.zeroize();
    }
}

impl Sender {
    pub(crate) fn setup(lane: &mut Lane, rng: &mut SecretRng) -> Result<Self, Error> {
        let delta = Block(rng.block().0 | CHOICE.0);
        let bootstrap = softspoken::Sender::setup(lane, rng, BOOTSTRAP, delta)?;
        let mut seed = [Block::ZERO];
        lane.recv_into(kinds::FERRET_CODE, bytemuck::must_cast_slice_mut(&mut seed))?;
        Ok(Self {
            delta,
            code: Code::new(seed[0]),
            forest: Forest::new(bootstrap.session()),
            bootstrap,
            rng: SecretRng::from_seed(rng.seed()),
            plan: Plan::default(),
            pool: Pool::default(),
        })
    }

    pub(crate) fn delta(&self) -> Block {
        self.delta
    }

    pub(crate) fn session(&self) -> Block {
        self.bootstrap.session()
    }

    /// Sets `q` of as many COTs as there is room for.
    pub(crate) fn extend(&mut self, lane: &mut Lane, q: &mut [Block]) -> Result<(), Error> {
        let n = q.len();
        let mut room = q;
        while let Some(step) = self.plan.next(n) {
            if let Err(e) = self.take(lane, step, &mut room) {
                // Half-made COTs must not be handed out by a later call.
                self.pool.clear();
                return Err(e);
            }
        }
        self.pool.pop_into(room)
    }

    fn take(&mut self, lane: &mut Lane, step: Step, room: &mut &mut [Block]) -> Result<(), Error> {
        match step {
            Step::SoftSpoken(n) => {
                let q = self.pool.push_zeros(n);
                self.bootstrap.extend(lane, q)?;
                q.iter_mut().for_each(|q| *q = without_choice(*q));
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
            for (sums, keys) in sums.chunks_exact_mut(depth).zip(keys.by_ref()) {
                left -= 1;
                let tree = self.pool.place(&p, left, room);
                tree::grow(&mut self.forest, &mut self.rng, self.delta, keys, tree, sums);
                self.code.add(input, tree);
            }
            lane.send(kinds::FERRET_SUMS, Masked::pod(&sums))?;
            lane.flush()?;
        }
        Ok(())
    }
}
