use super::{Program, Step};

/// What a program costs for one element.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cost {
    /// Table rows of 16 bytes.
    pub rows: usize,
    /// Gates with a tweak of their own: the evaluator's hashes.
    pub gates: usize,
}

impl Program {
    /// Rows and gates for one element.
    pub fn cost(&self) -> Cost {
        let mut cost = Cost::default();
        for step in &self.steps {
            let step = self.step_cost(step);
            cost.rows += step.rows;
            cost.gates += step.gates;
        }
        cost
    }

    pub(crate) fn step_cost(&self, step: &Step) -> Cost {
        match step {
            Step::Project { from, outputs } => Cost {
                rows: usize::from(self.prime(*from).get()) * outputs.len(),
                gates: outputs.len(),
            },
            Step::Combine { .. } => Cost::default(),
            Step::Multiply { x, y, .. } => {
                let (p, q) = (self.prime(*x).get(), self.prime(*y).get());
                Cost { rows: usize::from(p) + 2 * usize::from(q), gates: 3 }
            }
        }
    }
}
