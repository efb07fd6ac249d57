//! Carries of additive shares (the millionaires' protocol), as XOR shares.
//!
//! Cost per element: one transfer per compared bit with the server as sender, one transfer each
//! way per merge; messages as [`cost`] replays them: two flights for the digits, one exchange per
//! level of the tree.
//! Security: semi-honest; each party sees only messages masked by fresh random transfers or
//! triples. Source: CrypTFlow2 (CCS 2020) section 3.1 with its merge triples generated from
//! random transfers; both cuts come from one tree, which is ours.

use crate::Error;
use crate::twoparty::carry::{CarryPlan, Merge};
use crate::twoparty::{Cots, Needs};
use sordino_ot::one_of_n::{self, Choices, Shape, Tables};
use sordino_ot::triple::{self, Product};
use sordino_secret::{Bits, Party, SecretRng};
use sordino_wire::{Lane, Meter, Role};

/// Transfers consumed for `n` elements.
pub(crate) fn needs(plan: &CarryPlan, n: usize) -> Needs {
    Needs::server(n * plan.bits()) + Needs::both(n * plan.merges())
}

/// Messages for `n` elements.
pub(crate) fn cost(m: &mut Meter, plan: &CarryPlan, n: usize) {
    one_of_n::cost(m, Role::Server, &shapes(plan, n));
    for level in &plan.levels {
        triple::cost(m, &widths(level).map(|(width, merges)| (n * merges, width)));
    }
}

/// For each cut `k` of the plan, shares of `[own mod 2^k + peer mod 2^k >= 2^k]`.
pub(crate) fn carries<P: Party>(
    lane: &mut Lane,
    plan: &CarryPlan,
    own: &[u64],
    cots: &mut Cots,
) -> Result<Vec<Bits>, Error> {
    let n = own.len();
    let mut nodes = leaves::<P>(lane, plan, own, cots)?;
    nodes.resize_with(plan.nodes, || (Bits::zero(0), None));
    for level in &plan.levels {
        let operands = widths(level)
            .map(|(width, _)| gather(&nodes, of_width(level, width)))
            .into_iter()
            .collect::<Result<Vec<_>, _>>()?;
        let mut products = Vec::with_capacity(operands.len());
        for ((width, count), [a, greater, equal]) in widths(level).into_iter().zip(&operands) {
            let taken = cots.split::<P>(Needs::both(n * count))?;
            let triples = triple::generate(taken.send, taken.recv, width)?;
            let b = if width == 2 { vec![greater, equal] } else { vec![greater] };
            products.push(Product { triples, a, b });
        }
        let results = triple::and(lane, products)?;
        for ((width, _), result) in widths(level).into_iter().zip(results) {
            for (i, merge) in of_width(level, width).enumerate() {
                let mut greater = result[0].slice(i * n, n);
                greater.xor_assign(&nodes[merge.hi].0);
                let equal = merge.with_equal.then(|| result[1].slice(i * n, n));
                nodes[merge.out] = (greater, equal);
            }
        }
    }
    Ok(plan.cuts.iter().map(|&c| std::mem::take(&mut nodes[c].0)).collect())
}

/// Digits of one width and message size: `(width, message bits, digit numbers)`.
type Group = (u32, u32, Vec<usize>);

/// `greater` and `equal` bits of all elements.
type Node = (Bits, Option<Bits>);

fn equal_of(node: &Node) -> Result<&Bits, Error> {
    node.1.as_ref().ok_or_else(|| Error::Config("carry plan without an equal bit".into()))
}

/// Operands of the given merges one after the other: the common one, then both others.
fn gather<'a>(nodes: &[Node], merges: impl Iterator<Item = &'a Merge>) -> Result<[Bits; 3], Error> {
    let mut operands = [(); 3].map(|()| Bits::zero(0));
    for merge in merges {
        operands[0].extend(equal_of(&nodes[merge.hi])?);
        operands[1].extend(&nodes[merge.lo].0);
        if merge.with_equal {
            operands[2].extend(equal_of(&nodes[merge.lo])?);
        }
    }
    Ok(operands)
}

fn of_width(level: &[Merge], width: u32) -> impl Iterator<Item = &Merge> {
    level.iter().filter(move |m| width_of(m) == width)
}

fn width_of(m: &Merge) -> u32 {
    1 + u32::from(m.with_equal)
}

