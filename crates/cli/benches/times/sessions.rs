//! One session with one inference by each backend, both parties in this process.

use sordino::engine::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, SupplyChoice, Wish,
};
use sordino::report::{cpu_seconds, thread_seconds};
use sordino::wire::{Lane, Network, shaped_pair};
use std::time::Instant;

/// What a session took.
#[derive(Clone, Copy)]
pub(crate) struct Spent {
    pub(crate) client: f64,
    pub(crate) server: f64,
    pub(crate) wall: f64,
}

/// Runs both parties, each on one thread of its own.
fn both(
    link: Network,
    client: impl FnOnce(Lane) + Send,
    server: impl FnOnce(Lane) + Send,
) -> Spent {
    let (up, down) = shaped_pair(link);
    let alone = |party: Box<dyn FnOnce() + Send + '_>| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build().unwrap();
        pool.install(|| {
            let start = thread_seconds().unwrap_or(f64::NAN);
            party();
            thread_seconds().unwrap_or(f64::NAN) - start
        })
    };
    let start = Instant::now();
    std::thread::scope(|scope| {
        let server = scope.spawn(move || alone(Box::new(move || server(down))));
        let client = alone(Box::new(move || client(up)));
        let wall = start.elapsed().as_secs_f64();
        Spent { client, server: server.join().unwrap(), wall }
    })
}

/// The kinds of sessions of the two-party backend that are tried.
pub(crate) fn wishes() -> [Wish; 3] {
    let wish = crate::loopback::WISH;
    [
        wish,
        Wish { supply: SupplyChoice::Ferret, ..wish },
        Wish { linear: LinearChoice::Transfer, supply: SupplyChoice::SoftSpoken(4), ..wish },
    ]
}

pub(crate) mod twoparty {
    use super::*;
    use sordino::engine::Silent;
    use sordino::engine::twoparty::{ClientSession, Offer, ServerModel, Unobserved, serve};
    use sordino::graph::fixed::FixedModel;
    use sordino::plan::{Forecast, Plan};

    pub(crate) fn name(wish: &Wish) -> String {
        format!("twoparty {:?} {}", wish.linear, wish.supply)
    }

    pub(crate) fn plan(fixed: &FixedModel, wish: Wish) -> Plan {
        match Forecast::two_party(&fixed.graph, wish, 1).unwrap() {
            Forecast::TwoParty(plan) => plan.plan,
            _ => unreachable!("it was asked for"),
        }
    }

    pub(crate) fn model(fixed: &FixedModel) -> ServerModel {
        ServerModel::new(fixed.clone()).unwrap()
    }

    pub(crate) fn run(model: &ServerModel, wish: Wish, words: &[u64], link: Network) -> Spent {
        both(
            link,
            |lane| {
                let mut session = ClientSession::connect(lane, wish, None, |_| Ok(())).unwrap();
                session.infer(words, &mut Silent).unwrap();
                session.finish().unwrap();
            },
            |mut lane| drop(serve(&mut lane, &Offer::new(model, b""), &mut Unobserved).unwrap()),
        )
    }
}

pub(crate) mod garbled {
    use super::*;
    use sordino::engine::Silent;
    use sordino::engine::garbled::{
        EvaluatorModel, GarbledLimits, GarbledOffer, GarblerSession, TableMemory, serve,
    };
    use sordino::engine::twoparty::Unobserved;
    use sordino::graph::fixed::FixedModel;
    use sordino::plan::{Forecast, GarbledPlan};

    pub(crate) fn model(fixed: &FixedModel) -> EvaluatorModel {
        EvaluatorModel::new(fixed).unwrap()
    }

    pub(crate) fn plan(model: &EvaluatorModel) -> GarbledPlan {
        match Forecast::garbled(model.circuit().graph(), &model.circuit().outline()) {
            Forecast::Garbled(plan) => plan,
            _ => unreachable!("it was asked for"),
        }
    }

    pub(crate) fn run(model: &EvaluatorModel, words: &[u64], link: Network) -> Spent {
        let wish = Wish { backend: BackendChoice::Garbled, ..crate::loopback::WISH };
        let limits = GarbledLimits { inferences: 1, circuits: 1, memory: TableMemory::default() };
        both(
            link,
            |lane| {
                let mut session = GarblerSession::connect(lane, wish, None, |_, _| Ok(())).unwrap();
                session.infer(words, &mut Silent).unwrap();
                session.finish().unwrap();
            },
            |mut lane| {
                let offer = GarbledOffer { model, card: b"", store: None, limits };
                drop(serve(&mut lane, &offer, &mut Unobserved).unwrap());
            },
        )
    }
}

pub(crate) mod popcorn {
    use super::*;
    use sordino::engine::Silent;
    use sordino::engine::popcorn::{PopcornModel, PopcornOffer, PopcornSession, serve};
    use sordino::engine::twoparty::Unobserved;
    use sordino::graph::fixed::FixedModel;
    use sordino::plan::{Forecast, Plan};

    const WISH: Wish = Wish {
        backend: BackendChoice::Popcorn(PopcornMode::Affine),
        linear: LinearChoice::Paillier(PaillierBits::N2048),
        ..crate::loopback::WISH
    };

    pub(crate) fn model(fixed: &FixedModel) -> PopcornModel {
        PopcornModel::new(fixed.clone()).unwrap()
    }

    pub(crate) fn plan(fixed: &FixedModel) -> Plan {
        match Forecast::popcorn(&fixed.graph, WISH).unwrap() {
            Forecast::Popcorn(plan) => plan.plan,
            _ => unreachable!("it was asked for"),
        }
    }

    /// Processor seconds are all the process's, the client's among them.
    pub(crate) fn run(model: &PopcornModel, words: &[u64], link: Network) -> Spent {
        let start = cpu_seconds().unwrap_or(f64::NAN);
        let spent = both(
            link,
            |lane| {
                let mut session = PopcornSession::connect(lane, WISH, |_| Ok(())).unwrap();
                session.infer(words, &mut Silent).unwrap();
                session.finish().unwrap();
            },
            |mut lane| {
                let (card, modes) = (&b""[..], &[PopcornMode::Affine][..]);
                let offer = PopcornOffer { model, card, modes, max_inferences: 1 };
                drop(serve(&mut lane, &offer, &mut Unobserved).unwrap());
            },
        );
        let all = cpu_seconds().unwrap_or(f64::NAN) - start;
        Spent { client: all, server: 0.0, ..spent }
    }
}
