//! ONNX's own operator tests, the graphs of old PyTorch exporters and full ImageNet topologies.
#![allow(clippy::unwrap_used)]

mod common;

use common::{compare, data, data_sets, folders, tensors};
use prost::Message;
use sordino_graph::ir::{DType, Graph, Tensor};
use sordino_graph::onnx::{ImportOptions, export, import, proto};
use sordino_graph::{Error, float, load};
use std::path::Path;

/// Tests that are refused, by a part of the refusal.
const REFUSED: &[(&str, &[&str])] = &[
    (
        "only 1-D and 2-D networks are supported",
        &[
            "averagepool_3d_default",
            "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_False",
            "averagepool_3d_dilations_large_count_include_pad_is_0_ceil_mode_is_True",
            "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_False",
            "averagepool_3d_dilations_large_count_include_pad_is_1_ceil_mode_is_True",
            "averagepool_3d_dilations_small",
            "convtranspose_3d",
            "maxpool_3d_default",
            "maxpool_3d_dilations",
            "maxpool_3d_dilations_use_ref_impl",
            "maxpool_3d_dilations_use_ref_impl_large",
        ],
    ),
    (
        "the indices of the maxima are used",
        &["maxpool_with_argmax_2d_precomputed_pads", "maxpool_with_argmax_2d_precomputed_strides"],
    ),
    (
        "interpolation other than nearest",
        &[
            "resize_downsample_scales_cubic",
            "resize_downsample_scales_cubic_A_n0p5_exclude_outside",
            "resize_downsample_scales_cubic_align_corners",
            "resize_downsample_scales_cubic_antialias",
            "resize_downsample_scales_linear",
            "resize_downsample_scales_linear_align_corners",
            "resize_downsample_scales_linear_antialias",
            "resize_downsample_scales_linear_half_pixel_symmetric",
            "resize_downsample_sizes_cubic",
            "resize_downsample_sizes_cubic_antialias",
            "resize_downsample_sizes_linear_antialias",
            "resize_downsample_sizes_linear_pytorch_half_pixel",
            "resize_tf_crop_and_resize",
            "resize_tf_crop_and_resize_axes_2_3",
            "resize_tf_crop_and_resize_axes_3_2",
            "resize_tf_crop_and_resize_extrapolation_value",
            "resize_upsample_scales_cubic",
            "resize_upsample_scales_cubic_A_n0p5_exclude_outside",
            "resize_upsample_scales_cubic_align_corners",
            "resize_upsample_scales_cubic_asymmetric",
            "resize_upsample_scales_linear",
            "resize_upsample_scales_linear_align_corners",
            "resize_upsample_scales_linear_half_pixel_symmetric",
            "resize_upsample_sizes_cubic",
        ],
    ),
];

/// Why a test is expected to be refused.
fn refusal(test: &str) -> Option<&'static str> {
    let name = test.strip_prefix("test_")?;
    REFUSED.iter().find(|(_, tests)| tests.contains(&name)).map(|r| r.0)
}

/// Operators whose operands after the first are parameters rather than tensors to compute with.
const PARAMETERISED: &[&str] = &["Clip", "Pad", "Resize", "Upsample", "Dropout"];

/// Runs one folder and compares every stored data set.
fn check(folder: &Path) -> Result<(), String> {
    let bytes = std::fs::read(folder.join("model.onnx")).unwrap();
    let model = proto::ModelProto::decode(bytes.as_slice()).unwrap();
    for set in data_sets(folder) {
        let mut model = model.clone();
        let inputs = bind(&mut model, &set);
        let graph = import(&model, &ImportOptions::default()).map_err(|e| e.to_string())?;
        let outputs = float::run(&graph, &inputs).map_err(|e| e.to_string())?;
        let expected = tensors(&set, "output");
        assert_eq!(outputs.len(), expected.len(), "{}", folder.display());
        for (got, (_, want)) in outputs.iter().zip(&expected) {
            compare(got, want, 1e-3, 1e-5)?;
        }
        written(&graph, &inputs, &outputs)?;
    }
    Ok(())
}

