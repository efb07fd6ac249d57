//! Small networks that together use every operator in every way.

use super::Kind::{self, Garbled, Popcorn, PopcornPaper, TwoParty};
use super::{Builder, conv, pool};
use sordino_graph::fixed::*;

/// A network and the backends that run it.
pub struct Fixture {
    pub name: &'static str,
    pub model: FixedModel,
    pub backends: &'static [Kind],
    /// Whether edges leave their rings.
    pub wraps: bool,
}

pub fn fixtures() -> Vec<Fixture> {
    let fixture = |name, model, backends| Fixture { name, model, backends, wraps: false };
    let wrapping = |name, model| Fixture { name, model, backends: &[TwoParty], wraps: true };
    vec![
        wrapping("a residual network in words", words()),
        wrapping("convolutions with activations", convolutions()),
        fixture("movement and products", products(), &[TwoParty]),
        fixture("linear layers", linear(), &Kind::ALL),
        fixture("movement and sums", sums(), &Kind::ALL),
        fixture("pools", pools(), &Kind::ALL),
        fixture("tables with room on shares", tables(), &[TwoParty, Garbled]),
        fixture("a residual network in residues", residues(), &[Garbled]),
        fixture(
            "activations of integers that stay in their rings",
            integers(),
            &[TwoParty, Popcorn, PopcornPaper],
        ),
        fixture("the gadgets of Dash", dash(), &[Garbled]),
        fixture("movement before tables", movement(), &[Garbled]),
    ]
}

pub fn words() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 9, 9], 20, 1);
    let x = b.linear(EdgeId(0), conv(2, 9, 9, 5, 3, 1, 1), 20);
    let x = b.activate(x, 7, Function::Relu, 22);
    let y = b.linear(x, conv(5, 9, 9, 5, 3, 1, 1), 22);
    let wide = b.activate(x, 0, Function::Identity, 22);
    let y = b.sum([y, wide], [0, 6], false, 22);
    let y = b.activate(y, 8, Function::ReluMax { hi: 900 }, 16);
    let y = b.pool(y, pool(&[1, 5, 9, 9], 3, 2, [1, 0, 0, 1]), true);
    let size: u32 = b.shape(y).iter().product();
    let y = b.activate(y, 0, Function::Relu, 21);
    let y = b.linear(y, conv(size, 1, 1, 7, 1, 1, 0), 21);
    b.activate(y, 4, Function::Identity, 30);
    b.done()
}

/// Grouped, strided and dilated.
fn convolutions() -> FixedModel {
    let mut b = Builder::new(&[1, 4, 11, 10], 25, 9);
    let c = uneven();
    let (h, w) = c.output();
    let x = b.linear(EdgeId(0), c, 25);
    let x = b.activate(x, 9, Function::Relu, 24);
    let x = b.linear(x, ConvShape { groups: 6, ..conv(6, h, w, 6, 3, 1, 1) }, 24);
    b.activate(x, 6, Function::Identity, 12);
    b.done()
}

fn uneven() -> ConvShape {
    ConvShape { dilation: [2, 1], pads: [1, 2, 0, 1], groups: 2, ..conv(4, 11, 10, 6, 3, 2, 0) }
}

fn products() -> FixedModel {
    let mut b = Builder::new(&[1, 3, 6, 8], 24, 3);
    let g = moved(&mut b);
    let q = b.pool(g, pool(&[1, 3, 7, 10], 2, 2, [0; 4]), false);
    let k = b.add_const(q, 23);
    let shape = [1, 6, 3, 5];
    let c = b.push(FixedOp::Concat { axis: 1, shl: vec![1, 1] }, &[q, k], &shape, 9, 22);
    let m = b.push(FixedOp::Mul, &[c, c], &shape, 18, 22);
    let n = b.push(FixedOp::Mul, &[c, m], &shape, 27, 20);
    let z = b.sum([n, c], [0, 18], true, 20);
    b.push(FixedOp::Rearrange(Rearrange::Reshape), &[z], &[1, 90], 27, 19);
    b.done()
}

/// Every movement of a `[1, 3, 6, 8]` input, to `[1, 3, 7, 10]`.
fn moved(b: &mut Builder) -> EdgeId {
    let t = Rearrange::Transpose { perm: vec![0, 1, 3, 2] };
    let t = b.rearrange(EdgeId(0), t, &[1, 3, 8, 6]);
    let pads = vec![(0, 0), (0, 1), (-1, 2), (1, -2)];
    let p = b.rearrange(t, Rearrange::Pad { pads, value: -3 }, &[1, 4, 9, 5]);
    let s = Rearrange::Slice { starts: vec![0, 3, 8, 0], steps: vec![1, -1, -2, 1] };
    let s = b.rearrange(p, s, &[1, 4, 4, 4]);
    let d = b.rearrange(s, Rearrange::Dilate { step: [2, 3] }, &[1, 4, 7, 10]);
    b.rearrange(d, Rearrange::Take { axis: 1, indices: vec![3, 0, 0] }, &[1, 3, 7, 10])
}

