use crate::evaluator::Linear;
use crate::walk::{Progress, Silent, walk};
use crate::{Error, Evaluator, Layer};
use sordino_graph::fixed::semantics;
use sordino_graph::fixed::{FixedModel, Function, PoolShape, Rearrange, WeightId, Weights};

/// The reference: every layer on plain integers, by its exact meaning. What it computes is what
/// every backend must reveal, bit for bit.
pub struct Clear<'a> {
    weights: &'a Weights,
}

impl<'a> Clear<'a> {
    /// An evaluator with these weights.
    pub fn new(weights: &'a Weights) -> Self {
        Self { weights }
    }

    fn node(&self, l: &Layer<'_>, xs: &[&[u64]]) -> Result<Vec<u64>, Error> {
        Ok(semantics::apply(l.graph, l.node, self.weights, xs))
    }
}

/// Runs a model on encoded input words and returns the output words.
pub fn run_clear(model: &FixedModel, input: &[u64]) -> Result<Vec<u64>, Error> {
    run_clear_with(model, input, &mut Silent)
}

/// [`run_clear`] with progress.
pub fn run_clear_with(
    model: &FixedModel,
    input: &[u64],
    progress: &mut dyn Progress,
) -> Result<Vec<u64>, Error> {
    let edge = &model.graph.edges[model.graph.input.0 as usize];
    if input.len() != edge.len() {
        return Err(Error::Config(format!(
            "the network takes {} input values, {} were given",
            edge.len(),
            input.len()
        )));
    }
    walk(&model.graph, &mut Clear::new(&model.weights), input.to_vec(), progress)
}

impl Evaluator for Clear<'_> {
    type Tensor = Vec<u64>;

    fn begin(&mut self, _: &Layer<'_>) -> Result<(), Error> {
        Ok(())
    }

    fn linear(&mut self, l: &Layer<'_>, _: Linear<'_>, x: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn add_const(&mut self, l: &Layer<'_>, _: WeightId, x: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn activate(
        &mut self,
        l: &Layer<'_>,
        _: u32,
        _: Function,
        x: &Vec<u64>,
    ) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn sum_pool(&mut self, l: &Layer<'_>, _: &PoolShape, x: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn max_pool(&mut self, l: &Layer<'_>, _: &PoolShape, x: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn add(
        &mut self,
        l: &Layer<'_>,
        _: [u32; 2],
        _: bool,
        a: &Vec<u64>,
        b: &Vec<u64>,
    ) -> Result<Vec<u64>, Error> {
        self.node(l, &[a, b])
    }

    fn mul(&mut self, l: &Layer<'_>, a: &Vec<u64>, b: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[a, b])
    }

    fn concat(
        &mut self,
        l: &Layer<'_>,
        _: u32,
        _: &[u32],
        xs: &[&Vec<u64>],
    ) -> Result<Vec<u64>, Error> {
        self.node(l, &xs.iter().map(|x| x.as_slice()).collect::<Vec<_>>())
    }

    fn rearrange(&mut self, l: &Layer<'_>, _: &Rearrange, x: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn arg_max(&mut self, l: &Layer<'_>, x: &Vec<u64>) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn lookup(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: i64,
        _: &[i64],
        x: &Vec<u64>,
    ) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }

    fn rescale(
        &mut self,
        l: &Layer<'_>,
        _: u64,
        _: u64,
        _: Function,
        x: &Vec<u64>,
    ) -> Result<Vec<u64>, Error> {
        self.node(l, &[x])
    }
}
