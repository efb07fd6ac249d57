//! Ferret: correlated OTs from learning parity with noise, with little communication.
//!
//! *What*: an iteration turns `k + t * log2(b)` COTs into `n = t * b` new ones: `t` punctured trees give a vector that is
//! `q` for the sender, and `q` plus delta at `t` places for the receiver; adding a public sparse linear code of the `k`
//! COTs hides the places. The first COTs come from SoftSpoken with k = 8; after that each iteration keeps what the next
//! one needs. Small totals never leave SoftSpoken; the size of an iteration grows with what was asked for so far (see
//! [`params`] for the sizes).
//!
//! *Cost*: `16 * t * log2(b)` bytes per iteration from the COT sender, no answer: 0.7 bits per COT in the largest size.
//! Everything is a function of the numbers of COTs asked for, see [`plan`].
//!
//! *Security*: semi-honest; learning parity with regular noise for the sizes in [`params`], whose estimated cost of attack
//! is at least 140 bits (`estimate`, in the tests), and AES as an ideal cipher under public keys (circular correlation
//! robustness of the tree hash, `T * 2^-115` for T calls of AES as a tree has at most 2^11 nodes under a key of its own). `delta` has its lowest bit set, so that the lowest bit of a block can carry the choice:
//! its min-entropy is 127 bits, and a guess costs two AES calls to check. Trees are used once. The code is drawn anew for every iteration from a public seed of the
//! COT receiver; a row has ten positions drawn independently, so that a row in about k / 45 has a repeated one.
//!
//! *Source*: Yang, Weng, Lan, Zhang, Wang, "Ferret: fast extension for correlated OT with small communication", CCS 2020
//! (eprint 2020/924), with regular noise, the local linear code with d = 10, and (semi-honest) no consistency
//! check; Guo et al., "Half-tree: halving the cost of tree expansion in COT and DPF", EUROCRYPT 2023
//! (eprint 2022/1431) (correlated GGM tree, punctured by COTs).

mod code;
#[cfg(test)]
mod estimate;
mod params;
mod plan;
mod pool;
mod receiver;
mod sender;
mod tree;

use sordino_kernels::Block;
use sordino_wire::{Meter, Role};

pub(crate) use plan::Plan;
pub(crate) use receiver::Receiver;
pub(crate) use sender::Sender;

use crate::cost::Computed;
use crate::softspoken;
pub(crate) use params::MOST_MADE;
use params::Params;
use plan::Step;

/// Field size of the SoftSpoken that makes the first COTs.
const BOOTSTRAP: u32 = 8;
/// Trees whose sums travel in one message.
const TREES: usize = 32;
/// The bit of a block that carries the choice: 1 in delta, 0 in q, the choice in t.
const CHOICE: Block = Block(1);

/// Replays the set-up.
pub(crate) fn cost_setup(m: &mut Meter, sender: Role) {
    softspoken::cost_setup(m, sender, BOOTSTRAP);
    m.message(sender.peer().sends(), size_of::<Block>());
}

/// Replays the making of `n` COTs.
pub(crate) fn cost_extend(
    m: &mut Meter,
    sender: Role,
    plan: &mut Plan,
    n: usize,
    computed: &mut Computed,
) {
    while let Some(step) = plan.next(n) {
        match step {
            Step::SoftSpoken(n) => {
                softspoken::cost_extend(m, sender, BOOTSTRAP, n);
                computed.softspoken += n as u64;
            }
            Step::Iterate(p) => {
                computed.iterated += p.made() as u64;
                for trees in messages(&p) {
                    m.message(sender.sends(), trees * p.depth as usize * size_of::<Block>());
                }
            }
        }
    }
}

/// Trees per message of an iteration.
fn messages(p: &Params) -> impl Iterator<Item = usize> + use<> {
    let t = p.t;
    (0..t).step_by(TREES).map(move |start| TREES.min(t - start))
}

fn without_choice(block: Block) -> Block {
    Block(block.0 & !CHOICE.0)
}
