//! What compression promises of any weights, and what becomes of them in files and in integers.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sordino_graph::fixed::{
    Calibration, FixedModel, FixedNode, FixedOp, QuantiseOptions, quantise,
};
use sordino_graph::ir::{
    Binary, DType, Graph, Node, Op, Reduce, Tensor, Unary, Value, ValueId, Window,
};
use sordino_graph::onnx::export;
use sordino_graph::{float, load};
use sordino_rewrite::Error;
use sordino_rewrite::compress::{
    Adapted, Codebooks, GRID_BITS, Method, Scale, Scope, Settings, adapt, compress, summary,
};
use std::sync::Arc;

const INPUT: [usize; 4] = [1, 3, 6, 6];

/// A convolution of 8 channels, a rectifier and a dense layer of 5.
fn network(seed: u64) -> Graph {
    let constant = |shape: &[usize], scale: f32, at: u64| {
        let values = noise(seed * 7 + at, shape.iter().product());
        Tensor::f32(shape.to_vec(), values.iter().map(|v| v * scale).collect()).unwrap()
    };
    let value = |name: &str, shape: &[usize], constant: Option<Tensor>| Value {
        name: name.into(),
        dtype: DType::F32,
        shape: shape.to_vec(),
        constant: constant.map(Arc::new),
    };
    let weight = |name: &str, shape: &[usize], scale: f32, at: u64| {
        value(name, shape, Some(constant(shape, scale, at)))
    };
    let values = vec![
        value("x", &INPUT, None),
        weight("kernel", &[8, 3, 3, 3], 0.4, 0),
        weight("offset", &[8], 0.1, 1),
        value("sum", &[1, 8, 4, 4], None),
        value("positive", &[1, 8, 4, 4], None),
        value("flat", &[1, 128], None),
        weight("matrix", &[128, 5], 0.05, 2),
        value("y", &[1, 5], None),
    ];
    let window = Window {
        kernel: vec![3; 2],
        stride: vec![1; 2],
        dilation: vec![1; 2],
        pads: vec![(0, 0); 2],
    };
    let node = |name: &str, op: Op, inputs: &[usize], output: usize| Node {
        name: name.into(),
        op,
        inputs: inputs.iter().map(|&i| Some(ValueId(i))).collect(),
        outputs: vec![ValueId(output)],
    };
    Graph {
        name: "test".into(),
        opset: 13,
        inputs: vec![ValueId(0)],
        outputs: vec![ValueId(7)],
        nodes: vec![
            node("conv", Op::Conv { window, groups: 1 }, &[0, 1, 2], 3),
            node("relu", Op::Unary(Unary::Relu), &[3], 4),
            node("flatten", Op::Reshape { shape: vec![1, 128] }, &[4], 5),
            node(
                "dense",
                Op::Gemm { alpha: 1.0, beta: 1.0, trans_a: false, trans_b: false },
                &[5, 6],
                7,
            ),
        ],
        values,
    }
}

/// Numbers in -1 to 1 with more small ones than large.
fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut unit = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..n).map(|_| unit() * unit().abs()).collect()
}

fn samples(n: usize) -> Vec<Tensor> {
    let one = |i| Tensor::f32(INPUT.to_vec(), noise(1000 + i as u64, 108)).unwrap();
    (0..n).map(one).collect()
}

fn weights(graph: &Graph) -> Vec<Vec<f32>> {
    let of = |name: &str| {
        let value = graph.values.iter().find(|v| v.name == name).unwrap();
        value.constant.as_ref().unwrap().as_f32().unwrap().to_vec()
    };
    vec![of("kernel"), of("matrix")]
}

fn distinct(weights: &[f32]) -> usize {
    let mut bits: Vec<u32> = weights.iter().map(|w| (w + 0.0).to_bits()).collect();
    bits.sort_unstable();
    bits.dedup();
    bits.len()
}

fn zeros(weights: &[f32]) -> usize {
    weights.iter().filter(|w| **w == 0.0).count()
}

fn fixed(graph: &Graph, weight_bits: u32) -> FixedModel {
    let calibration = Calibration::run(graph, &samples(8)).unwrap();
    let options = QuantiseOptions { weight_bits, ..Default::default() };
    quantise(graph, &calibration, &options).unwrap()
}

fn compressed(graph: &Graph, settings: &Settings) -> Graph {
    let mut graph = graph.clone();
    compress(&mut graph, settings).unwrap();
    graph
}

