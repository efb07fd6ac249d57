//! Garbling and evaluating the two activation gadgets, and a linear layer on labels.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use sordino_garble::{
    Base, Evaluator, Garbler, Kernel, Labels, Machine, Prime, Program, Tables, convolve, gadget,
};
use sordino_kernels::Block;
use sordino_kernels::ring::Conv2d;

const LANES: usize = 4096;

fn programs() -> [(&'static str, Program); 2] {
    let relu: Vec<i64> = (-63..64).map(|t: i64| t.clamp(0, 60)).collect();
    let base = |m| Base::factor(m).expect("allowed primes");
    let strict = base(7 * 13 * 61 * 127);
    let dash = base(31 * 97 * 109);
    [
        ("lookup", gadget::lookup(7 * 13 * 61, -63, &relu, strict.primes()).expect("a gadget")),
        ("rescale", gadget::rescale(31 * 97 * 109, 31, true, dash.primes()).expect("a gadget")),
    ]
}

fn inputs<S: sordino_garble::Sink>(g: &mut Garbler<S>, p: &Program) -> Vec<Labels> {
    p.inputs().map(|p| g.input(p, LANES)).collect()
}

fn gadgets(c: &mut Criterion) {
    for (name, program) in programs() {
        let rows = LANES * program.cost().rows;
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function("garble (per row)", |b| {
            b.iter_batched_ref(
                || {
                    let mut g = Garbler::new(&[1; 32], Block(7), Vec::<Block>::with_capacity(rows));
                    let x = inputs(&mut g, &program);
                    (g, x)
                },
                |(g, x)| g.run(&program, &x.iter().collect::<Vec<_>>()).expect("garbles"),
                BatchSize::PerIteration,
            );
        });
        let mut g = Garbler::new(&[1; 32], Block(7), Vec::new());
        let x = inputs(&mut g, &program);
        g.run(&program, &x.iter().collect::<Vec<_>>()).expect("garbles");
        let tables = g.finish();
        // Time does not depend on whether the labels are valid.
        group.throughput(Throughput::Elements((LANES * program.cost().gates) as u64));
        group.bench_function("evaluate (per gate)", |b| {
            b.iter_batched_ref(
                || Evaluator::new(Tables::new(tables.clone()), Block(7), 0),
                |e| e.run(&program, &x.iter().collect::<Vec<_>>()).expect("evaluates"),
                BatchSize::PerIteration,
            );
        });
    }
}

fn linear(c: &mut Criterion) {
    let shape = Conv2d {
        cin: 64,
        h: 30,
        w: 30,
        cout: 64,
        kh: 3,
        kw: 3,
        stride: [1; 2],
        dilation: [1; 2],
        pads: [0; 4],
        groups: 1,
    };
    let weights: Vec<i32> = (0..shape.kernel_len()).map(|i| i as i32 * 7919 % 255).collect();
    let mut group = c.benchmark_group("convolution 64x30x30, 3x3 (per label-digit product)");
    group.sample_size(10);
    for p in [7, 13, 61, 127].map(|p| Prime::new(p).expect("allowed")) {
        let kernel = Kernel::new(shape, &weights, [p]);
        let x = Garbler::new(&[1; 32], Block(7), Vec::<Block>::new()).input(p, shape.input_len());
        let products = shape.output_len() * 64 * 9 * p.digits();
        group.throughput(Throughput::Elements(products as u64));
        group.bench_function(format!("mod {p}"), |b| b.iter(|| convolve(&kernel, &x)));
    }
}

criterion_group!(benches, gadgets, linear);
criterion_main!(benches);
