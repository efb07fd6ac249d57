//! The ideal functionality of correlated OT, for tests: a trusted dealer who knows everything.
//!
//! *Security*: none. Exists only under the feature `testing`.

use sordino_kernels::Block;
use sordino_secret::{Bits, SecretRng};

use crate::cot::Place;
use crate::memory::Home;
use crate::{ReceiverCots, SenderCots};

/// `n` COTs under `delta`, dealt from `seed`, with the server as COT sender.
pub fn dealer(n: usize, delta: Block, seed: u64) -> (SenderCots, ReceiverCots) {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&seed.to_le_bytes());
    let mut rng = SecretRng::from_seed(key);
    let q: Vec<Block> = (0..n).map(|_| rng.block()).collect();
    let mut words = vec![0; n.div_ceil(64)];
    rng.fill_words(&mut words);
    let choice = Bits::from_words(words, n);
    let t: Vec<Block> = q
        .iter()
        .enumerate()
        .map(|(i, q)| *q ^ (delta & Block(u128::from(choice.get(i)).wrapping_neg())))
        .collect();
    let place = Place::new(rng.block(), 0);
    let [q, t] = [q, t].map(|blocks| Home::default().lend(blocks, n));
    (SenderCots { delta, q, place }, ReceiverCots::new(choice, t, place))
}

/// Checks that two halves belong together, and counts the choices that are 1.
///
/// *Errors*: the first index at which they do not.
pub fn check(sender: &SenderCots, receiver: &ReceiverCots) -> Result<usize, usize> {
    assert_eq!(sender.len(), receiver.len(), "halves of different lengths");
    let choices = receiver.choice();
    let mut ones = 0;
    for (i, (q, t)) in sender.q.iter().zip(receiver.t.iter()).enumerate() {
        let choice = choices.get(i);
        let delta = sender.delta & Block(u128::from(choice).wrapping_neg());
        if *t != *q ^ delta {
            return Err(i);
        }
        ones += choice as usize;
    }
    Ok(ones)
}
