use sordino_kernels::Block;
use sordino_secret::{Bits, SecretRng};
use sordino_wire::{Lane, Public};
use zeroize::{Zeroize, Zeroizing};

use super::code::Code;
use super::params::Params;
use super::plan::{Plan, Step};
use super::tree::{self, Nodes};
use super::{BOOTSTRAP, messages, without_choice};
use crate::cot::{Tweak, append_zeros, split_end};
use crate::{Error, kinds, softspoken};

/// The COT receiver.
pub(crate) struct Receiver {
    bootstrap: softspoken::Receiver,
    code: Code,
    nodes: Nodes,
    plan: Plan,
    pool: Vec<Block>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.pool.zeroize();
    }
}

impl Receiver {
    pub(crate) fn setup(lane: &mut Lane, rng: &mut SecretRng) -> Result<Self, Error> {
        let bootstrap = softspoken::Receiver::setup(lane, rng, BOOTSTRAP)?;
        let seed = rng.block();
        lane.send(kinds::FERRET_CODE, Public::pod(&[seed]))?;
        lane.flush()?;
        Ok(Self {
            bootstrap,
            code: Code::new(seed),
            nodes: Nodes::new(Tweak::new(lane.role().peer(), 0)),
            plan: Plan::default(),
            pool: Vec::new(),
        })
    }

    /// Choice bits and `t` of `n` COTs.
    pub(crate) fn extend(
        &mut self,
        lane: &mut Lane,
        n: usize,
    ) -> Result<(Bits, Vec<Block>), Error> {
        while let Some(step) = self.plan.next(n) {
            if let Err(e) = self.take(lane, step) {
                // Half-made COTs must not be handed out by a later call.
                self.pool.zeroize();
                return Err(e);
            }
        }
        let rest = self.pool.len().checked_sub(n).ok_or(Error::Broken)?;
        let t = split_end(&mut self.pool, rest);
        Ok((Bits::collect(t.iter().map(|t| t.0 as u64)), t))
    }

    fn take(&mut self, lane: &mut Lane, step: Step) -> Result<(), Error> {
        match step {
            Step::SoftSpoken(n) => {
                let (choice, mut t) = self.bootstrap.extend(lane, n)?;
                let start = self.pool.len();
                append_zeros(&mut self.pool, n);
                for (i, (to, t)) in self.pool[start..].iter_mut().zip(&t).enumerate() {
                    *to = Block(without_choice(*t).0 | u128::from(choice.get(i)));
                }
                t.zeroize();
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
            lane.recv_into(kinds::FERRET_SUMS, bytemuck::must_cast_slice_mut(&mut sums))?;
            let sums_of = sums.chunks_exact(depth);
            for (sums, (keys, tree)) in sums_of.zip(keys.by_ref().zip(trees.by_ref())) {
                tree::grow_punctured(&mut self.nodes, keys, sums, tree);
                self.code.add(input, tree);
            }
        }
        Ok(())
    }
}
