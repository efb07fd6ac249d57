//! The garbled backend: the output equals the reference, and each message is what was predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Builder, conv, mix};
use sordino_engine::garbled::{
    Circuit, EvaluatorModel, GarbledCost, GarbledLimits, GarbledOffer, GarblerSession, TableMemory,
    run_garbled, serve,
};
use sordino_engine::session::{BackendChoice, Reveal, SupplyChoice, Wish};
use sordino_engine::twoparty::Unobserved;
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::*;
use sordino_store::Store;
use sordino_wire::{Meter, Phase, Role, memory_pair};

const WISH: Wish = Wish {
    backend: BackendChoice::Garbled,
    supply: SupplyChoice::SoftSpoken(8),
    reveal: Reveal::Logits,
};

const LIMITS: GarbledLimits =
    GarbledLimits { inferences: 100, circuits: 4, memory: TableMemory { resident: 1 << 30 } };

/// Pixels of the input's declared range.
fn pixels(model: &FixedModel, seed: u64) -> Vec<u64> {
    let e = &model.graph.edges[model.graph.input.0 as usize];
    let span = (e.hi - e.lo + 1) as u64;
    (0..e.len() as u64)
        .map(|i| ((e.lo + (mix(seed, i) % span) as i64) as u64) & (u64::MAX >> (64 - e.ring)))
        .collect()
}

fn small_input(b: &mut FixedModel, lo: i64, hi: i64) {
    b.graph.edges[0].lo = lo;
    b.graph.edges[0].hi = hi;
}

fn relu(outputs: i64) -> Vec<i64> {
    (-63..64).map(|t: i64| t.clamp(0, outputs - 1)).collect()
}

/// Convolutions with padding and stride, a residual sum, max pooling, average pooling, a dense layer.
fn residual() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 8, 8], 40, 1);
    let x = b.linear(EdgeId(0), conv(2, 8, 8, 6, 3, 1, 1), 40);
    let x = b.lookup(x, 7 * 13, relu(31), 40);
    let y = b.linear(x, conv(6, 8, 8, 6, 3, 1, 1), 40);
    let scaled = b.linear(x, ConvShape { groups: 6, ..conv(6, 8, 8, 6, 1, 1, 0) }, 40);
    let shape = b.shape(y);
    let y = b.push(FixedOp::Add { shl: [0, 0], subtract: false }, &[y, scaled], &shape, 14, 40);
    let y = b.lookup(y, 13 * 29, relu(61), 40);
    let pool = PoolShape {
        channels: 6,
        h: 8,
        w: 8,
        kernel: [3, 3],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [1, 0, 1, 0],
    };
    let (h, w) = pool.output();
    let y = b.push(FixedOp::MaxPool(pool), &[y], &[1, 6, h, w], 8, 40);
    let mean = PoolShape {
        channels: 6,
        h,
        w,
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [0; 4],
    };
    let y = b.push(FixedOp::SumPool(mean), &[y], &[1, 6, 2, 2], 8, 40);
    let r = FixedOp::Rearrange(Rearrange::Reshape);
    let y = b.push(r, &[y], &[1, 24, 1, 1], 8, 40);
    b.linear(y, conv(24, 1, 1, 5, 1, 1, 0), 40);
    let mut m = b.done();
    small_input(&mut m, -128, 127);
    m
}

/// Dash's gadgets, with a tournament in the large base.
fn dash() -> FixedModel {
    let mut b = Builder::new(&[1, 1, 7, 7], 30, 5);
    let x = b.linear(EdgeId(0), conv(1, 7, 7, 3, 3, 1, 0), 30);
    let x = b.rescale(x, 31 * 97 * 109, 31, Function::Relu, 40);
    let pool = PoolShape {
        channels: 3,
        h: 5,
        w: 5,
        kernel: [2, 2],
        stride: [2, 2],
        dilation: [1, 1],
        pads: [0, 1, 0, 1],
    };
    let x = b.push(FixedOp::MaxPool(pool), &[x], &[1, 3, 3, 3], 14, 40);
    let x = b.linear(x, conv(3, 3, 3, 2, 3, 1, 0), 40);
    b.rescale(x, 31 * 97 * 109, 1, Function::Identity, 30);
    let mut m = b.done();
    small_input(&mut m, 0, 15);
    m
}

