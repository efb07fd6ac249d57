//! Inferences on prepared material: the same output bit for bit, exactly the predicted messages,
//! and no half of it used twice.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixtures::{fixtures, words};
use common::{Kind, WISH, both, inputs};
use sordino_engine::session::{LinearChoice, PaillierBits, SupplyChoice, Truncation, Wish};
use sordino_engine::twoparty::{
    ClientSession, CostModel, Offer, ServerModel, Unobserved, prepared_for, serve,
};
use sordino_engine::{Error, Silent, run_clear};
use sordino_graph::fixed::{FixedModel, FixedOp};
use sordino_store::Store;
use sordino_wire::{Lane, Meter, Phase, Role, memory_pair};
use tempfile::TempDir;

struct Stores {
    dir: TempDir,
    client: Store,
    server: Store,
}

impl Stores {
    fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let open = |name| Store::open(&dir.path().join(name)).unwrap();
        let (client, server) = (open("client"), open("server"));
        Self { dir, client, server }
    }

    fn left(&self) -> [usize; 2] {
        [&self.client, &self.server].map(|s| s.list().unwrap().len())
    }
}

/// A session that prepares and then infers; outputs and both parties' meters.
fn session(
    model: &ServerModel,
    wish: Wish,
    stores: &Stores,
    prepare: usize,
    inputs: &[Vec<u64>],
) -> (Vec<Vec<u64>>, Meter, Meter) {
    let (ours, mut theirs) = memory_pair();
    std::thread::scope(|s| {
        let server = s.spawn(move || {
            let offer = Offer {
                store: Some(&stores.server),
                max_prepared: 4,
                ..Offer::new(model, b"card")
            };
            serve(&mut theirs, &offer, &mut Unobserved).unwrap().0
        });
        let store = Some(&stores.client);
        let mut client = ClientSession::connect(ours, wish, store, |_| Ok(())).unwrap();
        for _ in 0..prepare {
            client.prepare(&mut Silent).unwrap();
        }
        let outputs = inputs.iter().map(|x| client.infer(x, &mut Silent).unwrap()).collect();
        (outputs, client.finish().unwrap(), server.join().unwrap())
    })
}

fn can_be_prepared(model: &FixedModel) -> bool {
    !model.graph.nodes.iter().any(|n| matches!(n.op, FixedOp::Lookup { .. }))
}

#[test]
fn prepared_inferences_are_exact_and_cost_what_was_predicted() {
    every_fixture_prepared(LinearChoice::Lattice);
}

#[test]
fn prepared_inferences_on_transfers_alone() {
    every_fixture_prepared(LinearChoice::Transfer);
}

#[test]
fn material_is_found_by_its_wish() {
    let fixture = fixtures().into_iter().find(|f| can_be_prepared(&f.model)).unwrap();
    let served = ServerModel::new(fixture.model.clone()).unwrap();
    let stores = Stores::new();
    let wish = Wish { supply: SupplyChoice::SoftSpoken(2), ..WISH };
    session(&served, wish, &stores, 1, &[]);
    let count = |wish: Wish| prepared_for(&stores.client, &fixture.model.graph, &wish, 1).unwrap();
    assert_eq!(count(wish), 1);
    assert_eq!(count(Wish { supply: SupplyChoice::Ferret, ..wish }), 0);
    assert_eq!(count(Wish { truncation: Truncation::OneLsb, ..wish }), 0);
    session(&served, wish, &stores, 0, &[inputs(&fixture.model, &[1])[0].clone()]);
    assert_eq!(count(wish), 0);
}

#[test]
fn prepared_inferences_by_the_cheaper_way() {
    every_fixture_prepared(LinearChoice::Cheapest);
}

#[test]
fn prepared_inferences_on_paillier() {
    every_fixture_prepared(LinearChoice::Paillier(PaillierBits::N2048));
}

fn every_fixture_prepared(linear: LinearChoice) {
    for (i, fixture) in fixtures().into_iter().enumerate() {
        let model = fixture.model;
        if !fixture.backends.contains(&Kind::TwoParty) || !can_be_prepared(&model) {
            continue;
        }
        println!("{}", fixture.name);
        let supply = SupplyChoice::SoftSpoken([2, 4, 8][i % 3]);
        let wish = Wish { supply, linear, ..WISH };
        let served = ServerModel::new(model.clone()).unwrap();
        let (stores, inputs) = (Stores::new(), inputs(&model, &[1, 2, 3]));
        let (outputs, client, server) = session(&served, wish, &stores, 2, &inputs);
        for (x, y) in inputs.iter().zip(&outputs) {
            assert_eq!(*y, run_clear(&model, x).unwrap());
        }
        assert_eq!(stores.left(), [0, 0]);
        for (meter, role) in [(client, Role::Client), (server, Role::Server)] {
            let mut cost = CostModel::new(&model.graph, &wish.into(), role).unwrap();
            cost.prepare().unwrap();
            cost.prepare().unwrap();
            cost.infer_prepared().unwrap();
            cost.infer_prepared().unwrap();
            cost.infer().unwrap();
            for (at, count) in cost.meter().counts() {
                // The server also meters the good-bye.
                if *at != (Phase::Setup, None) || role == Role::Client {
                    assert_eq!(meter.counts()[at], *count, "{role:?} {at:?}");
                }
            }
        }
    }
}

