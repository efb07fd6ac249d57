//! Gadgets as data: what garbler and evaluator both interpret.

mod builder;
mod cost;

pub use builder::Builder;
pub use cost::Cost;

use crate::Prime;

/// A wire of a [`Program`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Slot(pub(crate) u32);

/// One step of a [`Program`]; every slot is written once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// For each output a table over the values of `from`.
    ///
    /// *Cost*: one row per value and output. *Source*: projection gates, Ball, Malkin, Rosulek,
    /// section 4.
    Project {
        /// The operand.
        from: Slot,
        /// Results and their values for `from = 0, 1, …`.
        outputs: Vec<(Slot, Vec<u8>)>,
    },
    /// `to = sum of factor * slot + constant`, all of one modulus: free.
    Combine {
        /// The result.
        to: Slot,
        /// Summands.
        terms: Vec<(Slot, u8)>,
        /// Public constant.
        constant: u8,
    },
    /// `to = x * y`, where `x` and `to` have one modulus and `y` any: the value of `y` is read as
    /// an integer.
    ///
    /// With `c` the colour of `x` under the garbler's mask, `x * y = c * y - mask * y`: `y` is
    /// projected to the modulus of `x` (once as itself, once times minus the mask, which the
    /// garbler knows), and one table over the colours of `x` gives the label that turns `c` times
    /// the first projection into `c * y`.
    ///
    /// *Cost*: `p + 2q` rows. *Source*: half gates, Ball, Malkin, Rosulek, section 5; a fresh
    /// label for each half, so that no colour serves as a mask elsewhere.
    Multiply {
        /// First factor.
        x: Slot,
        /// Second factor.
        y: Slot,
        /// Their product.
        to: Slot,
    },
}

/// A gadget: its wires' moduli and its steps, applied to each element of its operands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    pub(crate) slots: Vec<Prime>,
    pub(crate) inputs: Vec<Slot>,
    pub(crate) outputs: Vec<Slot>,
    pub(crate) steps: Vec<Step>,
}

impl Program {
    /// Modulus of a slot.
    pub(crate) fn prime(&self, s: Slot) -> Prime {
        self.slots[s.0 as usize]
    }

    /// Moduli of the operands.
    pub fn inputs(&self) -> impl ExactSizeIterator<Item = Prime> + '_ {
        self.inputs.iter().map(|&s| self.prime(s))
    }

    /// Moduli of the results.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Prime> + '_ {
        self.outputs.iter().map(|&s| self.prime(s))
    }

    /// Runs on plain values: what the labels stand for. One value per operand.
    pub fn evaluate(&self, inputs: &[u8]) -> Vec<u8> {
        let mut v = vec![0u8; self.slots.len()];
        for (&s, &x) in self.inputs.iter().zip(inputs) {
            v[s.0 as usize] = x;
        }
        for step in &self.steps {
            match step {
                Step::Project { from, outputs } => {
                    let x = v[from.0 as usize];
                    for (to, table) in outputs {
                        v[to.0 as usize] = table[usize::from(x)];
                    }
                }
                Step::Combine { to, terms, constant } => {
                    let sum = terms.iter().fold(i128::from(*constant), |sum, (s, c)| {
                        sum + i128::from(*c) * i128::from(v[s.0 as usize])
                    });
                    v[to.0 as usize] = self.prime(*to).reduce(sum);
                }
                Step::Multiply { x, y, to } => {
                    let product = i128::from(v[x.0 as usize]) * i128::from(v[y.0 as usize]);
                    v[to.0 as usize] = self.prime(*to).reduce(product);
                }
            }
        }
        self.outputs.iter().map(|s| v[s.0 as usize]).collect()
    }
}
