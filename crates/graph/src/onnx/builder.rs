use super::Limits;
use crate::Error;
use crate::float;
use crate::infer::{self, Meta};
use crate::ir::{Graph, Node, Op, Tensor, Value, ValueId};
use std::collections::HashMap;
use std::sync::Arc;

/// The graph under construction: names, what each stands for, and what folding may still cost.
pub(super) struct Builder {
    pub(super) graph: Graph,
    names: HashMap<String, ValueId>,
    /// Element types as the file gives them, where the typed graph is coarser.
    kinds: HashMap<ValueId, i32>,
    elements: usize,
    work: u64,
}

impl Builder {
    pub(super) fn new(name: String, opset: i64, limits: &Limits) -> Self {
        let graph = Graph {
            name,
            opset,
            inputs: Vec::new(),
            outputs: Vec::new(),
            nodes: Vec::new(),
            values: Vec::new(),
        };
        Self {
            graph,
            names: HashMap::new(),
            kinds: HashMap::new(),
            elements: limits.elements,
            work: limits.work,
        }
    }

    pub(super) fn find(&self, name: &str) -> Option<ValueId> {
        self.names.get(name).copied()
    }

    pub(super) fn meta(&self, id: ValueId) -> Meta {
        let v = self.graph.value(id);
        Meta::new(v.dtype, v.shape.clone())
    }

    /// Lets `name` stand for a value; a name stands for one value only.
    pub(super) fn bind(&mut self, name: &str, id: ValueId) -> Result<(), Error> {
        match self.names.insert(name.to_owned(), id) {
            None => Ok(()),
            Some(_) => Err(Error::Invalid(format!("'{name}' is defined twice"))),
        }
    }

    /// Remembers the element type that the file gives a value.
    pub(super) fn set_file_type(&mut self, id: ValueId, data_type: i32) {
        self.kinds.insert(id, data_type);
    }

    pub(super) fn file_type(&self, id: ValueId) -> Option<i32> {
        self.kinds.get(&id).copied()
    }

    /// A value that is not a constant.
    pub(super) fn value(&mut self, name: &str, meta: Meta) -> ValueId {
        self.push(name, meta, None)
    }

    pub(super) fn constant(&mut self, name: &str, tensor: Tensor) -> Result<ValueId, Error> {
        self.elements = self.elements.checked_sub(tensor.len()).ok_or_else(|| {
            Error::Limit("the constants of the model hold too many elements".into())
        })?;
        let meta = Meta::new(tensor.dtype(), tensor.shape().to_vec());
        Ok(self.push(name, meta, Some(Arc::new(tensor))))
    }

    fn push(&mut self, name: &str, meta: Meta, constant: Option<Arc<Tensor>>) -> ValueId {
        let (dtype, shape) = (meta.dtype, meta.shape);
        self.graph.values.push(Value { name: name.to_owned(), dtype, shape, constant });
        ValueId(self.graph.values.len() - 1)
    }

    /// Adds a node, or computes its results at once when all its operands are constants.
    pub(super) fn emit(
        &mut self,
        name: &str,
        op: Op,
        inputs: Vec<Option<ValueId>>,
        outputs: &[String],
    ) -> Result<Vec<ValueId>, Error> {
        let metas: Vec<_> = inputs.iter().map(|id| id.map(|id| self.meta(id))).collect();
        let refs: Vec<_> = metas.iter().map(Option::as_ref).collect();
        let outs = infer::outputs(&op, &refs)?;
        let constants: Option<Vec<_>> = inputs
            .iter()
            .map(|id| match id {
                None => Some(None),
                Some(id) => self.graph.value(*id).constant.clone().map(Some),
            })
            .collect();
        if let Some(constants) = constants {
            self.spend(infer::work(&op, &refs, &outs))?;
            let operands: Vec<_> = constants.iter().map(Option::as_deref).collect();
            let results = float::eval(&op, &operands)?;
            return outputs.iter().zip(results).map(|(n, t)| self.constant(n, t)).collect();
        }
        let ids: Vec<_> = outputs.iter().zip(outs).map(|(n, meta)| self.value(n, meta)).collect();
        self.graph.nodes.push(Node { name: name.to_owned(), op, inputs, outputs: ids.clone() });
        Ok(ids)
    }

    fn spend(&mut self, work: u64) -> Result<(), Error> {
        self.work = self.work.checked_sub(work).ok_or_else(|| {
            Error::Limit("computing the constant part of the model takes too long".into())
        })?;
        Ok(())
    }
}
