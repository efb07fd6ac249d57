//! The float executor against `tract`, an independent ONNX runtime, on the real networks.
#![allow(clippy::unwrap_used)]

#[path = "../../crates/graph/tests/common/mod.rs"]
mod common;

use common::{compare, data, data_sets, folders, tensors};
use sordino_graph::ir::{Graph, Tensor};
use sordino_graph::{float, load, passes};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use tract_onnx::prelude::{
    Framework, InferenceModelExt, IntoRunnable, IntoTValue, TractResult, TypedRunnableModel, onnx,
    tract_data::prelude::Tensor as TractTensor,
};

/// Networks `tract` cannot load, each with a part of the reason it gives.
const REFUSED: [(&str, &str); 2] = [
    // Their Pad gives its value as one element of rank 1.
    ("cifar10_resnet20", "inputs[2].rank == 0"),
    ("cifar10_resnet32", "inputs[2].rank == 0"),
];

/// Differences allowed, relative to the output's largest element.
const TOLERANCE: f32 = 1e-3;

fn tract(model: &Path) -> TractResult<Arc<TypedRunnableModel>> {
    onnx().model_for_path(model)?.into_typed()?.into_runnable()
}

fn tract_outputs(plan: &Arc<TypedRunnableModel>, inputs: &[Tensor]) -> TractResult<Vec<Tensor>> {
    let inputs = inputs
        .iter()
        .map(|t| Ok(TractTensor::from_shape(t.shape(), t.as_f32()?)?.into_tvalue()))
        .collect::<TractResult<_>>()?;
    let outputs = plan.run(inputs)?;
    outputs
        .iter()
        .map(|t| {
            let elements = t.to_plain_array_view::<f32>()?.iter().copied().collect();
            Ok(Tensor::f32(t.shape().to_vec(), elements)?)
        })
        .collect()
}

/// Stored inputs of every data set, named after it.
fn stored(folder: &Path) -> Vec<(String, Vec<Tensor>)> {
    data_sets(folder)
        .into_iter()
        .map(|set| {
            let name = set.file_name().unwrap().to_string_lossy().into_owned();
            (name, tensors(&set, "input").into_iter().map(|t| t.1).collect())
        })
        .collect()
}

/// Uniform noise between the smallest and the largest element of `like`, so that it lies where
/// the network was trained; xorshift64* from a fixed seed.
fn noise(like: &Tensor) -> Tensor {
    let elements = like.as_f32().unwrap();
    let low = elements.iter().copied().fold(f32::INFINITY, f32::min);
    let high = elements.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let mut state = 0x5eed_0123_4567_89ab_u64;
    let mut uniform = || {
        state ^= state >> 12;
        state ^= state << 25;
        state ^= state >> 27;
        (state.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40) as f32 / (1u64 << 24) as f32
    };
    let elements = elements.iter().map(|_| low + (high - low) * uniform()).collect();
    Tensor::f32(like.shape().to_vec(), elements).unwrap()
}

fn agrees(name: &str, graph: &Graph, plan: &Arc<TypedRunnableModel>, case: &str, x: &[Tensor]) {
    let ours = float::run(graph, x).unwrap();
    let theirs = tract_outputs(plan, x).unwrap();
    assert_eq!(ours.len(), theirs.len(), "{name} {case}: number of outputs");
    for (got, want) in ours.iter().zip(&theirs) {
        let largest = want.as_f32().unwrap().iter().fold(0f32, |a, v| a.max(v.abs()));
        assert!(largest.is_finite() && largest > 0.0, "{name} {case}: nothing to compare");
        assert_eq!(compare(got, want, 0.0, TOLERANCE * largest), Ok(()), "{name} {case}");
    }
}

#[test]
fn networks_compute_what_tract_computes() {
    let Some(data) = data("comparison with tract") else { return };
    let mut refused: BTreeMap<_, _> = REFUSED.into();
    let folders = folders(&data.join("models"));
    assert!(!folders.is_empty(), "no networks in {}", data.display());
    for folder in folders {
        let name = folder.file_name().unwrap().to_str().unwrap();
        let file = folder.join("model.onnx");
        let plan = match (tract(&file), refused.remove(name)) {
            (Ok(plan), None) => plan,
            (Ok(_), Some(_)) => panic!("{name}: tract loads it now, take it off the list"),
            (Err(e), Some(reason)) => {
                assert!(format!("{e:?}").contains(reason), "{name}: another reason: {e:?}");
                println!("not compared: {name} ({reason})");
                continue;
            }
            (Err(e), None) => panic!("{name}: tract cannot load it: {e:?}"),
        };
        let mut graph = load(&std::fs::read(&file).unwrap()).unwrap();
        passes::simplify(&mut graph).unwrap();
        let stored = stored(&folder);
        assert!(!stored.is_empty(), "{name}: no stored inputs");
        let random: Vec<Tensor> = stored[0].1.iter().map(noise).collect();
        for (case, inputs) in &stored {
            agrees(name, &graph, &plan, case, inputs);
        }
        agrees(name, &graph, &plan, "noise", &random);
    }
    assert!(refused.is_empty(), "not in the data folder: {:?}", refused.keys());
}

/// What `sordino rewrite` has written: trained, masked by elements, with polynomials.
#[test]
fn rewritten_networks_compute_what_tract_computes() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../models");
    let mut compared = 0;
    for folder in std::fs::read_dir(models).unwrap() {
        for file in std::fs::read_dir(folder.unwrap().path()).unwrap() {
            let file = file.unwrap().path();
            if file.extension().is_none_or(|e| e != "onnx") {
                continue;
            }
            let name = file.file_stem().unwrap().to_str().unwrap();
            let plan =
                tract(&file).unwrap_or_else(|e| panic!("{name}: tract cannot load it: {e:?}"));
            let mut graph = load(&std::fs::read(&file).unwrap()).unwrap();
            passes::simplify(&mut graph).unwrap();
            let shape = graph.value(graph.inputs[0]).shape.clone();
            let ends = (0..shape.iter().product()).map(|i: usize| i as f32 % 2.0).collect();
            let like = Tensor::f32(shape, ends).unwrap();
            agrees(name, &graph, &plan, "noise", &[noise(&like)]);
            compared += 1;
        }
    }
    println!("compared: {compared}");
    assert!(compared > 0);
}
