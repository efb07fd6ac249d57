//! Transforms modulo a 50-bit prime. Bar: forward N=8192 in at most 15 us on one Zen 4 core.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sordino_kernels::isa;
use sordino_kernels::ntt::{Ntt, find_primes};

fn bench(c: &mut Criterion) {
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("ntt/{}", isa.name()));
        for n in [2048, 4096, 8192, 16384] {
            let p = find_primes(n, 50, 1)[0];
            let ntt = isa::with(isa, || Ntt::new(n, p));
            let mut a: Vec<u64> = (0..n as u64).map(|i| i * i * i % p).collect();
            let b = a.clone();
            let mut acc = a.clone();
            group.throughput(Throughput::Elements(n as u64));
            group.bench_function(format!("forward/{n}"), |r| r.iter(|| ntt.forward(&mut a)));
            group.bench_function(format!("inverse/{n}"), |r| r.iter(|| ntt.inverse(&mut a)));
            group.bench_function(format!("mul_acc/{n}"), |r| {
                r.iter(|| ntt.mul_acc(&mut acc, &a, &b));
            });
        }
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
