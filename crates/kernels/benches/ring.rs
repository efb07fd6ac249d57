//! Matrix products and convolutions. Bars on one Zen 4 core: 18-20 GMAC/s over Z_2^64, 40 GMAC/s over Z_2^32.
#![allow(missing_docs)]

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sordino_kernels::isa;
use sordino_kernels::ring::{Conv2d, conv2d_u64, gemm_u32, gemm_u64};

fn bench(c: &mut Criterion) {
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("ring/{}", isa.name()));
        group.sample_size(20);
        isa::with(isa, || {
            for (m, k, n) in [(256, 256, 256), (64, 576, 784), (1, 1024, 1000), (1000, 1024, 1)] {
                let a: Vec<u64> = (0..m * k).map(|i| (i * i * i) as u64).collect();
                let b: Vec<u64> = (0..k * n).map(|i| (i * 7 + i * i) as u64).collect();
                let mut y = vec![0; m * n];
                let (a32, b32): (Vec<u32>, Vec<u32>) =
                    (a.iter().map(|&v| v as u32).collect(), b.iter().map(|&v| v as u32).collect());
                let mut y32 = vec![0; m * n];
                group.throughput(Throughput::Elements((m * k * n) as u64));
                group.bench_function(format!("gemm_u64/{m}x{k}x{n}"), |r| {
                    r.iter(|| gemm_u64(m, k, n, &a, &b, &mut y));
                });
                group.bench_function(format!("gemm_u32/{m}x{k}x{n}"), |r| {
                    r.iter(|| gemm_u32(m, k, n, &a32, &b32, &mut y32));
                });
            }
            for (cin, cout, groups, kernel) in [(32, 32, 1, 3), (64, 64, 64, 3), (64, 64, 1, 1)] {
                let conv = Conv2d {
                    cin,
                    h: 32,
                    w: 32,
                    cout,
                    kh: kernel,
                    kw: kernel,
                    stride: [1, 1],
                    dilation: [1, 1],
                    pads: [kernel / 2; 4],
                    groups,
                };
                let x: Vec<u64> = (0..conv.input_len()).map(|i| (i * i) as u64).collect();
                let k: Vec<u64> = (0..conv.kernel_len()).map(|i| (i * i * i) as u64).collect();
                let mut y = vec![0; conv.output_len()];
                let macs = conv.kernel_len() * conv.out_h() * conv.out_w();
                group.throughput(Throughput::Elements(macs as u64));
                group.bench_function(format!("conv2d_u64/{cin}-{cout}/{groups}x{kernel}"), |r| {
                    r.iter(|| conv2d_u64(&conv, &x, &k, &mut y));
                });
            }
        });
    }
}

criterion_group!(benches, bench);
criterion_main!(benches);