/// Every movement, and both kinds of constants.
fn movement() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 3, 4], 22, 3);
    let to = |b: &mut Builder, r, from, shape: &[u32]| {
        b.push(FixedOp::Rearrange(r), &[from], shape, 8, 22)
    };
    let t = to(&mut b, Rearrange::Transpose { perm: vec![0, 2, 1, 3] }, EdgeId(0), &[1, 3, 2, 4]);
    let pads = vec![(0, 0), (1, 0), (-1, 2), (0, 1)];
    let p = to(&mut b, Rearrange::Pad { pads, value: -3 }, t, &[1, 4, 3, 5]);
    let s = to(
        &mut b,
        Rearrange::Slice { starts: vec![0, 3, 0, 4], steps: vec![1, -2, 1, -2] },
        p,
        &[1, 2, 3, 3],
    );
    let d = to(&mut b, Rearrange::Dilate { step: [2, 1] }, s, &[1, 2, 5, 3]);
    let g = to(&mut b, Rearrange::Take { axis: 1, indices: vec![1, 0, 1] }, d, &[1, 3, 5, 3]);
    let c = b.add_const(g, 22);
    let j = b.push(FixedOp::Concat { axis: 2, shl: vec![2, 2] }, &[c, g], &[1, 3, 10, 3], 10, 22);
    b.lookup(j, 7, (0..29).map(|v| v * v % 17 - 5).collect(), 8);
    let mut m = b.done();
    small_input(&mut m, -40, 40);
    m
}

fn models() -> [FixedModel; 3] {
    [residual(), dash(), movement()]
}

#[test]
fn equals_the_reference() {
    for model in models() {
        let circuit = Circuit::new(&model).unwrap();
        for seed in 0..4 {
            let x = pixels(&model, seed);
            let got = run_garbled(&circuit, &x, &mut Silent).unwrap();
            assert_eq!(got, run_clear(&model, &x).unwrap());
        }
    }
}

struct Sessions {
    outputs: Vec<Vec<u64>>,
    client: Meter,
    server: Meter,
}

fn session(
    model: &FixedModel,
    inputs: &[Vec<u64>],
    stores: [Option<&Store>; 2],
) -> Result<Sessions, Error> {
    let served = EvaluatorModel::new(model)?;
    let (ours, mut theirs) = memory_pair();
    std::thread::scope(|s| {
        let server = s.spawn(|| {
            let offer =
                GarbledOffer { model: &served, card: b"card", store: stores[1], limits: LIMITS };
            serve(&mut theirs, &offer, &mut Unobserved)
        });
        let mut client = GarblerSession::connect(ours, WISH, stores[0], |_, _| Ok(()))?;
        let mut outputs = Vec::new();
        for x in inputs {
            outputs.push(client.infer(x, &mut Silent)?);
        }
        let client = client.finish()?;
        Ok(Sessions { outputs, client, server: server.join().unwrap()? })
    })
}

#[test]
fn sessions_send_what_was_predicted() {
    for model in models() {
        let inputs: Vec<_> = (0..2).map(|s| pixels(&model, s)).collect();
        let got = session(&model, &inputs, [None, None]).unwrap();
        for (x, y) in inputs.iter().zip(&got.outputs) {
            assert_eq!(*y, run_clear(&model, x).unwrap());
        }
        let circuit = Circuit::new(&model).unwrap();
        for (meter, role) in [(&got.client, Role::Client), (&got.server, Role::Server)] {
            let mut cost = GarbledCost::new(&circuit, role);
            for _ in &inputs {
                cost.prepare();
                cost.infer();
            }
            let mut counts = meter.counts().clone();
            if role == Role::Server {
                // The good-bye that ends the session.
                let offline = counts.get_mut(&(Phase::Offline, None)).unwrap();
                offline.up -= 25;
                offline.messages -= 1;
            }
            for (at, want) in cost.meter().counts() {
                let got = counts[at];
                assert_eq!((got.up, got.down, got.messages), (want.up, want.down, want.messages));
            }
            assert_eq!(counts.len(), cost.meter().counts().len());
        }
        let online = got.client.counts()[&(Phase::Online, None)];
        assert_eq!(online.rounds, inputs.len() as u64, "one round each");
    }
}

#[test]
fn stored_circuits_serve_later_sessions_once() {
    let dir = tempfile::tempdir().unwrap();
    let ours = Store::open(&dir.path().join("garbler")).unwrap();
    let theirs = Store::open(&dir.path().join("evaluator")).unwrap();
    let model = residual();
    let x = pixels(&model, 9);
    let want = run_clear(&model, &x).unwrap();
    for _ in 0..2 {
        let got = session(&model, std::slice::from_ref(&x), [Some(&ours), Some(&theirs)]).unwrap();
        assert_eq!(got.outputs, [want.clone()]);
        assert!(ours.list().unwrap().is_empty() && theirs.list().unwrap().is_empty());
    }
}