fn method() -> impl Strategy<Value = Method> {
    let scale = || prop_oneof![Just(Scale::Layer), Just(Scale::Channel)];
    let scope = prop_oneof![Just(Scope::Layer), Just(Scope::Network)];
    prop_oneof![
        (0.0..=1.0, scope).prop_map(|(sparsity, scope)| Method::Prune {
            sparsity,
            scope,
            keep_floats: false
        }),
        (2usize..40).prop_map(|values| Method::Cluster { values }),
        scale().prop_map(Method::Ternary),
        scale().prop_map(Method::Binary),
        (2u32..=8, scale()).prop_map(|(bits, scale)| Method::Quantise { bits, scale }),
    ]
}

fn cases() -> ProptestConfig {
    ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() }
}

/// Weights of each layer of the fixed-point network, in order of size.
fn integers(model: &FixedModel) -> Vec<Vec<f32>> {
    let of = |n: &FixedNode| match n.op {
        FixedOp::Linear { weights, weight_frac, .. } => {
            let kernel = &model.weights.layers[weights.0 as usize].kernel;
            let unit = f64::from(-weight_frac).exp2();
            Some(sorted(kernel.iter().map(|&k| (f64::from(k) * unit) as f32)))
        }
        _ => None,
    };
    model.graph.nodes.iter().filter_map(of).collect()
}

fn sorted(weights: impl IntoIterator<Item = f32>) -> Vec<f32> {
    let mut weights: Vec<f32> = weights.into_iter().map(|w| w + 0.0).collect();
    weights.sort_by(f32::total_cmp);
    weights
}

proptest! {
    #![proptest_config(cases())]

    #[test]
    fn integers_are_the_same_everywhere(
        seed in 0u64..1000,
        method in method(),
        grid_bits in 8u32..=10,
    ) {
        let original = network(seed);
        let settings = Settings { grid_bits, ..Settings::new(method.clone()) };
        let graph = compressed(&original, &settings);
        // In the file.
        let bytes = export(&graph).unwrap();
        let loaded = load(&bytes).unwrap();
        let (own, read) = (weights(&graph), weights(&loaded));
        prop_assert_eq!(&own, &read);
        // In fixed point, each times one power of two.
        let model = fixed(&loaded, 10);
        let wanted: Vec<Vec<f32>> = own.iter().map(|w| sorted(w.iter().copied())).collect();
        prop_assert_eq!(integers(&model), wanted);
        let layers = summary(&loaded, &model);
        prop_assert_eq!(layers.len(), own.len());
        for (layer, w) in layers.iter().zip(&own) {
            prop_assert_eq!(layer.exact, Some(true), "{:?}", layer);
            // Bits of a few weights could be a secret, and are not shown.
            prop_assert!(layer.bits <= grid_bits || layer.weights - layer.zeros < 32);
            prop_assert_eq!(layer.zeros, zeros(w));
            let exact_bits = match method {
                Method::Ternary(Scale::Layer) => Some(2),
                Method::Quantise { bits, scale: Scale::Layer } => Some(bits),
                _ => None,
            };
            if let Some(bits) = exact_bits.filter(|_| layer.weights - layer.zeros >= 32) {
                prop_assert!(layer.bits <= bits, "{:?}", layer);
            }
        }
        for (before, after) in weights(&original).iter().zip(&own) {
            match method {
                Method::Cluster { values } => prop_assert!(distinct(after) <= values),
                Method::Ternary(Scale::Layer) => prop_assert!(distinct(after) <= 3),
                Method::Binary(Scale::Layer) => prop_assert_eq!(distinct(after), 2),
                Method::Quantise { bits, scale: Scale::Layer } => {
                    prop_assert!(distinct(after) < 1 << bits);
                }
                _ => {}
            }
            // No weight changes sides, unless into a cluster.
            let same_side = before.iter().zip(after).all(|(b, a)| a * b >= 0.0);
            let clustered = matches!(method, Method::Cluster { .. });
            prop_assert!(same_side || clustered);
        }
    }

    #[test]
    fn zeros_stay_through_every_tool(
        seed in 0u64..1000,
        method in method(),
        sparsity in 0.2f64..0.9,
    ) {
        let prune = Method::Prune { sparsity, scope: Scope::Layer, keep_floats: true };
        let pruned = compressed(&network(seed), &Settings::new(prune));
        let graph = compressed(&pruned, &Settings::new(method));
        for (before, after) in weights(&pruned).iter().zip(weights(&graph)) {
            prop_assert_eq!(zeros(before), (sparsity * before.len() as f64).round() as usize);
            prop_assert!(before.iter().zip(&after).all(|(b, a)| *b != 0.0 || *a == 0.0));
        }
        // And in the integers of a private inference.
        let counts: Vec<usize> = weights(&graph).iter().map(|w| zeros(w)).collect();
        let model = fixed(&graph, 10);
        let found: Vec<usize> = integers(&model).iter().map(|w| zeros(w)).collect();
        let said: Vec<usize> = summary(&graph, &model).iter().map(|l| l.zeros).collect();
        prop_assert_eq!((&found, &said), (&counts, &counts));
    }

    #[test]
    fn sparsity_is_what_was_asked_for(seed in 0u64..1000, sparsity in 0.0f64..=1.0) {
        for scope in [Scope::Layer, Scope::Network] {
            let method = Method::Prune { sparsity, scope, keep_floats: true };
            let graph = compressed(&network(seed), &Settings::new(method));
            let found: usize = weights(&graph).iter().map(|w| zeros(w)).sum();
            // Each of two layers is rounded.
            prop_assert!((found as f64 - sparsity * 856.0).abs() <= 1.0, "{found}");
            // What is left is as it was.
            for (before, after) in weights(&network(seed)).iter().zip(weights(&graph)) {
                prop_assert!(before.iter().zip(&after).all(|(b, a)| *a == 0.0 || a == b));
                // And no smaller than what is gone.
                let pairs = || before.iter().zip(&after);
                let gone = pairs().filter(|(_, a)| **a == 0.0).map(|(b, _)| b.abs());
                let left = pairs().filter(|(_, a)| **a != 0.0).map(|(b, _)| b.abs());
                prop_assert!(gone.fold(0.0, f32::max) <= left.fold(f32::MAX, f32::min));
            }
        }
    }
}

