//! Products, squares and sums of values.

use proptest::prelude::*;

use super::*;

const SIZES: [usize; 8] = [512, 555, 1024, 1100, 1536, 2048, 2079, 3072];

#[test]
fn products_and_squares_equal_crypto_bigint() {
    for isa in isa::available() {
        for (i, bits) in SIZES.into_iter().enumerate() {
            for n in [modulus(bits, i as u64), extreme(bits)] {
                for (m, modulus) in isa::with(isa, || both(&n)) {
                    check(&m, &modulus, i as u64);
                }
            }
        }
    }
}

#[test]
fn every_number_of_words_multiplies() {
    for words in MIN_BITS / 64..=MAX_BITS / 64 {
        let n = modulus(64 * words, words as u64);
        for isa in isa::available() {
            for (m, modulus) in isa::with(isa, || both(&n)) {
                let mut s = m.scratch();
                let [x, y] = [1, 2].map(|seed| eight(&modulus, seed));
                let [mut a, b] = [&x, &y].map(|x| group(&m, &mut s, x));
                m.mul_assign(&mut s, &mut a, &b);
                m.square_assign(&mut s, &mut a, 1);
                let got = ungroup(&m, &mut s, &a);
                let lanes = x.chunks(m.words()).zip(y.chunks(m.words()));
                for ((x, y), got) in lanes.zip(got.chunks(m.words())).skip(LANES - 2) {
                    let product = mul_mod(x, y, &modulus);
                    let square = mul_mod(&product, &product, &modulus);
                    assert!(got == square, "{words} words, {}", isa.name());
                }
            }
        }
    }
}

fn check(m: &Modulus, n: &[u64], seed: u64) {
    let mut s = m.scratch();
    let (x, y) = (eight(n, seed), eight(n, seed + 100));
    let (a, mut b) = (group(m, &mut s, &x), group(m, &mut s, &y));
    assert!(ungroup(m, &mut s, &a) == x, "round trip of {} bits", words::bits(n));
    let each = |x: &[u64], y: &[u64]| -> Vec<u64> {
        let pairs = x.chunks(n.len()).zip(y.chunks(n.len()));
        pairs.flat_map(|(x, y)| mul_mod(x, y, n)).collect()
    };
    // A chain, so that factors are not fully reduced.
    let mut product = vec![Limbs::default(); m.limbs()];
    m.mul(&mut s, &a, &b, &mut product);
    let expected = each(&x, &y);
    assert!(ungroup(m, &mut s, &product) == expected, "product of {} bits", words::bits(n));
    m.mul_assign(&mut s, &mut b, &product);
    let expected = each(&y, &expected);
    assert!(ungroup(m, &mut s, &b) == expected, "second product of {} bits", words::bits(n));
    let half = n.len() / m.numbers;
    for width in [1, half, 3 * half / 2, 4 * half] {
        for wide in [values(width * LANES, seed), vec![u64::MAX; width * LANES]] {
            let mut residues = vec![0; LANES * m.limbs()];
            m.import(&mut s, &wide, &mut residues);
            let mut got = x.clone();
            m.export(&mut s, &residues, &mut got);
            let remainders: Vec<u64> = wide.chunks(width).flat_map(|x| reduced(x, n)).collect();
            assert!(got == remainders, "remainders of {} bits", words::bits(n));
        }
    }
    sums(m, &mut s, n, &x, seed);
    m.square_assign(&mut s, &mut b, 2);
    let square = each(&expected, &expected);
    let expected = each(&square, &square);
    assert!(ungroup(m, &mut s, &b) == expected, "squares of {} bits", words::bits(n));
}

/// x + f y.
fn sums(m: &Modulus, s: &mut Scratch, n: &[u64], f: &[u64], seed: u64) {
    let half = n.len() / m.numbers;
    let mut residues = vec![0; LANES * m.limbs()];
    m.import(s, f, &mut residues);
    for (f, residue) in f.chunks(n.len()).zip(residues.chunks(m.limbs())) {
        let factor = m.weight(s, residue);
        for x in [values(half * LANES, seed), vec![u64::MAX; half * LANES]] {
            let y: Vec<u64> = x.iter().rev().copied().collect();
            let mut out = vec![0; LANES * m.limbs()];
            m.import_sum(s, &x, &factor, &y, &mut out);
            let mut got = vec![0; LANES * n.len()];
            m.export(s, &out, &mut got);
            let each = x.chunks(half).zip(y.chunks(half)).flat_map(|(x, y)| {
                let [x, y] = [x, y].map(|x| reduced(x, n));
                let product = mul_mod(&y, f, n);
                let sum = number(&x).add_mod(&number(&product), &number(n).to_nz().unwrap());
                words_of(&sum, n.len())
            });
            assert!(got == each.collect::<Vec<_>>(), "sums of {} bits", words::bits(n));
        }
    }
}

