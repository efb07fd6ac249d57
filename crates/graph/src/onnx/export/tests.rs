#![allow(clippy::unwrap_used)]

use super::export;
use crate::ir::{Binary, DType, Graph, Node, Op, Reduce, Tensor, Unary, Value, ValueId, Window};
use crate::onnx::proto::ModelProto;
use crate::{float, infer, load};
use prost::Message;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A graph of one input, whose values get names afterwards.
fn graph(input: &[usize]) -> Graph {
    let mut graph = Graph {
        name: "test".into(),
        opset: 13,
        inputs: vec![ValueId(0)],
        outputs: vec![],
        nodes: vec![],
        values: vec![],
    };
    push(&mut graph, DType::F32, input, None);
    graph
}

fn push(graph: &mut Graph, dtype: DType, shape: &[usize], constant: Option<Tensor>) -> ValueId {
    let name = format!("v{}", graph.values.len());
    let (shape, constant) = (shape.to_vec(), constant.map(Arc::new));
    graph.values.push(Value { name, dtype, shape, constant });
    ValueId(graph.values.len() - 1)
}

fn constant(graph: &mut Graph, values: &[f32]) -> ValueId {
    let tensor = Tensor::f32(vec![values.len()], values.to_vec()).unwrap();
    push(graph, DType::F32, &[values.len()], Some(tensor))
}

/// Appends a node; its first result.
fn node(graph: &mut Graph, op: Op, inputs: &[ValueId]) -> ValueId {
    let meta = |id: &ValueId| {
        let value = graph.value(*id);
        infer::Meta::new(value.dtype, value.shape.clone())
    };
    let metas: Vec<_> = inputs.iter().map(meta).collect();
    let outs = infer::outputs(&op, &metas.iter().map(Some).collect::<Vec<_>>()).unwrap();
    let outputs: Vec<_> = outs.iter().map(|o| push(graph, o.dtype, &o.shape, None)).collect();
    let name = format!("n{}", graph.nodes.len());
    let inputs = inputs.iter().map(|&id| Some(id)).collect();
    graph.nodes.push(Node { name, op, inputs, outputs: outputs.clone() });
    outputs[0]
}

fn decoded(graph: &Graph) -> ModelProto {
    ModelProto::decode(export(graph).unwrap().as_slice()).unwrap()
}

/// Every name is given once, and before it is used.
fn is_in_single_assignment(model: &ModelProto) {
    let graph = model.graph.as_ref().unwrap();
    let mut known = BTreeSet::new();
    let mut give = |name: &str| {
        assert!(!name.is_empty());
        assert!(known.insert(name.to_owned()), "'{name}' twice");
        known.clone()
    };
    graph.input.iter().for_each(|v| _ = give(v.name()));
    graph.initializer.iter().for_each(|t| _ = give(t.name()));
    let mut before = give("end of the constants");
    for node in &graph.node {
        assert!(node.input.iter().all(|name| name.is_empty() || before.contains(name)));
        for name in &node.output {
            before = give(name);
        }
    }
    let outputs: BTreeSet<_> = graph.output.iter().map(|v| v.name()).collect();
    assert_eq!(outputs.len(), graph.output.len());
    assert!(outputs.into_iter().all(|name| before.contains(name)));
}

#[test]
fn nodes_keep_their_names() {
    let mut g = graph(&[1, 4]);
    let x = node(&mut g, Op::Unary(Unary::Swish { alpha: 1.5 }), &[ValueId(0)]);
    let x = node(&mut g, Op::Unary(Unary::Relu), &[x]);
    let x = node(&mut g, Op::Unary(Unary::Relu), &[x]);
    g.outputs = vec![node(&mut g, Op::Unary(Unary::Relu), &[x])];
    for (i, name) in ["swish", "same", "same@1", "same"].into_iter().enumerate() {
        g.nodes[i].name = name.into();
    }
    let names = |g: &Graph| {
        let names = decoded(g).graph.unwrap().node.into_iter().map(|n| n.name.unwrap());
        names.collect::<Vec<_>>()
    };
    let made = names(&g)[0].clone();
    assert_eq!(names(&g)[2..], ["swish", "same", "same@1", "same@2"]);
    // What the exporter adds gives way.
    g.nodes[1].name = made.clone();
    assert_eq!(names(&g)[2..], ["swish", &made, "same@1", "same"]);
    assert_ne!(names(&g)[0], made);
    g.nodes[1].name = "same".into();
    let again = load(&export(&g).unwrap()).unwrap();
    assert_eq!(again.nodes.last().unwrap().name, "same@2");
}

