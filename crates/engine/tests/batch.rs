//! Several images at once: every output is that of the image alone, and both parties meter what was
//! predicted.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixtures::{fixtures, words};
use common::{Builder, Kind as Backend, WISH, both, conv, inputs, mentions, pool};
use proptest::prelude::*;
use sordino_engine::session::{self, LinearChoice, Reveal, SupplyChoice, Truncation, Wish};
use sordino_engine::twoparty::{
    ClientSession, CostModel, MAX_BATCH, Offer, ServerModel, Unobserved, serve, with_label,
};
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::*;
use sordino_store::Store;
use sordino_wire::{Dir, Kind, Lane, Meter, Phase, Public, Role};

const REQUEST: Kind = Kind::new(0x0010, "request");
/// Bytes of the good-bye that ends a session.
const BYE: usize = 21;

/// What a session's batches gave: outputs in order, both parties' meters, and what was revealed.
struct Run {
    outputs: Vec<Vec<u64>>,
    meters: [Meter; 2],
    revealed: u64,
}

fn run(model: &FixedModel, wish: Wish, batches: &[&[Vec<u64>]]) -> Run {
    let served = ServerModel::new(model.clone()).unwrap();
    let client = |lane: Lane| {
        let mut session = ClientSession::connect(lane, wish, None, |_| Ok(())).unwrap();
        let infer = |inputs: &&[Vec<u64>]| session.infer_batch(inputs, &mut Silent).unwrap();
        let outputs = batches.iter().flat_map(infer).collect::<Vec<_>>();
        let revealed = session.ledger().entries().map(|(_, n)| n).sum::<u64>();
        (outputs, revealed, session.finish().unwrap())
    };
    let server = |mut lane: Lane| {
        serve(&mut lane, &Offer::new(&served, b"card"), &mut Unobserved).unwrap().0
    };
    let ((outputs, revealed, ours), theirs) = both(client, server);
    Run { outputs, meters: [ours, theirs], revealed }
}

/// Batches of these sizes in one session.
fn conforms(model: &FixedModel, wish: Wish, sizes: &[usize]) -> Run {
    let revealed = match wish.reveal {
        Reveal::Logits => model.clone(),
        Reveal::Label => {
            FixedModel { graph: with_label(&model.graph), weights: model.weights.clone() }
        }
    };
    let seeds: Vec<u64> = (0..sizes.iter().sum::<usize>() as u64).collect();
    let inputs = inputs(model, &seeds);
    let (mut rest, mut batches) = (&inputs[..], Vec::new());
    for size in sizes {
        let (batch, others) = rest.split_at(*size);
        batches.push(batch);
        rest = others;
    }
    let got = run(model, wish, &batches);
    if wish.truncation == Truncation::Exact {
        for (x, y) in inputs.iter().zip(&got.outputs) {
            assert_eq!(*y, run_clear(&revealed, x).unwrap());
        }
    }
    assert_eq!(got.outputs.len(), inputs.len());
    let scores = revealed.graph.edges[revealed.graph.output.0 as usize].len();
    assert_eq!(got.revealed, (inputs.len() * scores) as u64);
    for (meter, role) in got.meters.iter().zip([Role::Client, Role::Server]) {
        let mut cost = CostModel::new(&revealed.graph, &wish.into(), role).unwrap();
        sizes.iter().for_each(|size| cost.infer_batch(*size).unwrap());
        let mut predicted = cost.meter().clone();
        if role == Role::Server {
            predicted.set(Phase::Setup, None);
            predicted.message(Dir::Up, BYE);
        }
        assert_eq!(meter.counts(), predicted.counts(), "{role:?}");
    }
    got
}

#[test]
fn fixtures_in_batches() {
    for fixture in fixtures().into_iter().filter(|f| f.backends.contains(&Backend::TwoParty)) {
        println!("{}", fixture.name);
        conforms(&fixture.model, WISH, &[2, 1, 5, 3]);
    }
}

#[test]
fn fixtures_in_batches_on_transfers() {
    let wish = Wish { linear: LinearChoice::Transfer, ..WISH };
    for fixture in fixtures().into_iter().filter(|f| f.backends.contains(&Backend::TwoParty)) {
        println!("{}", fixture.name);
        conforms(&fixture.model, wish, &[3, 2]);
    }
}

#[test]
fn labels_and_other_supplies_in_batches() {
    let wish = Wish { reveal: Reveal::Label, supply: SupplyChoice::Ferret, ..WISH };
    conforms(&words(), wish, &[3, 5]);
    conforms(&words(), Wish { truncation: Truncation::OneLsb, ..WISH }, &[3]);
}

