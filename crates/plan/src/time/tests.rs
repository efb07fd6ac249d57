#![allow(clippy::unwrap_used)]
use super::*;
use crate::Forecast;
use crate::fixture::{edge, node};
use sordino_engine::session::{
    BackendChoice, LinearChoice, Reveal, SupplyChoice, Truncation, Wish,
};
use sordino_engine::work::Stage;
use sordino_graph::fixed::{EdgeId, Finish, FixedGraph, FixedOp, Function};
use std::collections::BTreeMap;

fn profile(each: f64, threads: u32) -> Profile {
    let machine = Profile::built_in().unwrap().machine().clone();
    let seconds: BTreeMap<Unit, f64> = Unit::ALL.iter().map(|unit| (*unit, each)).collect();
    Profile::new(machine, seconds).unwrap().on_threads(threads)
}

/// Rectifiers of so many values, one layer after the other.
fn plan(n: u32, layers: u32) -> Plan {
    let relu = |i| {
        let op = FixedOp::Activate { shift: 0, function: Function::Relu, flips: None };
        node(&format!("relu {i}"), op, i, i + 1)
    };
    let graph = FixedGraph {
        name: "relus".into(),
        edges: (0..=layers).map(|i| edge(&i.to_string(), &[1, n], 4, 24)).collect(),
        nodes: (0..layers).map(relu).collect(),
        input: EdgeId(0),
        output: EdgeId(layers),
        finish: Finish::None,
    };
    let wish = Wish {
        backend: BackendChoice::TwoParty,
        supply: SupplyChoice::SoftSpoken(2),
        reveal: Reveal::Logits,
        truncation: Truncation::Exact,
        linear: LinearChoice::Lattice,
        winograd: true,
    };
    match Forecast::two_party(&graph, wish, 1).unwrap() {
        Forecast::TwoParty(plan) => plan.plan,
        other => panic!("{other:?}"),
    }
}

fn close(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * a.abs().max(b.abs())
}

#[test]
fn parts_are_the_sums_of_layers() {
    let (profile, link) = (profile(1e-8, 2), "1ms,100mbit".parse().unwrap());
    let plan = plan(1000, 3);
    let times = plan.time(&profile, &link);
    let offline: Span = times.layers.iter().map(|l| l.offline).sum();
    let frame = Span::of(&plan.frame_work, &plan.frame, &profile, &link);
    let online: Span = times.layers.iter().map(|l| l.online).chain([frame]).sum();
    assert_eq!((times.offline, times.online), (offline, online));
    assert_eq!(times.layers.len(), 3);
    assert!(times.layers.iter().all(|l| l.offline.wall > 0.0 && l.online.wall > 0.0));
    let all = times.session();
    let parts = [times.setup, times.offline, times.online].map(|s| s.processor.total());
    assert!(close(all.processor.total(), parts.iter().sum()));
    assert!(close(all.wall, times.setup.wall + times.inference().wall));
}

#[test]
fn processor_seconds_are_linear_in_the_profile_and_know_no_link() {
    let plan = plan(1000, 1);
    let session = |each, threads, link: &str| {
        plan.time(&profile(each, threads), &link.parse().unwrap()).session()
    };
    let one = session(1e-8, 1, "lan");
    for other in [session(2e-8, 1, "lan"), session(2e-8, 4, "wan")] {
        let [a, b] = [one, other].map(|s| s.processor);
        assert!(close(2.0 * a.client, b.client) && close(2.0 * a.server, b.server));
    }
}

#[test]
fn wall_grows_with_the_link_and_the_work_and_no_threads_make_it_longer() {
    let wall = |n, link: &str, each, threads| {
        let link = link.parse().unwrap();
        plan(n, 2).time(&profile(each, threads), &link).session().wall
    };
    let one = wall(1000, "1ms,100mbit", 1e-8, 1);
    assert!(wall(1000, "2ms,100mbit", 1e-8, 1) > one);
    assert!(wall(1000, "1ms,50mbit", 1e-8, 1) > one);
    assert!(wall(2000, "1ms,100mbit", 1e-8, 1) > one);
    assert!(wall(1000, "1ms,100mbit", 2e-8, 1) > one);
    assert!(wall(1000, "1ms,100mbit", 1e-8, 8) <= one);
    // Every delay takes half a round trip at least, every byte its time.
    let cost = plan(1000, 2).setup;
    let link = "10ms,1mbit".parse().unwrap();
    let least = Span::of(&Work::default(), &cost, &profile(0.0, 1), &link).wall;
    assert!(least >= 0.005 * cost.delays as f64 && cost.delays > cost.rounds);
    assert!(least >= 8e-6 * cost.up.max(cost.down) as f64);
}

#[test]
fn parties_that_compute_at_once_wait_for_the_slower_one() {
    let span = |unit: Unit| {
        let mut work = Work::default();
        work.add(Role::Client, unit.stage(), unit, 100);
        work.add(Role::Server, unit.stage(), unit, 300);
        Span::of(&work, &Cost::default(), &profile(1e-3, 1), &Network::lan())
    };
    assert!(close(span(Unit::TriplePad).wall, 0.3) && close(span(Unit::TableSent).wall, 0.4));
    assert!(close(span(Unit::TriplePad).processor.total(), 0.4));
}

#[test]
fn tables_are_sent_while_the_next_are_made() {
    let layer = |rows: u64, bytes: u64| {
        let mut work = Work::default();
        work.add(Role::Client, Stage::Making, Unit::RowGarbled, rows);
        (work, bytes)
    };
    let profile = |each: f64| {
        let seconds = |unit: &Unit| if *unit == Unit::RowGarbled { each } else { 0.0 };
        let machine = Profile::built_in().unwrap().machine().clone();
        let seconds = Unit::ALL.iter().map(|unit| (*unit, seconds(unit))).collect();
        Profile::new(machine, seconds).unwrap().on_threads(1)
    };
    // A megabyte takes a second.
    let link = "0s,8mbit".parse().unwrap();
    let wall = |making: &[_], each| {
        let bytes = making.iter().map(|(_, bytes)| bytes).sum();
        let cost = Cost { up: bytes, ..Cost::default() };
        super::wall::of_tables(making, &cost, &profile(each), &link)
    };
    let two = [layer(1000, 1_000_000), layer(3000, 2_000_000)];
    // Made after 1 and 4 seconds, or after 0.1 and 0.4 while the first is still sent.
    assert!(close(wall(&two, 1e-3), 6.0) && close(wall(&two, 1e-4), 3.1));
    // Large tables are sent piece by piece.
    let large = [layer(1000, 128 << 20)];
    assert!(close(wall(&large, 0.2), 200.0 + 33.554432) && close(wall(&large, 0.0), 134.217728));
}
