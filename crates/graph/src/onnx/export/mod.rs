//! [`Graph`]s to ONNX files that any runtime loads: operators of the default domain, static
//! shapes, weights inside the file.

mod attributes;
mod node;

use super::parts;
use super::proto::tensor_proto::DataType;
use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use crate::Error;
use crate::ir::{DType, Graph, Node, Op, Tensor, TensorData, Unary, ValueId};
use prost::Message;

/// The graph as an ONNX file, of the oldest operator set from 13 on that has its operators.
///
/// # Errors
/// [`Error::Unsupported`] for quantised operators: their integer types are gone after import.
pub fn export(graph: &Graph) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { graph, proto: GraphProto::default(), opset: opset(graph), extra: 0 };
    writer.proto.name = Some(graph.name.clone());
    writer.proto.input = graph.inputs.iter().map(|&id| writer.described(id)).collect();
    for (id, constant) in used_constants(graph) {
        let tensor = stored(&graph.value(id).name, constant);
        writer.proto.initializer.push(tensor);
    }
    for node in &graph.nodes {
        writer.node(node)?;
    }
    let computed: Vec<ValueId> =
        graph.nodes.iter().flat_map(|n| n.outputs.iter().copied()).collect();
    for &id in &graph.outputs {
        let mut output = writer.described(id);
        if !computed.contains(&id) {
            let name = format!("{}@output", graph.value(id).name);
            writer.emit("Identity", vec![graph.value(id).name.clone()], name.clone(), vec![]);
            output.name = Some(name);
        }
        writer.proto.output.push(output);
    }
    let model = ModelProto {
        ir_version: Some(8),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(writer.opset),
        }],
        producer_name: Some("sordino".to_owned()),
        graph: Some(writer.proto),
        ..Default::default()
    };
    Ok(model.encode_to_vec())
}

/// The oldest operator set that knows every operator.
fn opset(graph: &Graph) -> i64 {
    let of = |node: &Node| match &node.op {
        Op::Unary(Unary::HardSwish) => 14,
        Op::LayerNorm { .. } => 17,
        Op::Unary(Unary::Mish) => 18,
        Op::Unary(Unary::Gelu { .. }) => 20,
        _ => 13,
    };
    graph.nodes.iter().map(of).max().unwrap_or(13)
}

/// Constants that a node or the caller reads.
fn used_constants(graph: &Graph) -> Vec<(ValueId, &Tensor)> {
    let mut used = vec![false; graph.values.len()];
    let operands = graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten());
    operands.chain(&graph.outputs).for_each(|id| used[id.0] = true);
    let ids = (0..used.len()).filter(|&i| used[i]).map(ValueId);
    ids.filter_map(|id| Some((id, graph.constant(id)?))).collect()
}

fn stored(name: &str, tensor: &Tensor) -> super::proto::TensorProto {
    match tensor.data() {
        TensorData::F32(v) => parts::floats(name, tensor.shape(), v),
        TensorData::I64(v) => parts::integers(name, tensor.shape(), v),
        TensorData::Bool(v) => {
            let bytes = v.iter().map(|&b| u8::from(b)).collect();
            parts::raw(name, tensor.shape(), DataType::Bool, bytes)
        }
    }
}

fn kind(dtype: DType) -> DataType {
    match dtype {
        DType::F32 => DataType::Float,
        DType::I64 => DataType::Int64,
        DType::Bool => DataType::Bool,
    }
}

/// The file under construction.
struct Writer<'a> {
    graph: &'a Graph,
    proto: GraphProto,
    opset: i64,
    /// Names made so far.
    extra: usize,
}

impl Writer<'_> {
    fn described(&self, id: ValueId) -> super::proto::ValueInfoProto {
        let value = self.graph.value(id);
        parts::value(&value.name, kind(value.dtype), &value.shape)
    }

    fn fresh(&mut self, what: &str) -> String {
        self.extra += 1;
        format!("{what}@{}", self.extra)
    }

    /// A list of integers as an operand.
    fn list(&mut self, what: &str, values: impl IntoIterator<Item = i64>) -> String {
        let values: Vec<i64> = values.into_iter().collect();
        let name = self.fresh(what);
        self.proto.initializer.push(parts::integers(&name, &[values.len()], &values));
        name
    }

    fn scalar(&mut self, what: &str, value: f32) -> String {
        let name = self.fresh(what);
        self.proto.initializer.push(parts::floats(&name, &[], &[value]));
        name
    }

    fn emit(
        &mut self,
        operator: &str,
        input: Vec<String>,
        output: String,
        attribute: Vec<AttributeProto>,
    ) {
        self.emit_many(operator, input, vec![output], attribute);
    }

    fn emit_many(
        &mut self,
        operator: &str,
        input: Vec<String>,
        output: Vec<String>,
        attribute: Vec<AttributeProto>,
    ) {
        let name = Some(output.first().cloned().unwrap_or_default());
        let op_type = Some(operator.to_owned());
        let node = NodeProto { input, output, name, op_type, attribute, ..Default::default() };
        self.proto.node.push(node);
    }
}
