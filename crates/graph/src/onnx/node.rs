use super::attributes::Attributes;
use super::builder::Builder;
use super::proto::NodeProto;
use crate::Error;
use crate::ir::{DType, Op, Tensor, ValueId};

/// One ONNX node while it is turned into typed operators.
pub(super) struct Ctx<'a> {
    pub(super) builder: &'a mut Builder,
    pub(super) attrs: Attributes<'a>,
    /// Operator-set version that gives this node its meaning.
    pub(super) opset: i64,
    node: &'a NodeProto,
    name: String,
    inputs: Vec<Option<ValueId>>,
    extra: usize,
}

impl<'a> Ctx<'a> {
    pub(super) fn new(
        builder: &'a mut Builder,
        node: &'a NodeProto,
        name: String,
        opset: i64,
    ) -> Result<Self, Error> {
        let attrs = Attributes::new(node)?;
        let find = |name: &String| match name.as_str() {
            "" => Ok(None),
            name => builder.find(name).map(Some).ok_or_else(|| {
                Error::Invalid(format!("operand '{name}' is neither an input nor computed"))
            }),
        };
        let inputs = node.input.iter().map(find).collect::<Result<_, _>>()?;
        Ok(Self { builder, attrs, opset, node, name, inputs, extra: 0 })
    }

    pub(super) fn op_type(&self) -> &'a str {
        self.node.op_type()
    }

    pub(super) fn operands(&self) -> usize {
        self.inputs.len()
    }

    pub(super) fn results(&self) -> usize {
        self.node.output.len()
    }

    /// Whether anything asks for result `i`.
    pub(super) fn wants(&self, i: usize) -> bool {
        self.node.output.get(i).is_some_and(|n| !n.is_empty())
    }

    pub(super) fn opt(&self, i: usize) -> Option<ValueId> {
        self.inputs.get(i).copied().flatten()
    }

    pub(super) fn input(&self, i: usize) -> Result<ValueId, Error> {
        self.opt(i).ok_or_else(|| Error::Invalid(format!("operand {i} is missing")))
    }

    pub(super) fn all(&self) -> Vec<Option<ValueId>> {
        self.inputs.clone()
    }

    pub(super) fn shape(&self, id: ValueId) -> Vec<usize> {
        self.builder.graph.value(id).shape.clone()
    }

    pub(super) fn dtype(&self, id: ValueId) -> DType {
        self.builder.graph.value(id).dtype
    }

    /// Operand `i` when present; it must be known while importing.
    pub(super) fn constant(&self, i: usize) -> Result<Option<&Tensor>, Error> {
        let Some(id) = self.opt(i) else { return Ok(None) };
        match self.builder.graph.constant(id) {
            Some(t) => Ok(Some(t)),
            None => Err(self.unsupported(
                format!(
                    "operand {i} ('{}') depends on the input",
                    self.builder.graph.value(id).name
                ),
                "export the model with it as a constant, for fixed input shapes",
            )),
        }
    }

    pub(super) fn ints(&self, i: usize) -> Result<Option<Vec<i64>>, Error> {
        self.constant(i)?.map(|t| t.as_i64().map(<[i64]>::to_vec)).transpose()
    }

    pub(super) fn floats(&self, i: usize) -> Result<Option<Vec<f32>>, Error> {
        self.constant(i)?.map(|t| t.as_f32().map(<[f32]>::to_vec)).transpose()
    }

    /// A float operand of one element.
    pub(super) fn number(&self, i: usize) -> Result<Option<f32>, Error> {
        let Some(t) = self.constant(i)? else { return Ok(None) };
        match (t.data(), t.len()) {
            (crate::ir::TensorData::F32(v), 1) => Ok(Some(v[0])),
            (crate::ir::TensorData::I64(v), 1) => Ok(Some(v[0] as f32)),
            _ => Err(Error::Invalid(format!("operand {i} must be one number"))),
        }
    }

    /// Attribute `name` up to opset `last` exclusive, operand `i` from then on.
    pub(super) fn ints_by_opset(
        &self,
        name: &str,
        i: usize,
        since: i64,
    ) -> Result<Option<Vec<i64>>, Error> {
        if self.opset < since || self.attrs.has(name) {
            Ok(self.attrs.ints(name)?.map(<[i64]>::to_vec))
        } else {
            self.ints(i)
        }
    }

    /// Adds an operator whose single result only this node's lowering sees.
    pub(super) fn emit(&mut self, op: Op, inputs: &[ValueId]) -> Result<ValueId, Error> {
        let output = format!("{}/{}", self.result_name(), self.extra);
        self.extra += 1;
        let inputs = inputs.iter().copied().map(Some).collect();
        let name = format!("{}/{}", self.name, self.extra);
        let ids = self.builder.emit(&name, op, inputs, &[output])?;
        Ok(ids[0])
    }

    /// A constant that only this node's lowering sees.
    pub(super) fn literal(&mut self, tensor: Tensor) -> Result<ValueId, Error> {
        let name = format!("{}/{}", self.result_name(), self.extra);
        self.extra += 1;
        self.builder.constant(&name, tensor)
    }

    fn result_name(&self) -> String {
        self.node.output.first().cloned().unwrap_or_default()
    }

    /// Adds the operator that computes this node's results.
    pub(super) fn finish(&mut self, op: Op, inputs: Vec<Option<ValueId>>) -> Result<(), Error> {
        let names = &self.node.output;
        let used = names.iter().rposition(|n| !n.is_empty()).map_or(0, |i| i + 1);
        let named: Vec<String> = names[..used]
            .iter()
            .enumerate()
            .map(|(i, n)| if n.is_empty() { format!("{}/out{i}", self.name) } else { n.clone() })
            .collect();
        let ids = self.builder.emit(&self.name, op, inputs, &named)?;
        if ids.len() < used {
            return Err(self.unsupported(
                format!("result {} is not provided", ids.len()),
                "export the model for inference",
            ));
        }
        for (i, id) in ids.into_iter().enumerate() {
            self.bind(i, id)?;
        }
        Ok(())
    }

    /// As [`Self::finish`] with all operands present.
    pub(super) fn finish_with(&mut self, op: Op, inputs: &[ValueId]) -> Result<(), Error> {
        self.finish(op, inputs.iter().copied().map(Some).collect())
    }

    /// Lets result `i` stand for an existing value.
    pub(super) fn bind(&mut self, i: usize, id: ValueId) -> Result<(), Error> {
        match self.node.output.get(i).map(String::as_str) {
            None | Some("") => Ok(()),
            Some(name) => self.builder.bind(name, id),
        }
    }

    pub(super) fn unsupported(&self, why: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::Unsupported {
            node: self.name.clone(),
            op: self.op_type().to_owned(),
            why: why.into(),
            hint: hint.into(),
        }
    }

    /// `axis` counted from the front.
    pub(super) fn axis(&self, axis: i64, rank: usize) -> Result<usize, Error> {
        let from_front = if axis < 0 { axis.checked_add(rank as i64) } else { Some(axis) };
        from_front
            .and_then(|a| usize::try_from(a).ok())
            .filter(|&a| a < rank)
            .ok_or_else(|| Error::Invalid(format!("axis {axis} of {rank} axes")))
    }
}