fn linear() -> FixedModel {
    let mut b = Builder::new(&[1, 4, 11, 10], 30, 11);
    b.input_range(-10, 9);
    let c = uneven();
    let (h, w) = c.output();
    let x = b.linear(EdgeId(0), c, 30);
    let x = b.activate(x, 0, Function::Identity, 30);
    let size = 6 * h * w;
    let x = b.rearrange(x, Rearrange::Reshape, &[1, size, 1, 1]);
    let x = b.linear_without_bias(x, conv(size, 1, 1, 5, 1, 1, 0), 30);
    b.add_const(x, 30);
    b.done()
}

fn sums() -> FixedModel {
    let mut b = Builder::new(&[1, 3, 6, 8], 26, 5);
    b.input_range(-128, 127);
    let g = moved(&mut b);
    let q = b.pool(g, pool(&[1, 3, 7, 10], 3, 2, [1, 0, 2, 1]), false);
    let shape = b.shape(q);
    let k = b.add_const(q, 26);
    let s = b.sum([q, k], [3, 3], true, 26);
    let t = b.sum([s, k], [1, 4], false, 26);
    let joined = [1, 2 * shape[1], shape[2], shape[3]];
    // Read by nobody.
    b.push(FixedOp::Concat { axis: 1, shl: vec![3, 0] }, &[q, s], &joined, 11, 26);
    let both = FixedOp::Concat { axis: 2, shl: vec![2, 1] };
    b.push(both, &[s, t], &[1, shape[1], 2 * shape[2], shape[3]], 13, 26);
    b.done()
}

/// Maxima of values of a small range, whose windows overlap and differ in size, then of a large
/// one.
fn pools() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 7, 6], 20, 13);
    b.input_range(3, 40);
    let x = b.pool(EdgeId(0), pool(&[1, 2, 7, 6], 3, 2, [1, 1, 0, 1]), true);
    let (h, w) = (b.shape(x)[2], b.shape(x)[3]);
    let x = b.linear(x, conv(2, h, w, 2, 1, 1, 0), 20);
    let shape = b.shape(x);
    b.pool(x, pool(&shape, 2, 1, [0; 4]), true);
    b.done()
}

/// In rings that are wide enough for tables on shares.
fn tables() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 5, 5], 62, 17);
    b.input_range(-300, 300);
    let x = b.lookup(EdgeId(0), 7, relu(60), 62);
    b.range(x, 0, 59);
    let y = b.add_const(x, 62);
    let y = b.sum([x, y], [1, 1], true, 62);
    b.range(y, -300, 300);
    b.lookup(y, 7 * 13, (0..29).map(|v| v * v % 17 - 5).collect(), 8);
    b.done()
}

fn relu(outputs: i64) -> Vec<i64> {
    (-63..64).map(|t: i64| t.clamp(0, outputs - 1)).collect()
}

/// Convolutions with padding and stride, a residual sum, max pooling, average pooling, a dense
/// layer; tables of more than one message.
pub fn residues() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 8, 8], 40, 1);
    b.input_range(-128, 127);
    let x = b.linear(EdgeId(0), conv(2, 8, 8, 6, 3, 1, 1), 40);
    let x = b.lookup(x, 7 * 13, relu(31), 40);
    let y = b.linear(x, conv(6, 8, 8, 6, 3, 1, 1), 40);
    let scaled = b.linear(x, ConvShape { groups: 6, ..conv(6, 8, 8, 6, 1, 1, 0) }, 40);
    let y = b.sum([y, scaled], [0, 0], false, 40);
    let y = b.lookup(y, 13 * 29, relu(61), 40);
    let y = b.pool(y, pool(&[1, 6, 8, 8], 3, 2, [1, 0, 1, 0]), true);
    let y = b.pool(y, pool(&[1, 6, 4, 4], 2, 2, [0; 4]), false);
    let y = b.rearrange(y, Rearrange::Reshape, &[1, 24, 1, 1]);
    b.linear(y, conv(24, 1, 1, 5, 1, 1, 0), 40);
    b.done()
}

