//! Residues made by hand, of numbers at their bounds, to which those of values seldom come.

use super::*;

/// Words of n: the fewest, 13, where R would be n's length but for its 8 bits more, 16, where it is least above n, and
/// the most.
const WORDS: [usize; 4] = [8, 13, 16, 48];

/// How the numbers of a residue lie.
struct Form {
    sliced: bool,
    length: usize,
    /// Of R.
    bits: usize,
}

impl Form {
    fn of(m: &Modulus) -> Self {
        let (sliced, length) = (m.is_sliced(), m.limbs / m.numbers);
        Self { sliced, length, bits: length * if sliced { 52 } else { 64 } }
    }

    fn residue(&self, numbers: &[&[u64]]) -> Vec<u64> {
        let word = |x: &[u64], i| match self.sliced {
            true => words::limb52(x, i),
            false => x.get(i).copied().unwrap_or(0),
        };
        numbers.iter().flat_map(|x| (0..self.length).map(move |i| word(x, i))).collect()
    }

    fn numbers(&self, residue: &[u64]) -> Vec<Vec<u64>> {
        let number = |residue: &[u64]| {
            if !self.sliced {
                return residue.to_vec();
            }
            let mut out = vec![0; self.length + 1];
            for (i, limb) in residue.iter().enumerate() {
                assert!(*limb < 1 << 52, "a limb of more than 52 bits");
                let (word, shift) = (52 * i / 64, 52 * i % 64);
                let wide = u128::from(*limb) << shift;
                out[word] |= wide as u64;
                out[word + 1] |= (wide >> 64) as u64;
            }
            out
        };
        residue.chunks(self.length).map(number).collect()
    }

    /// R modulo a number.
    fn radix(&self, n: &[u64]) -> Vec<u64> {
        let mut power = vec![0; self.bits / 64 + 1];
        power[self.bits / 64] = 1 << (self.bits % 64);
        reduced(&power, n)
    }

    /// R - 1.
    fn ones(&self) -> Vec<u64> {
        let mut ones = vec![u64::MAX; self.bits.div_ceil(64)];
        *ones.last_mut().unwrap() >>= (64 - self.bits % 64) % 64;
        ones
    }

    /// Numbers up to what is kept of a value: below 8 n with vectors, below n elsewhere.
    fn ends(&self, n: &[u64]) -> [Vec<u64>; 8] {
        let (zero, one, radix) = (vec![0], vec![1], self.radix(n));
        if self.sliced {
            let last = times(n, 7, &radix);
            let [double, eight] = [2, 8].map(|k| less(&times(n, k, &zero), &one));
            [zero, one.clone(), less(n, &one), n.to_vec(), double, eight, radix, last]
        } else {
            let rest = less(n, &radix);
            [zero, one.clone(), less(n, &one), less(n, &[2]), rest, radix, vec![2], vec![u64::MAX]]
        }
    }
}

/// A group of residues whose numbers are all 8 n - 1, which vectors alone keep.
#[cfg(target_arch = "x86_64")]
pub(super) fn fullest(m: &Modulus, n: &[u64]) -> Vec<Limbs> {
    let end = less(&times(n, 8, &[0]), &[1]);
    let residue = Form::of(m).residue(&[&end[..], &end][..m.numbers]);
    let mut group = vec![Limbs::default(); m.limbs()];
    m.gather(&residue, [Some(0); LANES], &mut group);
    group
}

/// k n + x.
fn times(n: &[u64], k: u64, x: &[u64]) -> Vec<u64> {
    let product = number(n).concatenating_mul(BoxedUint::from(k));
    words_of(&product.wrapping_add(number(x)), n.len() + 1)
}

fn less(x: &[u64], by: &[u64]) -> Vec<u64> {
    words_of(&number(x).wrapping_sub(number(by)), x.len())
}

