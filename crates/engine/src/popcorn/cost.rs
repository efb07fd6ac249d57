use super::messages::replay;
use super::plan::{Plan, Step};
use crate::Error;
use crate::request::REQUEST_LEN;
use crate::session::Wish;
use sordino_graph::fixed::FixedGraph;
use sordino_wire::{Dir, Meter, Phase, Role};

/// Predicts the bytes, messages and rounds of a popcorn session after its handshake. Equal to what either party's lane
/// meters, layer by layer.
pub struct PopcornCost {
    plan: Plan,
    meter: Meter,
}

impl PopcornCost {
    /// A session as seen by `role`: the key up.
    ///
    /// # Errors
    /// [`Error::Unsupported`] or [`Error::Config`] for a graph or a wish that the backend does not run.
    pub fn new(graph: &FixedGraph, wish: &Wish, role: Role) -> Result<Self, Error> {
        let plan = Plan::new(graph, wish)?;
        let mut meter = Meter::new(role);
        meter.set(Phase::Setup, None);
        meter.message(Dir::Up, plan.strength.public_key_bytes());
        Ok(Self { plan, meter })
    }

    /// Adds one inference.
    ///
    /// # Errors
    /// As [`Self::new`].
    pub fn infer(&mut self) -> Result<(), Error> {
        let Self { plan, meter } = self;
        let size = plan.strength.ciphertext_bytes();
        meter.set(Phase::Online, None);
        meter.message(Dir::Up, REQUEST_LEN);
        replay(meter, Dir::Up, plan.input_len(), size);
        for layer in 0..plan.graph.nodes.len() as u32 {
            meter.set(Phase::Online, Some(layer));
            for step in plan.steps(layer) {
                match *step {
                    Step::Truncate { values, bits, .. } => {
                        replay(meter, Dir::Down, plan.packed(values, bits)?.count, size);
                        replay(meter, Dir::Up, values, size);
                        replay(meter, Dir::Up, values, size);
                    }
                    Step::Compare { values, .. } => {
                        let asked = plan.asked(values);
                        replay(meter, Dir::Down, asked, size);
                        replay(meter, Dir::Up, asked, size);
                    }
                    Step::Rectify { values, bits } => {
                        let asked = plan.asked(values);
                        replay(meter, Dir::Down, asked, size);
                        replay(meter, Dir::Down, plan.packed(asked, bits)?.count, size);
                        replay(meter, Dir::Up, asked, size);
                        replay(meter, Dir::Up, asked, size);
                    }
                }
            }
        }
        meter.set(Phase::Online, None);
        replay(meter, Dir::Down, plan.output_len(), size);
        Ok(())
    }

    /// What was predicted so far.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}
