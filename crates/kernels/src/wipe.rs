//! Erasing secrets in bulk.

use core::ops::{Deref, DerefMut};

use bytemuck::Zeroable;

/// Overwrites `data` with zeros, at the speed of a memory fill, in a way that the compiler must keep.
pub fn wipe<T: Zeroable + Copy>(data: &mut [T]) {
    data.fill(T::zeroed());
    zeroize::optimization_barrier(data);
}

/// A buffer of fixed length for secrets: zeros at first, wiped on drop.
pub struct Wiped<T: Zeroable + Copy>(Box<[T]>);

impl<T: Zeroable + Copy> Wiped<T> {
    /// `len` zeros.
    pub fn zeros(len: usize) -> Self {
        Self(vec![T::zeroed(); len].into_boxed_slice())
    }
}

impl<T: Zeroable + Copy> Drop for Wiped<T> {
    fn drop(&mut self) {
        wipe(&mut self.0);
    }
}

impl<T: Zeroable + Copy> Deref for Wiped<T> {
    type Target = [T];
    #[inline]
    fn deref(&self) -> &[T] {
        &self.0
    }
}

impl<T: Zeroable + Copy> DerefMut for Wiped<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Block;

    #[test]
    fn nothing_is_left() {
        let mut words = [7u64; 19];
        wipe(&mut words[3..]);
        assert!(words[..3] == [7; 3] && words[3..].iter().all(|w| *w == 0));
        let mut buffer = Wiped::<Block>::zeros(5);
        assert!(buffer.iter().all(|b| *b == Block::ZERO));
        buffer[4] = Block(1);
        assert_eq!(buffer.len(), 5);
    }
}
