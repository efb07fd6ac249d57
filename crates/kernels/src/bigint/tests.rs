#![allow(clippy::unwrap_used)]

use crypto_bigint::BoxedUint;
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

const SIZES: [usize; 10] = [512, 555, 1024, 1100, 2048, 2079, 3072, 4096, 5000, 6144];

#[test]
fn products_and_squares_equal_crypto_bigint() {
    for isa in isa::available() {
        for (i, bits) in SIZES.into_iter().enumerate() {
            for n in [modulus(bits, i as u64), extreme(bits)] {
                isa::with(isa, || check(&Modulus::new(&n), &n, i as u64));
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
    let mut sum = product;
    m.add_assign(&mut s, &mut sum, &b);
    let two = |x: &[u64], y: &[u64]| {
        words_of(&number(x).add_mod(&number(y), &number(n).to_nz().unwrap()), n.len())
    };
    let first = each(&x, &y);
    let pairs = first.chunks(n.len()).zip(expected.chunks(n.len()));
    let sums: Vec<u64> = pairs.flat_map(|(x, y)| two(x, y)).collect();
    assert!(ungroup(m, &mut s, &sum) == sums, "sum of {} bits", words::bits(n));
    let mut wide = values(2 * LANES * n.len(), seed);
    // Up to just below n 2^bits.
    for (wide, top) in wide.chunks_mut(n.len()).skip(1).step_by(2).zip(x.chunks(n.len())) {
        let spare = 64 * n.len() - words::bits(n);
        let shift = if spare > 0 { spare + 1 } else { 0 };
        wide.copy_from_slice(&words_of(&number(top).shr(shift as u32), n.len()));
    }
    let mut residues = vec![0; LANES * m.limbs()];
    m.import_wide(&mut s, &wide, &mut residues);
    let mut got = x.clone();
    m.export(&mut s, &residues, &mut got);
    let remainders: Vec<u64> = wide.chunks(2 * n.len()).flat_map(|x| reduced(x, n)).collect();
    assert!(got == remainders, "remainders of {} bits", words::bits(n));
    m.square_assign(&mut s, &mut b, 2);
    let square = each(&expected, &expected);
    let expected = each(&square, &square);
    assert!(ungroup(m, &mut s, &b) == expected, "squares of {} bits", words::bits(n));
}

#[test]
fn powers_equal_repeated_products() {
    for isa in isa::available() {
        let n = modulus(777, 5);
        let m = isa::with(isa, || Modulus::new(&n));
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
            isa::with(isa, || check(&Modulus::new(&n), &n, seed >> 1));
        }
    }
}

#[test]
fn bad_moduli_are_refused() {
    for n in [vec![2; 16], vec![1; 7], vec![], [vec![1; 16], vec![0]].concat(), vec![u64::MAX; 97]]
    {
        assert!(std::panic::catch_unwind(|| Modulus::new(&n)).is_err(), "{} words", n.len());
    }
}

/// The 52-bit integer arithmetic on imitated multiply-adds, for machines without IFMA.
#[cfg(target_arch = "x86_64")]
#[test]
fn integer_products_equal_those_of_doubles() {
    use super::wide::{Constants, Factors};

    #[target_feature(enable = "avx512f,avx512dq")]
    fn product(c: &Constants, factors: Factors<'_>, scratch: &mut [Limbs], out: &mut [Limbs]) {
        // SAFETY: the features of the multiplier, with imitated multiply-adds, are enabled here.
        unsafe {
            wide::product::<multipliers::Integers<crate::ntt::Imitated>>(c, factors, scratch, out);
        }
    }

    if !isa::available().contains(&Isa::Avx512) {
        return;
    }
    for bits in [512, 1024, 4096] {
        for n in [modulus(bits, 4), extreme(bits)] {
            let m = isa::with(Isa::Avx512, || Modulus::new(&n));
            let mut s = m.scratch();
            let inverse = words::minus_inverse_wide(&n);
            let broadcast = |words: &[u64], i| Limbs([words::limb52(words, i); LANES]);
            let mut own = Wiped::zeros(m.limbs());
            own.iter_mut().enumerate().for_each(|(i, limbs)| *limbs = broadcast(&n, i));
            let constants = Constants {
                n: own,
                minus_inverse: core::array::from_fn(|i| broadcast(&inverse, i)),
            };
            let (a, b) = (group(&m, &mut s, &eight(&n, 1)), group(&m, &mut s, &eight(&n, 2)));
            let mut expected = vec![Limbs::default(); m.limbs()];
            let (mut got, mut work) = (expected.clone(), vec![Limbs::default(); 3 * m.limbs()]);
            m.mul(&mut s, &a, &b, &mut expected);
            // SAFETY: AVX-512 is available; so below.
            unsafe { product(&constants, Factors::Two(&a, &b), &mut work, &mut got) };
            assert!(got == expected, "product of {bits} bits");
            m.square_assign(&mut s, &mut expected, 1);
            let square = got.clone();
            unsafe { product(&constants, Factors::Square(&square), &mut work, &mut got) };
            assert!(got == expected, "square of {bits} bits");
        }
    }
}
