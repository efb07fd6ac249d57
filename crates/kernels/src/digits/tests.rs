#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::isa;
use crate::prg::Prg;

const PRIMES: [u8; 12] = [2, 3, 5, 7, 13, 29, 31, 61, 101, 127, 131, 251];

fn radix() -> impl Strategy<Value = Radix> {
    proptest::sample::select(&PRIMES[..]).prop_map(Radix::new)
}

fn bytes(len: usize, seed: u64) -> Vec<u8> {
    let mut bytes = vec![0; len];
    Prg::new(Block(seed.into())).fill_bytes(&mut bytes);
    bytes
}

/// Digits below p, the greatest one among them.
fn digits(r: Radix, len: usize, seed: u64) -> Vec<u8> {
    let digit = |byte: u8| if byte > 200 { r.p() - 1 } else { byte % r.p() };
    bytes(len, seed).into_iter().map(digit).collect()
}

fn label(r: Radix, seed: u64) -> Vec<u8> {
    digits(r, r.digits(), seed)
}

fn packed(r: Radix, label: &[u8]) -> Block {
    let place = |(i, &digit): (usize, &u8)| u128::from(digit) << (i as u32 * r.bits());
    Block(label.iter().enumerate().map(place).sum())
}

/// base + v delta, with v of any sign.
fn walk(r: Radix, base: &[u8], v: i32, delta: &[u8]) -> Vec<u8> {
    let step =
        |(b, d): (&u8, &u8)| (i32::from(*b) + v * i32::from(*d)).rem_euclid(r.p().into()) as u8;
    base.iter().zip(delta).map(step).collect()
}

/// Asserts that a result is the same at every level.
fn check<T: PartialEq>(expected: &T, run: impl Fn() -> T) {
    for isa in isa::available() {
        assert!(isa::with(isa, &run) == *expected, "{isa:?}");
    }
}

#[test]
fn sizes_of_labels() {
    let sizes = [(2, 1, 128), (7, 3, 42), (13, 4, 32), (61, 6, 21), (127, 7, 18), (251, 8, 16)];
    for (p, bits, digits) in sizes {
        let r = Radix::new(p);
        assert_eq!((r.p(), r.bits(), r.digits()), (p, bits, digits));
    }
    let primes = (2..=255_u8).filter(|p| (2..*p).all(|d| p % d > 0));
    for p in primes.filter(|&p| p > 2) {
        assert_eq!(Radix::new(p).bits(), u32::from(p).next_power_of_two().trailing_zeros());
    }
}

#[test]
fn a_composite_modulus_is_refused() {
    for p in [0, 1, 4, 169, 221, 255] {
        assert!(std::panic::catch_unwind(|| Radix::new(p)).is_err(), "{p}");
    }
}

#[test]
fn residues_of_all_words() {
    for p in PRIMES {
        let r = Radix::new(p);
        for x in 0..=u16::MAX {
            assert_eq!(r.reduce(x), x % u16::from(p), "{x} mod {p}");
        }
    }
}

#[test]
fn tampered_fields_are_folded() {
    for p in PRIMES {
        let r = Radix::new(p);
        let field = (1_u8.wrapping_shl(r.bits())).wrapping_sub(1);
        let field = if r.bits() == 8 { 255 } else { field };
        let expected = vec![if field >= p { field - p } else { field }; 5 * r.digits()];
        check(&expected, || {
            let mut out = vec![9; 5 * r.digits()];
            unpack(r, &[Block(u128::MAX); 5], &mut out);
            out
        });
    }
}

#[test]
fn select_beyond_the_table_is_zero() {
    let table = vec![Block(7); 20];
    let index: Vec<u8> = (0..=255).collect();
    let expected: Vec<Block> =
        index.iter().map(|&i| if i < 20 { Block(7) } else { Block::ZERO }).collect();
    check(&expected, || {
        let mut out = vec![Block(1); 256];
        select(&table, &index, &mut out);
        out
    });
}

/// The rule of [`sample`], word by word, and how many digits were replaced.
fn sample_reference(r: Radix, seed: Block, k: u64) -> (Vec<u8>, usize) {
    let mut stream = vec![Block::ZERO; 256];
    crate::prg::expand(&[seed], k << 8, &mut stream);
    let words: &[u16] = bytemuck::must_cast_slice(&stream);
    let limit = 65536 / u32::from(r.p()) * u32::from(r.p());
    let accepted = |word: &&u16| u32::from(**word) < limit;
    let mut spare = words[r.digits().div_ceil(8) * 8..].iter().filter(accepted);
    let first = words[..r.digits()].iter();
    let replaced = first.clone().filter(|word| !accepted(word)).count();
    let label = first
        .map(|word| if accepted(&word) { word } else { spare.next().unwrap() })
        .map(|word| (word % u16::from(r.p())) as u8);
    (label.collect(), replaced)
}

#[test]
fn samples_follow_their_rule() {
    for p in PRIMES {
        let r = Radix::new(p);
        let seed = Block(99);
        let labels: Vec<_> = (1000..1500).map(|k| sample_reference(r, seed, k)).collect();
        let replaced: usize = labels.iter().map(|(_, replaced)| replaced).sum();
        assert!(replaced > 0 || 65536 % u32::from(p) < 10, "no digit was rejected modulo {p}");
        let expected: Vec<u8> = labels.into_iter().flat_map(|(label, _)| label).collect();
        check(&expected, || {
            let mut out = vec![0; 500 * r.digits()];
            sample(r, seed, 1000, &mut out);
            out
        });
    }
}

