use super::Polynomial;
use super::places::{Kept, Places};
use crate::Error;
use sordino_graph::ir::{Binary, DType, Graph, Node, Op, Tensor, Value, ValueId};
use std::sync::Arc;

/// Puts nodes for `(a x + b) x + c` where a layer rectifies; what it does not rectify goes by.
pub(super) fn replace(
    graph: &mut Graph,
    relu: usize,
    places: &Places,
    start: [f64; 3],
) -> Result<Polynomial, Error> {
    let Node { name, inputs, outputs, .. } = graph.nodes[relu].clone();
    let operand = inputs[0].ok_or_else(|| Error::Config(format!("'{name}' has no operand")))?;
    let mut site = Site { graph, name, nodes: Vec::new() };
    let polynomial = match places {
        Places::All => site.polynomial(operand, outputs[0], start)?,
        Places::Some(kept) => site.beside(kept, operand, outputs[0], start)?,
    };
    let nodes = std::mem::take(&mut site.nodes);
    graph.nodes.splice(relu..=relu, nodes);
    Ok(polynomial)
}

/// What takes the place of a layer.
struct Site<'a> {
    graph: &'a mut Graph,
    name: String,
    nodes: Vec<Node>,
}

impl Site<'_> {
    fn value(&mut self, what: &str, shape: Vec<usize>, constant: Option<Tensor>) -> ValueId {
        let dtype = constant.as_ref().map_or(DType::F32, Tensor::dtype);
        let name = format!("{}@{what}", self.name);
        self.graph.values.push(Value { name, dtype, shape, constant: constant.map(Arc::new) });
        ValueId(self.graph.values.len() - 1)
    }

    fn number(&mut self, what: &str, value: f64) -> Result<ValueId, Error> {
        let tensor = Tensor::f32(vec![1], vec![value as f32])?;
        Ok(self.value(what, vec![1], Some(tensor)))
    }

    fn indices(&mut self, what: &str, at: &[usize]) -> Result<ValueId, Error> {
        let tensor = Tensor::i64(vec![at.len()], at.iter().map(|&i| i as i64).collect())?;
        Ok(self.value(what, vec![at.len()], Some(tensor)))
    }

    fn node(&mut self, what: &str, op: Op, inputs: &[ValueId], output: ValueId) {
        let name = format!("{}@{what}", self.name);
        let inputs = inputs.iter().copied().map(Some).collect();
        self.nodes.push(Node { name, op, inputs, outputs: vec![output] });
    }

    /// A node with a result of its own.
    fn make(&mut self, what: &str, op: Op, inputs: &[ValueId], shape: Vec<usize>) -> ValueId {
        let output = self.value(what, shape, None);
        self.node(what, op, inputs, output);
        output
    }

    fn polynomial(
        &mut self,
        x: ValueId,
        result: ValueId,
        [a, b, c]: [f64; 3],
    ) -> Result<Polynomial, Error> {
        let shape = self.graph.value(x).shape.clone();
        let scale = (shape.iter().product::<usize>().max(1) as f64).sqrt().recip();
        let coefficients =
            [self.number("w", a / scale)?, self.number("b", b)?, self.number("c", c)?];
        let [w, b, c] = coefficients;
        let scale = self.number("scale", scale)?;
        let (mul, add) = (Op::Binary(Binary::Mul), Op::Binary(Binary::Add));
        let square = self.make("a", mul.clone(), &[w, scale], vec![1]);
        let ax = self.make("ax", mul.clone(), &[x, square], shape.clone());
        let inner = self.make("inner", add.clone(), &[ax, b], shape.clone());
        let product = self.make("product", mul, &[inner, x], shape);
        self.node("polynomial", add, &[product, c], result);
        Ok(Polynomial { node: self.name.clone(), coefficients, square })
    }

    /// The polynomial of some elements, and the others as they are.
    fn beside(
        &mut self,
        kept: &Kept,
        x: ValueId,
        result: ValueId,
        start: [f64; 3],
    ) -> Result<Polynomial, Error> {
        let shape = self.graph.value(x).shape.clone();
        let size = shape.iter().product::<usize>();
        // Whole channels, or a line of elements.
        let line = if kept.each == 1 { vec![1, size] } else { shape.clone() };
        let with = |n: usize| {
            let mut shape = line.clone();
            shape[1] = n;
            shape
        };
        let (axis, gather) = (1, Op::Gather { axis: 1 });
        let flat = match line == shape {
            true => x,
            false => self.make("line", Op::Reshape { shape: line.clone() }, &[x], line.clone()),
        };
        let at = [("rectified", &kept.at), ("others", &kept.others)];
        let [rectified, others] = at.map(|(what, at)| -> Result<ValueId, Error> {
            let indices = self.indices(&format!("{what} at"), at)?;
            Ok(self.make(what, gather.clone(), &[flat, indices], with(at.len())))
        });
        let (rectified, others) = (rectified?, others?);
        let squared = self.value("squared", with(kept.at.len()), None);
        let polynomial = self.polynomial(rectified, squared, start)?;
        let joined = self.make("joined", Op::Concat { axis }, &[squared, others], line.clone());
        let back = self.indices("back", &kept.back())?;
        if line == shape {
            self.node("ordered", gather, &[joined, back], result);
        } else {
            let ordered = self.make("ordered", gather, &[joined, back], line);
            self.node("shaped", Op::Reshape { shape }, &[ordered], result);
        }
        Ok(polynomial)
    }
}
