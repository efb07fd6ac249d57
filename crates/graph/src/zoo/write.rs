use super::weights::{Drawn, Normalisation};
use crate::onnx::parts::{self, float, floats, int, ints};
use crate::onnx::proto::tensor_proto::DataType;
use crate::onnx::proto::{
    AttributeProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, ValueInfoProto,
};

/// A value of the network under construction.
#[derive(Clone)]
pub(super) struct At {
    name: String,
    /// Without the batch axis: channels, height and width, or features.
    pub(super) shape: Vec<usize>,
}

/// A square convolution.
#[derive(Clone, Copy)]
pub(super) struct Kernel {
    pub(super) outputs: usize,
    pub(super) inputs: usize,
    pub(super) extent: usize,
    pub(super) stride: usize,
    pub(super) pad: usize,
    pub(super) groups: usize,
}

impl Kernel {
    /// Without padding: outputs, inputs and extent.
    pub(super) fn valid([outputs, inputs, extent]: [usize; 3], stride: usize) -> Self {
        Self { outputs, inputs, extent, stride, pad: 0, groups: 1 }
    }

    /// Padded so that a stride of 1 keeps the picture's size.
    pub(super) fn same(shape: [usize; 3], stride: usize) -> Self {
        Self { pad: shape[2] / 2, ..Self::valid(shape, stride) }
    }

    /// Products that one output is the sum of.
    pub(super) fn fan_in(&self) -> usize {
        self.inputs / self.groups * self.extent * self.extent
    }
}

/// Writes layers one after another as an ONNX model, keeping track of the shape. A branch starts
/// at a value kept by [`Writer::here`].
pub(super) struct Writer {
    graph: GraphProto,
    at: At,
    layers: usize,
}

impl Writer {
    pub(super) fn new(input: [usize; 3]) -> Self {
        let graph = GraphProto { input: vec![value("image", &input)], ..Default::default() };
        Self { graph, at: At { name: "image".to_owned(), shape: input.to_vec() }, layers: 0 }
    }

    pub(super) fn shape(&self) -> &[usize] {
        &self.at.shape
    }

    /// The value that the next layer would read.
    pub(super) fn here(&self) -> At {
        self.at.clone()
    }

    /// Lets the next layer read this value.
    pub(super) fn back_to(&mut self, at: &At) {
        self.at = at.clone();
    }

    pub(super) fn conv(&mut self, kernel: Kernel, drawn: Drawn) {
        let Kernel { outputs, inputs, extent, stride, pad, groups } = kernel;
        let mut attributes = vec![ints("kernel_shape", [extent; 2]), ints("strides", [stride; 2])];
        if pad > 0 {
            attributes.push(ints("pads", [pad; 4]));
        }
        if groups > 1 {
            attributes.push(int("group", groups as i64));
        }
        self.linear("Conv", &[outputs, inputs / groups, extent, extent], drawn, attributes);
        self.shrink(outputs, extent, stride, pad);
    }

    /// Dense layer by a matrix of outputs times inputs, on whatever came flattened.
    pub(super) fn dense(&mut self, matrix: [usize; 2], drawn: Drawn) {
        if self.shape().len() > 1 {
            self.flatten();
        }
        self.linear("Gemm", &matrix, drawn, vec![int("transB", 1)]);
        self.at.shape = vec![matrix[0]];
    }

    pub(super) fn flatten(&mut self) {
        self.node("Flatten", &[], Vec::new());
        self.at.shape = vec![self.at.shape.iter().product()];
    }

    pub(super) fn batch_norm(&mut self, norm: &Normalisation) {
        let number = self.number();
        let parameters = [
            ("gamma", &norm.gamma),
            ("beta", &norm.beta),
            ("mean", &norm.mean),
            ("var", &norm.var),
        ];
        let names: Vec<String> =
            parameters.iter().map(|(what, _)| format!("{what}{number}")).collect();
        for (name, (_, values)) in names.iter().zip(parameters) {
            self.graph.initializer.push(floats(name, &[values.len()], values));
        }
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        self.node("BatchNormalization", &names, Vec::new());
    }

    /// An element-wise function with constants of its own, such as the bounds of `Clip`.
    pub(super) fn activation(&mut self, operator: &str, constants: &[(&str, f32)]) {
        for &(name, value) in constants {
            if !self.graph.initializer.iter().any(|t| t.name() == name) {
                self.graph.initializer.push(floats(name, &[], &[value]));
            }
        }
        let names: Vec<&str> = constants.iter().map(|(name, _)| *name).collect();
        self.node(operator, &names, Vec::new());
    }

    /// Maximum over windows; the last window may hang over when `ceil`.
    pub(super) fn max_pool(&mut self, extent: usize, stride: usize, pad: usize, ceil: bool) {
        let mut attributes = self.window(extent, stride, pad);
        if ceil {
            attributes.push(int("ceil_mode", 1));
        }
        self.node("MaxPool", &[], attributes);
        let hang = if ceil { stride - 1 } else { 0 };
        for size in &mut self.at.shape[1..] {
            *size = (*size + 2 * pad - extent + hang) / stride + 1;
        }
    }

    pub(super) fn average_pool(&mut self, extent: usize) {
        let attributes = self.window(extent, extent, 0);
        self.node("AveragePool", &[], attributes);
        let channels = self.shape()[0];
        self.shrink(channels, extent, extent, 0);
    }

