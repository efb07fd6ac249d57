//! What lowering needs to know about the graph ahead of each node.

use super::gate::gates;
use super::refuse;
use crate::Error;
use crate::fixed::Finish;
use crate::ir::{Graph, Node, Op, Unary, ValueId};

pub(super) struct Plan {
    /// Nodes the data owner applies, or that lead nowhere.
    pub(super) skip: Vec<bool>,
    /// The value to reveal.
    pub(super) output: ValueId,
    /// What follows it.
    pub(super) finish: Finish,
    /// Nodes that read each value; the graph's output counts as `usize::MAX`.
    pub(super) users: Vec<Vec<usize>>,
    /// For each rectifier moved behind the max pool that follows it, that pool; and for each
    /// pool, the rectifier moved behind it.
    pub(super) partner: Vec<Option<usize>>,
    /// How often an element of each value goes through an activation, seen through movements and
    /// concatenations.
    pub(super) fanout: Vec<usize>,
    /// Normalisations that become comparisons; see [`super::gate`].
    pub(super) gates: Vec<bool>,
}

impl Plan {
    pub(super) fn new(g: &Graph) -> Result<Self, Error> {
        let &[last] = &g.outputs[..] else {
            return Err(Error::Unsupported {
                node: g.name.clone(),
                op: "graph".into(),
                why: format!("it has {} outputs", g.outputs.len()),
                hint: "export the network with one output".into(),
            });
        };
        let (output, finish) = strip(g, last)?;
        let mut needed = vec![false; g.values.len()];
        needed[output.0] = true;
        let mut skip = vec![true; g.nodes.len()];
        let mut users = vec![Vec::new(); g.values.len()];
        users[output.0].push(usize::MAX);
        let mut fanout = vec![0; g.values.len()];
        for (i, n) in g.nodes.iter().enumerate().rev() {
            if !n.outputs.iter().any(|o| needed[o.0]) {
                continue;
            }
            skip[i] = false;
            let through = match n.op {
                Op::Concat { .. }
                | Op::Reshape { .. }
                | Op::Transpose { .. }
                | Op::Pad { .. }
                | Op::Slice { .. }
                | Op::Split { .. } => n.outputs.iter().map(|o| fanout[o.0]).max(),
                _ => None,
            };
            for x in n.inputs.iter().flatten() {
                needed[x.0] = true;
                users[x.0].push(i);
                fanout[x.0] += through.unwrap_or(1);
            }
        }
        let partner = vec![None; g.nodes.len()];
        let mut plan = Self { skip, output, finish, users, partner, fanout, gates: vec![] };
        plan.pair(g);
        plan.gates = gates(g, &plan);
        Ok(plan)
    }

    /// The only node that reads a value, when it is a node.
    pub(super) fn only_user(&self, id: ValueId) -> Option<usize> {
        match self.users[id.0][..] {
            [i] if i != usize::MAX => Some(i),
            _ => None,
        }
    }

    /// Pairs every rectifier with the max pool next to it when nothing else sees the value
    /// between them: the two commute, so the cheaper order can be chosen.
    fn pair(&mut self, g: &Graph) {
        for (i, n) in g.nodes.iter().enumerate() {
            if self.skip[i] {
                continue;
            }
            let Some(j) = self.only_user(n.outputs[0]) else { continue };
            let next = &g.nodes[j];
            let commute =
                (is_rectifier(n) && is_max_pool(next)) || (is_max_pool(n) && is_rectifier(next));
            if commute && self.partner[i].is_none() && self.partner[j].is_none() {
                self.partner[i] = Some(j);
                self.partner[j] = Some(i);
            }
        }
    }
}

fn is_max_pool(n: &Node) -> bool {
    matches!(n.op, Op::MaxPool { .. } | Op::GlobalMaxPool)
}

/// `Relu`, or a `Clip` from 0.
pub(super) fn is_rectifier(n: &Node) -> bool {
    match n.op {
        Op::Unary(Unary::Relu) => true,
        Op::Unary(Unary::Clip { lo, hi }) => lo == 0.0 && hi > 0.0,
        _ => false,
    }
}

/// Walks back from the output over what the data owner can apply after decoding.
fn strip(g: &Graph, output: ValueId) -> Result<(ValueId, Finish), Error> {
    let mut id = output;
    loop {
        let Some(n) = g.nodes.iter().find(|n| n.outputs.contains(&id)) else {
            return Ok((output, Finish::None));
        };
        let x = n.inputs.first().copied().flatten();
        let finish = match n.op {
            // Movements do not matter to what follows them when they keep the order of elements.
            Op::Reshape { .. } | Op::Cast { .. } => {
                let Some(x) = x else { return Ok((output, Finish::None)) };
                id = x;
                continue;
            }
            Op::Softmax { axis, flatten, log } => {
                let Some(x) = x else { return Ok((output, Finish::None)) };
                if !along_last_axis(&g.value(x).shape, axis, flatten) {
                    return Err(refuse(
                        n,
                        "the data owner applies it along the last axis only",
                        "end the network before it, or move its axis last",
                    ));
                }
                if log { Finish::LogSoftmax } else { Finish::Softmax }
            }
            Op::Unary(Unary::Sigmoid) => Finish::Sigmoid,
            Op::Unary(Unary::Tanh) => Finish::Tanh,
            _ => return Ok((output, Finish::None)),
        };
        // Another use of the probabilities would need them inside the network.
        let uses = |v: ValueId| g.nodes.iter().filter(|m| m.inputs.contains(&Some(v))).count();
        return match x {
            Some(x) if uses(n.outputs[0]) <= 1 => Ok((x, finish)),
            _ => Ok((output, Finish::None)),
        };
    }
}

/// Whether a softmax works on the last axis that is not 1.
fn along_last_axis(shape: &[usize], axis: usize, flatten: bool) -> bool {
    let end = if flatten { shape.len() } else { axis + 1 };
    let row: usize = shape[axis..end].iter().product();
    let after: usize = shape[end..].iter().product();
    let last = shape.iter().rev().find(|&&d| d != 1).copied().unwrap_or(1);
    after == 1 && row == last
}
