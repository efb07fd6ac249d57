use crate::ir::{Graph, ValueId};
use crate::onnx::proto::NodeProto;
use std::collections::BTreeSet;

/// The names that values have in a file: each has one of its own, and none is empty, which would
/// stand for an operand left out.
pub(super) struct Names {
    of: Vec<String>,
    taken: BTreeSet<String>,
    /// Numbers given so far.
    made: usize,
}

impl Names {
    /// Values keep their names where those are unique. Of several with the same name an input of
    /// the graph keeps it, else an output, else the first.
    pub(super) fn new(graph: &Graph) -> Self {
        let count = graph.values.len();
        let of = vec![String::new(); count];
        let mut names = Self { of, taken: BTreeSet::new(), made: 0 };
        let ends = graph.inputs.iter().chain(&graph.outputs).map(|id| id.0);
        for i in ends.chain(0..count) {
            let name = &graph.values[i].name;
            if names.of[i].is_empty() && !name.is_empty() && names.taken.insert(name.clone()) {
                names.of[i].clone_from(name);
            }
        }
        // Only now: names that are made must not be those of later values.
        for (i, value) in graph.values.iter().enumerate() {
            if names.of[i].is_empty() {
                let name = if value.name.is_empty() { "value" } else { &value.name };
                names.of[i] = names.fresh(name);
            }
        }
        names
    }

    pub(super) fn of(&self, id: ValueId) -> &str {
        &self.of[id.0]
    }

    /// A name that nothing has yet.
    pub(super) fn fresh(&mut self, what: &str) -> String {
        loop {
            self.made += 1;
            let name = format!("{what}@{}", self.made);
            if self.taken.insert(name.clone()) {
                return name;
            }
        }
    }
}

/// Adds numbers to names of nodes that another one has already: an earlier one, or one that `kept`
/// says has its name from the graph.
pub(super) fn tell_apart(nodes: &mut [NodeProto], kept: &BTreeSet<usize>) {
    let name = |node: &NodeProto| node.name.clone().unwrap_or_default();
    let all: BTreeSet<String> = nodes.iter().map(name).collect();
    let mut taken = BTreeSet::new();
    let mut made = 0;
    let made_up = (0..nodes.len()).filter(|i| !kept.contains(i));
    for i in kept.iter().copied().chain(made_up) {
        let node = &mut nodes[i];
        if taken.insert(name(node)) {
            continue;
        }
        let fresh = loop {
            made += 1;
            let fresh = format!("{}@{made}", name(node));
            if !all.contains(&fresh) && taken.insert(fresh.clone()) {
                break fresh;
            }
        };
        node.name = Some(fresh);
    }
}
