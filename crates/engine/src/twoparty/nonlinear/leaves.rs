//! `greater` and `equal` bits of every digit by 1-of-2^width transfer: the client's digit selects
//! from the server's table of both bits, for every tree, masked by the server's output share.

use super::compare::Node;
use crate::Error;
use crate::twoparty::carry::{CarryPlan, Digit};
use crate::twoparty::stock::Stock;
use sordino_ot::one_of_n::{self, Choices, Tables};
use sordino_secret::{Bits, Party, SecretRng};
use sordino_wire::{Lane, Role};

/// Leaves of every tree, tree after tree.
pub(super) fn leaves<P: Party>(
    lane: &mut Lane,
    plan: &CarryPlan,
    own: &[&[u64]],
    stock: &mut Stock,
) -> Result<Vec<Node>, Error> {
    let groups = plan.groups();
    let n = own[0].len();
    // Shares of each group's messages: one vector of bits for every bit of a message.
    let shares: Vec<Vec<Bits>> = match P::ROLE {
        Role::Client => {
            let choices: Vec<Vec<u8>> =
                groups.iter().map(|g| digits(plan, &g.2, own[0], 0)).collect();
            let mut batches = Vec::with_capacity(groups.len());
            for choices in &choices {
                batches.push(Choices { pads: stock.tables_in()?, choices });
            }
            let received = one_of_n::recv(lane, batches)?;
            groups.iter().zip(&received).map(|(g, items)| planes(items, g.1)).collect()
        }
        Role::Server => {
            let mut rng = SecretRng::from_os()?;
            let mut masks = Vec::with_capacity(groups.len());
            let mut words = Vec::with_capacity(groups.len());
            for (width, msg_bits, group) in &groups {
                let count = n * group.len();
                let hide: Vec<Bits> = (0..*msg_bits).map(|_| random(count, &mut rng)).collect();
                let own: Vec<Vec<u8>> =
                    own.iter().map(|own| digits(plan, group, own, u64::MAX)).collect();
                words.push(tables(&own, &hide, *width, *msg_bits));
                masks.push(hide);
            }
            let mut batches = Vec::with_capacity(groups.len());
            for words in &words {
                batches.push(Tables { pads: stock.tables_out()?, words });
            }
            one_of_n::send(lane, batches)?;
            masks
        }
    };
    let mut nodes = vec![(Bits::zero(0), None); plan.trees() * plan.digits.len()];
    for ((_, msg_bits, group), planes) in groups.iter().zip(&shares) {
        let each = *msg_bits as usize / plan.trees();
        for (tree, planes) in planes.chunks(each).enumerate() {
            for (i, digit) in group.iter().enumerate() {
                let greater = planes[0].slice(i * n, n);
                let equal = planes.get(1).map(|p| p.slice(i * n, n));
                nodes[tree * plan.digits.len() + digit] = (greater, equal);
            }
        }
    }
    Ok(nodes)
}

/// The digits of a group, digit after digit, of all `own ^ flip`.
fn digits(plan: &CarryPlan, group: &[usize], own: &[u64], flip: u64) -> Vec<u8> {
    let mut out = Vec::with_capacity(group.len() * own.len());
    for &d in group {
        let Digit { offset, width } = plan.digits[d];
        let mask = (1u64 << width) - 1;
        out.extend(own.iter().map(|v| ((v ^ flip) >> offset & mask) as u8));
    }
    out
}

fn random(n: usize, rng: &mut SecretRng) -> Bits {
    let mut words = vec![0; n.div_ceil(64)];
    rng.fill_words(&mut words);
    Bits::from_words(words, n)
}

/// Bit `b` of every item.
fn planes(items: &[u8], bits: u32) -> Vec<Bits> {
    (0..bits).map(|b| Bits::of_bytes(items, b)).collect()
}

/// For each digit the table over the peer's digit `j` of, tree by tree, `[j > own]` and `[j == own]`
/// (which the lowest digit lacks), masked. Shifts and masks: nothing is looked up.
fn tables(own: &[Vec<u8>], hide: &[Bits], width: u32, msg_bits: u32) -> Vec<u64> {
    // Bit `b` of every entry.
    let every = |b: u32| (0..1u32 << width).fold(0, |all, j| all | 1u64 << (j * msg_bits + b));
    let each = msg_bits / own.len() as u32;
    let mut words = vec![0; own[0].len()];
    for (own, first) in own.iter().zip((0..).step_by(each as usize)) {
        let (greater, equal) = (every(first), u64::from(each == 2) << (first + 1));
        for (word, own) in words.iter_mut().zip(own) {
            let entry = u32::from(*own) * msg_bits;
            *word ^= greater & (u64::MAX << entry) << msg_bits ^ equal << entry;
        }
    }
    for (b, hide) in (0..).zip(hide) {
        let every = every(b);
        for (words, hide) in words.chunks_mut(64).zip(hide.words()) {
            for (i, word) in words.iter_mut().enumerate() {
                *word ^= every & (hide >> i & 1).wrapping_neg();
            }
        }
    }
    words
}
