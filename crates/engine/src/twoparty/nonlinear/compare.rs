//! Carries of additive shares (the millionaires' protocol), as XOR shares.
//!
//! Cost per element: one transfer per compared bit with the server as sender, one transfer each
//! way per merge; messages as [`cost`] replays them: two flights for the digits, one exchange per
//! level of the tree.
//! Security: semi-honest; each party sees only messages masked by fresh random transfers or
//! triples. Source: CrypTFlow2 (CCS 2020) section 3.1 with its merge triples generated from
//! random transfers; ours: several cuts of one tree, several trees over one choice of digits, and
//! the product of a sign with a carry in the exchange that gives the sign.

use super::leaves::leaves;
use crate::Error;
use crate::twoparty::carry::{CarryPlan, Merge};
use crate::twoparty::stock::{Part, Stock};
use sordino_ot::one_of_n::{self, Shape};
use sordino_ot::triple::{self, Product};
use sordino_secret::{Bits, Party};
use sordino_wire::{Lane, Meter, Role};

/// A comparison: its plan, and whether the last merge also gives a gated carry.
#[derive(Clone, Debug)]
pub(crate) struct Comparison {
    plan: CarryPlan,
    gated: bool,
}

/// XOR shares of the carries.
pub(crate) struct Carries {
    /// For each tree the carry of each cut.
    pub cuts: Vec<Vec<Bits>>,
    /// The lower carry of the first tree and'ed with `gate ^` its upper one, if asked for.
    pub gated: Option<Bits>,
}

/// `greater` and `equal` bits of all elements.
pub(super) type Node = (Bits, Option<Bits>);

/// What one exchange multiplies.
enum Step<'a> {
    Merges { width: u32, merges: Vec<&'a Merge> },
    Gated(&'a Merge),
}

impl Step<'_> {
    fn shape(&self, n: usize) -> (usize, u32) {
        match self {
            Self::Merges { width, merges } => (n * merges.len(), *width),
            Self::Gated(_) => (n, 2),
        }
    }
}

impl Comparison {
    pub(crate) fn new(plan: CarryPlan) -> Self {
        Self { plan, gated: false }
    }

    /// One tree with two cuts; [`carries`] takes a gate.
    pub(crate) fn gated(plan: CarryPlan) -> Self {
        debug_assert!(plan.trees() == 1 && plan.cuts[0].len() == 2);
        Self { plan, gated: true }
    }

