use super::{Program, Slot, Step};
use crate::Prime;

/// Writes a [`Program`], checking moduli and table sizes.
#[derive(Default)]
pub struct Builder {
    slots: Vec<Prime>,
    inputs: Vec<Slot>,
    steps: Vec<Step>,
}

impl Builder {
    /// An empty program.
    pub fn new() -> Self {
        Self::default()
    }

    fn slot(&mut self, p: Prime) -> Slot {
        self.slots.push(p);
        Slot(self.slots.len() as u32 - 1)
    }

    /// Modulus of a slot.
    pub fn prime(&self, s: Slot) -> Prime {
        self.slots[s.0 as usize]
    }

    /// A new operand.
    pub fn input(&mut self, p: Prime) -> Slot {
        let s = self.slot(p);
        self.inputs.push(s);
        s
    }

    /// Operands of these moduli.
    pub fn input_all(&mut self, primes: impl IntoIterator<Item = Prime>) -> Vec<Slot> {
        primes.into_iter().map(|p| self.input(p)).collect()
    }

    /// Projections of `from` into several moduli: `f(i, v)` is the `i`-th result for `v`, reduced.
    pub fn project_all(
        &mut self,
        from: Slot,
        to: &[Prime],
        f: impl Fn(usize, u8) -> i128,
    ) -> Vec<Slot> {
        let values = 0..self.prime(from).get();
        let outputs: Vec<(Slot, Vec<u8>)> = to
            .iter()
            .enumerate()
            .map(|(i, &p)| (self.slot(p), values.clone().map(|v| p.reduce(f(i, v))).collect()))
            .collect();
        let slots = outputs.iter().map(|o| o.0).collect();
        if !outputs.is_empty() {
            self.steps.push(Step::Project { from, outputs });
        }
        slots
    }

    /// Projection of `from` into one modulus.
    pub fn project(&mut self, from: Slot, to: Prime, f: impl Fn(u8) -> i128) -> Slot {
        self.project_all(from, &[to], |_, v| f(v))[0]
    }

    /// `sum of factor * slot + constant`.
    ///
    /// # Panics
    /// Without a term, or when the terms' moduli differ.
    pub fn combine(&mut self, terms: &[(Slot, i128)], constant: i128) -> Slot {
        let p = self.prime(terms[0].0);
        assert!(terms.iter().all(|t| self.prime(t.0) == p), "a sum over several moduli");
        let terms = terms.iter().map(|&(s, c)| (s, p.reduce(c))).collect();
        let to = self.slot(p);
        self.steps.push(Step::Combine { to, terms, constant: p.reduce(constant) });
        to
    }

    /// `x * y` in the modulus of `x`.
    pub fn multiply(&mut self, x: Slot, y: Slot) -> Slot {
        let to = self.slot(self.prime(x));
        self.steps.push(Step::Multiply { x, y, to });
        to
    }

    /// The program with these results.
    pub fn finish(self, outputs: Vec<Slot>) -> Program {
        Program { slots: self.slots, inputs: self.inputs, outputs, steps: self.steps }
    }
}