/// What the numbers of a residue are together, modulo n or n^2.
fn joined(numbers: &[&[u64]], n: &[u64], modulus: &[u64]) -> Vec<u64> {
    let mut sum = number(&vec![0; modulus.len()]);
    let whole = number(modulus).to_nz().unwrap();
    for x in numbers.iter().rev() {
        let product = number(&mul_mod(&words_of(&sum, modulus.len()), n, modulus));
        sum = product.add_mod(&number(&reduced(x, modulus)), &whole);
    }
    words_of(&sum, modulus.len())
}

fn exported(m: &Modulus, s: &mut Scratch, residues: &[u64]) -> Vec<u64> {
    let mut values = vec![0; residues.len() / m.limbs() * m.words()];
    m.export(s, residues, &mut values);
    values
}

/// The values of residues of such numbers, which crypto-bigint has found right.
fn checked_values(m: &Modulus, n: &[u64], modulus: &[u64], forms: &[Vec<&[u64]>]) -> Vec<u64> {
    let form = Form::of(m);
    let residues: Vec<u64> = forms.iter().flat_map(|x| form.residue(x)).collect();
    let values = exported(m, &mut m.scratch(), &residues);
    let radix = form.radix(modulus);
    for (numbers, value) in forms.iter().zip(values.chunks(m.words())) {
        assert!(mul_mod(value, &radix, modulus) == joined(numbers, n, modulus));
        assert!(number(value) < number(modulus), "{} words", n.len());
    }
    values
}

/// Each modulus at each instruction set.
fn each(check: impl Fn(&Modulus, &[u64], &[u64])) {
    for words in WORDS {
        for n in [modulus(64 * words, 3), extreme(64 * words)] {
            for isa in isa::available() {
                for (m, modulus) in isa::with(isa, || both(&n)) {
                    check(&m, &n, &modulus);
                }
            }
        }
    }
}

/// Asserts that the numbers of all values of a group are below so many times n.
fn bounded(m: &Modulus, group: &[Limbs], n: &[u64], factor: u64) {
    let (form, mut residue) = (Form::of(m), vec![0; m.limbs()]);
    let bound = number(&times(n, if form.sliced { factor } else { 1 }, &[0]));
    for lane in 0..LANES {
        m.scatter(group, lane, &mut residue);
        let below = form.numbers(&residue).iter().all(|x| number(x) < bound);
        assert!(below, "lane {lane}, {} words", n.len());
    }
}

#[test]
fn numbers_at_their_bounds_multiply() {
    each(|m, n, modulus| {
        let (form, mut s) = (Form::of(m), m.scratch());
        let ends = form.ends(n);
        let forms: Vec<Vec<&[u64]>> = match m.numbers {
            1 => ends.iter().map(|x| vec![&x[..]]).collect(),
            _ => ends.iter().flat_map(|x| ends.iter().map(|y| vec![&x[..], &y[..]])).collect(),
        };
        let residues: Vec<u64> = forms.iter().flat_map(|x| form.residue(x)).collect();
        let exports = checked_values(m, n, modulus, &forms);
        let values: Vec<&[u64]> = exports.chunks(m.words()).collect();
        let [mut a, mut b, mut c] = [(); 3].map(|()| vec![Limbs::default(); m.limbs()]);
        for i in (0..values.len()).step_by(LANES) {
            let first = core::array::from_fn(|lane| i + lane);
            m.gather(&residues, first.map(Some), &mut a);
            // Of all pairs of pairs an eighth.
            for shift in (0..values.len()).step_by([1, LANES + 1][m.numbers - 1]) {
                let second = first.map(|i| (i + shift) % values.len());
                m.gather(&residues, second.map(Some), &mut b);
                m.mul(&mut s, &a, &b, &mut c);
                bounded(m, &c, n, 2);
                let products = ungroup(m, &mut s, &c);
                for ((x, y), product) in first.iter().zip(second).zip(products.chunks(m.words())) {
                    assert!(product == mul_mod(values[*x], values[y], modulus), "{x} times {y}");
                }
            }
            m.square_assign(&mut s, &mut a, 1);
            bounded(m, &a, n, 2);
            let squares = ungroup(m, &mut s, &a);
            for (x, square) in first.iter().zip(squares.chunks(m.words())) {
                assert!(square == mul_mod(values[*x], values[*x], modulus), "{x} squared");
            }
        }
    });
}