#[test]
fn names_are_unique() {
    let mut g = graph(&[1, 4]);
    let (a, b) = (constant(&mut g, &[1.0; 4]), constant(&mut g, &[2.0; 4]));
    let x = node(&mut g, Op::Binary(Binary::Add), &[ValueId(0), a]);
    let x = node(&mut g, Op::Binary(Binary::Mul), &[x, b]);
    let x = node(&mut g, Op::Unary(Unary::Clip { lo: -1.0, hi: 6.5 }), &[x]);
    let x = node(&mut g, Op::Reshape { shape: vec![2, 2] }, &[x]);
    let last =
        node(&mut g, Op::Reduce { kind: Reduce::Sum, axes: vec![1], keep_dims: false }, &[x]);
    g.outputs = vec![last, ValueId(0), last, a];
    let input = Tensor::f32(vec![1, 4], vec![-3.0, 1.0, 2.0, 5.0]).unwrap();
    let want = float::run(&g, std::slice::from_ref(&input)).unwrap();
    // All alike, none, and such as the exporter makes itself.
    let made = ["min@1", "max@2", "shape@3", "axes@4", "v0@output@5", "v0", "axes@5", "min@2"];
    for names in [["same"; 8], [""; 8], made] {
        for (value, name) in g.values.iter_mut().zip(names) {
            value.name = name.into();
        }
        let model = decoded(&g);
        is_in_single_assignment(&model);
        let proto = model.graph.unwrap();
        if !names[0].is_empty() {
            assert_eq!(proto.input[0].name(), names[0]);
        }
        let again = load(&export(&g).unwrap()).unwrap();
        assert_eq!(float::run(&again, std::slice::from_ref(&input)).unwrap(), want);
    }
}

#[test]
fn unique_names_stay() {
    let mut g = graph(&[1, 4]);
    let a = constant(&mut g, &[1.0; 4]);
    let x = node(&mut g, Op::Binary(Binary::Add), &[ValueId(0), a]);
    g.outputs = vec![x];
    let proto = decoded(&g).graph.unwrap();
    let names = [proto.input[0].name(), proto.initializer[0].name(), proto.output[0].name()];
    assert_eq!(names, ["v0", "v1", "v2"]);
}

/// The versions in which operators came, of ONNX's list of operators.
#[test]
fn versions_are_the_oldest_that_serve() {
    let window = |dilation: usize| Window {
        kernel: vec![2; 2],
        stride: vec![1; 2],
        dilation: vec![dilation; 2],
        pads: vec![(0, 0); 2],
    };
    let mean = |dilation| Op::AveragePool { window: window(dilation), count_include_pad: false };
    let space = |column_row| Op::DepthSpace { block: 2, to_space: false, column_row };
    let cases = [
        (Op::Unary(Unary::Relu), 13, 8),
        (Op::MaxPool { window: window(2) }, 13, 8),
        (mean(1), 13, 8),
        (Op::Unary(Unary::HardSwish), 14, 8),
        (Op::Unary(Unary::Mish), 18, 8),
        (mean(2), 19, 9),
        (Op::Unary(Unary::Gelu { tanh: false }), 20, 9),
        (space(false), 13, 8),
        (space(true), 28, 10),
    ];
    for (op, opset, ir) in cases {
        let mut g = graph(&[1, 2, 4, 4]);
        let what = format!("{op:?}");
        let x = node(&mut g, op, &[ValueId(0)]);
        g.outputs = vec![x];
        let model = decoded(&g);
        let versions = (model.opset_import[0].version(), model.ir_version());
        assert_eq!(versions, (opset, ir), "{what}");
    }
    // Integers of 16 bits as weights.
    let mut g = graph(&[1, 4]);
    let weights: Vec<f32> = (0..16).map(|i| (1000 * i + 1) as f32).collect();
    let tensor = Tensor::f32(vec![4, 4], weights).unwrap();
    let weight = push(&mut g, DType::F32, &[4, 4], Some(tensor));
    let x = node(&mut g, Op::MatMul, &[ValueId(0), weight]);
    g.outputs = vec![x];
    let model = decoded(&g);
    assert_eq!((model.opset_import[0].version(), model.ir_version()), (21, 10));
}