#[test]
fn material_serves_a_later_session_without_any_set_up() {
    let model = words();
    let served = ServerModel::new(model.clone()).unwrap();
    let (stores, inputs) = (Stores::new(), inputs(&model, &[5]));
    session(&served, WISH, &stores, 1, &[]);
    assert_eq!(stores.left(), [1, 1]);
    assert_eq!(served.prepared(&stores.server).unwrap(), 1);
    let (outputs, meter, _) = session(&served, WISH, &stores, 0, &inputs);
    assert_eq!(outputs[0], run_clear(&model, &inputs[0]).unwrap());
    assert_eq!(meter.phase_total(Phase::Offline).bytes(), 0);
    assert!(meter.phase_total(Phase::Setup).bytes() < 200);
}

#[test]
fn material_of_other_terms_or_weights_is_left_alone() {
    let model = words();
    let served = ServerModel::new(model.clone()).unwrap();
    let (stores, inputs) = (Stores::new(), inputs(&model, &[5]));
    session(&served, WISH, &stores, 1, &[]);
    let others = [
        Wish { supply: SupplyChoice::Ferret, ..WISH },
        Wish { truncation: Truncation::OneLsb, ..WISH },
        Wish { linear: LinearChoice::Transfer, ..WISH },
        Wish { linear: LinearChoice::Cheapest, ..WISH },
        Wish { winograd: false, ..WISH },
    ];
    for wish in others {
        let (_, meter, _) = session(&served, wish, &stores, 0, &inputs);
        assert!(meter.phase_total(Phase::Offline).bytes() > 0);
        assert_eq!(stores.left(), [1, 1]);
    }
    // The owner trains on: the client's half is worthless, and the session does without.
    let mut trained = model.clone();
    let layer = trained.weights.layers.iter_mut().find(|l| !l.kernel.is_empty()).unwrap();
    layer.kernel[0] ^= 1;
    let (outputs, meter, _) =
        session(&ServerModel::new(trained.clone()).unwrap(), WISH, &stores, 0, &inputs);
    assert_eq!(outputs[0], run_clear(&trained, &inputs[0]).unwrap());
    assert!(meter.phase_total(Phase::Offline).bytes() > 0);
    assert_eq!(stores.left()[0], 0);
}

/// A client that brings its half back from a copy gets nothing from an honest server.
#[test]
fn a_restored_half_is_not_served_again() {
    let model = words();
    let served = ServerModel::new(model.clone()).unwrap();
    let (mut stores, inputs) = (Stores::new(), inputs(&model, &[5]));
    session(&served, WISH, &stores, 1, &[]);
    let copy = stores.dir.path().join("copy");
    let kept = stores.dir.path().join("client");
    for folder in ["", "ready", "spent", "partial"] {
        std::fs::create_dir_all(copy.join(folder)).unwrap();
        for file in std::fs::read_dir(kept.join(folder)).unwrap().flatten() {
            if file.file_type().unwrap().is_file() {
                std::fs::copy(file.path(), copy.join(folder).join(file.file_name())).unwrap();
            }
        }
    }
    #[cfg(unix)]
    for folder in ["", "ready", "spent", "partial"] {
        use std::os::unix::fs::PermissionsExt;
        let private = std::fs::Permissions::from_mode(0o700);
        std::fs::set_permissions(copy.join(folder), private).unwrap();
    }
    session(&served, WISH, &stores, 0, &inputs);
    stores.client = Store::open(&copy).unwrap();
    assert_eq!(stores.left(), [1, 0]);
    let (outputs, meter, _) = session(&served, WISH, &stores, 0, &inputs);
    assert_eq!(outputs[0], run_clear(&model, &inputs[0]).unwrap());
    assert!(meter.phase_total(Phase::Offline).bytes() > 0, "it was made anew");
}

/// Each preparation shows the client lattice results, as an inference does.
#[test]
fn preparations_count_as_inferences() {
    let model = words();
    let served = ServerModel::new(model).unwrap();
    let stores = Stores::new();
    let client = |lane: Lane| {
        let mut session = ClientSession::connect(lane, WISH, Some(&stores.client), |_| Ok(()))?;
        session.prepare(&mut Silent)?;
        session.prepare(&mut Silent)
    };
    let store = Some(&stores.server);
    let offer = Offer { store, max_prepared: 9, max_inferences: 1, ..Offer::new(&served, b"") };
    let server = |mut lane: Lane| serve(&mut lane, &offer, &mut Unobserved).map(drop);
    let Err(Error::Config(text)) = both(client, server).0 else { panic!("it was stored") };
    assert!(text.contains("used its inferences"), "{text}");
    assert_eq!(stores.left(), [1, 1]);
}

#[test]
fn a_server_without_room_says_so() {
    let model = words();
    let served = ServerModel::new(model).unwrap();
    let stores = Stores::new();
    let prepare = |offer: Offer<'_>| {
        let client = |lane: Lane| {
            let mut session = ClientSession::connect(lane, WISH, Some(&stores.client), |_| Ok(()))?;
            session.prepare(&mut Silent).map(drop)
        };
        both(client, |mut lane: Lane| serve(&mut lane, &offer, &mut Unobserved).map(drop)).0
    };
    for store in [None, Some(&stores.server)] {
        let offer = Offer { store, max_prepared: 0, ..Offer::new(&served, b"") };
        let Err(Error::Config(text)) = prepare(offer) else { panic!("it was stored") };
        assert!(text.contains("keeps no more"), "{text}");
        assert_eq!(stores.left(), [0, 0]);
    }
}
