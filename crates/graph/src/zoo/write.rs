use super::weights::Drawn;
use crate::onnx::proto::attribute_proto::AttributeType;
use crate::onnx::proto::tensor_proto::DataType;
use crate::onnx::proto::tensor_shape_proto::{Dimension, dimension};
use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, TensorProto,
    TensorShapeProto, TypeProto, ValueInfoProto, type_proto,
};
use prost::Message;
use prost::bytes::Bytes;

/// Writes a chain of layers as an ONNX model, keeping track of the shape.
pub(super) struct Writer {
    graph: GraphProto,
    /// Without the batch axis: channels, height and width, or features.
    shape: Vec<usize>,
    last: String,
}

impl Writer {
    pub(super) fn new(input: [usize; 3]) -> Self {
        let graph = GraphProto { input: vec![value("image", &input)], ..Default::default() };
        Self { graph, shape: input.to_vec(), last: "image".to_owned() }
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Convolution without padding by a kernel of this shape.
    pub(super) fn conv(&mut self, kernel: [usize; 4], stride: usize, drawn: Drawn) {
        let extent = kernel[2];
        let attributes = vec![ints("kernel_shape", [extent; 2]), ints("strides", [stride; 2])];
        self.linear("Conv", &kernel, drawn, attributes);
        let out = |size: usize| (size - extent) / stride + 1;
        self.shape = vec![kernel[0], out(self.shape[1]), out(self.shape[2])];
    }

    /// Dense layer by a matrix of outputs times inputs, on whatever came flattened.
    pub(super) fn dense(&mut self, matrix: [usize; 2], drawn: Drawn) {
        if self.shape.len() > 1 {
            self.node("Flatten", Vec::new(), Vec::new());
        }
        let transposed = AttributeProto {
            name: Some("transB".to_owned()),
            r#type: Some(AttributeType::Int as i32),
            i: Some(1),
            ..Default::default()
        };
        self.linear("Gemm", &matrix, drawn, vec![transposed]);
        self.shape = vec![matrix[0]];
    }

    pub(super) fn activation(&mut self, operator: &str) {
        self.node(operator, Vec::new(), Vec::new());
    }

    /// The file. The last result is renamed `logits`.
    pub(super) fn finish(mut self, name: &str) -> Vec<u8> {
        if let Some(last) = self.graph.node.last_mut() {
            last.output = vec!["logits".to_owned()];
        }
        self.graph.output = vec![value("logits", &self.shape)];
        self.graph.name = Some(name.to_owned());
        let model = ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
            producer_name: Some("sordino".to_owned()),
            graph: Some(self.graph),
            ..Default::default()
        };
        model.encode_to_vec()
    }

    fn linear(
        &mut self,
        operator: &str,
        kernel: &[usize],
        drawn: Drawn,
        attributes: Vec<AttributeProto>,
    ) {
        let number = self.graph.initializer.len() / 2 + 1;
        let names = ["weight", "bias"].map(|what| format!("{what}{number}"));
        self.graph.initializer.push(tensor(&names[0], kernel, &drawn.kernel));
        self.graph.initializer.push(tensor(&names[1], &[drawn.bias.len()], &drawn.bias));
        self.node(operator, names.to_vec(), attributes);
    }

    fn node(&mut self, operator: &str, weights: Vec<String>, attribute: Vec<AttributeProto>) {
        let name = format!("{}{}", operator.to_lowercase(), self.graph.node.len() + 1);
        let input = std::iter::once(std::mem::replace(&mut self.last, name.clone()));
        self.graph.node.push(NodeProto {
            input: input.chain(weights).collect(),
            output: vec![name.clone()],
            name: Some(name),
            op_type: Some(operator.to_owned()),
            attribute,
            ..Default::default()
        });
    }
}

fn ints(name: &str, values: [usize; 2]) -> AttributeProto {
    AttributeProto {
        name: Some(name.to_owned()),
        r#type: Some(AttributeType::Ints as i32),
        ints: values.map(|v| v as i64).to_vec(),
        ..Default::default()
    }
}

fn tensor(name: &str, shape: &[usize], values: &[f32]) -> TensorProto {
    let raw: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    TensorProto {
        name: Some(name.to_owned()),
        dims: shape.iter().map(|&d| d as i64).collect(),
        data_type: Some(DataType::Float as i32),
        raw_data: Some(Bytes::from(raw)),
        ..Default::default()
    }
}

/// A float value of batch size 1.
fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let dim = std::iter::once(1)
        .chain(shape.iter().map(|&d| d as i64))
        .map(|d| Dimension { value: Some(dimension::Value::DimValue(d)) })
        .collect();
    let tensor = type_proto::Tensor {
        elem_type: Some(DataType::Float as i32),
        shape: Some(TensorShapeProto { dim }),
    };
    ValueInfoProto {
        name: Some(name.to_owned()),
        r#type: Some(TypeProto { value: Some(type_proto::Value::TensorType(tensor)) }),
    }
}