    pub(super) fn global_average(&mut self) {
        self.node("GlobalAveragePool", &[], Vec::new());
        self.at.shape = vec![self.at.shape[0], 1, 1];
    }

    pub(super) fn add(&mut self, other: &At) {
        self.node("Add", &[&other.name], Vec::new());
    }

    /// Times this value, which may have one element per channel.
    pub(super) fn multiply(&mut self, other: &At) {
        self.node("Mul", &[&other.name], Vec::new());
        self.at.shape = self.at.shape.iter().zip(&other.shape).map(|(a, b)| *a.max(b)).collect();
    }

    /// `min(max(x / 6 + 1 / 2, 0), 1)`.
    pub(super) fn hard_sigmoid(&mut self) {
        let line = vec![float("alpha", 1.0 / 6.0), float("beta", 0.5)];
        self.node("HardSigmoid", &[], line);
    }

    /// Keeps so many channels from one on.
    pub(super) fn slice_channels(&mut self, from: usize, count: usize) {
        let ends = [("starts", from), ("ends", from + count), ("axes", 1)];
        let names = ends.map(|(what, value)| self.integers(what, &[value]));
        self.node("Slice", &names.each_ref().map(String::as_str), Vec::new());
        self.at.shape[0] = count;
    }

    /// Deals the channels out to so many groups: the first of each, the second of each, …
    pub(super) fn shuffle_channels(&mut self, groups: usize) {
        let [c, h, w] = [0, 1, 2].map(|axis| self.at.shape[axis]);
        let apart = self.integers("shape", &[1, groups, c / groups, h, w]);
        let together = self.integers("shape", &[1, c, h, w]);
        self.node("Reshape", &[&apart], Vec::new());
        self.node("Transpose", &[], vec![ints("perm", [0, 2, 1, 3, 4])]);
        self.node("Reshape", &[&together], Vec::new());
    }

    /// Puts this value's channels before the last one's.
    pub(super) fn concat_after(&mut self, first: &At) {
        let last = std::mem::replace(&mut self.at, first.clone());
        self.node("Concat", &[&last.name], vec![int("axis", 1)]);
        self.at.shape[0] += last.shape[0];
    }

    /// The model. The last result is renamed `logits`.
    pub(super) fn finish(mut self, name: &str) -> ModelProto {
        if let Some(last) = self.graph.node.last_mut() {
            last.output = vec!["logits".to_owned()];
        }
        self.graph.output = vec![value("logits", &self.at.shape)];
        self.graph.name = Some(name.to_owned());
        ModelProto {
            ir_version: Some(8),
            opset_import: vec![OperatorSetIdProto { domain: None, version: Some(13) }],
            producer_name: Some("sordino".to_owned()),
            graph: Some(self.graph),
            ..Default::default()
        }
    }

    fn linear(
        &mut self,
        operator: &str,
        kernel: &[usize],
        drawn: Drawn,
        attributes: Vec<AttributeProto>,
    ) {
        let number = self.number();
        let names = ["weight", "bias"].map(|what| format!("{what}{number}"));
        let mut operands = vec![names[0].as_str()];
        self.graph.initializer.push(floats(&names[0], kernel, &drawn.kernel));
        if !drawn.bias.is_empty() {
            self.graph.initializer.push(floats(&names[1], &[drawn.bias.len()], &drawn.bias));
            operands.push(&names[1]);
        }
        self.node(operator, &operands, attributes);
    }

    /// A constant of integers, and its name; the same ones are stored once.
    fn integers(&mut self, what: &str, values: &[usize]) -> String {
        let list: Vec<String> = values.iter().map(usize::to_string).collect();
        let name = format!("{what}_{}", list.join("_"));
        if !self.graph.initializer.iter().any(|t| t.name() == name) {
            let values: Vec<i64> = values.iter().map(|&v| v as i64).collect();
            self.graph.initializer.push(parts::integers(&name, &[values.len()], &values));
        }
        name
    }

    fn number(&mut self) -> usize {
        self.layers += 1;
        self.layers
    }

    fn window(&self, extent: usize, stride: usize, pad: usize) -> Vec<AttributeProto> {
        let window = [("kernel_shape", extent), ("strides", stride)];
        let mut attributes: Vec<_> =
            window.iter().map(|(name, size)| ints(name, [*size; 2])).collect();
        if pad > 0 {
            attributes.push(ints("pads", [pad; 4]));
        }
        attributes
    }

    fn shrink(&mut self, channels: usize, extent: usize, stride: usize, pad: usize) {
        let out = |size: usize| (size + 2 * pad - extent) / stride + 1;
        self.at.shape = vec![channels, out(self.at.shape[1]), out(self.at.shape[2])];
    }

    fn node(&mut self, operator: &str, operands: &[&str], attribute: Vec<AttributeProto>) {
        let name = format!("{}{}", operator.to_lowercase(), self.graph.node.len() + 1);
        let input = std::iter::once(std::mem::replace(&mut self.at.name, name.clone()));
        self.graph.node.push(NodeProto {
            input: input.chain(operands.iter().map(|&o| o.to_owned())).collect(),
            output: vec![name.clone()],
            name: Some(name),
            op_type: Some(operator.to_owned()),
            attribute,
            ..Default::default()
        });
    }
}

/// A float value of batch size 1.
fn value(name: &str, shape: &[usize]) -> ValueInfoProto {
    let shape: Vec<usize> = std::iter::once(1).chain(shape.iter().copied()).collect();
    parts::value(name, DataType::Float, &shape)
}