/// (0, R mod n + k n) comes to n (n + 1) before the last subtraction, k n to n.
#[test]
fn the_largest_values_are_exported() {
    each(|m, n, modulus| {
        let (form, mut s) = (Form::of(m), m.scratch());
        let (zero, radix) = (vec![0], form.radix(n));
        for k in 0..if form.sliced { 8 } else { 1 } {
            let (residue, expected) = match m.numbers {
                1 => (form.residue(&[&times(n, k, &zero)]), &zero),
                _ => (form.residue(&[&zero, &times(n, k, &radix)]), &n.to_vec()),
            };
            let value = exported(m, &mut s, &residue);
            assert!(value == words_of(&number(expected), modulus.len()), "{k}, {} words", n.len());
        }
    });
}

/// Multiples of n and of n^2, and with vectors numbers of R - 1.
#[test]
fn multiples_of_n_are_exported() {
    each(|m, n, modulus| {
        let form = Form::of(m);
        let (mut seconds, last) = (form.ends(n).to_vec(), if form.sliced { 8 } else { 1 });
        let mut firsts: Vec<Vec<u64>> = (0..last).map(|k| times(n, k, &[0])).collect();
        if form.sliced {
            firsts.push(form.ones());
            seconds.push(form.ones());
            // k n + (n - k) n = n^2.
            seconds.extend((0..last).map(|k| less(n, &[k])));
        }
        let pairs = firsts.iter().flat_map(|x| seconds.iter().map(move |y| vec![&x[..], &y[..]]));
        let forms: Vec<Vec<&[u64]>> = match m.numbers {
            1 => firsts.iter().map(|x| vec![&x[..]]).collect(),
            _ => pairs.collect(),
        };
        checked_values(m, n, modulus, &forms);
    });
}

/// Numbers of R - 1, which are longer than any that are imported, with the weights of imports and the largest.
#[test]
fn the_longest_numbers_are_summed() {
    each(|m, n, modulus| {
        let (form, mut s) = (Form::of(m), m.scratch());
        let (radix, ones) = (form.radix(modulus), form.ones());
        let square = mul_mod(&radix, &radix, modulus);
        let mut check = |parts, weights: &[Limbs], sum: &[u64]| {
            let mut raw = vec![Limbs::default(); parts * form.length];
            for (lane, k) in (0..LANES).flat_map(|lane| (0..parts).map(move |k| (lane, k))) {
                m.put_number(&mut raw, lane, [k, parts], &ones);
            }
            let mut out = vec![Limbs::default(); m.limbs()];
            m.run(&mut s.work, Task::Sum(&raw, weights), &mut out);
            bounded(m, &out, n, 6);
            let values = ungroup(m, &mut s, &out);
            let expected = mul_mod(&ones, sum, modulus);
            let mut got = values.chunks(m.words()).map(|value| mul_mod(value, &square, modulus));
            assert!(got.all(|value| value == expected), "{parts} parts, {} words", n.len());
        };
        for parts in 1..=PARTS {
            let powers = joined(&vec![&square[..]; parts], &radix, modulus);
            check(parts, &m.powers[..parts * m.limbs()], &powers);
        }
        let last = less(n, &[1]);
        let largest = vec![&last[..]; m.numbers];
        let mut group = vec![Limbs::default(); m.limbs()];
        m.gather(&form.residue(&largest), [Some(0); LANES], &mut group);
        let four = mul_mod(&joined(&largest, n, modulus), &[PARTS as u64], modulus);
        check(PARTS, &group.repeat(PARTS), &four);
        let factor = reduced(&values(n.len(), 4), modulus);
        let mut residue = vec![0; m.limbs()];
        m.import(&mut m.scratch(), &factor, &mut residue);
        let weight = m.weight(&mut m.scratch(), &residue);
        let both = mul_mod(&square, &joined(&[&[1][..], &factor], &[1], modulus), modulus);
        check(2, &weight.0, &both);
    });
}
