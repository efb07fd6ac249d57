//! Bit transposition of 128 rows. Bar: 200 M columns/s on one Zen 4 core, the figure for extension of OTs by PRG, xor
//! and transposition.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sordino_kernels::{
    Block, isa,
    transpose::{low_columns, transpose128},
};

fn bench(c: &mut Criterion) {
    let n = 2048;
    let rows: Vec<Block> = (0..n as u128).map(|i| Block((i << 70) | (i * i * i))).collect();
    let mut out = rows.clone();
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("transpose/{}", isa.name()));
        group.throughput(Throughput::Elements(n as u64));
        isa::with(isa, || {
            group.bench_function(format!("{n}"), |r| r.iter(|| transpose128(&rows, &mut out)));
            let mut low = vec![0; 2 * n / 64];
            group.bench_function("low/2", |r| r.iter(|| low_columns(&rows, 2, &mut low)));
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
