//! Products modulo n and n^2 for Paillier. Bar modulo n^2: 1.0 us per value for n of 2048 bits, 2.1 us for 3072, with IFMA.
#![allow(missing_docs)]

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use sordino_kernels::bigint::{FixedBase, LANES, Modulus};
use sordino_kernels::isa;

fn number(words: usize) -> Vec<u64> {
    (0..words as u64).map(|i| (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63 | 1).collect()
}

fn bench(c: &mut Criterion) {
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("bigint/{}", isa.name()));
        group.throughput(Throughput::Elements(LANES as u64));
        for bits in [2048, 3072, 4096, 6144] {
            // Those above are squares of numbers of half their length.
            let modulus = isa::with(isa, || match bits {
                ..=3072 => Modulus::new(&number(bits / 64)),
                _ => Modulus::squared(&number(bits / 128)),
            });
            let mut scratch = modulus.scratch();
            let (mut a, mut b) = (Vec::new(), Vec::new());
            for x in [&mut a, &mut b] {
                x.resize(modulus.limbs(), bytemuck::Zeroable::zeroed());
                modulus.gather(modulus.one(), [Some(0); LANES], x);
            }
            group.bench_function(BenchmarkId::new("mul", bits), |r| {
                r.iter(|| modulus.mul_assign(&mut scratch, &mut a, &b));
            });
            group.bench_function(BenchmarkId::new("square", bits), |r| {
                r.iter(|| modulus.square_assign(&mut scratch, &mut a, 1));
            });
            let exponents = vec![u64::MAX; 9 * LANES];
            let fixed = FixedBase::new(&modulus, modulus.one(), 512, 6);
            let words = LANES * fixed.exponent_words();
            group.bench_function(BenchmarkId::new("fixed_base_512", bits), |r| {
                r.iter(|| fixed.pow(&modulus, &mut scratch, &exponents[..words], &mut a));
            });
            let exponents = std::array::from_fn(|i| &exponents[8 * i..8 * i + 8]);
            group.bench_function(BenchmarkId::new("pow_512", bits), |r| {
                r.iter(|| modulus.pow(&mut scratch, &mut a, exponents, 512));
            });
        }
    }
}

fn theirs(c: &mut Criterion) {
    let mut group = c.benchmark_group("bigint/crypto-bigint");
    for bits in [2048, 3072, 4096, 6144] {
        let n = Odd::new(BoxedUint::from_words(number(bits / 64)));
        let params = BoxedMontyParams::new(n.into_option().unwrap_or_else(|| panic!("odd")));
        let one = BoxedMontyForm::one(&params);
        group.bench_function(BenchmarkId::new("mul", bits), |r| r.iter(|| one.mul(&one)));
    }
}

criterion_group!(benches, bench, theirs);
criterion_main!(benches);