    fn steps<'a>(&self, level: &'a [Merge]) -> Vec<Step<'a>> {
        let top = self.gated.then(|| self.plan.cuts[0][1]);
        let is_top = |m: &&Merge| Some(m.out) == top;
        let mut steps = Vec::new();
        for width in [1, 2] {
            let of_width = |m: &&Merge| 1 + u32::from(m.with_equal) == width;
            let merges: Vec<_> = level.iter().filter(|m| of_width(m) && !is_top(m)).collect();
            if !merges.is_empty() {
                steps.push(Step::Merges { width, merges });
            }
        }
        steps.extend(level.iter().filter(is_top).map(Step::Gated));
        steps
    }

    /// What `n` elements use up.
    pub(crate) fn parts(&self, n: usize) -> Vec<Part> {
        let tables = self.plan.groups().into_iter().map(|(radix, msg_bits, digits)| Part::Tables {
            n: n * digits.len(),
            radix,
            msg_bits,
        });
        let triples = self.plan.levels.iter().flat_map(|level| self.steps(level)).map(|step| {
            let (n, width) = step.shape(n);
            Part::Triples { n, width }
        });
        tables.chain(triples).collect()
    }

    /// Messages for `n` elements.
    pub(crate) fn cost(&self, m: &mut Meter, n: usize) {
        let shape = |(radix, msg_bits, digits): (u32, u32, Vec<usize>)| Shape {
            n: n * digits.len(),
            radix,
            msg_bits,
        };
        let shapes: Vec<_> = self.plan.groups().into_iter().map(shape).collect();
        one_of_n::cost(m, Role::Server, &shapes);
        for level in &self.plan.levels {
            let shapes: Vec<_> = self.steps(level).iter().map(|s| s.shape(n)).collect();
            triple::cost(m, &shapes);
        }
    }

    /// For each tree and cut `k`, shares of `[own mod 2^k + peer mod 2^k >= 2^k]`. `own` has one
    /// operand per tree; the client's are all the same.
    pub(crate) fn carries<P: Party>(
        &self,
        lane: &mut Lane,
        own: &[&[u64]],
        gate: Option<&Bits>,
        stock: &mut Stock,
    ) -> Result<Carries, Error> {
        let n = own[0].len();
        let mut nodes = leaves::<P>(lane, &self.plan, own, stock)?;
        nodes.resize_with(self.plan.nodes, || (Bits::zero(0), None));
        let mut gated = None;
        for level in &self.plan.levels {
            let steps = self.steps(level);
            let mut operands = Vec::with_capacity(steps.len());
            for step in &steps {
                operands.push(match step {
                    Step::Merges { merges, .. } => gather(&nodes, merges)?,
                    Step::Gated(merge) => gate_operands(&nodes, merge, gate)?,
                });
            }
            let mut products = Vec::with_capacity(steps.len());
            for (step, (a, b)) in steps.iter().zip(&operands) {
                let b = b.iter().take(step.shape(n).1 as usize).collect();
                products.push(Product { triples: stock.triples()?, a, b });
            }
            for (step, result) in steps.iter().zip(triple::and(lane, products)?) {
                match step {
                    Step::Merges { merges, .. } => {
                        for (i, merge) in merges.iter().enumerate() {
                            let mut greater = result[0].slice(i * n, n);
                            greater.xor_assign(&nodes[merge.hi].0);
                            let equal = merge.with_equal.then(|| result[1].slice(i * n, n));
                            nodes[merge.out] = (greater, equal);
                        }
                    }
                    Step::Gated(merge) => {
                        let [carried, both] = pair(result)?;
                        let mut greater = carried;
                        greater.xor_assign(&nodes[merge.hi].0);
                        nodes[merge.out] = (greater, None);
                        gated = Some(both);
                    }
                }
            }
        }
        let cuts =
            self.plan.cuts.iter().map(|tree| tree.iter().map(|&c| nodes[c].0.clone()).collect());
        Ok(Carries { cuts: cuts.collect(), gated })
    }
}

fn pair(result: Vec<Bits>) -> Result<[Bits; 2], Error> {
    result.try_into().map_err(|_| Error::Config("a product of the wrong width".into()))
}

fn equal_of(node: &Node) -> Result<&Bits, Error> {
    node.1.as_ref().ok_or_else(|| Error::Config("carry plan without an equal bit".into()))
}

/// Operands of the given merges one after the other: the common one, then both others.
fn gather(nodes: &[Node], merges: &[&Merge]) -> Result<(Bits, [Bits; 2]), Error> {
    let [mut common, mut greater, mut equal] = [(); 3].map(|()| Bits::zero(0));
    for merge in merges {
        common.extend(equal_of(&nodes[merge.hi])?);
        greater.extend(&nodes[merge.lo].0);
        if merge.with_equal {
            equal.extend(equal_of(&nodes[merge.lo])?);
        }
    }
    Ok((common, [greater, equal]))
}

/// With `c` the lower carry, the upper one is `greater ^ equal & c`, so that
/// `c & (gate ^ upper) = c & (gate ^ greater ^ equal)`: both products have the operand `c`.
fn gate_operands(
    nodes: &[Node],
    merge: &Merge,
    gate: Option<&Bits>,
) -> Result<(Bits, [Bits; 2]), Error> {
    let (hi, lo) = (&nodes[merge.hi], &nodes[merge.lo]);
    let equal = equal_of(hi)?.clone();
    let mut other = equal.clone();
    other.xor_assign(&hi.0);
    other.xor_assign(gate.ok_or_else(|| Error::Config("a comparison without its gate".into()))?);
    Ok((lo.0.clone(), [equal, other]))
}
