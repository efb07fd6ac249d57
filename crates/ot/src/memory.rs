//! Memory of correlations: one buffer per extension, shared without copies by all that is split off from it, wiped when
//! the last part is gone, and then used again, because fresh pages cost more than the correlations in them.

use core::ops::{Deref, Range};
use std::sync::{Arc, Mutex, Weak};

use sordino_kernels::{Block, wipe};

/// Buffers that a supplier keeps for its next extensions.
const KEPT: usize = 2;

type Shelf = Mutex<Vec<Vec<Block>>>;

/// A supplier's wiped buffers.
#[derive(Default)]
pub(crate) struct Home(Arc<Shelf>);

impl Home {
    /// At least `n` blocks of zeros.
    pub(crate) fn take(&self, n: usize) -> Vec<Block> {
        let mut shelf = self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match shelf.iter().position(|buffer| buffer.len() >= n) {
            Some(fits) => shelf.swap_remove(fits),
            None => {
                // What is too small today would be too small tomorrow.
                shelf.pop();
                vec![Block::ZERO; n]
            }
        }
    }

    /// The first `n` blocks of a buffer from [`Home::take`], which comes back when they are dropped.
    pub(crate) fn lend(&self, blocks: Vec<Block>, n: usize) -> Blocks {
        let home = Arc::downgrade(&self.0);
        Blocks { buffer: Arc::new(Buffer { blocks, used: n, home }), range: 0..n }
    }
}

struct Buffer {
    blocks: Vec<Block>,
    used: usize,
    home: Weak<Shelf>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        wipe(&mut self.blocks[..self.used]);
        if let Some(home) = self.home.upgrade()
            && let Ok(mut shelf) = home.lock()
            && shelf.len() < KEPT
        {
            shelf.push(core::mem::take(&mut self.blocks));
        }
    }
}

/// A part of a buffer.
pub(crate) struct Blocks {
    buffer: Arc<Buffer>,
    range: Range<usize>,
}

impl Deref for Blocks {
    type Target = [Block];
    fn deref(&self) -> &[Block] {
        &self.buffer.blocks[self.range.clone()]
    }
}

impl Blocks {
    /// Splits off what follows the first `at` blocks.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        let middle = self.range.start + at.min(self.range.len());
        let end = core::mem::replace(&mut self.range.end, middle);
        Self { buffer: Arc::clone(&self.buffer), range: middle..end }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_come_back_wiped_when_the_last_part_is_gone() {
        let home = Home::default();
        let mut buffer = home.take(100);
        buffer.fill(Block(7));
        let address = buffer.as_ptr();
        let mut all = home.lend(buffer, 100);
        let end = all.split_off(60);
        let middle = all.split_off(10);
        assert_eq!([all.len(), middle.len(), end.len()], [10, 50, 40]);
        assert!(core::ptr::eq(end.as_ptr(), address.wrapping_add(60)));
        drop(all);
        drop(end);
        let other = home.take(100);
        assert!(!core::ptr::eq(other.as_ptr(), address), "a part is still in use");
        drop(middle);
        let again = home.take(80);
        assert!(core::ptr::eq(again.as_ptr(), address));
        assert!(again.len() == 100 && again.iter().all(|b| *b == Block::ZERO));
    }

    #[test]
    fn a_buffer_outlives_its_supplier() {
        let home = Home::default();
        let blocks = home.lend(vec![Block(3); 8], 8);
        drop(home);
        assert!(blocks.iter().all(|b| *b == Block(3)));
    }
}
