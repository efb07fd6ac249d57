//! What a client sees: the leaks of `paper`, and that `affine` has them not.
#![allow(clippy::unwrap_used)]

use super::blind::{Blinding, distance};
use crate::session::PopcornMode::{self, Affine, Paper};
use sordino_he::paillier::{Computed, Plaintexts, Pool, SecretKey, Strength};
use sordino_secret::SecretRng;
use std::sync::OnceLock;

fn rng(seed: u8) -> SecretRng {
    SecretRng::from_seed([seed; 32])
}

/// One key for all tests of a process.
fn key() -> &'static SecretKey {
    static KEY: OnceLock<SecretKey> = OnceLock::new();
    KEY.get_or_init(|| SecretKey::generate(Strength::Bits112, &mut rng(1)))
}

fn encrypt(values: &[i128]) -> Computed {
    let public = key().public();
    Computed::constants(public, &Plaintexts::from_signed(public, values)).unwrap()
}

/// The plaintexts that a client sees.
fn open(x: &Computed) -> Plaintexts {
    let mut pool = Pool::new(key().public());
    key().fill(&mut pool, x.len(), &mut rng(2)).unwrap();
    key().decrypt(&x.release(&mut pool).unwrap()).unwrap()
}

fn blind(mode: PopcornMode, values: &[i128], seed: u8) -> (Plaintexts, Vec<u64>) {
    let blinded = Blinding::new(mode, BITS).apply(&encrypt(values), &mut rng(seed)).unwrap();
    (open(&blinded.values), blinded.turned.to_vec())
}

/// Bits of the values in these tests.
const BITS: u32 = 15;

fn values(count: usize, seed: u8) -> Vec<i128> {
    let mut rng = rng(seed);
    (0..count).map(|_| i128::from((rng.next_u64() as i64) >> (65 - BITS))).collect()
}

/// The magnitude modulo m, as the client computes it.
fn remainder(plain: &Plaintexts, i: usize, positive: bool, m: u64) -> u64 {
    let of = |x: &[u64]| {
        x.iter().rev().fold(0, |rest: u128, word| (rest << 64 | u128::from(*word)) % u128::from(m))
            as u64
    };
    let (n, x) = (of(key().public().modulus()), of(plain.words(i)));
    if positive { x } else { (n + m - x) % m }
}

fn gcd(a: i128, b: i128) -> i128 {
    if b == 0 { a.abs() } else { gcd(b, a % b) }
}

#[test]
fn blinded_values_have_the_right_signs() {
    for mode in [Affine, Paper] {
        let mut v = values(300, 3);
        v.extend([0, 1, -1, (1 << (BITS - 1)) - 1, -(1 << (BITS - 1))]);
        let (z, turned) = blind(mode, &v, 4);
        let positive = z.positive(key().public());
        for (i, v) in v.iter().enumerate() {
            assert_eq!(positive[i] ^ turned[i], u64::from(*v > 0), "{mode:?} {v}");
        }
    }
}

/// A client counts the active units of a layer, and sees one flip as its input moves.
#[test]
fn signs_are_an_oracle_in_the_published_mode_alone() {
    let count = |mode, shift: i128, seed| {
        let v: Vec<i128> = (-100..100).map(|v| v + shift).collect();
        let z = blind(mode, &v, seed).0;
        z.positive(key().public()).iter().sum::<u64>()
    };
    let seen: Vec<u64> = (0..6).map(|shift| count(Paper, shift, 5 + shift as u8)).collect();
    assert_eq!(seen, [99, 100, 101, 102, 103, 104]);
    // All positive, all negative: half of the coins, within five standard deviations.
    for shift in [1000, -1000] {
        let seen = count(Affine, shift, 12) as i64;
        assert!((seen - 100).abs() < 36, "{seen} of 200");
    }
}

#[test]
fn zeros_show_in_the_published_mode_alone() {
    let zeros = |mode| {
        let z = blind(mode, &[0; 40], 20).0;
        (0..40).filter(|i| z.words(*i).iter().all(|word| *word == 0)).count()
    };
    assert_eq!((zeros(Paper), zeros(Affine)), (40, 0));
}

#[test]
fn values_divide_what_is_seen_in_the_published_mode_alone() {
    let v: Vec<i128> = (0..300).map(|i| 101 + 2 * i).collect();
    let divides = |mode, of: &dyn Fn(i128) -> i128| {
        let z = blind(mode, &v, 21).0;
        let positive = z.positive(key().public());
        let hit = |i: &usize| remainder(&z, *i, positive[*i] == 1, of(v[*i]) as u64) == 0;
        (0..v.len()).filter(hit).count()
    };
    assert_eq!(divides(Paper, &|v| v), v.len());
    // By chance one or two.
    let guesses: [&dyn Fn(i128) -> i128; 2] = [&|v| v, &|v| 2 * v - 1];
    for of in guesses {
        let hits = divides(Affine, of);
        assert!(hits < 10, "{hits}");
    }
}

/// A factor used for two values gives both away; offsets hide them even then.
#[test]
fn a_factor_used_twice() {
    let v = [7919, 6007];
    let r = 0x9e37_79b9_7f4a_7c15_u64;
    let same = encrypt(&v).multiply(&[r, r], 1).unwrap();
    let seen = open(&same).to_signed(key().public()).unwrap();
    let factor = gcd(seen[0], seen[1]);
    assert_eq!([seen[0] / factor, seen[1] / factor], v);
    let z = blind(Affine, &v, 22).0;
    let both =
        |m: u64| (0..2).all(|i| remainder(&z, i, true, m) == 0 || remainder(&z, i, false, m) == 0);
    assert!(![2 * 7919 - 1, 2 * 6007 - 1, 7919, 6007].into_iter().any(both));
}

/// The length of what is seen tells a published value's to about a bit, and nearly nothing of another's.
#[test]
fn lengths_tell_less_than_the_bound() {
    let lengths = |mode, v: i128, seed| -> Vec<u32> {
        let z = blind(mode, &[v; 600], seed).0;
        let positive = z.positive(key().public());
        let length = |i: usize| {
            let mut x = z.words(i).to_vec();
            if positive[i] == 0 {
                let mut borrow = 0;
                for (x, n) in x.iter_mut().zip(key().public().modulus()) {
                    let (d, first) = n.overflowing_sub(*x);
                    let (d, second) = d.overflowing_sub(borrow);
                    (*x, borrow) = (d, u64::from(first) | u64::from(second));
                }
            }
            let top = x.iter().rposition(|word| *word != 0).unwrap();
            64 * top as u32 + 64 - x[top].leading_zeros()
        };
        (0..600).map(length).collect()
    };
    // The best guess by a threshold on the length, less guessing.
    let advantage = |a: &[u32], b: &[u32]| {
        let share = |x: &[u32], t| x.iter().filter(|l| **l <= t).count() as f64 / x.len() as f64;
        (0..2048).map(|t| (share(a, t) - share(b, t)).abs()).fold(0.0, f64::max)
    };
    let (small, large) = (40, 12_000);
    let paper = advantage(&lengths(Paper, small, 30), &lengths(Paper, large, 31));
    assert!(paper > 0.98, "{paper}");
    let affine = advantage(&lengths(Affine, small, 32), &lengths(Affine, large, 33));
    let bound = distance(BITS, f64::from(2 * large as i32 - 1).log2() - 79_f64.log2());
    println!("advantage {affine:.3} in affine, at most {bound:.3}; {paper:.3} in paper");
    // 600 samples each: four standard deviations.
    assert!(affine < bound + 0.115, "{affine} above {bound}");
}
