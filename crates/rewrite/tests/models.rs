//! On every network of the data folder: the executor agrees with the float executor, what is
//! written is read back as the same network, and putting batch normalisations back changes nothing.
#![allow(clippy::unwrap_used)]

mod common;

use sordino_graph::ir::{Graph, Tensor};
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
    found
}

fn close(got: &[f32], want: &[f32], what: &str) {
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
        assert_eq!(got.len(), want.len(), "{what}");
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
        unfold_batch_norms(&mut unfolded, &inputs).unwrap();
        for input in inputs {
            let inputs = [input];
            let (want, got) =
                (float::run(&folded, &inputs).unwrap(), float::run(&unfolded, &inputs).unwrap());
            close(got[0].as_f32().unwrap(), want[0].as_f32().unwrap(), &what);
        }
    }
}
