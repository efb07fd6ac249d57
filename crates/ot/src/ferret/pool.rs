//! COTs at hand between calls: the reserve that the next iteration needs, and what is left over.

use sordino_kernels::{Block, wipe};

use super::params::{Params, SIZES};
use crate::Error;

/// A stack of COT halves, wiped where it gives some away and on drop.
#[derive(Default)]
pub(super) struct Pool(Vec<Block>);

impl Drop for Pool {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl Pool {
    pub(super) fn clear(&mut self) {
        wipe(&mut self.0);
        self.0.clear();
    }

    /// Moves the top to `out`.
    ///
    /// *Errors*: if there are fewer, as after an earlier error.
    pub(super) fn pop_into(&mut self, out: &mut [Block]) -> Result<(), Error> {
        let rest = self.0.len().checked_sub(out.len()).ok_or(Error::Broken)?;
        out.copy_from_slice(&self.0[rest..]);
        wipe(&mut self.0[rest..]);
        self.0.truncate(rest);
        Ok(())
    }

    /// `n` zeros on top.
    pub(super) fn push_zeros(&mut self, n: usize) -> &mut [Block] {
        let len = self.0.len();
        if self.0.capacity() - len < n {
            // Growing in place would leave a copy behind.
            let mut moved = Vec::with_capacity((len + n).max(2 * len));
            moved.extend_from_slice(&self.0);
            wipe(&mut self.0);
            self.0 = moved;
        }
        self.0.resize(len + n, Block::ZERO);
        &mut self.0[len..]
    }

    /// Where the next tree of an iteration goes, with `left` trees to come after it: into the `room` of the caller,
    /// which saves a copy, if it fits there and enough will be left for an iteration of any size.
    pub(super) fn place<'a, 'r: 'a>(
        &'a mut self,
        p: &Params,
        left: usize,
        room: &mut &'r mut [Block],
    ) -> &'a mut [Block] {
        let size = 1 << p.depth;
        let [.., largest] = SIZES;
        if room.len() >= size && self.0.len() + (left << p.depth) >= largest.used() {
            return room.split_off_mut(..size).unwrap_or_default();
        }
        self.push_zeros(size)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_iteration_leaves_its_reserve_and_loses_nothing() {
        for p in SIZES {
            for n in [0, 1000, p.gain() / 2, p.gain(), 2 * p.made()] {
                let (mut pool, mut memory) = (Pool::default(), vec![Block::ZERO; n]);
                pool.push_zeros(777);
                let mut room = &mut memory[..];
                let mut made = 0;
                for left in (0..p.t).rev() {
                    made += pool.place(&p, left, &mut room).len();
                }
                let direct = n - room.len();
                assert_eq!(made, p.made());
                assert_eq!(direct + pool.0.len(), 777 + p.made());
                assert!(pool.0.len() >= p.used());
                let [.., largest] = SIZES;
                assert!(direct == 0 || pool.0.len() >= largest.used());
                let free = (p.made() + 777).saturating_sub(largest.used());
                assert!(direct + (2 << p.depth) > n.min(free));
            }
        }
    }

    #[test]
    fn what_is_popped_is_gone() {
        let mut pool = Pool::default();
        pool.push_zeros(10).fill(Block(3));
        let mut out = [Block::ZERO; 4];
        pool.pop_into(&mut out).unwrap();
        assert!(out == [Block(3); 4] && pool.0.len() == 6);
        assert!(matches!(pool.pop_into(&mut [Block::ZERO; 7]), Err(Error::Broken)));
        assert!(pool.push_zeros(2).iter().all(|b| *b == Block::ZERO));
    }
}
