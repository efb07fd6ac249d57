//! Rings, from the output backwards: the least each consumer needs.

use super::builder::{Builder, Draft};
use crate::Error;
use crate::fixed::semantics::{Tournament, windows};
use crate::fixed::{
    Edge, EdgeId, Finish, FixedGraph, FixedModel, FixedNode, FixedOp, Function, PoolShape,
    Rearrange, WeightId, Weights,
};

/// Drops what the output does not depend on, assigns rings and completes the model.
pub(super) fn finish(
    mut b: Builder<'_>,
    name: &str,
    input: EdgeId,
    output: EdgeId,
    finish: Finish,
) -> Result<FixedModel, Error> {
    let mut nodes = live(std::mem::take(&mut b.nodes), output);
    let rings = assign(&mut b, &mut nodes, output);
    let nodes = narrowed(&mut b, nodes, rings);
    let (edges, nodes, weights, input, output) = compact(&b, nodes, input, output)?;
    let graph = FixedGraph { name: name.into(), edges, nodes, input, output, finish };
    let model = FixedModel { graph, weights };
    model.validate()?;
    Ok(model)
}

fn live(nodes: Vec<FixedNode>, output: EdgeId) -> Vec<FixedNode> {
    let mut needed = std::collections::HashSet::from([output]);
    let mut kept: Vec<FixedNode> = nodes
        .into_iter()
        .rev()
        .filter(|n| {
            let used = needed.contains(&n.output);
            if used {
                needed.extend(n.inputs.iter().copied());
            }
            used
        })
        .collect();
    kept.reverse();
    kept
}

/// Bits each edge needs; splits a max pool's result where extending it afterwards is cheaper
/// than comparing in the ring its consumers need.
fn assign(b: &mut Builder<'_>, nodes: &mut Vec<FixedNode>, output: EdgeId) -> Vec<u32> {
    let margin = b.options.margin;
    let mut need = vec![2; b.edges.len()];
    need[output.0 as usize] = b.edge(output).bits(margin);
    let mut reversed = Vec::with_capacity(nodes.len());
    for mut n in std::mem::take(nodes).into_iter().rev() {
        // A bound that samples stay below may need more than its readers do.
        if let FixedOp::Activate { function: Function::ReluMax { hi }, .. } = n.op {
            let slot = &mut need[n.output.0 as usize];
            *slot = (*slot).max(i64::BITS - hi.leading_zeros() + 1);
        }
        let out = need[n.output.0 as usize];
        if let FixedOp::MaxPool(pool) = &n.op {
            let own = b.edge(n.inputs[0]).bits(margin) + 1;
            if extends(pool, own, out) {
                let from = b.edge(n.output).clone();
                let name = format!("{}/extend", from.name);
                let small = b.new_edge(from);
                need.push(own);
                let op = FixedOp::Activate { shift: 0, function: Function::Identity, flips: None };
                reversed.push(FixedNode { name, op, inputs: vec![small], output: n.output });
                n.output = small;
            }
        }
        let out = need[n.output.0 as usize];
        for (i, x) in n.inputs.iter().enumerate() {
            let own = b.edge(*x).bits(margin);
            let wanted = match &n.op {
                FixedOp::Activate { shift, function, .. } => {
                    compared(own, *shift, *function, out) + b.spare(n.output, own, *shift, out)
                }
                FixedOp::Lookup { .. } | FixedOp::Rescale { .. } => own,
                FixedOp::MaxPool(_) => out.max(own + 1),
                FixedOp::ArgMax => own + 1,
                FixedOp::Add { shl, .. } => out.saturating_sub(shl[i]),
                FixedOp::Concat { shl, .. } => out.saturating_sub(shl[i]),
                FixedOp::Linear { .. }
                | FixedOp::AddConst { .. }
                | FixedOp::SumPool(_)
                | FixedOp::Mul
                | FixedOp::Rearrange(_) => out,
            };
            let slot = &mut need[x.0 as usize];
            *slot = (*slot).max(wanted);
        }
        reversed.push(n);
    }
    reversed.reverse();
    *nodes = reversed;
    need
}

/// The ring in which an activation reads a value of `own` bits. Rounding compares the dropped
/// bits alone where it need not extend the result, which a few more bits of the operand spare it.
fn compared(own: u32, shift: u32, function: Function, out: u32) -> u32 {
    match function {
        Function::Identity if shift > 0 && out + 2 * shift <= 2 * own => own.max(out + shift),
        _ => own,
    }
}

