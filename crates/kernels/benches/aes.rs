//! AES batches. Bars on one Zen 4 core: fixed-key and counter mode 1200 M blocks/s with VAES, 500 M with AES-NI; TMMO
//! takes two AES calls per block, a GGM child one.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sordino_kernels::hash::{Mmo, ggm_double, tmmo};
use sordino_kernels::prg::{Prg, Seeds, TILE, expand};
use sordino_kernels::{Block, isa};

const N: usize = 1024;

fn bench(c: &mut Criterion) {
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("aes/{}", isa.name()));
        let x: Vec<Block> = (0..N as u128).map(|i| Block((i << 64) | (i * i))).collect();
        let (mut out, mut out1, mut wide) = (x.clone(), x.clone(), vec![Block::ZERO; 2 * N]);
        isa::with(isa, || {
            group.throughput(Throughput::Elements(N as u64));
            let mut prg = Prg::new(Block(1));
            group.bench_function("prg", |r| r.iter(|| prg.fill_blocks(&mut out)));
            group.bench_function("tmmo", |r| r.iter(|| tmmo(&x, 1, &mut out)));
            let mmo = Mmo::new(Block(2));
            group.bench_function("mmo_cot", |r| {
                r.iter(|| mmo.cot(&x, Block(5), &mut out, &mut out1));
            });
            let (seeds, mut sum) = (Seeds::new(&x), [Block::ZERO; TILE]);
            for depth in [2, 4, 8] {
                let mut planes = vec![[Block::ZERO; TILE]; depth];
                group.throughput(Throughput::Elements((TILE << depth) as u64));
                group.bench_function(format!("fold/{depth}"), |r| {
                    r.iter(|| seeds.fold(0..1 << depth, false, 3, &mut planes, &mut sum));
                });
            }
            group.throughput(Throughput::Elements(2 * N as u64));
            group.bench_function("expand/2", |r| r.iter(|| expand(&x, 0, &mut wide)));
            group.bench_function("ggm_double", |r| r.iter(|| ggm_double(&x, &mut wide)));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