#[test]
fn samples_do_not_depend_on_cuts() {
    let (r, first) = (Radix::new(61), u64::MAX - 99);
    let mut whole = vec![0; 100 * r.digits()];
    sample(r, Block(5), first, &mut whole);
    for cut in [0, 1, 32, 33, 61] {
        let mut parts = vec![0; whole.len()];
        let (a, b) = parts.split_at_mut(cut * r.digits());
        sample(r, Block(5), first, a);
        sample(r, Block(5), first + cut as u64, b);
        assert_eq!(whole, parts);
    }
}

proptest! {
    #[test]
    fn packing(r in radix(), n in 0_usize..40, seed: u64) {
        let labels = digits(r, n * r.digits(), seed);
        let blocks: Vec<Block> = labels.chunks(r.digits()).map(|l| packed(r, l)).collect();
        check(&blocks, || {
            let mut out = vec![Block(3); n];
            pack(r, &labels, &mut out);
            out
        });
        check(&labels, || {
            let mut out = vec![3; labels.len()];
            unpack(r, &blocks, &mut out);
            out
        });
    }

    #[test]
    fn ladders(r in radix(), len in 0_usize..=251, seed: u64) {
        let len = len.min(r.p().into());
        let (base, mut delta) = (label(r, seed), label(r, seed ^ 1));
        let rungs: Vec<Block> =
            (0..len as i32).map(|v| packed(r, &walk(r, &base, v, &delta))).collect();
        check(&rungs, || {
            let mut out = vec![Block(3); len];
            ladder(r, &base, &delta, &mut out);
            out
        });
        delta[0] = 1;
        let colours = 0..i32::from(r.p());
        let by_colour: Vec<Block> = colours
            .map(|c| packed(r, &walk(r, &base, c - i32::from(base[0]), &delta)))
            .collect();
        let colour = |key: &Block| key.0 & ((1 << r.bits()) - 1);
        prop_assert!(by_colour.iter().zip(0..).all(|(key, c)| colour(key) == c));
        check(&by_colour, || {
            let mut out = vec![Block(3); r.p().into()];
            keys(r, &base, &delta, &mut out);
            out
        });
    }

    #[test]
    fn selection(len in 0_usize..=256, n in 0_usize..80, seed: u64) {
        let mut table = vec![Block::ZERO; len];
        Prg::new(Block(seed.into())).fill_blocks(&mut table);
        let index = bytes(n, seed ^ 1);
        let rows: Vec<Block> =
            index.iter().map(|&i| table.get(usize::from(i)).copied().unwrap_or_default()).collect();
        check(&rows, || {
            let mut out = vec![Block(3); n];
            select(&table, &index, &mut out);
            out
        });
    }

    #[test]
    fn rotation(len in 2_usize..=251, by: u8, seed: u64) {
        let (f, by) = (bytes(len, seed), by % len as u8);
        let mut rotated = f.clone();
        rotated.rotate_right(by.into());
        check(&rotated, || {
            let mut out = vec![3; len];
            rotate(&f, by, &mut out);
            out
        });
    }

    #[test]
    fn arithmetic(r in radix(), n in 0_usize..20, c: u8, seed: u64) {
        let (len, c) = (n * r.digits(), c % r.p());
        let [a, b, each] = [1, 2, 3].map(|i| digits(r, len, seed ^ i));
        let one = label(r, seed ^ 4);
        let by_digit = |f: &dyn Fn(i32, i32) -> i32| -> Vec<u8> {
            let p = i32::from(r.p());
            a.iter().zip(&b).map(|(a, b)| f((*a).into(), (*b).into()).rem_euclid(p) as u8).collect()
        };
        let w = i32::from(c);
        let labels = a.chunks(r.digits()).zip(&each);
        let broadcast: Vec<u8> =
            labels.clone().flat_map(|(a, c)| walk(r, a, (*c).into(), &one)).collect();
        let pairwise: Vec<u8> = labels
            .zip(b.chunks(r.digits()))
            .flat_map(|((a, c), b)| walk(r, a, (*c).into(), b))
            .collect();
        let expected = [
            by_digit(&|a, b| a + b),
            by_digit(&|a, b| a - b),
            by_digit(&|a, _| w * a),
            by_digit(&|a, b| (a - b) * w),
            by_digit(&|a, b| a + w * b),
            broadcast,
            pairwise,
        ];
        check(&expected, || {
            let mut out = core::array::from_fn(|_| a.clone());
            let [sum, difference, scaled, eliminated, multiple, all, pairs] = &mut out;
            add(r, &a, &b, sum);
            sub(r, &a, &b, difference);
            scale(r, c, &a, scaled);
            sub_scale(r, eliminated, &b, c);
            add_scaled(r, multiple, c, &b);
            add_each(r, all, &each[..n], &one);
            add_each(r, pairs, &each[..n], &b);
            out
        });
    }
}
