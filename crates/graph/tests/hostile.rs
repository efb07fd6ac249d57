//! Damaged and malicious files: always an error or a consistent graph, never a panic, and never
//! more memory or time than the limits allow.
#![allow(clippy::unwrap_used)]

mod common;

use common::build::{bytes, f32s, i64s, input, ints, model, node, small_network};
use prost::Message;
use sordino_graph::ir::{Graph, Tensor};
use sordino_graph::onnx::Limits;
use sordino_graph::{Error, ImportOptions, float, load, load_with};

fn limited(bytes: &[u8]) -> Result<Graph, Error> {
    let limits = Limits { file: 1 << 20, messages: 1 << 16, elements: 1 << 20, work: 1 << 24 };
    load_with(bytes, &ImportOptions { limits, ..ImportOptions::default() })
}

/// Whatever was imported must run.
fn exercise(bytes: &[u8]) {
    let Ok(graph) = limited(bytes) else { return };
    let small = |n: usize| n < 1 << 16;
    if graph.values.iter().all(|v| small(v.shape.iter().product())) && graph.inputs.len() == 1 {
        let shape = graph.value(graph.inputs[0]).shape.clone();
        let n = shape.iter().product();
        let _ = float::run(&graph, &[Tensor::f32(shape, vec![0.5; n]).unwrap()]);
    }
}

#[test]
fn every_prefix() {
    let whole = bytes(&small_network());
    for n in 0..whole.len() {
        exercise(&whole[..n]);
    }
    assert!(limited(&whole).is_ok());
}

#[test]
fn bit_flips() {
    let whole = bytes(&small_network());
    for bit in 0..whole.len() * 8 {
        let mut damaged = whole.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        exercise(&damaged);
    }
    // Several at once, at positions from a fixed linear congruential sequence.
    let mut state = 1u64;
    for _ in 0..5000 {
        let mut damaged = whole.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            let bit = (state >> 33) as usize % (whole.len() * 8);
            damaged[bit / 8] ^= 1 << (bit % 8);
        }
        exercise(&damaged);
    }
}

#[test]
fn empty_and_foreign_files() {
    assert!(matches!(load(&[]), Err(Error::Decode(_))));
    assert!(matches!(load(b"\x89PNG\r\n\x1a\n and so on"), Err(Error::Decode(_))));
    assert!(matches!(load(&[0x08, 0x08]), Err(Error::Decode(t)) if t.contains("no graph")));
}

#[test]
fn declared_sizes_are_not_believed() {
    let huge = [1i64 << 40, 1 << 40];
    let mut lying = small_network();
    lying.graph.as_mut().unwrap().initializer[0].dims = huge.to_vec();
    assert!(matches!(load(&bytes(&lying)), Err(Error::Limit(_))));

    let mut negative = small_network();
    negative.graph.as_mut().unwrap().initializer[0].dims = vec![2, -1, 3, 3];
    assert!(matches!(load(&bytes(&negative)), Err(Error::Invalid(_))));

    let mut short = small_network();
    short.graph.as_mut().unwrap().initializer[0].dims = vec![2, 2, 3, 3];
    assert!(matches!(load(&bytes(&short)), Err(Error::Invalid(_))));

    let mut wide = small_network();
    wide.graph.as_mut().unwrap().input[0] = input("x", &[1, 1, 1 << 33, 1 << 33]);
    assert!(matches!(load(&bytes(&wide)), Err(Error::Limit(_))));
}

