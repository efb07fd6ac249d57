#![allow(clippy::unwrap_used)]

use crypto_bigint::{BoxedUint, Resize};
use proptest::prelude::*;

use super::*;
use crate::isa::{self, Isa};

fn number(words: &[u64]) -> BoxedUint {
    BoxedUint::from_words(words.iter().copied())
}

fn words_of(x: &BoxedUint, words: usize) -> Vec<u64> {
    let mut out: Vec<u64> = x.to_words().to_vec();
    out.resize(words, 0);
    out
}

fn values(count: usize, seed: u64) -> Vec<u64> {
    let mut out = vec![0; count];
    crate::prg::Prg::new(crate::Block(u128::from(seed))).fill_words(&mut out);
    out
}

/// Random, of exactly this many bits and odd.
fn modulus(bits: usize, seed: u64) -> Vec<u64> {
    let mut n = values(bits.div_ceil(64), seed);
    let top = n.len() - 1;
    let spare = 64 * n.len() - bits;
    n[top] = (n[top] | 1 << 63) >> spare;
    n[0] |= 1;
    n
}

fn reduced(x: &[u64], n: &[u64]) -> Vec<u64> {
    let n = number(n).to_nz().unwrap();
    words_of(&number(x).rem(&n), n.as_ref().to_words().len())
}

fn mul_mod(a: &[u64], b: &[u64], n: &[u64]) -> Vec<u64> {
    words_of(&number(a).mul_mod(&number(b), &number(n).to_nz().unwrap()), n.len())
}

/// Eight values: edges, then random ones.
fn eight(n: &[u64], seed: u64) -> Vec<u64> {
    let words = n.len();
    let mut out = vec![0; LANES * words];
    out[words] = 1;
    out[2 * words..3 * words].copy_from_slice(n);
    out[2 * words] -= 1;
    for lane in 3..LANES {
        let random = match lane {
            3 => [vec![u64::MAX; words - 1], vec![0]].concat(),
            _ => values(words, seed + lane as u64),
        };
        out[lane * words..(lane + 1) * words].copy_from_slice(&reduced(&random, n));
    }
    out
}

fn group(m: &Modulus, s: &mut Scratch, values: &[u64]) -> Vec<Limbs> {
    let mut residues = vec![0; LANES * m.limbs()];
    m.import(s, values, &mut residues);
    let mut group = vec![Limbs::default(); m.limbs()];
    m.gather(&residues, core::array::from_fn(Some), &mut group);
    group
}

fn ungroup(m: &Modulus, s: &mut Scratch, group: &[Limbs]) -> Vec<u64> {
    let mut residues = vec![0; LANES * m.limbs()];
    for (lane, residue) in residues.chunks_exact_mut(m.limbs()).enumerate() {
        m.scatter(group, lane, residue);
    }
    let mut values = vec![0; LANES * m.words()];
    m.export(s, &residues, &mut values);
    values
}

const SIZES: [usize; 8] = [512, 555, 1024, 1100, 1536, 2048, 2079, 3072];

/// n, both moduli made of it and what they are.
fn both(n: &[u64]) -> [(Modulus, Vec<u64>); 2] {
    [(Modulus::new(n), n.to_vec()), (Modulus::squared(n), words::square(n).to_vec())]
}

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