fn extends(pool: &PoolShape, own: u32, out: u32) -> bool {
    let t = Tournament::new(&windows(pool));
    let widening = t.comparisons() as u64 * u64::from(out.saturating_sub(own));
    widening > t.winners() as u64 * u64::from(own)
}

/// Puts a free reduction before every comparison whose operand lives in a larger ring for
/// another consumer's sake.
fn narrowed(b: &mut Builder<'_>, nodes: Vec<FixedNode>, mut rings: Vec<u32>) -> Vec<FixedNode> {
    let margin = b.options.margin;
    let mut out = Vec::with_capacity(nodes.len());
    for mut n in nodes {
        let x = n.inputs[0];
        let own = b.edge(x).bits(margin);
        let wanted = match &n.op {
            FixedOp::Activate { shift, function, .. } => {
                let out = rings[n.output.0 as usize];
                let spare = b.spare(n.output, own, *shift, out);
                Some(compared(own, *shift, *function, out) + spare)
            }
            FixedOp::ArgMax => Some(own + 1),
            FixedOp::MaxPool(_) => Some((own + 1).max(rings[n.output.0 as usize])),
            _ => None,
        };
        if let Some(ring) = wanted.filter(|&w| w < rings[x.0 as usize]) {
            let from = b.edge(x).clone();
            let name = format!("{}/reduce", from.name);
            let y = b.new_edge(Draft { name: name.clone(), ..from });
            rings.push(ring);
            let op = FixedOp::Rearrange(Rearrange::Reshape);
            out.push(FixedNode { name, op, inputs: vec![x], output: y });
            n.inputs[0] = y;
        }
        out.push(n);
    }
    b.rings = rings;
    out
}

/// Numbers edges and weights in the order of the layers.
#[allow(clippy::type_complexity)]
fn compact(
    b: &Builder<'_>,
    mut nodes: Vec<FixedNode>,
    input: EdgeId,
    output: EdgeId,
) -> Result<(Vec<Edge>, Vec<FixedNode>, Weights, EdgeId, EdgeId), Error> {
    let mut number = vec![None; b.edges.len()];
    let mut edges = Vec::new();
    let mut add = |id: EdgeId, edges: &mut Vec<Edge>| -> Result<EdgeId, Error> {
        edges.push(complete(b, id)?);
        let new = EdgeId(edges.len() as u32 - 1);
        number[id.0 as usize] = Some(new);
        Ok(new)
    };
    add(input, &mut edges)?;
    for n in &nodes {
        add(n.output, &mut edges)?;
    }
    let renumber = |id: EdgeId| {
        number[id.0 as usize].ok_or_else(|| Error::Invalid("an edge nobody writes".into()))
    };
    let mut weights = Weights::default();
    for n in &mut nodes {
        n.output = renumber(n.output)?;
        for x in &mut n.inputs {
            *x = renumber(*x)?;
        }
        if let Some(id) = n.op.weights_mut() {
            weights.layers.push(b.weights[id.0 as usize].clone());
            *id = WeightId(weights.layers.len() as u32 - 1);
        }
    }
    Ok((edges, nodes, weights, renumber(input)?, renumber(output)?))
}

/// An edge with its ring. Its range is rounded outwards to powers of two, so that the public
/// graph shows no more of the calibration than ring widths do.
fn complete(b: &Builder<'_>, id: EdgeId) -> Result<Edge, Error> {
    let d = b.edge(id);
    let ring = b.rings[id.0 as usize];
    if ring > b.options.max_ring {
        return Err(Error::Limit(format!(
            "'{}' needs a ring of {ring} bits, at most {} allowed; use fewer act_bits or weight_bits",
            d.name, b.options.max_ring
        )));
    }
    let bits = d.bits(b.options.margin).min(63);
    let top = 1i64 << (bits - 1);
    let lo = if d.range.lo >= 0.0 { 0 } else { -top };
    let hi = if d.range.hi <= 0.0 { 0 } else { top - 1 };
    Ok(Edge {
        name: d.name.clone(),
        shape: d.shape.clone(),
        frac: d.frac,
        divisor: d.divisor,
        ring,
        lo,
        hi,
    })
}
