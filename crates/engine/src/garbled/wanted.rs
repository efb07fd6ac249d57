//! In which moduli every edge is needed.

use super::range::Interval;
use crate::Error;
use sordino_garble::{Base, Prime};
use sordino_graph::fixed::{FixedGraph, FixedOp};
use std::collections::BTreeSet;

/// Largest product of the output's moduli: what decoding computes with fits 128 bits.
const MAX_OUTPUT: u128 = 1 << 112;

/// How maxima are taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum PoolBase {
    /// In one small prime that tells all differences apart.
    Small(Prime),
    /// By Dash's tournament in a base.
    Large(Base),
}

/// The base of a maximum over values of an interval.
pub(super) fn pool_base(x: Interval, given: &Base) -> Result<PoolBase, Error> {
    let differences = x.span().saturating_mul(2) - 1;
    let small = u64::try_from(differences).ok().and_then(Prime::at_least);
    Ok(match small.filter(|p| p.get() > 2) {
        Some(p) => PoolBase::Small(p),
        None => PoolBase::Large(Base::covering(given, differences)?),
    })
}

/// The moduli of every edge: those that its readers compute in.
pub(super) fn wanted(graph: &FixedGraph, ranges: &[Interval]) -> Result<Vec<Base>, Error> {
    let mut sets: Vec<BTreeSet<Prime>> = vec![BTreeSet::new(); graph.edges.len()];
    let output = graph.output.0 as usize;
    for node in graph.nodes.iter().rev() {
        let to = node.output.0 as usize;
        if to == output {
            cover_output(&mut sets[output], ranges[output])?;
        }
        let out = Base::new(sets[to].iter().copied());
        let from = match &node.op {
            FixedOp::Lookup { divisor, values, .. } => {
                let modulus = divisor.checked_mul(values.len() as u64).unwrap_or(0);
                Base::factor(modulus)?
            }
            FixedOp::Rescale { modulus, .. } => Base::factor(*modulus)?,
            FixedOp::MaxPool(_) => match pool_base(ranges[node.inputs[0].0 as usize], &out)? {
                PoolBase::Small(q) => Base::new([q]),
                PoolBase::Large(base) => base,
            },
            _ => out,
        };
        for x in &node.inputs {
            sets[x.0 as usize].extend(from.primes());
        }
    }
    if graph.input == graph.output {
        cover_output(&mut sets[output], ranges[output])?;
    }
    Ok(sets.into_iter().map(Base::new).collect())
}

/// Enough moduli to read every value the output can have.
fn cover_output(set: &mut BTreeSet<Prime>, range: Interval) -> Result<(), Error> {
    // At least one modulus, for a constant too.
    let values = range.magnitude().saturating_mul(2).saturating_add(1).max(2);
    let base = Base::covering(&Base::new(set.iter().copied()), values)?;
    if base.product() > MAX_OUTPUT {
        return Err(Error::Config(format!(
            "the output is needed modulo {} primes, more than can be decoded; let fewer layers \
             read it",
            base.primes().len()
        )));
    }
    set.extend(base.primes());
    Ok(())
}
