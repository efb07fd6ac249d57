//! The published break of arithmetic garbling with composite moduli, and why it has no target
//! here.
//!
//! A gate on Z_m with even m gives its evaluator one key X; the key of the value m/2 away is
//! X + (m/2) D, and (m/2) D has one unknown bit per digit. Two sign gates on the same offset tell
//! the right guess: both then give the same difference of output labels, the global offset of the
//! output's modulus.
#![allow(clippy::unwrap_used)]

use sordino_garble::{Prime, gadget};
use sordino_kernels::{Block, hash};

const BITS: usize = 7;
const DIGITS: usize = 18;

type Label = [u8; DIGITS];

fn pack(l: &Label) -> Block {
    Block(l.iter().enumerate().fold(0, |b, (i, &d)| b | u128::from(d) << (i * BITS)))
}

fn add(a: &Label, b: &Label, times: u32, m: u32) -> Label {
    std::array::from_fn(|i| ((u32::from(a[i]) + times * u32::from(b[i])) % m) as u8)
}

fn hash_of(l: &Label, tweak: u64) -> u128 {
    let mut out = [Block::ZERO];
    hash::tmmo(&[pack(l)], tweak, &mut out);
    out[0].0
}

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 24
    }

    fn label(&mut self, m: u32) -> Label {
        std::array::from_fn(|_| (self.next() % u64::from(m)) as u8)
    }
}

/// What an evaluator holds of a sign gate Z_m -> Z_2: the rows in colour order, its label, and
/// the gate's tweak.
struct Gate {
    rows: Vec<u128>,
    label: Label,
    tweak: u64,
}

fn sign_gate(rng: &mut Random, m: u32, offset: &Label, bit_offset: u128, tweak: u64) -> Gate {
    let zero = rng.label(m);
    let out = u128::from(rng.next()) << 64 | u128::from(rng.next());
    let mut rows = vec![0; m as usize];
    for v in 0..m {
        let key = add(&zero, offset, v, m);
        let sign = if v >= m.div_ceil(2) { bit_offset } else { 0 };
        rows[usize::from(key[0])] = hash_of(&key, tweak) ^ out ^ sign;
    }
    Gate { rows, label: add(&zero, offset, rng.next() as u32 % m, m), tweak }
}

impl Gate {
    /// The difference between the output label held and that of `step` values further, if the
    /// step's offset is `guess`.
    fn difference(&self, guess: &Label, step: u32, m: u32) -> u128 {
        let open = |l: &Label| hash_of(l, self.tweak) ^ self.rows[usize::from(l[0])];
        let other = add(&self.label, guess, 1, m);
        debug_assert_eq!(u32::from(other[0]), (u32::from(self.label[0]) + step) % m);
        open(&self.label) ^ open(&other)
    }
}

/// Searches all vectors over {0, m/2} for the offset of m/2 values.
fn search(gates: &[Gate; 2], m: u32) -> Option<u128> {
    let step = m / 2;
    (0..1u32 << (DIGITS - 1)).find_map(|bits| {
        let guess: Label = std::array::from_fn(|i| {
            let set = i == 0 || bits >> (i - 1) & 1 == 1;
            if set { step as u8 } else { 0 }
        });
        let [a, b] = [0, 1].map(|i| gates[i].difference(&guess, step, m));
        (a == b && a != 0).then_some(a)
    })
}

fn attack(m: u32) -> (Option<u128>, u128) {
    let mut rng = Random(2024);
    let mut offset = rng.label(m);
    offset[0] = 1;
    let bit_offset = u128::from(rng.next()) << 64 | u128::from(rng.next()) | 1;
    let gates = [1, 2].map(|tweak| sign_gate(&mut rng, m, &offset, bit_offset, tweak));
    (search(&gates, m), bit_offset)
}

/// 86 leads the mixed radix that BMR16's successors use for seven primes.
#[test]
fn a_composite_modulus_gives_the_offset_away() {
    let (found, offset) = attack(86);
    assert_eq!(found, Some(offset));
}

#[test]
fn a_prime_modulus_does_not() {
    assert_eq!(attack(127).0, None);
}

#[test]
fn no_composite_modulus_can_be_made() {
    for m in [4, 6, 26, 32, 54, 60, 76, 86, 98, 150, 202] {
        assert!(Prime::new(m).is_none(), "{m}");
        let values = vec![0; m as usize];
        assert!(gadget::lookup(7, 0, &values, &[Prime::ALL[0]]).is_err(), "{m}");
    }
}
