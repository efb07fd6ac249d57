#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::hash::{Ccr, Mmo, Tmmo, ggm_double, tmmo};
use crate::isa::Isa;
use crate::prg::{Prg, Seeds, add_sparse, expand};

fn blocks(len: usize, seed: u64) -> Vec<Block> {
    (0..len as u64)
        .map(|i| {
            let x = u128::from(i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            Block(x.rotate_left(37) ^ u128::from(seed).wrapping_mul(x))
        })
        .collect()
}

/// FIPS-197, appendix B, and the counter block 0 of the all-zero key from the NIST known-answer tests.
#[test]
fn fips_197() {
    let key = Block::from_bytes(0x2b7e1516_28aed2a6_abf71588_09cf4f3c_u128.to_be_bytes());
    let plain = Block::from_bytes(0x3243f6a8_885a308d_313198a2_e0370734_u128.to_be_bytes());
    let cipher = 0x3925841d_02dc09fb_dc118597_196a0b32_u128.to_be_bytes();
    assert_eq!(scalar::encrypt(&scalar::cipher(key), plain).to_bytes(), cipher);

    let zero = 0x66e94bd4_ef8a2c3b_884cfa59_ca342b2e_u128.to_be_bytes();
    for isa in isa::available() {
        isa::with(isa, || {
            let mut out = [Block::ZERO; 1];
            Prg::new(Block::ZERO).fill_blocks(&mut out);
            assert_eq!(out[0].to_bytes(), zero, "{isa:?}");
        });
    }
}

/// The last word of the FIPS-197 appendix A.1 key expansion.
#[cfg(target_arch = "x86_64")]
#[test]
fn key_expansion() {
    if !isa::available().contains(&Isa::Avx2) {
        return;
    }
    let key = Block::from_bytes(0x2b7e1516_28aed2a6_abf71588_09cf4f3c_u128.to_be_bytes());
    // SAFETY: AVX2 is available, which includes AES-NI.
    let schedule = unsafe { x86::ni::schedule(key) };
    let last = 0xd014f9a8_c9ee2589_e13f0cc8_b6630ca6_u128.to_be_bytes();
    assert_eq!(schedule.last().to_bytes(), last);
}

#[test]
fn hash_matches_its_definition() {
    let x = blocks(3, 1);
    let mut out = [Block::ZERO; 3];
    tmmo(&x, u64::MAX, &mut out);
    let p = scalar::cipher(FIXED[0]);
    for (i, tweak) in [u64::MAX, 0, 1].into_iter().enumerate() {
        let inner = scalar::encrypt(&p, x[i]);
        assert_eq!(out[i], scalar::encrypt(&p, inner ^ Block(tweak.into())) ^ inner);
    }
}

#[test]
fn the_shared_permutation_makes_the_hash() {
    let x = blocks(29, 3);
    let (mut px, mut out, mut sum) = (x.clone(), x.clone(), x.clone());
    Tmmo::new(super::FIXED[0]).permute(&x, &mut px);
    tmmo(&x, u64::MAX - 9, &mut out);
    Tmmo::new(super::FIXED[0]).mask(&px, u64::MAX - 9, 1, &mut sum);
    assert!(out.iter().zip(&x).zip(sum).all(|((hash, x), sum)| *hash ^ *x == sum));
    let mut last = [Block::ZERO];
    tmmo(&x[28..], 7 + 28 * 1000, &mut last);
    let mut stepped = vec![Block::ZERO; 29];
    Tmmo::new(super::FIXED[0]).mask(&px, 7, 1000, &mut stepped);
    assert_eq!(stepped[28], last[0]);
}

#[test]
fn single_permutation_hashes_match_their_definitions() {
    let (key, delta) = (Block(5), Block(9));
    let p = scalar::cipher(key);
    let x = blocks(19, 2);
    let [mut out0, mut out1, mut out] = [(); 3].map(|()| vec![Block::ZERO; 19]);
    Mmo::new(key).cot(&x, delta, &mut out0, &mut out1);
    Mmo::new(key).hash(&x, &mut out);
    assert!(out == out0);
    let mut circular = vec![Block::ZERO; 19];
    Ccr::new(key).hash(&x, &mut circular);
    for (x, hash) in x.iter().zip(&circular) {
        let (high, low) = (x.0 >> 64, x.0 & u128::from(u64::MAX));
        let x = Block((high ^ low) << 64 | high);
        assert!(scalar::encrypt(&p, x) ^ x == *hash);
    }
    for (x, (a, b)) in x.iter().zip(out0.iter().zip(&out1)) {
        let hash = |x: Block| scalar::encrypt(&p, x) ^ x;
        assert!(hash(*x) == *a && hash(*x ^ delta) == *b);
    }
}

/// All sums from single expansions.
fn sums(seeds: &[Block], skip: usize, counter: u64, depth: usize) -> Vec<[Block; TILE]> {
    let mut sums = vec![[Block::ZERO; TILE]; depth + 1];
    for (x, seed) in seeds.iter().enumerate().skip(skip) {
        let mut row = [Block::ZERO; TILE];
        expand(&[*seed], counter, &mut row);
        for sums in sums.iter_mut().enumerate().filter(|(b, _)| *b == depth || x >> b & 1 == 1) {
            sums.1.iter_mut().zip(&row).for_each(|(s, r)| *s ^= *r);
        }
    }
    sums
}

fn folded(seeds: &Seeds, at: usize, skip: usize, counter: u64, depth: usize) -> Vec<[Block; TILE]> {
    let mut out = vec![[Block(3); TILE]; depth + 1];
    let (planes, sum) = out.split_at_mut(depth);
    seeds.fold(at..at + (1 << depth), skip == 1, counter, planes, &mut sum[0]);
    out
}

#[test]
fn folds_are_sums_of_expansions() {
    let x = blocks(258, 3);
    for isa in isa::available() {
        let seeds = isa::with(isa, || Seeds::new(&x));
        for depth in 1..=DEPTH {
            for (skip, counter) in [(0, 0), (1, 77), (1, u64::MAX - 3)] {
                let want = sums(&x[2..2 + (1 << depth)], skip, counter, depth);
                assert!(folded(&seeds, 2, skip, counter, depth) == want, "{isa:?} {depth}");
            }
        }
    }
}

#[test]
fn places_are_spread_over_all_inputs() {
    const K: usize = 1000;
    let mut random = vec![Block::ZERO; 20_000];
    expand(&[Block(5)], 0, &mut random);
    let mut counts = vec![[0u32; K]; WEIGHT];
    let (rows, _) = bytemuck::must_cast_slice::<_, u64>(&random).as_chunks();
    for row in rows {
        for (counts, place) in counts.iter_mut().zip(places(*row, K as u64)) {
            counts[place] += 1;
        }
    }
    for i in 0..K {
        let total: u32 = counts.iter().map(|c| c[i]).sum();
        assert!((50..160).contains(&total), "{total} of place {i}, 100 expected");
    }
    assert_eq!(places([u64::MAX; 4], 147_456), [147_455; WEIGHT]);
    assert_eq!(places([0; 4], 147_456), [0; WEIGHT]);
}

#[test]
fn expand_is_the_generator() {
    for row in [1, 5, 40] {
        let seeds = blocks(9, 5);
        let mut out = vec![Block::ZERO; 9 * row];
        expand(&seeds, 0, &mut out);
        for (seed, out) in seeds.iter().zip(out.chunks(row)) {
            let mut stream = vec![Block::ZERO; row];
            Prg::new(*seed).fill_blocks(&mut stream);
            assert_eq!(stream, out);
        }
    }
}

#[test]
fn debug_hides_the_value() {
    assert_eq!(format!("{:?}", Block(77)), "Block(..)");
}

type Outputs = [Vec<Block>; 13];

const INPUTS: usize = 777;
const DELTA: Block = Block(u128::MAX / 3);
const STEP: u64 = 3 << 62 | 5;

fn run_all(n: usize, row: usize, seed: u64, tweak: u64) -> Outputs {
    let x = blocks(n, seed);
    let zeros = vec![Block::ZERO; n];
    let mut stream = zeros.clone();
    Prg::new(Block(seed.into())).fill_blocks(&mut stream);
    let mut rows = vec![Block::ZERO; n * row];
    expand(&x, tweak, &mut rows);
    let mut hash = zeros.clone();
    tmmo(&x, tweak, &mut hash);
    let (mut out0, mut out1) = (zeros.clone(), zeros.clone());
    let mmo = Mmo::new(super::FIXED[0]);
    mmo.cot(&x, DELTA, &mut out0, &mut out1);
    let mut single = zeros;
    mmo.hash(&x, &mut single);
    let mut circular = vec![Block::ZERO; n];
    Ccr::new(super::FIXED[0]).hash(&x, &mut circular);
    let (mut left, mut right) = (x.clone(), vec![Block::ZERO; n]);
    let sum = Ccr::new(super::FIXED[0]).grow(&mut left, &mut right);
    assert!(sum == left.iter().fold(Block::ZERO, |sum, x| sum ^ *x) && left == circular);
    assert!(left.iter().zip(&right).zip(&x).all(|((l, r), x)| *l ^ *r == *x));
    let mut children = vec![Block::ZERO; 2 * n];
    ggm_double(&x, &mut children);
    let (mut sparse, input) = (vec![Block(1); n], blocks(INPUTS, 9));
    add_sparse(Block(seed.into()), tweak, &input, &mut sparse);
    let mut permuted = vec![Block::ZERO; n];
    Tmmo::new(super::FIXED[0]).permute(&x, &mut permuted);
    let mut shared = x;
    Tmmo::new(super::FIXED[0]).mask(&permuted, tweak, STEP, &mut shared);
    [
        stream, rows, hash, out0, out1, children, permuted, shared, single, circular, left, right,
        sparse,
    ]
}

proptest! {
    #[test]
    fn every_isa_equals_scalar(n in 0_usize..100, row in 0_usize..5, seed: u64, tweak: u64) {
        let expected = isa::with(Isa::Scalar, || run_all(n, row, seed, tweak));
        for isa in isa::available() {
            prop_assert!(isa::with(isa, || run_all(n, row, seed, tweak)) == expected, "{:?}", isa);
        }
    }

    #[test]
    fn stream_does_not_depend_on_cuts(cuts in proptest::collection::vec(0_usize..300, 1..8)) {
        let total: usize = cuts.iter().sum();
        let mut whole = vec![0; total];
        Prg::new(Block(3)).fill_bytes(&mut whole);
        let mut prg = Prg::new(Block(3));
        let mut pieces = Vec::new();
        for cut in cuts {
            let mut piece = vec![0; cut];
            prg.fill_bytes(&mut piece);
            pieces.extend(piece);
        }
        prop_assert_eq!(whole, pieces);
    }
}

/// The four-block loops on a register that imitates VAES with AES-NI, for machines without VAES.
#[cfg(target_arch = "x86_64")]
#[test]
fn four_block_loops_equal_scalar() {
    if !isa::available().contains(&Isa::Avx2) {
        return;
    }
    let run = |n: usize| {
        let x = blocks(n, 7);
        let mut out: Outputs = core::array::from_fn(|i| {
            vec![Block::ZERO; n * [1, 3, 1, 1, 1, 2, 1, 1, 1, 1, 1, 1, 1][i]]
        });
        // SAFETY: AVX2 is available, which includes AES-NI.
        unsafe { emulated::run(&x, &mut out) };
        out
    };
    let seeds = blocks(8, 7);
    let mut out = [[Block::ZERO; TILE]; 4];
    let [planes @ .., sum] = &mut out;
    // SAFETY: as above.
    unsafe { emulated::fold(&seeds, 5, planes, sum) };
    assert!(out.to_vec() == sums(&seeds, 0, 5, 3));
    for n in [0, 1, 15, 16, 17, 31, 32, 33, 64, 95, 129] {
        let expected = isa::with(Isa::Scalar, || run_all(n, 3, 7, u64::MAX - 40));
        assert!(run(n) == expected, "n = {n}");
    }
}

#[cfg(target_arch = "x86_64")]
mod emulated {
    use core::arch::x86_64::__m128i;

    use super::super::wide::{self, Lanes};
    use super::super::{FIXED, TILE, x86};
    use crate::Block;

    #[derive(Clone, Copy)]
    struct Quad([__m128i; 4]);

    impl Quad {
        unsafe fn map(self, other: Self, f: unsafe fn(__m128i, __m128i) -> __m128i) -> Self {
            // SAFETY: the caller's features.
            Self(core::array::from_fn(|i| unsafe { f(self.0[i], other.0[i]) }))
        }
    }

    // SAFETY: each method does what its one-block twin does, four times over.
    impl Lanes for Quad {
        const BLOCKS: usize = 4;
        unsafe fn load(from: *const Block) -> Self {
            Self(core::array::from_fn(|i| unsafe { __m128i::load(from.add(i)) }))
        }
        unsafe fn store(self, to: *mut Block) {
            for i in 0..4 {
                unsafe { self.0[i].store(to.add(i)) };
            }
        }
        unsafe fn splat(block: Block) -> Self {
            Self(unsafe { [__m128i::splat(block); 4] })
        }
        unsafe fn count_from(first: u64, step: u64) -> Self {
            Self(core::array::from_fn(|i| unsafe {
                __m128i::count_from(first.wrapping_add(step.wrapping_mul(i as u64)), step)
            }))
        }
        unsafe fn xor(self, other: Self) -> Self {
            unsafe { self.map(other, __m128i::xor) }
        }
        unsafe fn round(self, key: Self) -> Self {
            unsafe { self.map(key, __m128i::round) }
        }
        unsafe fn last_round(self, key: Self) -> Self {
            unsafe { self.map(key, __m128i::last_round) }
        }
        unsafe fn next_key(self, rcon: u32) -> Self {
            Self(self.0.map(|key| unsafe { key.next_key(rcon) }))
        }
        unsafe fn sigma(self) -> Self {
            Self(self.0.map(|x| unsafe { x.sigma() }))
        }
        unsafe fn interleave(a: Self, b: Self) -> (Self, Self) {
            let ([a0, a1, a2, a3], [b0, b1, b2, b3]) = (a.0, b.0);
            (Self([a0, b0, a1, b1]), Self([a2, b2, a3, b3]))
        }
    }

    #[target_feature(enable = "avx2,aes")]
    pub(super) fn fold(
        seeds: &[Block],
        counter: u64,
        planes: &mut [[Block; TILE]],
        sum: &mut [Block; TILE],
    ) {
        let schedules: Vec<_> = seeds.iter().map(|seed| x86::ni::schedule(*seed)).collect();
        // SAFETY: the features of `Quad`, those of `__m128i`, are enabled here.
        unsafe { wide::fold::<Quad, 4>(&schedules, false, counter, planes, sum) }
    }

    #[target_feature(enable = "avx2,aes")]
    pub(super) fn run(x: &[Block], out: &mut super::Outputs) {
        let [
            stream,
            rows,
            hash,
            out0,
            out1,
            children,
            permuted,
            shared,
            single,
            circular,
            left,
            right,
            sparse,
        ] = out;
        let tweak = u64::MAX - 40;
        let schedules = FIXED.map(|key| x86::ni::schedule(key));
        let seed = x86::ni::schedule(Block(7));
        // SAFETY: the features of `Quad`, those of `__m128i`, are enabled here.
        unsafe {
            wide::counter_mode::<Quad>(&seed, 0, bytemuck::must_cast_slice_mut(stream));
            wide::expand::<Quad>(x, tweak, 3, rows);
            wide::tmmo::<Quad>(&schedules[0], x, tweak, hash);
            wide::mmo_cot::<Quad>(&schedules[0], x, super::DELTA, [out0, out1]);
            wide::mmo::<Quad, false>(&schedules[0], x, single);
            wide::mmo::<Quad, true>(&schedules[0], x, circular);
            sparse.fill(Block(1));
            let input = super::blocks(super::INPUTS, 9);
            wide::sparse::<Quad, __m128i>(&seed, tweak, &input, sparse);
            left.copy_from_slice(x);
            wide::ccr_grow::<Quad>(&schedules[0], left, right);
            wide::ggm_double::<Quad>(&schedules[1..], x, children);
            wide::permute::<Quad>(&schedules[0], x, permuted);
            shared.copy_from_slice(x);
            wide::tmmo_from::<Quad>(&schedules[0], permuted, tweak, super::STEP, shared);
        }
    }
}