#[test]
fn files_hold_small_integers() {
    let original = network(3);
    let whole = export(&original).unwrap().len();
    let ternary = compressed(&original, &Settings::new(Method::Ternary(Scale::Channel)));
    let bytes = export(&ternary).unwrap();
    // A byte for each of 856 weights instead of four, and a scale per channel.
    assert!(bytes.len() + 3 * 856 < whole + 400, "{} of {whole}", bytes.len());
    assert!(bytes.windows(16).any(|w| w == b"DequantizeLinear"));
    assert!(!export(&original).unwrap().windows(16).any(|w| w == b"DequantizeLinear"));
    let wide = Settings { grid_bits: 12, ..Settings::new(Method::Cluster { values: 200 }) };
    let wide = compressed(&original, &wide);
    let loaded = load(&export(&wide).unwrap()).unwrap();
    assert_eq!((loaded.opset, weights(&loaded)), (21, weights(&wide)));
}

#[test]
fn fewer_bits_make_smaller_rings() {
    let original = network(4);
    let four = Method::Quantise { bits: 4, scale: Scale::Layer };
    let graph = compressed(&original, &Settings::new(four));
    let (before, after) = (fixed(&original, 10), fixed(&graph, 10));
    let rings = |m: &FixedModel| m.graph.edges.iter().map(|e| e.ring).sum::<u32>();
    assert!(rings(&after) < rings(&before));
    let bits = |m: &FixedModel| -> Vec<u32> {
        let of = |n: &FixedNode| match n.op {
            FixedOp::Linear { weight_bits, .. } => Some(weight_bits),
            _ => None,
        };
        m.graph.nodes.iter().filter_map(of).collect()
    };
    assert_eq!((bits(&before), bits(&after)), (vec![10, 10], vec![4, 4]));
}

#[test]
fn layers_can_be_excepted() {
    let original = network(5);
    let mut settings = Settings::new(Method::Ternary(Scale::Layer));
    settings.except = vec!["dense".into()];
    let graph = compressed(&original, &settings);
    let (before, after) = (weights(&original), weights(&graph));
    assert_eq!(before[1], after[1]);
    assert_eq!(distinct(&after[0]), 3);
}

