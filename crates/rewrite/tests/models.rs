//! On every network of the data folder: the executor agrees with the float executor, what is
//! written is read back as the same network, and putting batch normalisations back changes nothing.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Build, noise};
use sordino_graph::ir::{Graph, Node, Op, Tensor, ValueId, Window};
use sordino_graph::{float, load, onnx};
use sordino_rewrite::{Array, Device, Network, unfold_batch_norms};
use std::path::PathBuf;

fn models() -> Vec<(PathBuf, Graph, Vec<Tensor>)> {
    let Some(data) = common::data() else {
        println!("skipped: the networks (no data folder)");
        return Vec::new();
    };
    let mut found = Vec::new();
    for entry in std::fs::read_dir(data.join("models")).unwrap() {
        let folder = entry.unwrap().path();
        let graph = load(&std::fs::read(folder.join("model.onnx")).unwrap()).unwrap();
        let inputs = (0..2).map(|i| folder.join(format!("test_data_set_{i}/input_0.pb")));
        let inputs = inputs.filter_map(|p| std::fs::read(p).ok());
        let inputs = inputs.map(|b| onnx::named_tensor_from_bytes(&b).unwrap().1).collect();
        found.push((folder, graph, inputs));
    }
    assert!(!found.is_empty());
    found
}

fn close(got: &[f32], want: &[f32], what: &str) {
    assert_eq!(got.len(), want.len(), "{what}");
    let largest = want.iter().fold(1f32, |a, v| a.max(v.abs()));
    for (got, want) in got.iter().zip(want) {
        assert!((got - want).abs() <= 1e-4 * largest, "{what}: {got}, not {want}");
    }
}

#[test]
fn inference_is_the_float_executors() {
    for (folder, graph, inputs) in models() {
        let what = folder.display().to_string();
        let network = Network::new(graph.clone(), &Device::flex()).unwrap();
        let mut values = Vec::new();
        inputs.iter().for_each(|x| values.extend_from_slice(x.as_f32().unwrap()));
        let batch =
            Array::from_values(values, inputs.len(), inputs[0].shape(), &Device::flex()).unwrap();
        let got = network.infer(&batch).unwrap().values().unwrap();
        let mut want = Vec::new();
        for input in inputs {
            let outputs = float::run(&graph, &[input]).unwrap();
            want.extend_from_slice(outputs[0].as_f32().unwrap());
        }
        close(&got, &want, &what);
    }
}

#[test]
fn what_is_written_is_the_network() {
    for (folder, graph, inputs) in models() {
        let what = folder.display().to_string();
        let written = load(&onnx::export(&graph).unwrap()).unwrap();
        let network = Network::new(graph.clone(), &Device::flex()).unwrap();
        let folded = load(&network.to_onnx().unwrap()).unwrap();
        for input in inputs {
            let inputs = [input];
            let want = float::run(&graph, &inputs).unwrap();
            assert_eq!(float::run(&written, &inputs).unwrap(), want, "{what}");
            let got = float::run(&folded, &inputs).unwrap();
            close(got[0].as_f32().unwrap(), want[0].as_f32().unwrap(), &what);
        }
    }
}

#[test]
fn normalisations_put_back_change_nothing() {
    for (folder, graph, inputs) in models() {
        let what = folder.display().to_string();
        let mut folded = graph.clone();
        sordino_graph::passes::simplify(&mut folded).unwrap();
        let mut unfolded = folded.clone();
        let with_bias = |n: &&Node| matches!(n.op, Op::Conv { .. }) && n.inputs.len() == 3;
        let convolutions = folded.nodes.iter().filter(with_bias).count();
        let count = unfold_batch_norms(&mut unfolded, &inputs).unwrap();
        assert_eq!((count, norms(&unfolded).len()), (convolutions, convolutions), "{what}");
        for input in inputs {
            let inputs = [input];
            let (want, got) =
                (float::run(&folded, &inputs).unwrap(), float::run(&unfolded, &inputs).unwrap());
            close(got[0].as_f32().unwrap(), want[0].as_f32().unwrap(), &what);
        }
    }
}

fn norms(graph: &Graph) -> Vec<&Node> {
    graph.nodes.iter().filter(|n| matches!(n.op, Op::BatchNorm { .. })).collect()
}

#[test]
fn normalisations_put_back_normalise() {
    let mut build = Build::new(&[1, 2, 5, 5]);
    let (weight, bias) = (build.random(&[3, 2, 3, 3]), build.random(&[3]));
    let window = Window {
        kernel: vec![3; 2],
        stride: vec![1; 2],
        dilation: vec![1; 2],
        pads: vec![(1, 1); 2],
    };
    let x = build.node(Op::Conv { window, groups: 1 }, &[ValueId(0), weight, bias]);
    let plain = build.finish(x);
    let inputs: Vec<Tensor> =
        (0..4).map(|i| Tensor::f32(vec![1, 2, 5, 5], noise(i, 50)).unwrap()).collect();
    let mut unfolded = plain.clone();
    assert_eq!(unfold_batch_norms(&mut unfolded, &inputs).unwrap(), 1);
    let norm = norms(&unfolded)[0];
    let constant =
        |i: usize| unfolded.constant(norm.inputs[i].unwrap()).unwrap().as_f32().unwrap().to_vec();
    let [scale, shift, mean, variance] = [1, 2, 3, 4].map(constant);
    // What goes into the normalisation, and what comes out.
    let between = Graph { outputs: vec![norm.inputs[0].unwrap()], ..unfolded.clone() };
    let channel = |graph: &Graph, c: usize| -> Vec<f64> {
        let of = |x: &Tensor| {
            let y = float::run(graph, std::slice::from_ref(x)).unwrap().remove(0);
            y.as_f32().unwrap()[25 * c..25 * (c + 1)].to_vec()
        };
        inputs.iter().flat_map(of).map(f64::from).collect()
    };
    let moments = |values: &[f64]| {
        let mean = values.iter().sum::<f64>() / values.len() as f64;
        (mean, values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / values.len() as f64)
    };
    for c in 0..3 {
        let (wanted_mean, wanted_variance) = moments(&channel(&between, c));
        assert!((f64::from(mean[c]) - wanted_mean).abs() < 1e-5);
        assert!((f64::from(variance[c]) / wanted_variance - 1.0).abs() < 1e-4);
        let out = channel(&unfolded, c);
        let (mean, variance) = moments(&out);
        assert!((f64::from(shift[c]) - mean).abs() < 1e-5);
        assert!((f64::from(scale[c]).powi(2) / variance - 1.0).abs() < 1e-3);
        assert!(out.iter().zip(channel(&plain, c)).all(|(a, b)| (a - b).abs() < 1e-5));
    }
}
