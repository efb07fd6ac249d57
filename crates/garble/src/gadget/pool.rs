use super::lookup::fan_out;
use crate::{Builder, Prime, Program};

/// `max(a, b)` of two values of `[min, min + span)` given modulo `q >= 2 * span - 1`.
///
/// *Cost*: `q` rows: one projection of `a - b` to its positive part.
pub fn maximum(q: Prime) -> Program {
    let mut b = Builder::new();
    let (x, y) = (b.input(q), b.input(q));
    let difference = b.combine(&[(x, 1), (y, -1)], 0);
    let positive = |v: u8| if v <= q.get() / 2 { i128::from(v) } else { 0 };
    let gain = b.project(difference, q, positive);
    let out = b.combine(&[(y, 1), (gain, 1)], 0);
    b.finish(vec![out])
}

/// Residues in `wanted` of a value of `[min, min + q)` given modulo `q`.
///
/// *Cost*: `q` rows for each wanted prime but `q` itself.
pub fn convert(q: Prime, min: i64, wanted: &[Prime]) -> Program {
    let mut b = Builder::new();
    let x = b.input(q);
    let out = fan_out(&mut b, x, i128::from(min), wanted);
    b.finish(out)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn all_pairs() {
        let q = Prime::new(127).unwrap();
        let max = maximum(q);
        assert_eq!(max.cost().rows, 127);
        for a in -20i128..43 {
            for b in -20i128..43 {
                let got = max.evaluate(&[q.reduce(a), q.reduce(b)]);
                assert_eq!(got, [q.reduce(a.max(b))]);
            }
        }
        let wanted = [7, 127, 251].map(|p| Prime::new(p).unwrap());
        for v in -20i128..107 {
            let got = convert(q, -20, &wanted).evaluate(&[q.reduce(v)]);
            assert_eq!(got, wanted.map(|p| p.reduce(v)));
        }
    }
}