#[test]
fn corrected_biases_restore_means() {
    let original = network(6);
    let mut graph = compressed(&original, &Settings::new(Method::Binary(Scale::Layer)));
    let inputs = samples(40);
    let means = |g: &Graph| {
        let mut sums = [0.0; 5];
        for x in &inputs {
            let y = float::run(g, std::slice::from_ref(x)).unwrap();
            sums.iter_mut().zip(y[0].as_f32().unwrap()).for_each(|(s, y)| *s += f64::from(*y));
        }
        sums.map(|s| s / inputs.len() as f64)
    };
    let off = |g: &Graph| {
        means(g).iter().zip(means(&original)).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max)
    };
    let before = off(&graph);
    let adapted = adapt(&mut graph, &original, &inputs, &Codebooks::default()).unwrap();
    assert_eq!(adapted, Adapted { weights: 0, biases: 2 });
    assert!(before > 0.01 && off(&graph) < 1e-5, "{before} {}", off(&graph));
    // The dense layer had no bias; what it has now survives the file.
    assert_eq!(means(&load(&export(&graph).unwrap()).unwrap()), means(&graph));
}

#[test]
fn adapted_weights_err_less_and_stay_in_their_codebook() {
    let original = network(7);
    // Neighbours are alike, as in pictures: so one weight can make up for another.
    let smooth = |x: &Tensor| {
        let mut value = 0.0;
        let values = x.as_f32().unwrap().iter().map(|v| {
            value = 0.8 * value + v;
            value
        });
        Tensor::f32(INPUT.to_vec(), values.collect()).unwrap()
    };
    let inputs: Vec<Tensor> = samples(60).iter().map(smooth).collect();
    let methods = [
        Method::Prune { sparsity: 0.6, scope: Scope::Layer, keep_floats: false },
        Method::Cluster { values: 6 },
        Method::Ternary(Scale::Channel),
        Method::Binary(Scale::Channel),
        Method::Quantise { bits: 3, scale: Scale::Layer },
    ];
    for method in methods {
        let mut graph = original.clone();
        let books = compress(&mut graph, &Settings::new(method.clone())).unwrap();
        let plain = graph.clone();
        let error = |g: &Graph| -> f64 {
            let run = |g: &Graph, x| float::run(g, std::slice::from_ref(x)).unwrap().remove(0);
            let one = |x| {
                let (want, got) = (run(&original, x), run(g, x));
                let pairs = want.as_f32().unwrap().iter().zip(got.as_f32().unwrap());
                pairs.map(|(w, g)| f64::from(w - g).powi(2)).sum::<f64>()
            };
            inputs.iter().map(one).sum()
        };
        let mut biased = graph.clone();
        adapt(&mut biased, &original, &inputs, &Codebooks::default()).unwrap();
        let adapted = adapt(&mut graph, &original, &inputs, &books).unwrap();
        assert_eq!(adapted, Adapted { weights: 2, biases: 2 });
        let (before, after) = (error(&biased), error(&graph));
        assert!(after < 0.9 * before, "{method:?}: {after} of {before}");
        for (layer, (old, new)) in weights(&plain).iter().zip(weights(&graph)).enumerate() {
            assert_ne!(old, &new, "{method:?}");
            // Output channels are the kernel's first axis, the matrix's second.
            let channel = |i: usize| if layer == 0 { i / 27 } else { i % 5 };
            let scale = |c: usize| {
                let own = old.iter().enumerate().filter(|(i, _)| channel(*i) == c);
                own.map(|(_, w)| w.abs()).fold(0.0, f32::max)
            };
            let step = old.iter().filter(|w| **w != 0.0).fold(f32::MAX, |a, w| a.min(w.abs()));
            let allowed = |(i, w): (usize, &f32)| match method {
                Method::Prune { .. } => old[i] != 0.0 || *w == 0.0,
                Method::Cluster { .. } => old.contains(w),
                Method::Ternary(_) => *w == 0.0 || w.abs() == scale(channel(i)),
                Method::Binary(_) => w.abs() == scale(channel(i)),
                Method::Quantise { .. } => (w / step).fract() == 0.0 && (w / step).abs() <= 3.0,
            };
            assert!(new.iter().enumerate().all(allowed), "{method:?}");
        }
        let loaded = load(&export(&graph).unwrap()).unwrap();
        assert!(summary(&loaded, &fixed(&loaded, 10)).iter().all(|l| l.exact == Some(true)));
    }
}

