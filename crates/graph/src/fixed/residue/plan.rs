use super::unit::Unit;
use crate::fixed::FixedOp;
use std::collections::BTreeMap;

/// Everything that turns a program into integers.
pub(super) struct Plan {
    /// Per value.
    pub(super) units: Vec<Unit>,
    /// Smallest and largest integer of the input.
    pub(super) input: (i64, i64),
    /// What each table becomes, by node.
    pub(super) tables: BTreeMap<usize, FixedOp>,
    /// Per value, integers that the range mode admits; none where only the worst case counts.
    pub(super) admitted: Vec<Option<(i64, i64)>>,
}
