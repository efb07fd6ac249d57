//! What the importer reads, refuses and leaves to options.
#![allow(clippy::unwrap_used)]

mod common;

use common::build::{
    bytes, f32s, i64s, int, ints, model, node, small_ints, small_network, subgraph,
};
use prost::bytes::Bytes;
use sordino_graph::ir::{Op, Tensor};
use sordino_graph::onnx::proto::tensor_proto::{DataLocation, DataType};
use sordino_graph::onnx::proto::{ModelProto, StringStringEntryProto};
use sordino_graph::{Error, ImportOptions, float, load, load_with, passes};

fn run(model: &ModelProto, shape: &[usize], x: &[f32]) -> Tensor {
    let graph = load(&bytes(model)).unwrap();
    let x = Tensor::f32(shape.to_vec(), x.to_vec()).unwrap();
    float::run(&graph, &[x]).unwrap().remove(0)
}

#[test]
fn symbolic_batch_becomes_one_and_shapes_are_inferred() {
    let graph = load(&bytes(&small_network())).unwrap();
    assert_eq!(graph.value(graph.inputs[0]).shape, [1, 1, 6, 6]);
    assert_eq!(graph.value(graph.outputs[0]).shape, [1, 2]);
    assert_eq!(graph.value(graph.outputs[0]).name, "y");
}

#[test]
fn another_symbolic_axis_needs_an_input_shape() {
    let relu = || vec![node("Relu", &["x"], &["y"], vec![])];
    let open = bytes(&model(&[-1, 3, -1, -1], relu(), vec![]));
    assert!(matches!(load(&open), Err(Error::Config(t)) if t.contains("'x'")));
    let shape = |s: &[usize]| ImportOptions { input_shape: Some(s.to_vec()), ..Default::default() };
    let graph = load_with(&open, &shape(&[1, 3, 32, 48])).unwrap();
    assert_eq!(graph.value(graph.outputs[0]).shape, [1, 3, 32, 48]);
    assert!(matches!(load_with(&open, &shape(&[1, 3])), Err(Error::Config(_))));
}

#[test]
fn refusals_name_node_operator_reason_and_hint() {
    let refuse = |n| match load(&bytes(&model(&[1, 4], vec![n], vec![]))) {
        Err(Error::Unsupported { node, op, why, hint }) => (node, op, why, hint),
        other => panic!("{other:?}"),
    };
    let (node_name, op, why, hint) = refuse(node("LSTM", &["x"], &["y"], vec![]));
    assert_eq!((node_name.as_str(), op.as_str()), ("LSTM_0", "LSTM"));
    assert!(why.contains("not supported") && !hint.is_empty());
    let branch = node("If", &["x"], &["y"], vec![subgraph("then_branch")]);
    assert!(refuse(branch).2.contains("control flow"));
    let odd = node("Relu", &["x"], &["y"], vec![int("mystery", 3)]);
    assert!(refuse(odd).2.contains("'mystery'"));
    let mut foreign = node("Relu", &["x"], &["y"], vec![]);
    foreign.domain = Some("example.org".into());
    assert!(refuse(foreign).2.contains("example.org"));
}

#[test]
fn unknown_operator_sets_are_refused() {
    let mut future = small_network();
    future.opset_import[0].version = Some(99);
    assert!(matches!(load(&bytes(&future)), Err(Error::Invalid(t)) if t.contains("99")));
}

#[test]
fn shape_arithmetic_is_folded() {
    // Reshape to [Shape(x)[0], -1], as PyTorch exports a flatten.
    let nodes = vec![
        node("Shape", &["x"], &["shape"], vec![]),
        node("Gather", &["shape", "zero"], &["batch"], vec![int("axis", 0)]),
        node("Unsqueeze", &["batch", "zeros"], &["b1"], vec![]),
        node("Concat", &["b1", "rest"], &["target"], vec![int("axis", 0)]),
        node("Reshape", &["x", "target"], &["y"], vec![]),
    ];
    let mut zero = i64s("zero", &[0]);
    zero.dims.clear();
    let constants = vec![zero, i64s("zeros", &[0]), i64s("rest", &[-1])];
    let graph = load(&bytes(&model(&[-1, 3, 4], nodes, constants))).unwrap();
    assert_eq!(graph.nodes.len(), 1);
    assert_eq!(graph.nodes[0].op, Op::Reshape { shape: vec![1, 12] });
    assert_eq!(graph.values.len(), 2);
}

