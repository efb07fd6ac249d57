use sordino_kernels::Block;
use sordino_secret::SecretRng;
use sordino_wire::{Lane, Masked};
use zeroize::{Zeroize, Zeroizing};

use super::code::Code;
use super::params::Params;
use super::plan::{Plan, Step};
use super::tree::{self, Nodes};
use super::{BOOTSTRAP, CHOICE, messages, without_choice};
use crate::cot::{Tweak, append_zeros, split_end};
use crate::{Error, kinds, softspoken};

/// The COT sender.
pub(crate) struct Sender {
    delta: Block,
    bootstrap: softspoken::Sender,
    code: Code,
    nodes: Nodes,
    rng: SecretRng,
    plan: Plan,
    pool: Vec<Block>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.delta.zeroize();
        self.pool.zeroize();
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
            bootstrap,
            code: Code::new(seed[0]),
            nodes: Nodes::new(Tweak::new(lane.role(), 0)),
            rng: SecretRng::from_seed(rng.seed()),
            plan: Plan::default(),
            pool: Vec::new(),
        })
    }

    pub(crate) fn delta(&self) -> Block {
        self.delta
    }

    /// `q` of `n` COTs.
    pub(crate) fn extend(&mut self, lane: &mut Lane, n: usize) -> Result<Vec<Block>, Error> {
        while let Some(step) = self.plan.next(n) {
            if let Err(e) = self.take(lane, step) {
                // Half-made COTs must not be handed out by a later call.
                self.pool.zeroize();
                return Err(e);
            }
        }
        let rest = self.pool.len().checked_sub(n).ok_or(Error::Broken)?;
        Ok(split_end(&mut self.pool, rest))
    }

    fn take(&mut self, lane: &mut Lane, step: Step) -> Result<(), Error> {
        match step {
            Step::SoftSpoken(n) => {
                let mut q = self.bootstrap.extend(lane, n)?;
                let start = self.pool.len();
                append_zeros(&mut self.pool, n);
                for (to, q) in self.pool[start..].iter_mut().zip(&q) {
                    *to = without_choice(*q);
                }
                q.zeroize();
            }
            Step::Iterate(p) => self.iterate(lane, p)?,
        }
        Ok(())
    }

    fn iterate(&mut self, lane: &mut Lane, p: Params) -> Result<(), Error> {
        let rest = self.pool.len().checked_sub(p.used()).ok_or(Error::Broken)?;
        let used = Zeroizing::new(split_end(&mut self.pool, rest));
        let (input, keys) = used.split_at(p.k);
        let depth = p.depth as usize;
        let start = self.pool.len();
        append_zeros(&mut self.pool, p.made());
        let mut keys = keys.chunks_exact(depth);
        let mut trees = self.pool[start..].chunks_exact_mut(1 << depth);
        for count in messages(&p) {
            let mut sums = vec![Block::ZERO; count * depth];
            let sums_of = sums.chunks_exact_mut(depth);
            for (sums, (keys, tree)) in sums_of.zip(keys.by_ref().zip(trees.by_ref())) {
                tree::grow(&mut self.nodes, &mut self.rng, self.delta, keys, tree, sums);
                self.code.add(input, tree);
            }
            lane.send(kinds::FERRET_SUMS, Masked::pod(&sums))?;
            lane.flush()?;
        }
        Ok(())
    }
}
