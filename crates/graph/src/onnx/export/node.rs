use super::super::parts::{float, int, ints, text};
use super::super::proto::AttributeProto;
use super::{Writer, attributes, kind};
use crate::Error;
use crate::ir::{Binary, Node, Op, PadMode, Reduce, Unary};

impl Writer<'_> {
    /// Writes one node of the graph, as several where ONNX has no single operator for it.
    pub(super) fn node(&mut self, node: &Node) -> Result<(), Error> {
        let mut operands: Vec<String> = node
            .inputs
            .iter()
            .map(|id| id.map_or(String::new(), |id| self.names.of(id).to_owned()))
            .collect();
        while operands.last().is_some_and(String::is_empty) {
            operands.pop();
        }
        let outputs = node.outputs.iter().map(|&id| self.names.of(id).to_owned()).collect();
        let (operator, attributes) = match &node.op {
            Op::Unary(f) => match attributes::unary(f) {
                Some(plain) => plain,
                None => return self.compound(f, operands, outputs),
            },
            Op::Softmax { axis, flatten: true, log } => {
                return self.flat_softmax(node, *axis, *log, operands, outputs);
            }
            Op::ResizeNearest { index } => return self.resize(node, index, operands, outputs),
            op => {
                let plain = self.plain(op, &mut operands);
                plain.ok_or_else(|| Error::Unsupported {
                    node: node.name.clone(),
                    op: format!("{op:?}"),
                    why: "it is quantised, and cannot be written".into(),
                    hint: "write the float network it came from".into(),
                })?
            }
        };
        self.emit_many(operator, operands, outputs, attributes);
        Ok(())
    }

    /// Operator and attributes; constant operands are appended. `None` for quantised operators.
    fn plain(
        &mut self,
        op: &Op,
        operands: &mut Vec<String>,
    ) -> Option<(&'static str, Vec<AttributeProto>)> {
        let signed = |v: &[usize]| v.iter().map(|&v| v as i64).collect::<Vec<_>>();
        Some(match op {
            Op::Conv { window, groups } => ("Conv", attributes::grouped(window, *groups)),
            Op::ConvTranspose { window, groups, output_padding } => {
                let mut attributes = attributes::grouped(window, *groups);
                attributes.push(ints("output_padding", output_padding.iter().copied()));
                ("ConvTranspose", attributes)
            }
            Op::Gemm { alpha, beta, trans_a, trans_b } => {
                let flags = [int("transA", (*trans_a).into()), int("transB", (*trans_b).into())];
                let factors = [float("alpha", *alpha), float("beta", *beta)];
                ("Gemm", factors.into_iter().chain(flags).collect())
            }
            Op::MatMul => ("MatMul", vec![]),
            Op::BatchNorm { epsilon } => ("BatchNormalization", vec![float("epsilon", *epsilon)]),
            Op::InstanceNorm { epsilon } => {
                ("InstanceNormalization", vec![float("epsilon", *epsilon)])
            }
            Op::LayerNorm { axis, epsilon } => {
                ("LayerNormalization", vec![int("axis", *axis as i64), float("epsilon", *epsilon)])
            }
            Op::Lrn { size, alpha, beta, bias } => {
                let numbers = [("alpha", *alpha), ("beta", *beta), ("bias", *bias)];
                let numbers = numbers.into_iter().map(|(name, v)| float(name, v));
                ("LRN", std::iter::once(int("size", *size as i64)).chain(numbers).collect())
            }
            Op::PRelu => ("PRelu", vec![]),
            Op::Binary(f) => (binary(*f), vec![]),
            Op::MaxPool { window } => ("MaxPool", attributes::window(window)),
            Op::AveragePool { window, count_include_pad } => {
                let mut attributes = attributes::window(window);
                attributes.push(int("count_include_pad", (*count_include_pad).into()));
                ("AveragePool", attributes)
            }
            Op::GlobalMaxPool => ("GlobalMaxPool", vec![]),
            Op::GlobalAveragePool => ("GlobalAveragePool", vec![]),
            Op::Reduce { kind, axes, keep_dims } => {
                let keep = int("keepdims", (*keep_dims).into());
                // The sum takes its axes as an operand since 13, the others since 18.
                if *kind == Reduce::Sum || self.opset >= 18 {
                    operands.push(self.list("axes", signed(axes)));
                    (reduction(*kind), vec![keep])
                } else {
                    (reduction(*kind), vec![keep, ints("axes", axes.iter().copied())])
                }
            }
            Op::ArgMax { axis, keep_dims, select_last } => (
                "ArgMax",
                vec![
                    int("axis", *axis as i64),
                    int("keepdims", (*keep_dims).into()),
                    int("select_last_index", (*select_last).into()),
                ],
            ),
            Op::Softmax { axis, log, .. } => (softmax(*log), vec![int("axis", *axis as i64)]),
            Op::Concat { axis } => ("Concat", vec![int("axis", *axis as i64)]),
            Op::Reshape { shape } => {
                operands.push(self.list("shape", signed(shape)));
                (
                    "Reshape",
                    vec![int("allowzero", 1)].into_iter().filter(|_| self.opset >= 14).collect(),
                )
            }
            Op::Transpose { perm } => ("Transpose", vec![ints("perm", perm.iter().copied())]),
            Op::Pad { pads, mode, value } => {
                let pads = pads.iter().map(|p| p.0).chain(pads.iter().map(|p| p.1));
                operands.push(self.list("pads", pads.map(|p| p as i64)));
                operands.push(self.scalar("value", *value));
                ("Pad", vec![text("mode", pad_mode(*mode))])
            }
            Op::Slice { starts, steps, shape } => {
                // An end before the first element can only be said by a very negative number.
                let end = |i: usize| {
                    let end = starts[i] as i64 + steps[i] as i64 * shape[i] as i64;
                    if end < 0 { i64::MIN } else { end }
                };
                operands.push(self.list("starts", signed(starts)));
                operands.push(self.list("ends", (0..shape.len()).map(end)));
                operands.push(self.list("axes", 0..shape.len() as i64));
                operands.push(self.list("steps", steps.iter().map(|&s| s as i64)));
                ("Slice", vec![])
            }
            Op::Split { axis, sizes } => {
                operands.push(self.list("sizes", signed(sizes)));
                ("Split", vec![int("axis", *axis as i64)])
            }
            Op::Gather { axis } => ("Gather", vec![int("axis", *axis as i64)]),
            Op::Expand { shape } => {
                operands.push(self.list("shape", signed(shape)));
                ("Expand", vec![])
            }
            Op::Tile { repeats } => {
                operands.push(self.list("repeats", signed(repeats)));
                ("Tile", vec![])
            }
            Op::DepthSpace { block, to_space, column_row } => {
                let block = int("blocksize", *block as i64);
                if *to_space {
                    let mode = if *column_row { "CRD" } else { "DCR" };
                    ("DepthToSpace", vec![block, text("mode", mode)])
                } else {
                    let mode = column_row.then(|| text("mode", "CRD"));
                    ("SpaceToDepth", std::iter::once(block).chain(mode).collect())
                }
            }
            Op::Cast { to } => ("Cast", vec![int("to", kind(*to) as i64)]),
            Op::Unary(_)
            | Op::ResizeNearest { .. }
            | Op::QuantizeLinear { .. }
            | Op::DequantizeLinear { .. }
            | Op::QLinearConv { .. } => return None,
        })
    }

    /// Functions of one operand that need further operands or nodes.
    fn compound(
        &mut self,
        f: &Unary,
        mut operands: Vec<String>,
        outputs: Vec<String>,
    ) -> Result<(), Error> {
        let output = outputs.into_iter().next().unwrap_or_default();
        if let Unary::Swish { alpha } = *f {
            let (scaled, gate) = (self.fresh("scaled"), self.fresh("gate"));
            let alpha = self.scalar("alpha", alpha);
            self.emit("Mul", vec![operands[0].clone(), alpha], scaled.clone(), vec![]);
            self.emit("Sigmoid", vec![scaled], gate.clone(), vec![]);
            operands.push(gate);
            self.emit("Mul", operands, output, vec![]);
        } else if let Unary::Clip { lo, hi } = *f {
            // A bound left out is infinite, but a first one cannot be left out before a second.
            for (what, bound) in [("min", lo), ("max", hi)] {
                let open = bound.is_infinite();
                operands.push(if open { String::new() } else { self.scalar(what, bound) });
            }
            while operands.last().is_some_and(String::is_empty) {
                operands.pop();
            }
            self.emit("Clip", operands, output, vec![]);
        }
        Ok(())
    }

    /// Over everything from `axis` on, as one axis.
    fn flat_softmax(
        &mut self,
        node: &Node,
        axis: usize,
        log: bool,
        operands: Vec<String>,
        outputs: Vec<String>,
    ) -> Result<(), Error> {
        let shape = &self.graph.value(node.outputs[0]).shape;
        let shape = self.list("shape", shape.iter().map(|&d| d as i64));
        let (flat, normalised) = (self.fresh("flat"), self.fresh("normalised"));
        self.emit("Flatten", operands, flat.clone(), vec![int("axis", axis as i64)]);
        self.emit(softmax(log), vec![flat], normalised.clone(), vec![int("axis", 1)]);
        self.emit_many("Reshape", vec![normalised, shape], outputs, vec![]);
        Ok(())
    }

    /// As one gathering per axis that changes: that is exact where the many modes of `Resize`
    /// round differently from runtime to runtime.
    fn resize(
        &mut self,
        node: &Node,
        index: &[Vec<usize>],
        operands: Vec<String>,
        outputs: Vec<String>,
    ) -> Result<(), Error> {
        let shape = node.inputs[0].map_or(&[][..], |id| &self.graph.value(id).shape);
        let lead = shape.len() - index.len();
        let mut at = operands[0].clone();
        for (i, positions) in index.iter().enumerate() {
            if positions.iter().copied().eq(0..shape[lead + i]) {
                continue;
            }
            let positions = self.list("index", positions.iter().map(|&p| p as i64));
            let next = self.fresh("resized");
            let axis = int("axis", (lead + i) as i64);
            self.emit("Gather", vec![at, positions], next.clone(), vec![axis]);
            at = next;
        }
        self.emit_many("Identity", vec![at], outputs, vec![]);
        Ok(())
    }
}

fn binary(f: Binary) -> &'static str {
    match f {
        Binary::Add => "Add",
        Binary::Sub => "Sub",
        Binary::Mul => "Mul",
        Binary::Div => "Div",
        Binary::Pow => "Pow",
        Binary::Max => "Max",
        Binary::Min => "Min",
    }
}

fn reduction(kind: Reduce) -> &'static str {
    match kind {
        Reduce::Mean => "ReduceMean",
        Reduce::Sum => "ReduceSum",
        Reduce::Max => "ReduceMax",
        Reduce::Min => "ReduceMin",
    }
}

fn softmax(log: bool) -> &'static str {
    if log { "LogSoftmax" } else { "Softmax" }
}

fn pad_mode(mode: PadMode) -> &'static str {
    match mode {
        PadMode::Constant => "constant",
        PadMode::Reflect => "reflect",
        PadMode::Edge => "edge",
    }
}