/// What is not fully reduced stays in its bounds, and every form of a value is exported alike.
#[test]
fn long_chains_stay_in_their_bounds() {
    for bits in [1024, 1536, 2048, 3072] {
        for n in [modulus(bits, 3), extreme(bits)] {
            let ends: Vec<Vec<u64>> = isa::available()
                .into_iter()
                .map(|isa| {
                    let m = isa::with(isa, || Modulus::squared(&n));
                    let mut s = m.scratch();
                    let mut x = group(&m, &mut s, &edges(&n));
                    let y = group(&m, &mut s, &vec![u64::MAX; 4 * n.len() * LANES]);
                    for round in 0..300 {
                        match round % 5 {
                            0 | 3 => m.mul_assign(&mut s, &mut x, &y),
                            _ => m.square_assign(&mut s, &mut x, 1),
                        }
                    }
                    ungroup(&m, &mut s, &x)
                })
                .collect();
            let square = words::square(&n);
            let all = reduced(&vec![u64::MAX; 4 * n.len()], &square);
            for (lane, x) in edges(&n).chunks(2 * n.len()).enumerate() {
                let mut x = x.to_vec();
                for round in 0..300 {
                    let by = if matches!(round % 5, 0 | 3) { &all } else { &x };
                    x = mul_mod(&x, by, &square);
                }
                for end in &ends {
                    assert!(end[lane * x.len()..][..x.len()] == x, "lane {lane}, {bits} bits");
                }
            }
        }
    }
}

/// 0, 1, n - 1, n, n + 1, n^2 - n, n^2 - n + 1 and n^2 - 1.
fn edges(n: &[u64]) -> Vec<u64> {
    let square = number(&words::square(n));
    let (n, one) = (
        number(n).resize(square.bits_precision()),
        BoxedUint::one().resize(square.bits_precision()),
    );
    let zero = one.wrapping_sub(&one);
    let below = square.wrapping_sub(&n);
    [
        zero,
        one.clone(),
        n.wrapping_sub(&one),
        n.clone(),
        n.wrapping_add(&one),
        below.clone(),
        below.wrapping_add(&one),
        square.wrapping_sub(&one),
    ]
    .iter()
    .flat_map(|x| words_of(x, square.to_words().len()))
    .collect()
}

#[test]
fn edges_multiply() {
    for isa in isa::available() {
        for bits in [512, 1024, 1100, 2048, 3072] {
            for n in [modulus(bits, 8), extreme(bits)] {
                let m = isa::with(isa, || Modulus::squared(&n));
                let (mut s, square) = (m.scratch(), words::square(&n));
                let x = edges(&n);
                for shift in 0..LANES {
                    let mut y = x.clone();
                    y.rotate_left(shift * square.len());
                    let (mut a, b) = (group(&m, &mut s, &x), group(&m, &mut s, &y));
                    m.mul_assign(&mut s, &mut a, &b);
                    let pairs = x.chunks(square.len()).zip(y.chunks(square.len()));
                    let expected: Vec<u64> =
                        pairs.flat_map(|(x, y)| mul_mod(x, y, &square)).collect();
                    assert!(ungroup(&m, &mut s, &a) == expected, "{bits} bits, {}", isa.name());
                }
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn random_moduli_agree(bits in MIN_BITS..=2200_usize, seed in any::<u64>()) {
        let n = modulus(bits, seed);
        for isa in isa::available() {
            for (m, modulus) in isa::with(isa, || both(&n)) {
                check(&m, &modulus, seed >> 1);
            }
        }
    }
}

#[test]
fn bad_moduli_are_refused() {
    for n in [vec![2; 16], vec![1; 7], vec![], [vec![1; 16], vec![0]].concat(), vec![u64::MAX; 49]]
    {
        assert!(std::panic::catch_unwind(|| Modulus::new(&n)).is_err(), "{} words", n.len());
    }
}
