//! Networks of one or a few nodes.
use sordino_graph::ir::*;
use std::sync::Arc;

/// A network under construction.
pub struct Net(pub Graph);

impl Net {
    pub fn new(shape: &[usize]) -> Self {
        let mut net = Self(Graph {
            name: "net".into(),
            opset: 13,
            inputs: vec![ValueId(0)],
            outputs: vec![],
            nodes: vec![],
            values: vec![],
        });
        net.value(DType::F32, shape.to_vec(), None);
        net
    }

    pub fn value(&mut self, dtype: DType, shape: Vec<usize>, constant: Option<Tensor>) -> ValueId {
        let name = format!("v{}", self.0.values.len());
        let constant = constant.map(Arc::new);
        self.0.values.push(Value { name, dtype, shape, constant });
        ValueId(self.0.values.len() - 1)
    }

    pub fn floats(&mut self, shape: &[usize], data: &[f32]) -> ValueId {
        let t = Tensor::f32(shape.to_vec(), data.to_vec()).unwrap();
        self.value(DType::F32, shape.to_vec(), Some(t))
    }

    pub fn integers(&mut self, shape: &[usize], data: &[i64]) -> ValueId {
        let t = Tensor::i64(shape.to_vec(), data.to_vec()).unwrap();
        self.value(DType::I64, shape.to_vec(), Some(t))
    }

    pub fn noise(&mut self, shape: &[usize], seed: u64) -> ValueId {
        let data = noise(shape.iter().product(), seed);
        self.floats(shape, &data)
    }

    pub fn node_of(&mut self, op: Op, inputs: &[ValueId], out: &[usize], dtype: DType) -> ValueId {
        let y = self.value(dtype, out.to_vec(), None);
        let name = format!("n{}", self.0.nodes.len());
        let inputs = inputs.iter().copied().map(Some).collect();
        self.0.nodes.push(Node { name, op, inputs, outputs: vec![y] });
        self.0.outputs = vec![y];
        y
    }

    pub fn node(&mut self, op: Op, inputs: &[ValueId], out: &[usize]) -> ValueId {
        self.node_of(op, inputs, out, DType::F32)
    }

    pub fn samples(&self) -> Vec<Tensor> {
        let shape = &self.0.values[0].shape;
        let n = shape.iter().product();
        (0..12).map(|s| Tensor::f32(shape.clone(), noise(n, 100 + s)).unwrap()).collect()
    }
}

/// Values in -1..1.
pub fn noise(n: usize, seed: u64) -> Vec<f32> {
    let mut s = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..n)
        .map(|_| {
            s ^= s << 13;
            s ^= s >> 7;
            s ^= s << 17;
            (s >> 40) as f32 / (1u64 << 23) as f32 - 1.0
        })
        .collect()
}

pub fn window(kernel: [usize; 2], stride: usize, pad: usize) -> Window {
    Window {
        kernel: kernel.to_vec(),
        stride: vec![stride; 2],
        dilation: vec![1; 2],
        pads: vec![(pad, pad); 2],
    }
}