/// 2^bits - 1.
fn extreme(bits: usize) -> Vec<u64> {
    let mut n = vec![u64::MAX; bits.div_ceil(64)];
    let top = n.len() - 1;
    n[top] >>= 64 * n.len() - bits;
    n
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

#[test]
fn powers_equal_repeated_products() {
    for (isa, squared) in isa::available().into_iter().flat_map(|isa| [(isa, false), (isa, true)]) {
        let n = modulus(777, 5);
        let (m, n) = isa::with(isa, || both(&n)).into_iter().nth(usize::from(squared)).unwrap();
        let mut s = m.scratch();
        let x = eight(&n, 9);
        let mut exponents = values(2 * LANES, 3);
        exponents[..6].copy_from_slice(&[0, 0, 1, 0, u64::MAX, u64::MAX]);
        let expected: Vec<u64> = x
            .chunks(n.len())
            .zip(exponents.chunks(2))
            .flat_map(|(x, e)| {
                let mut power = reduced(&[1], &n);
                power.resize(n.len(), 0);
                for bit in (0..128).rev() {
                    power = mul_mod(&power, &power, &n);
                    if e[bit / 64] >> (bit % 64) & 1 == 1 {
                        power = mul_mod(&power, x, &n);
                    }
                }
                power
            })
            .collect();
        let mut g = group(&m, &mut s, &x);
        m.pow(&mut s, &mut g, core::array::from_fn(|i| &exponents[2 * i..2 * i + 2]), 128);
        assert!(ungroup(&m, &mut s, &g) == expected, "{}", isa.name());
    }
}

/// Exponents side by side are one long exponent.
#[test]
fn powers_raise_onto_powers() {
    for isa in isa::available() {
        let n = modulus(1024, 6);
        let m = isa::with(isa, || Modulus::new(&n));
        let mut s = m.scratch();
        let base = group(&m, &mut s, &eight(&n, 9));
        let exponents = values(3 * LANES, 10);
        for bits in [1, 5, 64, 67, 128] {
            let each: [&[u64]; LANES] = core::array::from_fn(|i| &exponents[3 * i..3 * i + 3]);
            let joined = each.map(|e| {
                let low = u128::from(e[0]) | u128::from(e[1]) << 64;
                let low = low & (u128::MAX >> (128 - bits));
                let high = [u128::from(e[2]) << (bits % 128), u128::from(e[2]) >> (128 - bits)];
                let high = if bits == 128 { [0, u128::from(e[2])] } else { high };
                [low | high[0], high[1]].map(|x| [x as u64, (x >> 64) as u64]).concat()
            });
            let (mut expected, mut got) = (base.clone(), base.clone());
            m.pow(&mut s, &mut expected, core::array::from_fn(|i| &joined[i][..]), 256);
            m.pow(&mut s, &mut got, each.map(|e| &e[2..]), 64);
            m.raise_onto(&mut s, &mut got, &base, each, bits);
            let [got, expected] = [got, expected].map(|x| ungroup(&m, &mut s, &x));
            assert!(got == expected, "{bits} bits, {}", isa.name());
        }
    }
}

#[test]
fn fixed_bases_equal_powers() {
    for isa in isa::available() {
        let n = modulus(1024, 6);
        let m = isa::with(isa, || Modulus::new(&n));
        let mut s = m.scratch();
        let base = reduced(&values(16, 1), &n);
        let mut residue = vec![0; m.limbs()];
        m.import(&mut s, &base, &mut residue);
        for (bits, window) in [(120, 6), (100, 1), (128, 8)] {
            let fixed = FixedBase::new(&m, &residue, bits, window);
            let mut exponents = values(16 * 2, 8);
            exponents[..4].copy_from_slice(&[0, 0, 1, 0]);
            for e in exponents.chunks_mut(2) {
                e[1] &= if bits == 128 { u64::MAX } else { (1 << (bits - 64)) - 1 };
            }
            let mut got = vec![Limbs::default(); 2 * m.limbs()];
            fixed.pow(&m, &mut s, &exponents, &mut got);
            for (exponents, got) in exponents.chunks(16).zip(got.chunks(m.limbs())) {
                let mut expected = group(&m, &mut s, &base.repeat(LANES));
                let each = core::array::from_fn(|i| &exponents[2 * i..2 * i + 2]);
                m.pow(&mut s, &mut expected, each, 128);
                let got = ungroup(&m, &mut s, got);
                assert!(got == ungroup(&m, &mut s, &expected), "{bits} bits, {}", isa.name());
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

/// The 52-bit integer arithmetic on imitated multiply-adds, for machines without IFMA.
#[cfg(target_arch = "x86_64")]
#[test]
fn integer_products_equal_those_of_doubles() {
    use super::wide::Constants;

    #[target_feature(enable = "avx512f,avx512dq")]
    fn run(c: &Constants, task: Task<'_>, scratch: &mut [Limbs], out: &mut [Limbs]) {
        // SAFETY: the features of the multiplier, with imitated multiply-adds, are enabled here.
        unsafe {
            wide::run::<multipliers::Integers<crate::ntt::Imitated>>(c, task, scratch, out);
        }
    }

    if !isa::available().contains(&Isa::Avx512) {
        return;
    }
    for bits in [512, 1024, 2048] {
        for n in [modulus(bits, 4), extreme(bits)] {
            for (m, modulus) in isa::with(Isa::Avx512, || both(&n)) {
                let mut s = m.scratch();
                let constants =
                    Constants::new(&n, m.limbs() / m.numbers, |a, out| out.copy_from_slice(a));
                let [a, b] = [1, 2].map(|seed| group(&m, &mut s, &eight(&modulus, seed)));
                let mut work = vec![Limbs::default(); 3 * m.limbs()];
                let (mut got, mut expected) = (a.clone(), a.clone());
                for task in [Task::Product(&a, &b), Task::Square(&b), Task::Value(&a)] {
                    m.run(&mut work, task, &mut expected);
                    // SAFETY: AVX-512 is available.
                    unsafe { run(&constants, task, &mut work, &mut got) };
                    assert!(got == expected, "{bits} bits");
                }
            }
        }
    }
}
