//! [`Graph`]s to ONNX files that any runtime loads: operators of the default domain, static
//! shapes, weights inside the file. Weights that are small integers times a scale are written so.

mod attributes;
mod integers;
mod names;
mod node;
mod versions;

#[cfg(test)]
mod tests;

use super::parts;
use super::proto::tensor_proto::DataType;
use super::proto::{AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto};
use crate::Error;
use crate::ir::{DType, Graph, Tensor, TensorData, ValueId};
use integers::Integers;
use names::Names;
use prost::Message;
use std::collections::{BTreeMap, BTreeSet};

/// The graph as an ONNX file, of the oldest operator set from 13 on that has its operators.
///
/// Weights of linear layers that are integers of at most 16 bits times a scale, one for all or one
/// per output channel, are written as the smallest such integers with a `DequantizeLinear` behind
/// them: `INT8` where that holds them, else `INT16`, which takes operator set 21. Whoever loads the
/// file computes with the very same floats.
///
/// Values keep their names, those of inputs and outputs first, unless several have the same: then a
/// number is added. So do nodes.
///
/// # Errors
/// [`Error::Unsupported`] for quantised operators: their integer types are gone after import.
pub fn export(graph: &Graph) -> Result<Vec<u8>, Error> {
    let weights = integer_weights(graph);
    let wide = weights.values().any(|w| w.data_type() == DataType::Int16);
    let opset = versions::opset(graph).max(if wide { 21 } else { 0 });
    let names = Names::new(graph);
    let mut writer = Writer { graph, proto: GraphProto::default(), opset, names };
    writer.proto.name = Some(graph.name.clone());
    writer.proto.input = graph.inputs.iter().map(|&id| writer.described(id)).collect();
    for (id, constant) in used_constants(graph) {
        match weights.get(&id) {
            Some(integers) => writer.integers(id, integers),
            None => {
                let initialiser = stored(writer.names.of(id), constant);
                writer.proto.initializer.push(initialiser);
            }
        }
    }
    let mut kept = BTreeSet::new();
    for node in &graph.nodes {
        writer.node(node)?;
        // Where it takes several, the last one has its result.
        if let Some(last) = writer.proto.node.last_mut().filter(|_| !node.name.is_empty()) {
            last.name = Some(node.name.clone());
            kept.insert(writer.proto.node.len() - 1);
        }
    }
    writer.outputs();
    names::tell_apart(&mut writer.proto.node, &kept);
    let model = ModelProto {
        ir_version: Some(versions::ir(opset)),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(opset),
        }],
        producer_name: Some("sordino".to_owned()),
        graph: Some(writer.proto),
        ..Default::default()
    };
    Ok(model.encode_to_vec())
}

/// Constants that a node or the caller reads.
fn used_constants(graph: &Graph) -> Vec<(ValueId, &Tensor)> {
    let mut used = vec![false; graph.values.len()];
    let operands = graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten());
    operands.chain(&graph.outputs).for_each(|id| used[id.0] = true);
    let ids = (0..used.len()).filter(|&i| used[i]).map(ValueId);
    ids.filter_map(|id| Some((id, graph.constant(id)?))).collect()
}

/// Weights that are integers times a scale.
fn integer_weights(graph: &Graph) -> BTreeMap<ValueId, Integers> {
    let weights = graph.nodes.iter().filter_map(|n| graph.weight(n));
    let of = |w: crate::ir::Weight| {
        let tensor = graph.constant(w.value)?;
        let integers = Integers::of(tensor.as_f32().ok()?, tensor.shape(), w.axis)?;
        Some((w.value, integers))
    };
    weights.filter_map(of).collect()
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
    names: Names,
}

impl Writer<'_> {
    fn described(&self, id: ValueId) -> super::proto::ValueInfoProto {
        let value = self.graph.value(id);
        parts::value(self.names.of(id), kind(value.dtype), &value.shape)
    }

    /// The graph's outputs: what no node computes, or what is an output already, gets a node.
    fn outputs(&mut self) {
        let graph = self.graph;
        let computed = graph.nodes.iter().flat_map(|n| n.outputs.iter().copied());
        let mut free: BTreeSet<ValueId> = computed.collect();
        for &id in &graph.outputs {
            let mut output = self.described(id);
            if !free.remove(&id) {
                let name = self.names.of(id).to_owned();
                let copy = self.fresh(&format!("{name}@output"));
                self.emit("Identity", vec![name], copy.clone(), vec![]);
                output.name = Some(copy);
            }
            self.proto.output.push(output);
        }
    }

    /// A weight as integers and what turns them into floats.
    fn integers(&mut self, id: ValueId, integers: &Integers) {
        let value = self.graph.value(id);
        let (codes, scale) = (self.fresh("integers"), self.fresh("scale"));
        let kind = integers.data_type();
        self.proto.initializer.push(parts::raw(&codes, &value.shape, kind, integers.bytes()));
        let shape: &[usize] = if integers.axis.is_some() { &[integers.scale.len()] } else { &[] };
        self.proto.initializer.push(parts::floats(&scale, shape, &integers.scale));
        let axis = integers.axis.map(|axis| parts::int("axis", axis as i64));
        let axis = axis.into_iter().collect();
        let name = self.names.of(id).to_owned();
        self.emit("DequantizeLinear", vec![codes, scale], name, axis);
    }

    fn fresh(&mut self, what: &str) -> String {
        self.names.fresh(what)
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
