//! Bytes and CPU time of both parties for single layers and for all convolutions of a CIFAR ResNet-20, on one thread.
//!
//! CPU time is the scheduler's count of this thread where the system has one, so that a busy machine does not change
//! it, and wall time elsewhere.
#![allow(missing_docs, clippy::unwrap_used)]

use std::fs;
use std::time::Instant;

use sordino_he::{
    ClientKeys, ConvLayout, ConvShape, EncodedKernel, Params, ServerKeys, decrypt, encrypt,
    evaluate,
};
use sordino_secret::SecretRng;

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

/// Mean over a few runs: the scheduler's clock may tick coarsely.
fn average<T>(mut work: impl FnMut() -> T) -> (T, f64) {
    const RUNS: usize = 5;
    let clock = Clock::start();
    (1..RUNS).for_each(|_| drop(work()));
    let last = work();
    (last, clock.milliseconds() / RUNS as f64)
}

fn conv(cin: u32, size: u32, cout: u32, kernel: u32, stride: u32) -> ConvShape {
    ConvShape {
        cin,
        h: size,
        w: size,
        cout,
        kernel: [kernel; 2],
        stride: [stride; 2],
        dilation: [1; 2],
        pads: [kernel / 2; 4],
        groups: 1,
    }
}

#[derive(Default)]
struct Row {
    up: usize,
    down: usize,
    encode: f64,
    encrypt: f64,
    evaluate: f64,
    decrypt: f64,
}

impl Row {
    fn add(&mut self, other: &Row) {
        self.up += other.up;
        self.down += other.down;
        self.encode += other.encode;
        self.encrypt += other.encrypt;
        self.evaluate += other.evaluate;
        self.decrypt += other.decrypt;
    }

    fn print(&self, name: &str, note: &str) {
        let kib = |bytes: usize| bytes as f64 / 1024.0;
        println!(
            "{name:<24} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>9.1}  {note}",
            kib(self.up),
            kib(self.down),
            self.encode,
            self.encrypt,
            self.evaluate,
            self.decrypt
        );
    }
}

fn measure(shape: &ConvShape, params: &Params) -> (Row, String) {
    let mut rng = SecretRng::from_seed([1; 32]);
    let mut words = vec![0; shape.kernel_len().max(shape.input_len())];
    rng.fill_words(&mut words);
    let kernel: Vec<i32> =
        words[..shape.kernel_len()].iter().map(|w| i32::from(*w as i8)).collect();
    let share = &words[..shape.input_len()];
    let layout = ConvLayout::new(shape, params).unwrap();
    let keys = ClientKeys::generate(params, &mut rng);
    let server = ServerKeys::from_bytes(params, keys.public_key()).unwrap();
    let mut row = Row { up: layout.up_bytes(), down: layout.down_bytes(), ..Row::default() };
    let encoded;
    (encoded, row.encode) = average(|| EncodedKernel::encode(&layout, &kernel).unwrap());
    let up;
    (up, row.encrypt) = average(|| encrypt(&keys, &layout, share, &mut rng).unwrap());
    let down;
    (down, row.evaluate) =
        average(|| evaluate(&server, &layout, &encoded, &up, share, &[], &mut rng).unwrap().0);
    (_, row.decrypt) = average(|| decrypt(&keys, &layout, &down).unwrap());
    let note = format!("{} up, {} down, {} products", up.len(), down.len(), layout.products());
    (row, note)
}

fn run() {
    let bits = 37;
    println!(
        "{:<24} {:>9} {:>9} {:>9} {:>9} {:>9} {:>9}",
        format!("layer, l = {bits}"),
        "up KiB",
        "down KiB",
        "encode ms",
        "encr. ms",
        "eval. ms",
        "decr. ms"
    );
    let params = Params::choose(bits, 8, 64 * 9).unwrap();
    println!("{params:?}");
    let mut resnet = vec![(1, conv(3, 32, 16, 3, 1)), (6, conv(16, 32, 16, 3, 1))];
    for (channels, size) in [(32, 16), (64, 8)] {
        resnet.push((1, conv(channels / 2, size * 2, channels, 3, 2)));
        resnet.push((5, conv(channels, size, channels, 3, 1)));
    }
    let mut total = Row::default();
    for (count, shape) in resnet {
        let (row, note) = measure(&shape, &params);
        let name =
            format!("{0}x{0} {1}->{2} k3 s{3}", shape.h, shape.cin, shape.cout, shape.stride[0]);
        row.print(&name, &note);
        (0..count).for_each(|_| total.add(&row));
    }
    total.print("ResNet-20, 19 layers", "");

    for (size, cin, cout, kernel) in [
        (56, 64, 64, 1),
        (56, 64, 64, 3),
        (28, 512, 128, 1),
        (28, 128, 128, 3),
        (28, 128, 32, 3),
        (14, 1024, 256, 1),
        (14, 256, 1024, 1),
        (14, 256, 256, 3),
        (7, 512, 512, 3),
        (7, 512, 2048, 1),
    ] {
        let shape = conv(cin, size, cout, kernel, 1);
        let params = Params::choose(bits, 8, shape.taps()).unwrap();
        let (row, note) = measure(&shape, &params);
        row.print(&format!("{size}x{size} {cin}->{cout} k{kernel}"), &note);
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