/// Secret signs, per channel, for every image.
#[test]
fn gates_in_batches() {
    let mut b = Builder::new(&[1, 7, 2, 5], 20, 3);
    let x = b.gate(EdgeId(0), 4, 7, 18);
    b.gate(x, 2, 70, 16);
    conforms(&b.done(), WISH, &[2, 3]);
}

#[test]
fn one_lsb_in_batches_is_off_by_one_at_most() {
    let mut b = Builder::new(&[1, 3, 8, 8], 30, 5);
    b.input_range(-128, 127);
    let y = b.linear(EdgeId(0), conv(3, 8, 8, 16, 1, 1, 0), 30);
    b.activate(y, 7, Function::Relu, 23);
    let model = b.done();
    let wish = Wish { truncation: Truncation::OneLsb, ..WISH };
    let got = conforms(&model, wish, &[4]);
    for (x, y) in inputs(&model, &[0, 1, 2, 3]).iter().zip(&got.outputs) {
        for (got, want) in y.iter().zip(run_clear(&model, x).unwrap()) {
            assert!(got.abs_diff(want) <= 1, "{got} for {want}");
        }
    }
}

/// A network of small tensors costs less per image, and no more rounds.
#[test]
fn a_batch_costs_less_than_its_images() {
    let cost = |images: usize| {
        let model = words();
        let mut cost = CostModel::new(&model.graph, &WISH.into(), Role::Client).unwrap();
        let none = cost.meter().total();
        cost.infer_batch(images).unwrap();
        let setup = cost.meter().phase_total(Phase::Setup).bytes();
        let all = cost.meter().total();
        (all.bytes() - none.bytes() - setup, all.rounds)
    };
    let ((one, rounds), (eight, together)) = (cost(1), cost(8));
    assert_eq!(rounds, together);
    assert!(4 * eight < 3 * 8 * one, "{eight} for eight, {one} for one");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    /// Grouped, strided and pooled layers with a shortcut.
    #[test]
    fn random_networks_in_batches(
        (groups, channels) in (1u32..4, 1u32..4), (h, w) in (3u32..10, 3u32..10),
        (kernel, stride) in (1u32..4, 1u32..3), maximum: bool, images in 2usize..6, seed: u64,
    ) {
        let c = groups * channels;
        let mut b = Builder::new(&[1, c, h, w], 22, seed);
        let grouped = ConvShape { groups, ..conv(c, h, w, c, 3, 1, 1) };
        let x = b.linear(EdgeId(0), grouped, 22);
        let x = b.activate(x, 6, Function::Relu, 22);
        let y = b.sum([x, EdgeId(0)], [0, 0], false, 22);
        let y = b.linear(y, conv(c, h, w, 3, kernel, stride, kernel / 2), 22);
        let shape = b.shape(y);
        let y = if shape[2] > 1 && shape[3] > 1 {
            b.pool(y, pool(&shape, 2, 1, [0; 4]), maximum)
        } else {
            y
        };
        b.activate(y, 8, Function::Relu, 14);
        conforms(&b.done(), WISH, &[images]);
    }
}

#[test]
fn prepared_batches_serve_batches_of_their_size() {
    let model = words();
    let served = ServerModel::new(model.clone()).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let [ours, theirs] =
        ["client", "server"].map(|name| Store::open(&dir.path().join(name)).unwrap());
    let inputs = inputs(&model, &[1, 2, 3]);
    for linear in [LinearChoice::Lattice, LinearChoice::Transfer] {
        let wish = Wish { linear, ..WISH };
        let client = |lane: Lane| {
            let mut session = ClientSession::connect(lane, wish, Some(&ours), |_| Ok(())).unwrap();
            session.prepare_batch(3, &mut Silent).unwrap();
            assert_eq!(session.prepared().unwrap(), 3);
            let two = session.infer_batch(&inputs[..2], &mut Silent).unwrap();
            assert_eq!(session.prepared().unwrap(), 3);
            let three = session.infer_batch(&inputs, &mut Silent).unwrap();
            assert_eq!(session.prepared().unwrap(), 0);
            ([two, three].concat(), session.finish().unwrap())
        };
        let offer = Offer { store: Some(&theirs), max_prepared: 5, ..Offer::new(&served, b"") };
        let server = |mut lane: Lane| serve(&mut lane, &offer, &mut Unobserved).unwrap();
        let ((outputs, meter), _) = both(client, server);
        for (x, y) in inputs[..2].iter().chain(&inputs).zip(&outputs) {
            assert_eq!(*y, run_clear(&model, x).unwrap());
        }
        let mut cost = CostModel::new(&model.graph, &wish.into(), Role::Client).unwrap();
        cost.prepare_batch(3).unwrap();
        cost.infer_batch(2).unwrap();
        cost.infer_batch_prepared(3).unwrap();
        assert_eq!(meter.counts(), cost.meter().counts());
        assert_eq!(theirs.list().unwrap().len(), 0);
    }
}

