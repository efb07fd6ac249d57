#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

proptest! {
    #[test]
    fn every_isa_equals_the_definition(tiles in 0_usize..6, seed: u128) {
        let n = 128 * tiles;
        let rows: Vec<Block> = (1..=n as u128)
            .map(|i| Block(i.wrapping_mul(seed | 1).rotate_left(61).wrapping_mul(i ^ seed)))
            .collect();
        for isa in isa::available() {
            let mut out = vec![Block::ZERO; n];
            isa::with(isa, || transpose128(&rows, &mut out));
            for (i, column) in out.iter().enumerate() {
                let expected = (0..128)
                    .map(|r| ((rows[r * tiles + i / 128].0 >> (i % 128)) & 1) << r)
                    .fold(0, |bits, bit| bits | bit);
                prop_assert!(column.0 == expected, "{:?} column {}", isa, i);
            }
        }
    }

    #[test]
    fn low_columns_are_the_first_of_all(n in 0_usize..300, width in 0_usize..=64, seed: u128) {
        let blocks: Vec<Block> = (1..=n as u128)
            .map(|i| Block(i.wrapping_mul(seed | 1).rotate_left(61).wrapping_mul(i ^ seed)))
            .collect();
        let words = n.div_ceil(64);
        for isa in isa::available() {
            let mut out = vec![7; width * words];
            isa::with(isa, || low_columns(&blocks, width, &mut out));
            for j in 0..width {
                for i in 0..64 * words {
                    let want = blocks.get(i).map_or(0, |x| (x.0 >> j) as u64 & 1);
                    prop_assert_eq!(out[j * words + i / 64] >> (i % 64) & 1, want, "{:?}", isa);
                }
            }
        }
    }
}
