//! Bytes and CPU time of both parties for single layers and for all linear layers of known networks, on one thread.
//!
//! CPU time is the scheduler's count of this thread where the system has one, so that a busy machine does not change
//! it, and wall time elsewhere. Arguments choose networks and single layers by the start of their names; `layers`
//! chooses all of these, and without arguments everything is measured.
#![allow(missing_docs, clippy::unwrap_used)]

mod networks;

use std::collections::HashMap;
use std::fs;
use std::time::Instant;

use networks::{conv, depthwise};
use sordino_he::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, LayerSpec, Params, ServerKeys, SessionPlan,
    decrypt, encrypt, evaluate, public_key_len,
};
use sordino_secret::SecretRng;

const RING_BITS: u32 = 26;
const WEIGHT_BITS: u32 = 9;

struct Clock {
    wall: Instant,
    cpu: Option<u64>,
}

fn scheduled() -> Option<u64> {
    fs::read_to_string("/proc/thread-self/schedstat").ok()?.split(' ').next()?.parse().ok()
}

impl Clock {
    fn start() -> Self {
        Self { wall: Instant::now(), cpu: scheduled() }
    }

    fn milliseconds(&self) -> f64 {
        match (self.cpu, scheduled()) {
            (Some(start), Some(end)) => (end - start) as f64 / 1e6,
            _ => self.wall.elapsed().as_secs_f64() * 1e3,
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let clock = Clock::start();
    let result = work();
    (result, clock.milliseconds())
}

#[derive(Clone, Copy, Default)]
struct Row {
    up: usize,
    down: usize,
    inputs: usize,
    results: usize,
    products: usize,
    encode: f64,
    encrypt: f64,
    evaluate: f64,
    decrypt: f64,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.up += other.up;
        self.down += other.down;
        self.inputs += other.inputs;
        self.results += other.results;
        self.products += other.products;
        self.encode += other.encode;
        self.encrypt += other.encrypt;
        self.evaluate += other.evaluate;
        self.decrypt += other.decrypt;
    }

    fn print(&self, name: &str) {
        let mib = |bytes: usize| bytes as f64 / 1048576.0;
        println!(
            "{name:<22} {:>8.2} {:>8.2} {:>6} {:>6} {:>8} {:>8.1} {:>8.1} {:>8.1} {:>8.1}",
            mib(self.up),
            mib(self.down),
            self.inputs,
            self.results,
            self.products,
            self.encode,
            self.encrypt,
            self.evaluate,
            self.decrypt
        );
    }
}

fn header(title: &str) {
    println!(
        "{title:<22} {:>8} {:>8} {:>6} {:>6} {:>8} {:>8} {:>8} {:>8} {:>8}",
        "up MiB", "down", "up ct", "down", "products", "prep. ms", "encrypt", "evaluate", "decrypt"
    );
}

fn measure(layout: &ConvLayout) -> Row {
    let (shape, params) = (layout.shape(), layout.params());
    let mut rng = SecretRng::from_seed([1; 32]);
    let mut words = vec![0; shape.kernel_len().max(shape.input_len())];
    rng.fill_words(&mut words);
    let weight = |w: &u64| ((*w as i64) >> (64 - WEIGHT_BITS)) as i32;
    let kernel: Vec<i32> = words[..shape.kernel_len()].iter().map(weight).collect();
    let share = &words[..shape.input_len()];
    let keys = ClientKeys::generate(params, &mut rng);
    let server = ServerKeys::from_bytes(params, keys.public_key()).unwrap();
    let (kernel, encode) = timed(|| EncodedKernel::encode(layout, &kernel).unwrap());
    let (up, encrypt) = timed(|| encrypt(&keys, layout, share, &mut rng).unwrap());
    let (down, evaluate) =
        timed(|| evaluate(&server, layout, &kernel, &up, share, &[], &mut rng).unwrap().0);
    let (_, decrypt) = timed(|| decrypt(&keys, layout, &down).unwrap());
    Row {
        up: layout.up_bytes(),
        down: layout.down_bytes(),
        inputs: up.len(),
        results: down.len(),
        products: layout.products(),
        encode,
        encrypt,
        evaluate,
        decrypt,
    }
}

fn name(shape: &ConvShape) -> String {
    let [k, s] = [shape.kernel[0], shape.stride[0]];
    let groups = if shape.groups > 1 { " dw" } else { "" };
    format!("{0}x{0} {1}->{2} k{k} s{s}{groups}", shape.h, shape.cin, shape.cout)
}

fn layers(wanted: impl Fn(&str) -> bool) {
    header("layer");
    for shape in [
        conv(64, 56, 256, 1, 1),
        conv(256, 14, 1024, 1, 1),
        conv(1024, 14, 256, 1, 1),
        conv(512, 7, 2048, 1, 1),
        conv(64, 56, 64, 3, 1),
        conv(128, 28, 128, 3, 1),
        conv(256, 14, 256, 3, 1),
        conv(512, 7, 512, 3, 1),
        ConvShape::dense(2048, 1000),
        depthwise(576, 14, 1),
        depthwise(576, 14, 2),
    ] {
        let name = name(&shape);
        if wanted("layers") || wanted(&name) {
            let params = Params::choose(RING_BITS, WEIGHT_BITS, shape.taps()).unwrap();
            measure(&ConvLayout::new(&shape, &params).unwrap()).print(&name);
        }
    }
}

fn run() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let wanted =
        |name: &str| arguments.is_empty() || arguments.iter().any(|a| name.starts_with(a.as_str()));
    println!("ring of {RING_BITS} bits, weights of {WEIGHT_BITS} bits");
    layers(wanted);
    header("network");
    for (network, shapes) in networks::all().into_iter().filter(|(name, _)| wanted(name)) {
        let spec = |shape: &ConvShape| LayerSpec {
            shape: *shape,
            plain_bits: RING_BITS,
            weight_bits: WEIGHT_BITS,
        };
        let specs: Vec<LayerSpec> = shapes.iter().map(spec).collect();
        let (plan, planning) = timed(|| SessionPlan::new(&specs).unwrap());
        let mut rows = HashMap::new();
        let mut total = Row::default();
        for (set, layout) in &plan.layers {
            let row = rows.entry((*set, *layout.shape())).or_insert_with(|| measure(layout));
            total.add(row);
        }
        total.up += plan.params.iter().map(public_key_len).sum::<usize>();
        total.print(network);
        println!("    {} keys, planned in {planning:.0} ms", plan.params.len());
    }
}

fn main() {
    rayon::ThreadPoolBuilder::new()
        .num_threads(1)
        .use_current_thread()
        .build()
        .unwrap()
        .install(run);
}
