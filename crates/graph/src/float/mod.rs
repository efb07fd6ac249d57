//! Execution of a [`Graph`] in 32-bit floats: the accuracy reference, the source of calibrated
//! ranges, and what constants are folded with.
//!
//! Convolutions are `im2col` followed by a matrix product; one run uses all threads of the
//! current rayon pool, and running many inputs from a parallel iterator is as good.

mod conv;
mod elementwise;
mod eval;
mod matmul;
mod movement;
mod norm;
mod pool;
mod quant;
mod reduce;
mod transposed;

pub(crate) use elementwise::scalar;
pub use eval::eval;

use crate::Error;
use crate::ir::{Graph, Tensor, ValueId};
use std::sync::Arc;

/// Runs `graph` on one tensor per graph input and returns one per graph output.
///
/// # Errors
/// [`Error::Shape`] when the inputs' number, types or shapes are not the graph's.
pub fn run(graph: &Graph, inputs: &[Tensor]) -> Result<Vec<Tensor>, Error> {
    run_with(graph, inputs, |_, _| {})
}

/// As [`run`], showing `observe` every graph input and every node's result as soon as it is
/// known. Tensors are freed after their last use.
pub fn run_with(
    graph: &Graph,
    inputs: &[Tensor],
    mut observe: impl FnMut(ValueId, &Tensor),
) -> Result<Vec<Tensor>, Error> {
    let mut live = Live::new(graph);
    check_inputs(graph, inputs)?;
    for (&id, tensor) in graph.inputs.iter().zip(inputs) {
        observe(id, tensor);
        live.put(id, Arc::new(tensor.clone()));
    }
    for node in &graph.nodes {
        let held: Vec<Option<Arc<Tensor>>> = node
            .inputs
            .iter()
            .map(|id| id.map(|id| live.take(id)).transpose())
            .collect::<Result<_, _>>()?;
        let operands: Vec<Option<&Tensor>> = held.iter().map(Option::as_deref).collect();
        let results = eval(&node.op, &operands).map_err(|e| e.at(&node.name))?;
        for (&id, tensor) in node.outputs.iter().zip(results) {
            observe(id, &tensor);
            live.put(id, Arc::new(tensor));
        }
    }
    graph.outputs.iter().map(|&id| Ok(Arc::unwrap_or_clone(live.take(id)?))).collect()
}

fn check_inputs(graph: &Graph, inputs: &[Tensor]) -> Result<(), Error> {
    if inputs.len() != graph.inputs.len() {
        let (want, got) = (graph.inputs.len(), inputs.len());
        return Err(Error::Shape(format!("the network takes {want} inputs, {got} were given")));
    }
    for (&id, tensor) in graph.inputs.iter().zip(inputs) {
        let value = graph.value(id);
        if tensor.shape() != value.shape || tensor.dtype() != value.dtype {
            return Err(Error::Shape(format!(
                "input '{}' is {:?} of shape {:?}, got {:?} of shape {:?}",
                value.name,
                value.dtype,
                value.shape,
                tensor.dtype(),
                tensor.shape()
            )));
        }
    }
    Ok(())
}

/// Tensors that a later node or the caller still needs, with how often.
struct Live<'a> {
    graph: &'a Graph,
    tensors: Vec<Option<Arc<Tensor>>>,
    uses: Vec<usize>,
}

impl<'a> Live<'a> {
    fn new(graph: &'a Graph) -> Self {
        let mut uses = vec![0; graph.values.len()];
        let operands = graph.nodes.iter().flat_map(|n| n.inputs.iter().flatten());
        for id in operands.chain(&graph.outputs) {
            uses[id.0] += 1;
        }
        Self { graph, tensors: vec![None; graph.values.len()], uses }
    }

    fn put(&mut self, id: ValueId, tensor: Arc<Tensor>) {
        if self.uses[id.0] > 0 {
            self.tensors[id.0] = Some(tensor);
        }
    }

    fn take(&mut self, id: ValueId) -> Result<Arc<Tensor>, Error> {
        let value = self.graph.value(id);
        if let Some(constant) = &value.constant {
            return Ok(constant.clone());
        }
        self.uses[id.0] -= 1;
        let slot = &mut self.tensors[id.0];
        let tensor = if self.uses[id.0] == 0 { slot.take() } else { slot.clone() };
        tensor.ok_or_else(|| {
            Error::Invalid(format!("'{}' is used before it is computed", value.name))
        })
    }
}
