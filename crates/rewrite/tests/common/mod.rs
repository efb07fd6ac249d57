//! Graphs built by hand, random numbers, and where test data is.
#![allow(clippy::unwrap_used, dead_code, missing_docs, unreachable_pub)]

use sordino_graph::ir::{DType, Graph, Node, Op, Tensor, Value, ValueId};
use sordino_rewrite::train::Random;
use std::path::PathBuf;
use std::sync::Arc;

/// A graph built node by node; shapes are inferred.
pub struct Build {
    pub graph: Graph,
}

impl Build {
    pub fn new(input: &[usize]) -> Self {
        let value =
            Value { name: "x".into(), dtype: DType::F32, shape: input.to_vec(), constant: None };
        let graph = Graph {
            name: "test".into(),
            opset: 13,
            inputs: vec![ValueId(0)],
            outputs: vec![],
            nodes: vec![],
            values: vec![value],
        };
        Self { graph }
    }

    pub fn constant(&mut self, shape: &[usize], values: Vec<f32>) -> ValueId {
        self.push(Tensor::f32(shape.to_vec(), values).unwrap())
    }

    pub fn indices(&mut self, values: Vec<i64>) -> ValueId {
        self.push(Tensor::i64(vec![values.len()], values).unwrap())
    }

    /// A constant of random multiples of 0.04 in -1 to 1.
    pub fn random(&mut self, shape: &[usize]) -> ValueId {
        let values = noise(self.graph.values.len() as u64, shape.iter().product());
        self.constant(shape, values.iter().map(|v| (v * 25.0).round() / 25.0).collect())
    }

    /// A constant of random entries in 0.5 to 1.5.
    pub fn positive(&mut self, shape: &[usize]) -> ValueId {
        let values = noise(self.graph.values.len() as u64, shape.iter().product());
        self.constant(shape, values.iter().map(|v| 1.0 + 0.5 * v).collect())
    }

    fn push(&mut self, tensor: Tensor) -> ValueId {
        let id = ValueId(self.graph.values.len());
        self.graph.values.push(Value {
            name: format!("c{}", id.0),
            dtype: tensor.dtype(),
            shape: tensor.shape().to_vec(),
            constant: Some(Arc::new(tensor)),
        });
        id
    }

    pub fn node(&mut self, op: Op, inputs: &[ValueId]) -> ValueId {
        self.nodes(op, inputs)[0]
    }

    pub fn nodes(&mut self, op: Op, inputs: &[ValueId]) -> Vec<ValueId> {
        let metas: Vec<_> = inputs
            .iter()
            .map(|id| self.graph.value(*id))
            .map(|v| sordino_graph::infer::Meta::new(v.dtype, v.shape.clone()))
            .collect();
        let refs: Vec<_> = metas.iter().map(Some).collect();
        let outs = sordino_graph::infer::outputs(&op, &refs).unwrap();
        let first = self.graph.values.len();
        let name = format!("n{}", self.graph.nodes.len());
        for (i, out) in outs.iter().enumerate() {
            let (dtype, shape) = (out.dtype, out.shape.clone());
            let name = format!("{name}_{i}");
            self.graph.values.push(Value { name, dtype, shape, constant: None });
        }
        let outputs: Vec<_> = (first..first + outs.len()).map(ValueId).collect();
        let inputs = inputs.iter().map(|&id| Some(id)).collect();
        self.graph.nodes.push(Node { name, op, inputs, outputs: outputs.clone() });
        outputs
    }

    pub fn finish(mut self, output: ValueId) -> Graph {
        self.graph.outputs = vec![output];
        self.graph
    }
}

/// Random numbers in -1 to 1.
pub fn noise(seed: u64, n: usize) -> Vec<f32> {
    let mut random = Random::new(seed, "test", 0, 0);
    (0..n).map(|_| random.signed_unit()).collect()
}

/// The data folder, if there is one.
pub fn data() -> Option<PathBuf> {
    let default = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    let folder = std::env::var_os("SORDINO_DATA").map_or(default, PathBuf::from);
    folder.is_dir().then_some(folder)
}
