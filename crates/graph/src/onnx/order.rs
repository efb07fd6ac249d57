use super::proto::NodeProto;
use crate::Error;
use std::collections::{BTreeSet, HashMap};

/// Positions of the nodes in an order in which every operand comes before its use. Files are
/// meant to be sorted; a sorted one keeps its order.
pub(super) fn sorted(nodes: &[NodeProto]) -> Result<Vec<usize>, Error> {
    let mut producer = HashMap::new();
    for (i, node) in nodes.iter().enumerate() {
        for name in node.output.iter().filter(|n| !n.is_empty()) {
            if producer.insert(name.as_str(), i).is_some() {
                return Err(Error::Invalid(format!("'{name}' is computed by two nodes")));
            }
        }
    }
    let mut waiting = vec![0usize; nodes.len()];
    let mut users: Vec<Vec<usize>> = vec![Vec::new(); nodes.len()];
    for (i, node) in nodes.iter().enumerate() {
        for &from in node.input.iter().filter_map(|name| producer.get(name.as_str())) {
            waiting[i] += 1;
            users[from].push(i);
        }
    }
    let mut ready: BTreeSet<usize> = (0..nodes.len()).filter(|&i| waiting[i] == 0).collect();
    let mut order = Vec::with_capacity(nodes.len());
    while let Some(i) = ready.pop_first() {
        order.push(i);
        for &user in &users[i] {
            waiting[user] -= 1;
            if waiting[user] == 0 {
                ready.insert(user);
            }
        }
    }
    if order.len() < nodes.len() {
        return Err(Error::Invalid("the nodes depend on each other in a circle".into()));
    }
    Ok(order)
}
