//! Encryptions of zero that are made while a party waits for the other.

use crate::Error;
use sordino_he::paillier::{Pool, PublicKey};
use sordino_secret::SecretRng;
use std::sync::mpsc::{Receiver, sync_channel};

/// Made at a time.
const CHUNK: usize = 256;
/// Chunks that may wait to be used: a few MiB.
const WAITING: usize = 16;

/// Encryptions of zero that are there at once, at most: those that wait, those being made, and those being used.
pub(super) const AHEAD: usize = (WAITING + 2) * CHUNK;

/// Encryptions of zero for one inference. They are never stored, and wiped when used or dropped.
pub(super) struct Supply {
    ready: Pool,
    made: Receiver<Result<Pool, Error>>,
}

impl Supply {
    /// Runs `work` while another thread makes `total` encryptions of zero with `fill`, a few thousand ahead at most.
    pub(super) fn run<T>(
        key: &PublicKey,
        total: usize,
        fill: impl Fn(&mut Pool, usize, &mut SecretRng) -> Result<(), Error> + Send,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let (send, made) = sync_channel(WAITING);
        let mut rng = SecretRng::from_os()?;
        // Owned by the closure, so that the maker sees it go whatever way the work ends.
        let supply = Self { ready: Pool::new(key), made };
        std::thread::scope(|scope| {
            scope.spawn(move || {
                for from in (0..total).step_by(CHUNK) {
                    let mut pool = Pool::new(key);
                    let filled = fill(&mut pool, CHUNK.min(total - from), &mut rng);
                    if send.send(filled.map(|()| pool)).is_err() {
                        return;
                    }
                }
            });
            let mut supply = supply;
            work(&mut supply)
        })
    }

    /// A pool that holds so many at least.
    ///
    /// # Errors
    /// [`Error::Config`] if more are taken than were to be made.
    pub(super) fn pool(&mut self, count: usize) -> Result<&mut Pool, Error> {
        while self.ready.len() < count {
            let more = self.made.recv().map_err(|_| {
                Error::Config("more ciphertexts than were planned for this inference".into())
            })?;
            self.ready.append(more?)?;
        }
        Ok(&mut self.ready)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use sordino_he::paillier::{Plaintexts, SecretKey, Strength};

    #[test]
    fn makes_what_was_ordered_and_ends() {
        let key = SecretKey::generate(Strength::Bits112, &mut SecretRng::from_seed([1; 32]));
        let public = key.public();
        let fill = |pool: &mut Pool, count, rng: &mut SecretRng| Ok(key.fill(pool, count, rng)?);
        let plain = Plaintexts::from_signed(public, &[7; 300]);
        let all = Supply::run(public, 600, fill, |supply| {
            let first = public.encrypt(&plain, supply.pool(300)?)?;
            let second = public.encrypt(&plain, supply.pool(300)?)?;
            assert!(first.to_bytes() != second.to_bytes());
            assert!(supply.pool(1).is_err());
            Ok(first.len() + second.len())
        });
        assert_eq!(all.unwrap(), 600);
        // Work that ends early is not waited for.
        Supply::run(public, 1 << 40, fill, |supply| supply.pool(1).map(drop)).unwrap();
    }
}