/// Every activation after a shift or without, a residual sum and both pools.
pub fn integers() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 6, 5], 30, 21);
    b.input_range(-128, 127);
    let x = b.linear(EdgeId(0), conv(2, 6, 5, 3, 3, 1, 1), 30);
    let x = b.activate(x, 9, Function::Relu, 30);
    let y = b.linear(x, conv(3, 6, 5, 3, 3, 1, 1), 30);
    let y = b.activate(y, 3, Function::Identity, 30);
    let y = b.sum([y, x], [0, 3], false, 30);
    let y = b.activate(y, 7, Function::ReluMax { hi: 900 }, 30);
    let y = b.pool(y, pool(&[1, 3, 6, 5], 3, 2, [1, 0, 0, 1]), true);
    let shape = b.shape(y);
    let y = b.pool(y, pool(&shape, 2, 1, [0; 4]), false);
    let size: u32 = b.shape(y).iter().product();
    let y = b.gate(y, 1, 3, 30);
    let y = b.rearrange(y, Rearrange::Reshape, &[1, size, 1, 1]);
    let y = b.activate(y, 0, Function::Relu, 30);
    b.linear(y, conv(size, 1, 1, 5, 1, 1, 0), 30);
    b.done()
}

/// Dash's gadgets, with a tournament in the large base.
fn dash() -> FixedModel {
    let mut b = Builder::new(&[1, 1, 7, 7], 30, 5);
    b.input_range(0, 15);
    let x = b.linear(EdgeId(0), conv(1, 7, 7, 3, 3, 1, 0), 30);
    let x = b.rescale(x, 31 * 97 * 109, 31, Function::Relu, 40);
    let x = b.pool(x, pool(&[1, 3, 5, 5], 2, 2, [0, 1, 0, 1]), true);
    let x = b.linear(x, conv(3, 3, 3, 2, 3, 1, 0), 40);
    b.rescale(x, 31 * 97 * 109, 1, Function::Identity, 30);
    b.done()
}

fn movement() -> FixedModel {
    let mut b = Builder::new(&[1, 3, 6, 8], 22, 3);
    b.input_range(-40, 40);
    let g = moved(&mut b);
    let c = b.add_const(g, 22);
    let joined = FixedOp::Concat { axis: 2, shl: vec![2, 2] };
    let j = b.push(joined, &[c, g], &[1, 3, 14, 10], 10, 22);
    b.lookup(j, 7, (0..29).map(|v| v * v % 17 - 5).collect(), 8);
    b.done()
}

/// Networks of one layer: every operator, every function and every movement.
pub fn operators() -> Vec<FixedModel> {
    let shape = [1, 2, 4, 4];
    let x = EdgeId(0);
    let of_ring = |ring, make: &dyn Fn(&mut Builder) -> EdgeId| {
        let mut b = Builder::new(&shape, ring, 1);
        b.input_range(-8, 8);
        make(&mut b);
        b.done()
    };
    let one = |make: &dyn Fn(&mut Builder) -> EdgeId| of_ring(16, make);
    let act = |shift, f| one(&|b| b.activate(x, shift, f, 16));
    let rescale = |f| one(&|b| b.rescale(x, 7 * 13 * 31, 7, f, 16));
    let to = |r: Rearrange, shape: &[u32]| one(&|b| b.rearrange(x, r.clone(), shape));
    let relu_max = Function::ReluMax { hi: 5 };
    vec![
        one(&|b| b.linear(x, conv(2, 4, 4, 3, 3, 1, 1), 16)),
        one(&|b| b.add_const(x, 16)),
        act(0, Function::Identity),
        act(3, Function::Identity),
        act(0, Function::Relu),
        act(2, relu_max),
        one(&|b| b.pool(x, pool(&shape, 2, 2, [0; 4]), false)),
        one(&|b| b.pool(x, pool(&shape, 2, 2, [0; 4]), true)),
        one(&|b| b.sum([x, x], [1, 1], false, 16)),
        one(&|b| b.push(FixedOp::Mul, &[x, x], &shape, 16, 16)),
        one(&|b| {
            let join = FixedOp::Concat { axis: 3, shl: vec![0, 0] };
            b.push(join, &[x, x], &[1, 2, 4, 8], 8, 16)
        }),
        to(Rearrange::Reshape, &[32]),
        to(Rearrange::Transpose { perm: vec![0, 3, 1, 2] }, &[1, 4, 2, 4]),
        to(Rearrange::Pad { pads: vec![(0, 0), (0, 0), (1, 0), (0, -1)], value: 2 }, &[1, 2, 5, 3]),
        to(Rearrange::Slice { starts: vec![0, 1, 0, 3], steps: vec![1, -1, 2, -1] }, &[1, 2, 2, 4]),
        to(Rearrange::Take { axis: 2, indices: vec![2, 2] }, &[1, 2, 2, 4]),
        to(Rearrange::Dilate { step: [1, 2] }, &[1, 2, 4, 7]),
        one(&|b| b.push(FixedOp::ArgMax, &[x], &[1], 0, 8)),
        one(&|b| b.lookup(x, 7, (0..13).collect(), 16)),
        of_ring(60, &|b| b.lookup(x, 7, (0..13).collect(), 16)),
        rescale(Function::Identity),
        rescale(Function::Relu),
        rescale(relu_max),
    ]
}
