//! Circuits, garbled and evaluated without a link.

use super::clock::alone;
use super::graphs::{Builder, conv, halves};
use super::runs::{Parts, Runs, party};
use anyhow::Result;
use sordino_engine::garbled::{Circuit, GarbledCost};
use sordino_engine::{Role, Silent};
use sordino_garble::Tables;
use sordino_graph::fixed::{FixedModel, FixedOp};
use sordino_secret::SecretRng;

/// Runs of this file.
pub(super) const RUNS: u64 = 3;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    let side = ((runs.size * 4096.0).sqrt() as u32).max(4) / 2 * 2;
    let input = |channels| Builder::new([1, channels, side, side], 20, 1);
    let table = || {
        let values = (0..29).map(|t| (t - 14i64).clamp(0, 12)).collect();
        FixedOp::Lookup { divisor: 13, first: -14, values }
    };
    let shape = |channels| [1, channels, side, side];
    let tables = input(16).push(table(), shape(16), 20, 12).model();
    runs.measure("garbled tables", || circuit(&tables))?;
    let linear = input(16)
        .conv(conv([16, 16], side, 3), 1, 20, 150)
        .push(table(), shape(16), 20, 12)
        .model();
    runs.measure("garbled layers", || circuit(&linear))?;
    let sums = input(64)
        .push(FixedOp::SumPool(halves(64, side)), [1, 64, side / 2, side / 2], 20, 4)
        .conv(conv([64, 1], side / 2, 1), 1, 20, 300)
        .model();
    runs.measure("labels moved", || circuit(&sums))
}

fn circuit(model: &FixedModel) -> Result<Parts> {
    let circuit = Circuit::new(model)?;
    let outline = circuit.outline();
    let mut cost = GarbledCost::new(circuit.graph(), &outline, Role::Client);
    cost.prepare();
    cost.infer();
    let work = cost.work().total();
    let mut rng = SecretRng::from_os()?;
    let id = rng.block();
    let rows = Vec::with_capacity(circuit.rows() as usize);
    let garble = || Ok(circuit.garble(id, &mut rng, rows, &mut Silent)?);
    let ((rows, secret), garbling) = alone(garble)?;
    let input = vec![1; circuit.graph().edges[circuit.graph().input.0 as usize].len()];
    let (labels, _) = circuit.encode(secret, &input)?;
    let evaluate = || Ok(circuit.evaluate(id, Tables::new(rows), labels, &mut Silent)?);
    let (_, evaluating) = alone(evaluate)?;
    Ok(vec![
        ("garbled".into(), party(&work, Role::Client), garbling),
        ("evaluated".into(), party(&work, Role::Server), evaluating),
    ])
}
