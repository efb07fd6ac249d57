//! ONNX models written by hand.

use prost::Message;
use prost::bytes::Bytes;
use sordino_graph::onnx::proto::attribute_proto::AttributeType;
use sordino_graph::onnx::proto::tensor_proto::DataType;
use sordino_graph::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use sordino_graph::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};

pub fn node(op: &str, inputs: &[&str], outputs: &[&str], attrs: Vec<AttributeProto>) -> NodeProto {
    NodeProto {
        input: inputs.iter().map(|s| s.to_string()).collect(),
        output: outputs.iter().map(|s| s.to_string()).collect(),
        op_type: Some(op.into()),
        attribute: attrs,
        ..Default::default()
    }
}

pub fn int(name: &str, v: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        r#type: Some(AttributeType::Int as i32),
        i: Some(v),
        ..Default::default()
    }
}

pub fn ints(name: &str, v: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        r#type: Some(AttributeType::Ints as i32),
        ints: v.to_vec(),
        ..Default::default()
    }
}

pub fn subgraph(name: &str) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        r#type: Some(AttributeType::Graph as i32),
        g: Some(GraphProto::default()),
        ..Default::default()
    }
}

pub fn f32s(name: &str, dims: &[i64], v: &[f32]) -> TensorProto {
    let raw: Vec<u8> = v.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(DataType::Float as i32),
        raw_data: Some(Bytes::from(raw)),
        ..Default::default()
    }
}

/// Integers of any type that `int32_data` holds.
pub fn small_ints(name: &str, dims: &[i64], kind: DataType, v: &[i32]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: dims.to_vec(),
        data_type: Some(kind as i32),
        int32_data: v.to_vec(),
        ..Default::default()
    }
}

pub fn i64s(name: &str, v: &[i64]) -> TensorProto {
    TensorProto {
        name: Some(name.into()),
        dims: vec![v.len() as i64],
        data_type: Some(DataType::Int64 as i32),
        int64_data: v.to_vec(),
        ..Default::default()
    }
}

/// A float input; negative dimensions are symbolic.
pub fn input(name: &str, dims: &[i64]) -> ValueInfoProto {
    let dim = dims.iter().map(|&d| Dimension {
        value: Some(match d {
            0.. => dimension::Value::DimValue(d),
            _ => dimension::Value::DimParam("n".into()),
        }),
    });
    let tensor = type_proto::Tensor {
        elem_type: Some(DataType::Float as i32),
        shape: Some(TensorShapeProto { dim: dim.collect() }),
    };
    ValueInfoProto {
        name: Some(name.into()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
    }
}

/// A model with input `x` and output `y`.
pub fn model(dims: &[i64], nodes: Vec<NodeProto>, initializer: Vec<TensorProto>) -> ModelProto {
    let graph = GraphProto {
        name: Some("test".into()),
        node: nodes,
        initializer,
        input: vec![input("x", dims)],
        output: vec![ValueInfoProto { name: Some("y".into()), r#type: None }],
        ..Default::default()
    };
    ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
        graph: Some(graph),
        ..Default::default()
    }
}

pub fn bytes(model: &ModelProto) -> Vec<u8> {
    model.encode_to_vec()
}

/// Convolution, batch normalisation, ReLU, pooling, dense layer: one of each common thing.
pub fn small_network() -> ModelProto {
    let ramp = |n: usize| (0..n).map(|i| i as f32 * 0.1 - 0.7).collect::<Vec<_>>();
    model(
        &[-1, 1, 6, 6],
        vec![
            node("Conv", &["x", "w"], &["c"], vec![ints("pads", &[1, 1, 1, 1])]),
            node("BatchNormalization", &["c", "g", "b", "b", "v"], &["n"], vec![]),
            node("Relu", &["n"], &["r"], vec![]),
            node(
                "MaxPool",
                &["r"],
                &["p"],
                vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])],
            ),
            node("Reshape", &["p", "s"], &["f"], vec![]),
            node("MatMul", &["f", "d"], &["m"], vec![]),
            node("Add", &["m", "o"], &["y"], vec![]),
        ],
        vec![
            f32s("w", &[2, 1, 3, 3], &ramp(18)),
            f32s("g", &[2], &[1.5, 0.5]),
            f32s("b", &[2], &[0.1, -0.2]),
            f32s("v", &[2], &[0.3, 2.0]),
            i64s("s", &[0, -1]),
            f32s("d", &[18, 2], &ramp(36)),
            f32s("o", &[2], &[0.5, -0.5]),
        ],
    )
}
