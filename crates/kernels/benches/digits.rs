//! Labels of arithmetic garbling. Bars on one 2.5 GHz Cascade Lake core: 5 ns per key, 3 ns per selected row of 61,
//! 3.5 ns per hash under a shared permutation, 80 G digit products per second in a convolution.
#![allow(missing_docs)]

use core::hint::black_box;
use core::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sordino_kernels::Block;
use sordino_kernels::digits::{self, Operand, Radix};
use sordino_kernels::hash::Tmmo;
use sordino_kernels::isa::{self, Isa};
use sordino_kernels::ring::Conv2d;

/// Labels of a tensor.
const LABELS: usize = 1024;

fn rows(c: &mut Criterion) {
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("digits/{}", isa.name()));
        group.sample_size(10);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(200));
        isa::with(isa, || {
            let tmmo = Tmmo::new(Block(5));
            for p in [7, 13, 61, 127, 251] {
                let (r, rows) = (Radix::new(p), usize::from(p));
                let mut labels = vec![0; 2 * r.digits()];
                digits::sample(r, Block(1), 0, &mut labels);
                let (zero, delta) = labels.split_at(r.digits());
                let index: Vec<u8> = (0..p).rev().collect();
                let (mut out, mut px) = (vec![Block(3); rows], vec![Block::ZERO; rows]);
                let mut rotated = vec![0; rows];
                group.throughput(Throughput::Elements(p.into()));
                group.bench_function(format!("keys/{p}"), |b| {
                    b.iter(|| digits::keys(r, zero, delta, black_box(&mut out)));
                });
                group.bench_function(format!("permute/{p}"), |b| {
                    b.iter(|| tmmo.permute(&out, black_box(&mut px)));
                });
                group.bench_function(format!("tmmo_from/{p}"), |b| {
                    b.iter(|| tmmo.mask(&px, 5, 0, black_box(&mut out)));
                });
                group.bench_function(format!("select/{p}"), |b| {
                    b.iter(|| digits::select(&px, &index, black_box(&mut out)));
                });
                group.bench_function(format!("rotate/{p}"), |b| {
                    b.iter(|| digits::rotate(&index, p / 2, black_box(&mut rotated)));
                });
            }
        });
    }
}

fn tensors(c: &mut Criterion) {
    for isa in isa::available() {
        let mut group = c.benchmark_group(format!("digits/{}", isa.name()));
        group.sample_size(10).throughput(Throughput::Elements(LABELS as u64));
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(200));
        isa::with(isa, || {
            for p in [7, 61, 127] {
                let r = Radix::new(p);
                let mut x = vec![0; LABELS * r.digits()];
                let mut y = x.clone();
                let mut packed = vec![Block::ZERO; LABELS];
                let (each, each_digit) = (vec![p - 1; LABELS], x.clone());
                group.bench_function(format!("sample/{p}"), |b| {
                    b.iter(|| digits::sample(r, Block(9), 7, black_box(&mut x)));
                });
                group.bench_function(format!("pack/{p}"), |b| {
                    b.iter(|| digits::pack(r, &x, black_box(&mut packed)));
                });
                group.bench_function(format!("unpack/{p}"), |b| {
                    b.iter(|| digits::unpack(r, &packed, black_box(&mut y)));
                });
                group.bench_function(format!("add/{p}"), |b| {
                    b.iter(|| digits::add(r, &x, &each_digit, black_box(&mut y)));
                });
                group.bench_function(format!("sub_scale/{p}"), |b| {
                    b.iter(|| digits::sub_scale(r, black_box(&mut y), &x, 3));
                });
                group.bench_function(format!("add_each/{p}"), |b| {
                    b.iter(|| digits::add_each(r, black_box(&mut y), &each, &x[..r.digits()]));
                });
            }
        });
    }
}

fn linear(c: &mut Criterion) {
    let base = Conv2d {
        cin: 64,
        h: 32,
        w: 32,
        cout: 64,
        kh: 3,
        kw: 3,
        stride: [1, 1],
        dilation: [1, 1],
        pads: [1; 4],
        groups: 1,
    };
    let shapes = [
        ("3x3", base),
        ("strided", Conv2d { stride: [2, 2], ..base }),
        ("narrow", Conv2d { cin: 16, cout: 16, ..base }),
        ("depthwise", Conv2d { groups: 64, ..base }),
        ("dense", Conv2d { cin: 1024, h: 1, w: 1, kh: 1, kw: 1, pads: [0; 4], cout: 100, ..base }),
    ];
    // The scalar twin would take seconds per layer.
    for isa in isa::available().into_iter().filter(|&isa| isa > Isa::Scalar) {
        let mut group = c.benchmark_group(format!("digits/{}", isa.name()));
        group.sample_size(10);
        group.warm_up_time(Duration::from_millis(100)).measurement_time(Duration::from_millis(300));
        isa::with(isa, || {
            for (name, shape) in shapes {
                for p in [61, 127] {
                    let r = Radix::new(p);
                    let mut x = vec![0; shape.input_len() * r.digits()];
                    digits::sample(r, Block(9), 7, &mut x);
                    let kernel: Vec<i8> = (0..shape.kernel_len())
                        .map(|i| (i * i % usize::from(p)) as i8 - (p / 2) as i8)
                        .collect();
                    let mut y = vec![0; shape.output_len() * r.digits()];
                    let products = shape.kernel_len() * shape.out_h() * shape.out_w() * r.digits();
                    group.throughput(Throughput::Elements(products as u64));
                    let operand = Operand::new(&shape, r, &x);
                    group.bench_function(format!("operand/{name}/{p}"), |b| {
                        b.iter(|| Operand::new(&shape, r, black_box(&x)));
                    });
                    group.bench_function(format!("conv/{name}/{p}"), |b| {
                        b.iter(|| digits::conv(&operand, 0..shape.cout, &kernel, &mut y));
                    });
                }
            }
        });
    }
}

criterion_group!(benches, rows, tensors, linear);
criterion_main!(benches);