#[test]
fn wrong_settings_are_refused() {
    let refused = |settings: Settings, text: &str| {
        let mut graph = network(1);
        let error = compress(&mut graph, &settings).unwrap_err();
        assert!(matches!(error, Error::Config(_)));
        assert!(error.to_string().contains(text), "{error}");
        assert_eq!(weights(&graph), weights(&network(1)));
    };
    let prune = |sparsity| Method::Prune { sparsity, scope: Scope::Layer, keep_floats: false };
    refused(Settings::new(prune(1.5)), "between 0 and 1");
    refused(Settings::new(prune(f64::NAN)), "between 0 and 1");
    refused(Settings::new(Method::Cluster { values: 1 }), "between 2 and 256");
    let bits = Method::Quantise { bits: 9, scale: Scale::Layer };
    refused(Settings::new(bits), "bits = 9");
    let coarse = Settings { grid_bits: 17, ..Settings::new(prune(0.5)) };
    refused(coarse, "grid_bits = 17");
    assert_eq!(GRID_BITS, 2..=16);
    let except = |names: &[&str]| Settings {
        except: names.iter().map(|n| (*n).to_owned()).collect(),
        ..Settings::new(prune(0.5))
    };
    refused(except(&["conv1"]), "'conv1'");
    refused(except(&["conv1"]), "conv, dense");
    refused(except(&["conv", "dense"]), "every layer");

    let mut graph = network(1);
    graph.nodes.truncate(0);
    let error = compress(&mut graph, &Settings::new(prune(0.5))).unwrap_err();
    assert!(error.to_string().contains("no linear layer"), "{error}");
}

#[test]
fn wrong_samples_are_refused() {
    let original = network(2);
    let mut graph = original.clone();
    let odd = Tensor::f32(vec![1, 3], vec![0.0; 3]).unwrap();
    let none = Codebooks::default();
    let error = adapt(&mut graph, &original, &[odd], &none).unwrap_err();
    assert!(error.to_string().contains("[1, 3]"), "{error}");
    let error = adapt(&mut graph, &original, &[], &none).unwrap_err();
    assert!(matches!(&error, Error::Data(text) if text.contains("no sample")), "{error}");
    let mut other = original.clone();
    other.nodes.pop();
    let error = adapt(&mut other, &original, &samples(1), &none).unwrap_err();
    let text = "only to the one that it was compressed from";
    assert!(matches!(&error, Error::Config(why) if why.contains(text)), "{error}");
}

/// The dense layer doubles its products; its matrix is also summed by column, and that is added.
fn with_shared_matrix() -> Graph {
    let mut graph = network(8);
    let Op::Gemm { alpha, .. } = &mut graph.nodes[3].op else { panic!() };
    *alpha = 2.0;
    for name in ["sums", "all"] {
        let (name, shape) = (name.into(), vec![1, 5]);
        graph.values.push(Value { name, dtype: DType::F32, shape, constant: None });
    }
    let sum = Op::Reduce { kind: Reduce::Sum, axes: vec![0], keep_dims: true };
    let nodes = [(sum, vec![6], 8), (Op::Binary(Binary::Add), vec![7, 8], 9)];
    for (op, inputs, output) in nodes {
        let inputs = inputs.into_iter().map(|i| Some(ValueId(i))).collect();
        let name = format!("n{output}");
        graph.nodes.push(Node { name, op, inputs, outputs: vec![ValueId(output)] });
    }
    graph.outputs = vec![ValueId(9)];
    graph
}

#[test]
fn weights_that_something_else_reads_stay_there() {
    let original = with_shared_matrix();
    let run = |graph: &Graph| {
        let y = float::run(graph, &samples(1)).unwrap().remove(0);
        y.as_f32().unwrap().to_vec()
    };
    let sums = |graph: &Graph| run(&Graph { outputs: vec![ValueId(8)], ..graph.clone() });
    // No weight changes, but the factor of 2 goes into the layer's.
    let prune = |sparsity| Method::Prune { sparsity, scope: Scope::Layer, keep_floats: true };
    let same = compressed(&original, &Settings::new(prune(0.0)));
    assert!(matches!(same.nodes[3].op, Op::Gemm { alpha: 1.0, .. }));
    for graph in [&same, &load(&export(&same).unwrap()).unwrap()] {
        let pairs = run(graph).into_iter().zip(run(&original));
        pairs.for_each(|(got, want)| assert!((got - want).abs() <= 1e-5, "{got} {want}"));
    }
    let pruned = compressed(&original, &Settings::new(prune(0.5)));
    assert_eq!(sums(&pruned), sums(&original));
    assert_ne!(run(&pruned), run(&original));
    // A layer that is left alone keeps what it shares, factor and all.
    let except = vec!["dense".into()];
    let left = compressed(&original, &Settings { except, ..Settings::new(prune(0.5)) });
    assert!(matches!(left.nodes[3].op, Op::Gemm { alpha: 2.0, .. }));
    assert_eq!(weights(&left)[1], weights(&original)[1]);
}