#[test]
fn every_element_type_is_read() {
    let raw = |kind: DataType, raw: &[u8]| {
        let mut t = f32s("c", &[2], &[]);
        t.data_type = Some(kind as i32);
        t.raw_data = Some(Bytes::copy_from_slice(raw));
        t
    };
    let sum = |t| {
        let add = vec![
            node("Cast", &["c"], &["f"], vec![int("to", 1)]),
            node("Add", &["x", "f"], &["y"], vec![]),
        ];
        run(&model(&[2], add, vec![t]), &[2], &[0.0, 0.0]).as_f32().unwrap().to_vec()
    };
    assert_eq!(sum(raw(DataType::Float16, &[0x00, 0x3c, 0x01, 0x80])), [1.0, -5.960_464_5e-8]);
    assert_eq!(sum(raw(DataType::Bfloat16, &[0x80, 0x3f, 0x20, 0xc0])), [1.0, -2.5]);
    assert_eq!(sum(raw(DataType::Int8, &[0xff, 5])), [-1.0, 5.0]);
    assert_eq!(sum(raw(DataType::Uint8, &[0xff, 5])), [255.0, 5.0]);
    assert_eq!(sum(raw(DataType::Uint16, &[0xff, 0xff, 5, 0])), [65535.0, 5.0]);
    assert_eq!(sum(raw(DataType::Int4, &[0x7f])), [-1.0, 7.0]);
    assert_eq!(sum(raw(DataType::Bool, &[1, 0])), [1.0, 0.0]);
    let doubles: Vec<u8> = [1.5f64, -2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    assert_eq!(sum(raw(DataType::Double, &doubles)), [1.5, -2.0]);
    assert_eq!(sum(small_ints("c", &[2], DataType::Float16, &[0x4000, 0xc000])), [2.0, -2.0]);
    assert_eq!(sum(small_ints("c", &[2], DataType::Int16, &[-300, 7])), [-300.0, 7.0]);
}

#[test]
fn external_weights_need_a_folder_and_stay_inside_it() {
    let folder = std::env::temp_dir().join(format!("sordino-external-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let data: Vec<u8> = [9f32, 1.0, 2.0].iter().flat_map(|v| v.to_le_bytes()).collect();
    std::fs::write(folder.join("weights.bin"), data).unwrap();
    let external = |location: &str, offset: &str| {
        let mut t = f32s("c", &[2], &[]);
        t.raw_data = None;
        t.data_location = Some(DataLocation::External as i32);
        let entry = |k: &str, v: &str| StringStringEntryProto {
            key: Some(k.into()),
            value: Some(v.into()),
        };
        t.external_data =
            vec![entry("location", location), entry("offset", offset), entry("length", "8")];
        bytes(&model(&[2], vec![node("Add", &["x", "c"], &["y"], vec![])], vec![t]))
    };
    let with = ImportOptions { data_folder: Some(folder.clone()), ..Default::default() };
    let refused = load(&external("weights.bin", "4")).unwrap_err().to_string();
    assert!(refused.contains("folder"), "{refused}");
    let graph = load_with(&external("weights.bin", "4"), &with).unwrap();
    let y = float::run(&graph, &[Tensor::f32(vec![2], vec![0.0; 2]).unwrap()]).unwrap();
    assert_eq!(y[0].as_f32().unwrap(), [1.0, 2.0]);
    assert!(matches!(load_with(&external("weights.bin", "8"), &with), Err(Error::Invalid(_))));
    for outside in ["../weights.bin", "/etc/hostname"] {
        let text = load_with(&external(outside, "0"), &with).unwrap_err().to_string();
        assert!(text.contains("outside"), "{text}");
    }
    assert!(matches!(load_with(&external("gone.bin", "0"), &with), Err(Error::Io(_))));
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn quantised_layers_agree_with_their_definition() {
    let nodes = vec![
        node("QuantizeLinear", &["x", "s", "z"], &["q"], vec![]),
        node(
            "QLinearConv",
            &["q", "s", "z", "w", "ws", "wz", "s", "z", "b"],
            &["c"],
            vec![ints("pads", &[0, 0, 0, 0])],
        ),
        node("DequantizeLinear", &["c", "s", "z"], &["y"], vec![]),
    ];
    let constants = vec![
        f32s("s", &[], &[0.5]),
        small_ints("z", &[], DataType::Uint8, &[10]),
        small_ints("w", &[2, 1, 1, 1], DataType::Int8, &[3, -4]),
        f32s("ws", &[2], &[0.5, 0.25]),
        small_ints("wz", &[2], DataType::Int8, &[0, 0]),
        small_ints("b", &[2], DataType::Int32, &[2, -2]),
    ];
    let m = model(&[1, 1, 1, 3], nodes, constants);
    let y = run(&m, &[1, 1, 1, 3], &[1.0, -2.0, 200.0]);
    // x quantises to 12, 6, 255 (clipped): centred 2, -4, 245. Channel 0: (3q + 2) * 0.25 / 0.5,
    // channel 1: (-4q - 2) * 0.125 / 0.5; plus 10, rounded to even, clipped to 0..=255.
    let centred = [[4.0, -5.0, 245.0], [-2.0, 4.0, -10.0]];
    let want: Vec<f32> = centred.concat().iter().map(|v| v * 0.5).collect();
    assert_eq!(y.as_f32().unwrap(), want);
}

#[test]
fn rewrites_reduce_a_network_to_its_layers() {
    let mut graph = load(&bytes(&small_network())).unwrap();
    let x = Tensor::f32(vec![1, 1, 6, 6], (0..36).map(|i| i as f32 * 0.3 - 5.0).collect()).unwrap();
    let before = float::run(&graph, std::slice::from_ref(&x)).unwrap();
    passes::simplify(&mut graph).unwrap();
    let kinds: Vec<String> = graph
        .nodes
        .iter()
        .map(|n| format!("{:?}", n.op).chars().take_while(|c| c.is_alphanumeric()).collect())
        .collect();
    assert_eq!(kinds, ["Conv", "MaxPool", "Unary", "Reshape", "Gemm"]);
    let after = float::run(&graph, &[x]).unwrap();
    assert_eq!(common::compare(&after[0], &before[0], 1e-5, 1e-5), Ok(()));
}

#[test]
fn observers_see_every_value_once() {
    let graph = load(&bytes(&small_network())).unwrap();
    let mut seen = Vec::new();
    let x = Tensor::f32(vec![1, 1, 6, 6], vec![0.25; 36]).unwrap();
    float::run_with(&graph, &[x], |id, t| {
        assert_eq!(t.shape(), graph.value(id).shape);
        seen.push(id);
    })
    .unwrap();
    assert_eq!(seen.len(), 1 + graph.nodes.len());
    let wrong = Tensor::f32(vec![1, 1, 5, 6], vec![0.0; 30]).unwrap();
    assert!(matches!(float::run(&graph, &[wrong]), Err(Error::Shape(t)) if t.contains("'x'")));
}
