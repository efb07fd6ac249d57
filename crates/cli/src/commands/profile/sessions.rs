//! Sessions of the two-party backend: what steps take on top of what is made for them.

use super::graphs::{Builder, conv, halves, words};
use super::runs::{Parts, Runs, both, party};
use anyhow::Result;
use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::twoparty::{
    ClientSession, CostModel, Offer, ServerModel, Settings, Unobserved, serve,
};
use sordino_engine::{Role, Silent};
use sordino_graph::fixed::{FixedModel, FixedOp, Function};

pub(super) const WISH: Wish = Wish {
    backend: BackendChoice::TwoParty,
    supply: SupplyChoice::SoftSpoken(2),
    reveal: Reveal::Logits,
    truncation: Truncation::Exact,
    linear: LinearChoice::Transfer,
    winograd: false,
};
/// Runs of this file.
pub(super) const RUNS: u64 = 10;

pub(super) fn measure(runs: &mut Runs) -> Result<()> {
    let ferret = Wish { supply: SupplyChoice::Ferret, ..WISH };
    let rough = Wish { truncation: Truncation::OneLsb, ..WISH };
    let n = runs.scaled(1 << 18) as u32;
    let activation = |ring, shift, function, to| {
        let op = FixedOp::Activate { shift, function, flips: None };
        let whole = |ring: u32| (1i64 << (ring - 1)) - 1;
        let input = Builder::new([1, n, 1, 1], ring, whole(ring) / 4);
        input.push(op, [1, n, 1, 1], to, whole(to) / 4).model()
    };
    let relu = activation(24, 8, Function::Relu, 24);
    for (name, wish) in
        [("rectifiers", WISH), ("rectifiers on Ferret", ferret), ("rectifiers by one-lsb", rough)]
    {
        runs.measure(name, || session(&relu, wish))?;
    }
    let small = activation(14, 0, Function::Relu, 14);
    runs.measure("rectifiers of 14 bits", || session(&small, WISH))?;
    let truncation = activation(24, 8, Function::Identity, 24);
    runs.measure("truncations", || session(&truncation, WISH))?;
    let bounded = activation(24, 8, Function::ReluMax { hi: 500 }, 24);
    runs.measure("bounded rectifiers", || session(&bounded, WISH))?;
    let side = (f64::from(n) / 32.0).sqrt() as u32 / 2 * 2;
    let pool = Builder::new([1, 32, side, side], 16, 1000)
        .push(FixedOp::MaxPool(halves(32, side)), [1, 32, side / 2, side / 2], 16, 1000)
        .model();
    runs.measure("maximum pools", || session(&pool, WISH))?;
    for (name, channels, size, kernel) in
        [("wide", 8, 64, 1), ("square", 16, 16, 3), ("narrow", 64, 4, 3)]
    {
        let linear = Builder::new([1, channels, size, size], 24, 1000)
            .conv(conv([channels; 2], size, kernel), 127, 24, 1 << 20)
            .model();
        runs.measure(&format!("{name} layers on transfers"), || session(&linear, WISH))?;
    }
    Ok(())
}

/// A session with one inference, both parties.
fn session(model: &FixedModel, wish: Wish) -> Result<Parts> {
    let graph = &model.graph;
    let mut cost = CostModel::new(graph, &Settings::from(wish), Role::Client)?;
    cost.infer()?;
    let work = cost.work().total();
    let edge = &graph.edges[graph.input.0 as usize];
    let mask = (1u64 << edge.ring) - 1;
    let small = |i: usize| (words(i as u64) % edge.hi.unsigned_abs()) & mask;
    let input: Vec<u64> = (0..edge.len()).map(small).collect();
    let server = ServerModel::new(model.clone())?;
    let ((_, client), (_, served)) = both(
        |lane| {
            let mut session = ClientSession::connect(lane, wish, None, |_| Ok(()))?;
            session.infer(&input, &mut Silent)?;
            session.finish()?;
            Ok(())
        },
        |mut lane| {
            serve(&mut lane, &Offer::new(&server, b""), &mut Unobserved)?;
            Ok(())
        },
    )?;
    Ok(vec![
        ("client".into(), party(&work, Role::Client), client),
        ("server".into(), party(&work, Role::Server), served),
    ])
}