#[test]
fn small_files_cannot_ask_for_large_constants() {
    let nodes = vec![
        node("ConstantOfShape", &["s"], &["c"], vec![]),
        node("Tile", &["c", "r"], &["t"], vec![]),
        node("Add", &["x", "t"], &["y"], vec![]),
    ];
    let tiled = model(&[1], nodes, vec![i64s("s", &[1 << 20]), i64s("r", &[1 << 20])]);
    assert!(matches!(load(&bytes(&tiled)), Err(Error::Limit(_))));

    // Each step is allowed, together they are not.
    let mut nodes = vec![node("ConstantOfShape", &["s"], &["c0"], vec![])];
    for i in 0..40 {
        let (from, to) = (format!("c{i}"), format!("c{}", i + 1));
        nodes.push(node("Relu", &[&from], &[&to], vec![]));
    }
    nodes.push(node("Add", &["x", "c40"], &["y"], vec![]));
    let chain = model(&[1], nodes, vec![i64s("s", &[1 << 16])]);
    assert!(matches!(limited(&bytes(&chain)), Err(Error::Limit(_))));
}

#[test]
fn many_tiny_messages_are_refused_before_decoding() {
    // A graph of empty nodes: two bytes each in the file, hundreds decoded.
    let nodes = [0x0a, 0x00].repeat(1 << 21);
    let mut file = vec![0x3a];
    prost::encoding::encode_varint(nodes.len() as u64, &mut file);
    file.extend(nodes);
    assert!(matches!(load(&file), Err(Error::Limit(_))));
}

#[test]
fn deep_nesting_is_refused() {
    let mut inner: Vec<u8> = Vec::new();
    // Graph, node, attribute and its subgraph, again and again.
    for _ in 0..200 {
        for tag in [0x32, 0x2a, 0x0a] {
            let mut outer = vec![tag];
            prost::encoding::encode_varint(inner.len() as u64, &mut outer);
            outer.extend(&inner);
            inner = outer;
        }
    }
    let mut file = vec![0x3a];
    prost::encoding::encode_varint(inner.len() as u64, &mut file);
    file.extend(inner);
    assert!(matches!(load(&file), Err(Error::Limit(_))));
}

#[test]
fn oversized_files_are_refused() {
    let limits = Limits { file: 100, ..Limits::default() };
    let options = ImportOptions { limits, ..ImportOptions::default() };
    assert!(matches!(
        load_with(&bytes(&small_network()), &options),
        Err(Error::Limit(t)) if t.contains("at most 100")
    ));
}

#[test]
fn contradictions_name_the_culprit() {
    let relu = |i: &str, o: &str| node("Relu", &[i], &[o], vec![]);
    let err = |nodes| load(&bytes(&model(&[1, 4], nodes, vec![]))).unwrap_err().to_string();
    assert!(err(vec![relu("a", "y"), relu("y", "a")]).contains("circle"));
    assert!(err(vec![relu("x", "y"), relu("x", "y")]).contains("two nodes"));
    assert!(err(vec![relu("x", "x")]).contains("circle"));
    let shadow = model(&[1, 4], vec![relu("x", "y")], vec![f32s("y", &[1], &[0.0])]);
    assert!(load(&bytes(&shadow)).unwrap_err().to_string().contains("defined twice"));
    assert!(err(vec![relu("gone", "y")]).contains("'gone'"));
    assert!(err(vec![relu("x", "other")]).contains("output 'y'"));
    let conv = node("Conv", &["x", "w"], &["y"], vec![ints("strides", &[0, 1])]);
    let w = f32s("w", &[1, 1, 1, 1], &[1.0]);
    let zero = load(&bytes(&model(&[1, 1, 4, 4], vec![conv], vec![w]))).unwrap_err().to_string();
    assert!(zero.contains("Conv_0") && zero.contains("positive"), "{zero}");
}

#[test]
fn unsorted_files_are_sorted() {
    let mut shuffled = small_network();
    shuffled.graph.as_mut().unwrap().node.reverse();
    let (a, b) = (load(&bytes(&small_network())).unwrap(), load(&bytes(&shuffled)).unwrap());
    let ops = |g: &Graph| g.nodes.iter().map(|n| n.op.clone()).collect::<Vec<_>>();
    assert_eq!(ops(&a), ops(&b));
    assert!(sordino_graph::onnx::proto::ModelProto::decode(&bytes(&shuffled)[..]).is_ok());
}
