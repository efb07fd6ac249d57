//! Circuits, garbled and evaluated without a link, and sessions of them.

use super::clock::alone;
use super::graphs::{Builder, conv, halves};
use super::runs::{Parts, Runs, both, party};
use anyhow::Result;
use sordino_engine::garbled::{
    Circuit, EvaluatorModel, GarbledCost, GarbledLimits, GarbledOffer, GarblerSession, TableMemory,
    serve,
};
use sordino_engine::session::{BackendChoice, Wish};
use sordino_engine::twoparty::Unobserved;
use sordino_engine::work::{Unit, Work};
use sordino_engine::{Phase, Role, Silent};
use sordino_garble::Tables;
use sordino_graph::fixed::{FixedModel, FixedOp};
use sordino_secret::SecretRng;

/// Runs of this file.
pub(super) const RUNS: u64 = 7;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    let side = ((runs.size * 4096.0).sqrt() as u32).max(4) / 2 * 2;
    let input = |channels| Builder::new([1, channels, side, side], 20, 1);
    let table_of = |divisor, entries: i64| {
        let first = -entries / 2;
        let values = (0..entries).map(|t| (t + first).clamp(0, 12)).collect();
        FixedOp::Lookup { divisor, first, values }
    };
    let table = || table_of(13, 29);
    let shape = |channels| [1, channels, side, side];
    let tables = input(16).push(table(), shape(16), 20, 12).model();
    runs.measure("garbled tables", || circuit(&tables))?;
    // Of as many rows for a gate as the largest networks have.
    let large = input(8).push(table_of(113, 127), shape(8), 20, 12).model();
    runs.measure("large garbled tables", || circuit(&large))?;
    let linear = input(16)
        .conv(conv([16, 16], side, 3), 1, 20, 150)
        .push(table(), shape(16), 20, 12)
        .model();
    runs.measure("garbled layers", || circuit(&linear))?;
    let sums = input(64)
        .push(FixedOp::SumPool(halves(64, side)), [1, 64, side / 2, side / 2], 20, 4)
        .conv(conv([64, 1], side / 2, 1), 1, 20, 300)
        .model();
    runs.measure("labels moved", || circuit(&sums))?;
    // One result of each channel, so that products are all there is.
    let dense = |channels: [u32; 2]| {
        let shape = [1, channels[1], 1, 1];
        let input = Builder::new([1, channels[0], 1, 1], 20, 1);
        input.conv(conv(channels, 1, 1), 1, 20, 500).push(table(), shape, 20, 12).model()
    };
    let wide = dense([512, 512]);
    runs.measure("dense garbled layers", || circuit(&wide))?;
    let small = dense([2, 2]);
    runs.measure("a garbled session", || session(&small))?;
    runs.measure("a garbled session of many weights", || session(&wide))
}

/// What is computed in some of the phases of a session with one inference.
fn work(circuit: &Circuit, phases: &[Phase]) -> Work {
    let outline = circuit.outline();
    let mut cost = GarbledCost::new(circuit.graph(), &outline, Role::Client);
    cost.prepare();
    cost.infer();
    let mut sum = Work::default();
    let works = cost.work().works().iter().filter(|((phase, _), _)| phases.contains(phase));
    works.for_each(|(_, work)| sum += work);
    sum
}

fn circuit(model: &FixedModel) -> Result<Parts> {
    let circuit = Circuit::new(model)?;
    let work = work(&circuit, &[Phase::Offline, Phase::Online]);
    let mut rng = SecretRng::from_os()?;
    let id = rng.block();
    // Memory that is there already: rows that are sent go through the same all the time.
    let rows = Tables::new(vec![Default::default(); circuit.rows() as usize]);
    let garble = || Ok(circuit.garble(id, &mut rng, rows, &mut Silent)?);
    let ((rows, secret), garbling) = alone(garble)?;
    let input = vec![1; circuit.graph().edges[circuit.graph().input.0 as usize].len()];
    let (labels, _) = circuit.encode(secret, &input)?;
    let evaluate =
        || Ok(circuit.evaluate(id, Tables::new(rows.into_rows()), labels, &mut Silent)?);
    let (_, evaluating) = alone(evaluate)?;
    let mut evaluated = party(&work, Role::Server);
    evaluated.remove(&Unit::RowKept);
    Ok(vec![
        ("garbled".into(), party(&work, Role::Client), garbling),
        ("evaluated".into(), evaluated, evaluating),
    ])
}

fn session(model: &FixedModel) -> Result<Parts> {
    let model = EvaluatorModel::new(model)?;
    let circuit = model.circuit();
    let work = work(circuit, &[Phase::Setup, Phase::Offline, Phase::Online]);
    let wish = Wish { backend: BackendChoice::Garbled, ..super::sessions::WISH };
    let limits = GarbledLimits { inferences: 1, circuits: 1, memory: TableMemory::default() };
    let input = vec![1; circuit.graph().edges[circuit.graph().input.0 as usize].len()];
    let ((_, client), (_, served)) = both(
        |lane| {
            let mut session = GarblerSession::connect(lane, wish, None, |_, _| Ok(()))?;
            session.infer(&input, &mut Silent)?;
            session.finish()?;
            Ok(())
        },
        |mut lane| {
            let offer = GarbledOffer { model: &model, card: b"", store: None, limits };
            serve(&mut lane, &offer, &mut Unobserved)?;
            Ok(())
        },
    )?;
    Ok(vec![
        ("client".into(), party(&work, Role::Client), client),
        ("server".into(), party(&work, Role::Server), served),
    ])
}