/// What is written of a graph computes the same.
fn written(graph: &Graph, inputs: &[Tensor], outputs: &[Tensor]) -> Result<(), String> {
    let bytes = match export(graph) {
        Err(Error::Unsupported { why, .. }) if why.contains("quantised") => return Ok(()),
        other => other.map_err(|e| e.to_string())?,
    };
    let again = load(&bytes).map_err(|e| format!("as written: {e}"))?;
    let got = float::run(&again, inputs).map_err(|e| format!("as written: {e}"))?;
    for (got, want) in got.iter().zip(outputs) {
        compare(got, want, 1e-6, 1e-7).map_err(|e| format!("as written: {e}"))?;
    }
    Ok(())
}

/// Gives the inputs their actual shapes and makes constants of those that the graph needs to know
/// (shapes, axes, limits); returns the others' values.
fn bind(model: &mut proto::ModelProto, set: &Path) -> Vec<Tensor> {
    let graph = model.graph.as_mut().unwrap();
    let initialised: Vec<_> = graph.initializer.iter().map(|t| t.name().to_owned()).collect();
    graph.input.retain(|i| !initialised.iter().any(|n| n == i.name()));
    let parameterised = graph.node.iter().any(|n| PARAMETERISED.contains(&n.op_type()));
    let mut run_time = Vec::new();
    let mut names = Vec::new();
    for (k, (_, value)) in tensors(set, "input").into_iter().enumerate() {
        let name = graph.input[k].name().to_owned();
        let raw = std::fs::read(set.join(format!("input_{k}.pb"))).unwrap();
        let secondary = k > 0 && (parameterised || value.dtype() != DType::F32);
        let shape_only = graph.node.iter().any(|n| n.op_type() == "ConstantOfShape");
        if secondary || shape_only || value.is_empty() {
            let mut t = proto::TensorProto::decode(raw.as_slice()).unwrap();
            t.name = Some(name);
            graph.initializer.push(t);
        } else {
            set_shape(&mut graph.input[k], value.shape());
            run_time.push(value);
            names.push(name);
        }
    }
    graph.input.retain(|i| names.iter().any(|n| n == i.name()));
    run_time
}

fn set_shape(input: &mut proto::ValueInfoProto, shape: &[usize]) {
    use proto::tensor_shape_proto::{Dimension, dimension};
    let Some(proto::type_proto::Value::TensorType(t)) =
        input.r#type.as_mut().unwrap().value.as_mut()
    else {
        panic!("not a tensor")
    };
    let dim = shape
        .iter()
        .map(|&d| Dimension { value: Some(dimension::Value::DimValue(d as i64)) })
        .collect();
    t.shape = Some(proto::TensorShapeProto { dim });
}

fn suite(name: &str) {
    let Some(data) = data(&format!("ONNX {name} tests")) else { return };
    let mut wrong = Vec::new();
    let mut passed = 0;
    for folder in folders(&data.join("onnx-node-tests").join(name)) {
        let test = folder.file_name().unwrap().to_str().unwrap().to_owned();
        match (check(&folder), refusal(&test)) {
            (Ok(()), None) => passed += 1,
            (Err(e), Some(why)) if e.contains(why) => {}
            (Ok(()), Some(_)) => wrong.push(format!("{test}: now passes, remove it from REFUSED")),
            (Err(e), _) => wrong.push(format!("{test}: {e}")),
        }
    }
    println!("{name}: {passed} pass");
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn single_operators() {
    suite("node");
}

#[test]
fn pytorch_operators() {
    suite("pytorch-operator");
}

#[test]
fn pytorch_graphs() {
    suite("pytorch-converted");
}

#[test]
fn imagenet_topologies() {
    suite("light");
}