/// Of four that the server keeps, a batch of three leaves one.
#[test]
fn a_prepared_batch_counts_its_images() {
    let served = ServerModel::new(words()).unwrap();
    let dir = tempfile::TempDir::new().unwrap();
    let [ours, theirs] =
        ["client", "server"].map(|name| Store::open(&dir.path().join(name)).unwrap());
    let client = |lane: Lane| {
        let mut session = ClientSession::connect(lane, WISH, Some(&ours), |_| Ok(())).unwrap();
        session.prepare_batch(3, &mut Silent).unwrap();
        mentions(session.prepare_batch(2, &mut Silent).unwrap_err(), &["keeps no more"]);
        session.prepare(&mut Silent).unwrap();
        session.finish().unwrap();
    };
    let offer = Offer { store: Some(&theirs), max_prepared: 4, ..Offer::new(&served, b"") };
    both(client, |mut lane: Lane| serve(&mut lane, &offer, &mut Unobserved).map(drop)).1.unwrap();
    assert_eq!(served.prepared(&theirs).unwrap(), 4);
}

#[test]
fn batches_of_no_or_too_many_images_are_refused() {
    let model = words();
    let served = ServerModel::new(model.clone()).unwrap();
    for (offered, max_batch) in [(MAX_BATCH, MAX_BATCH), (2, 2), (1, 0)] {
        let offer = Offer { max_batch, ..Offer::new(&served, b"card") };
        let server = |mut lane: Lane| serve(&mut lane, &offer, &mut Unobserved).map(drop);
        let client = |lane: Lane| {
            let mut session = ClientSession::connect(lane, WISH, None, |_| Ok(())).unwrap();
            assert_eq!(session.terms().images as usize, offered);
            let before = session.meter().total();
            for wrong in [0, offered + 1] {
                let inputs = vec![vec![0; 162]; wrong];
                let text = session.infer_batch(&inputs, &mut Silent).unwrap_err();
                let most = format!("1 to {offered} at once");
                mentions(text, &[&format!("batch of {wrong} "), &most, "--batch", "--max-batch"]);
            }
            assert_eq!(session.meter().total(), before);
            // The session is as good as before.
            let x = &inputs(&model, &[9])[0];
            assert_eq!(session.infer(x, &mut Silent).unwrap(), run_clear(&model, x).unwrap());
            session.finish().unwrap();
        };
        both(client, server).1.unwrap();
        // A client that asks all the same.
        for wrong in [0, offered as u32 + 1, u32::MAX] {
            for code in 1..=3 {
                let client = |mut lane: Lane| {
                    session::greet(&mut lane, WISH).unwrap();
                    let request = [&[code][..], &wrong.to_le_bytes(), &[7; 16]].concat();
                    lane.send(REQUEST, Public::new(&request)).unwrap();
                    lane.flush().unwrap();
                    lane.recv(Kind::new(0x0100, "anything"), 1).unwrap_err()
                };
                let (told, end) = both(client, server);
                mentions(told, &["aborted"]);
                let said = format!("asks for {wrong} images");
                mentions(end.unwrap_err(), &[&said, &format!("1 to {offered}")]);
            }
        }
    }
}

#[test]
fn a_batch_counts_as_its_images() {
    let model = words();
    let served = ServerModel::new(model.clone()).unwrap();
    let offer = Offer { max_inferences: 4, ..Offer::new(&served, b"") };
    let client = |lane: Lane| {
        let mut session = ClientSession::connect(lane, WISH, None, |_| Ok(())).unwrap();
        let inputs = inputs(&model, &[1, 2, 3]);
        session.infer_batch(&inputs, &mut Silent).unwrap();
        session.infer_batch(&inputs[..2], &mut Silent).unwrap_err()
    };
    let (told, end) =
        both(client, |mut lane: Lane| serve(&mut lane, &offer, &mut Unobserved).map(drop));
    mentions(told, &["aborted"]);
    let Err(Error::Config(text)) = end else { panic!("{end:?}") };
    mentions(text, &["used its 4 inferences"]);
}
