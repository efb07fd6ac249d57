//! Memory of correlations: one buffer per extension, shared without copies by all that is split off from it. When the last
//! part is gone the supplier keeps it for its next extension, which overwrites it: fresh pages and erasing cost as much
//! as the correlations. What the supplier keeps is wiped when it is dropped, what it does not keep at once.

use core::ops::{Deref, Range};
use std::sync::{Arc, Mutex, Weak};

use sordino_kernels::{Block, wipe};

/// Buffers that a supplier keeps for its next extensions.
const KEPT: usize = 2;

/// Buffers of used correlations.
#[derive(Default)]
struct Shelf(Mutex<Vec<Vec<Block>>>);

impl Drop for Shelf {
    fn drop(&mut self) {
        let kept = self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner());
        kept.iter_mut().for_each(|buffer| wipe(buffer));
    }
}

/// A supplier's buffers.
#[derive(Default)]
pub(crate) struct Home(Arc<Shelf>);

impl Home {
    /// At least `n` blocks, to be overwritten.
    pub(crate) fn take(&self, n: usize) -> Vec<Block> {
        let mut shelf = self.0.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        match shelf.iter().position(|buffer| buffer.len() >= n) {
            Some(fits) => shelf.swap_remove(fits),
            None => {
                // What is too small today would be too small tomorrow.
                if let Some(mut small) = shelf.pop() {
                    wipe(&mut small);
                }
                vec![Block::ZERO; n]
            }
        }
    }

    /// The first `n` blocks of a buffer from [`Home::take`], which comes back when they are dropped.
    pub(crate) fn lend(&self, blocks: Vec<Block>, n: usize) -> Blocks {
        let home = Arc::downgrade(&self.0);
        Blocks { buffer: Arc::new(Buffer { blocks, home }), range: 0..n }
    }
}

struct Buffer {
    blocks: Vec<Block>,
    home: Weak<Shelf>,
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if let Some(home) = self.home.upgrade()
            && let Ok(mut shelf) = home.0.lock()
            && shelf.len() < KEPT
        {
            return shelf.push(core::mem::take(&mut self.blocks));
        }
        wipe(&mut self.blocks);
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
    fn buffers_come_back_when_the_last_part_is_gone() {
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
        assert_eq!(again.len(), 100);
    }

    #[test]
    fn a_buffer_outlives_its_supplier() {
        let home = Home::default();
        let blocks = home.lend(vec![Block(3); 8], 8);
        drop(home);
        assert!(blocks.iter().all(|b| *b == Block(3)));
    }
}
