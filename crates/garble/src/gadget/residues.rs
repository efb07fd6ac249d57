use crate::{Builder, Prime, Slot};

/// Residues of one non-negative integer below the product of their primes, being divided away.
pub(super) struct Residues(Vec<Slot>);

impl Residues {
    /// `x + shift` in every modulus.
    pub(super) fn shifted(b: &mut Builder, x: &[Slot], shift: i128) -> Self {
        Self(x.iter().map(|&s| b.combine(&[(s, 1)], shift)).collect())
    }

    pub(super) fn slots(&self) -> &[Slot] {
        &self.0
    }

    /// Divides by the first prime, rounding down, and takes it off the base. The remainder times
    /// `weight(i)` is also projected into each of `targets`.
    ///
    /// *Source*: mixed-radix conversion, Szabo and Tanaka, "Residue arithmetic", 1967.
    pub(super) fn eliminate(
        &mut self,
        b: &mut Builder,
        targets: &[Prime],
        weight: impl Fn(usize) -> i128,
    ) -> Vec<Slot> {
        let digit = self.0.remove(0);
        let p = b.prime(digit);
        let rest: Vec<Prime> = self.0.iter().map(|&s| b.prime(s)).collect();
        let all: Vec<Prime> = rest.iter().chain(targets).copied().collect();
        let known = rest.len();
        let mut out = b.project_all(digit, &all, |i, v| {
            i128::from(v) * if i < known { 1 } else { weight(i - known) }
        });
        let contributions = out.split_off(known);
        for (x, remainder) in self.0.iter_mut().zip(out) {
            let inverse = i128::from(b.prime(*x).inverse(p.value()));
            *x = b.combine(&[(*x, inverse), (remainder, -inverse)], 0);
        }
        contributions
    }
}