/// Product widths of a level with the number of merges of each.
fn widths(level: &[Merge]) -> [(u32, usize); 2] {
    [1, 2].map(|w| (w, of_width(level, w).count()))
}

fn shapes(plan: &CarryPlan, n: usize) -> Vec<Shape> {
    let shape = |(radix, msg_bits, digits): Group| Shape { n: n * digits.len(), radix, msg_bits };
    plan.groups().into_iter().map(shape).collect()
}

/// `greater` and `equal` bits of every digit by 1-of-2^width transfer: the client's digit
/// selects from the server's table of both bits, masked by the server's output share.
fn leaves<P: Party>(
    lane: &mut Lane,
    plan: &CarryPlan,
    own: &[u64],
    cots: &mut Cots,
) -> Result<Vec<Node>, Error> {
    let n = own.len();
    let groups = plan.groups();
    let mut taken = Vec::with_capacity(groups.len());
    for (width, _, digits) in &groups {
        taken.push(cots.split::<P>(Needs::server(n * digits.len() * *width as usize))?);
    }
    let digits_of = |v: u64, d: usize| {
        let d = plan.digits[d];
        ((v >> d.offset) & ((1 << d.width) - 1)) as u8
    };
    // Shares of the groups' items, bit 0 greater and bit 1 equal.
    let shares: Vec<Vec<u8>> = match P::ROLE {
        Role::Client => {
            let choices: Vec<Vec<u8>> = groups
                .iter()
                .map(|g| {
                    g.2.iter().flat_map(|&d| own.iter().map(move |&v| digits_of(v, d))).collect()
                })
                .collect();
            let mut batches = Vec::with_capacity(groups.len());
            for (((radix, msg_bits, _), choices), cots) in groups.iter().zip(&choices).zip(taken) {
                let (radix, msg_bits) = (*radix, *msg_bits);
                batches.push(Choices { cots: cots.recv, radix, msg_bits, choices });
            }
            one_of_n::recv(lane, batches)?
        }
        Role::Server => {
            let mut rng = SecretRng::from_os()?;
            let mut masks = Vec::with_capacity(groups.len());
            let mut tables = Vec::with_capacity(groups.len());
            for (width, msg_bits, digits) in &groups {
                let mut mask = vec![0u8; n * digits.len()];
                rng.fill_bytes(&mut mask);
                let keep = (1u8 << msg_bits) - 1;
                mask.iter_mut().for_each(|m| *m &= keep);
                let own = digits.iter().flat_map(|&d| own.iter().map(move |&v| digits_of(!v, d)));
                tables.push(comparison_tables(own.zip(&mask), *width, keep));
                masks.push(mask);
            }
            let mut batches = Vec::with_capacity(groups.len());
            for (((radix, msg_bits, _), entries), cots) in groups.iter().zip(&tables).zip(taken) {
                let (radix, msg_bits) = (*radix, *msg_bits);
                batches.push(Tables { cots: cots.send, radix, msg_bits, entries });
            }
            one_of_n::send(lane, batches)?;
            masks
        }
    };
    let mut nodes: Vec<Node> = (0..plan.digits.len()).map(|_| (Bits::zero(0), None)).collect();
    for ((_, msg_bits, digits), items) in groups.iter().zip(&shares) {
        for (&d, item) in digits.iter().zip(items.chunks(n.max(1))) {
            let bit = |k: u8| Bits::collect(item.iter().map(|&v| u64::from(v >> k)));
            nodes[d] = (bit(0), (*msg_bits == 2).then(|| bit(1)));
        }
    }
    Ok(nodes)
}

/// For each own digit and mask the table over the peer's digit `j` of `[j > own]` and, one bit
/// higher, `[j == own]`, both masked. Without branches, for values below 2^8.
fn comparison_tables<'a>(own: impl Iterator<Item = (u8, &'a u8)>, width: u32, keep: u8) -> Vec<u8> {
    let mut table = Vec::new();
    for (own, hide) in own {
        let own = u16::from(own);
        table.extend((0..1u16 << width).map(|j| {
            let greater = (own.wrapping_sub(j) >> 15) as u8;
            let equal = ((j ^ own).wrapping_sub(1) >> 15) as u8;
            ((greater | equal << 1) & keep) ^ hide
        }));
    }
    table
}
