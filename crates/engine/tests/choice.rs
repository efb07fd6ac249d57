//! A client that leaves everything open is offered every way, picks one, and both parties expect the same of it.
#![allow(clippy::unwrap_used)]

mod common;

use common::fixtures::fixtures;
use common::garbled::LIMITS;
use common::{Kind, WISH, both, inputs, mentions, popcorn};
use sordino_engine::garbled::{
    EvaluatorModel, GarbledOffer, GarblerSession, Outline, prepared_for,
};
use sordino_engine::popcorn::{PopcornModel, PopcornOffer, PopcornSession};
use sordino_engine::session::{
    self, Ask, BackendChoice, Choose, Host, LeftOpen, Menu, Offered, Open, Pick, PopcornMode,
    Refused, Reveal, Terms, Wish,
};
use sordino_engine::twoparty::{ClientSession, Observer, Offer, ServerModel, Unobserved};
use sordino_engine::{Error, Meter, Network, Silent, run_clear};
use sordino_graph::fixed::FixedModel;
use sordino_store::Store;
use sordino_wire::{Dir, Lane};

/// That every backend runs.
fn model() -> FixedModel {
    let everywhere = |f: &common::fixtures::Fixture| f.backends == Kind::ALL;
    fixtures().into_iter().find(everywhere).unwrap().model
}

/// What the hosts below hold.
struct Models {
    two_party: ServerModel,
    popcorn: PopcornModel,
    garbled: EvaluatorModel,
}

impl Models {
    fn new() -> Self {
        Self {
            two_party: ServerModel::new(model()).unwrap(),
            popcorn: PopcornModel::new(model()).unwrap(),
            garbled: EvaluatorModel::new(&model()).unwrap(),
        }
    }

    fn serve(&self, mut lane: Lane) -> Result<Meter, Error> {
        let two_party = Offer { paillier: false, ..Offer::new(&self.two_party, b"card") };
        let modes = &[PopcornMode::Affine];
        let popcorn =
            PopcornOffer { model: &self.popcorn, card: b"card", modes, max_inferences: 9 };
        let garbled =
            GarbledOffer { model: &self.garbled, card: b"card", store: None, limits: LIMITS };
        session::serve(&mut lane, &[&two_party, &popcorn, &garbled], &mut Unobserved)
    }
}

fn greet(lane: &mut Lane, wish: Wish, choose: &Choose<'_>) -> Result<Terms, Error> {
    session::greet(lane, Ask { wish, open: Some(LeftOpen { what: Open::All, choose }) })
}

/// An inference by whichever backend was agreed on.
fn infer(lane: Lane, terms: Terms, x: &[u64]) -> Result<Vec<u64>, Error> {
    match terms.wish.backend {
        BackendChoice::TwoParty => {
            let mut session = ClientSession::start(lane, terms, None, |_| Ok(()))?;
            let y = session.infer(x, &mut Silent)?;
            session.finish().map(|_| y)
        }
        BackendChoice::Popcorn(_) => {
            let mut session = PopcornSession::start(lane, terms, |_| Ok(()))?;
            let y = session.infer(x, &mut Silent)?;
            session.finish().map(|_| y)
        }
        BackendChoice::Garbled => {
            let mut session = GarblerSession::start(lane, terms, None, |_, _| Ok(()))?;
            let y = session.infer(x, &mut Silent)?;
            session.finish().map(|_| y)
        }
    }
}

#[test]
fn every_way_on_offer_can_be_picked() {
    let (models, x) = (Models::new(), inputs(&model(), &[1]).remove(0));
    let want = run_clear(&model(), &x).unwrap();
    let wishes = [WISH, popcorn::WISH, common::garbled::WISH];
    for (way, wish) in wishes.into_iter().enumerate() {
        let choose = |menu: &Menu, asked: &Wish, _: &Network| {
            assert_eq!(*asked, WISH);
            // All compute with the same integers here, which are sent once.
            assert_eq!(menu.graphs, [model().graph]);
            let backends: Vec<_> = menu.ways.iter().map(|way| way.backend).collect();
            assert_eq!(backends, wishes.map(|w| w.backend));
            let images: Vec<_> = menu.ways.iter().map(|way| way.images).collect();
            assert_eq!(images, [16, 1, 1]);
            assert!(!menu.ways[0].paillier && menu.ways[2].outline.is_some());
            Ok(Pick { way, wish })
        };
        let client = |mut lane: Lane| {
            let terms = greet(&mut lane, WISH, &choose).unwrap();
            assert_eq!((terms.wish, &terms.card[..]), (wish, &b"card"[..]));
            assert!(terms.link.is_some());
            infer(lane, terms, &x)
        };
        let (y, meter) = both(client, |lane| models.serve(lane));
        meter.unwrap();
        assert_eq!(y.unwrap(), want);
    }
}

#[test]
fn a_named_backend_is_found_among_several() {
    let (models, x) = (Models::new(), inputs(&model(), &[1]).remove(0));
    for wish in [WISH, popcorn::WISH, common::garbled::WISH] {
        let client = |mut lane: Lane| {
            let terms = session::greet(&mut lane, wish).unwrap();
            infer(lane, terms, &x).unwrap()
        };
        let (y, meter) = both(client, |lane| models.serve(lane));
        meter.unwrap();
        assert_eq!(y, run_clear(&model(), &x).unwrap());
    }
}

#[test]
fn labels_are_offered_by_those_who_can_reveal_them_alone() {
    let label = Wish { reveal: Reveal::Label, ..WISH };
    let models = Models::new();
    let client = |mut lane: Lane| {
        let choose = |menu: &Menu, _: &Wish, _: &Network| {
            assert_eq!(menu.ways.len(), 1);
            Ok(Pick { way: 0, wish: label })
        };
        let terms = greet(&mut lane, label, &choose).unwrap();
        infer(lane, terms, &inputs(&model(), &[1])[0]).unwrap()
    };
    let (y, meter) = both(client, |lane| models.serve(lane));
    meter.unwrap();
    assert_eq!(y.len(), 1);

    let garbled = |mut lane: Lane| {
        let offer =
            GarbledOffer { model: &models.garbled, card: b"card", store: None, limits: LIMITS };
        session::serve(&mut lane, &[&offer], &mut Unobserved).map(drop)
    };
    let nothing = |_: &Menu, _: &Wish, _: &Network| panic!("nothing is on offer");
    let (client, server) = both(|mut lane: Lane| greet(&mut lane, label, &nothing), garbled);
    mentions(client.unwrap_err(), &["refuses", "reveals the label alone"]);
    mentions(server.unwrap_err(), &["no backend on offer reveals labels alone"]);
}

#[test]
fn nothing_else_than_what_is_on_offer_is_picked() {
    let models = Models::new();
    let paillier = common::popcorn::WISH.linear;
    for (pick, text) in [
        (Pick { way: 3, wish: WISH }, "not what was left open"),
        (Pick { way: 1, wish: WISH }, "not what was left open"),
        (Pick { way: 0, wish: Wish { reveal: Reveal::Label, ..WISH } }, "not what was left open"),
    ] {
        let choose = move |_: &Menu, _: &Wish, _: &Network| Ok(pick);
        let client = |mut lane: Lane| greet(&mut lane, WISH, &choose).map(drop);
        let (client, server) = both(client, |lane| models.serve(lane));
        mentions(client.unwrap_err(), &[text]);
        mentions(server.unwrap_err(), &["closed"]);
    }
    // The server holds the client to what it offered, too.
    let choose = |_: &Menu, _: &Wish, _: &Network| {
        Ok(Pick { way: 0, wish: Wish { linear: paillier, ..WISH } })
    };
    let client = |mut lane: Lane| {
        let terms = greet(&mut lane, WISH, &choose).unwrap();
        infer(lane, terms, &inputs(&model(), &[1])[0]).map(drop)
    };
    let (client, server) = both(client, |lane| models.serve(lane));
    assert!(client.is_err());
    mentions(server.unwrap_err(), &["does not offer"]);
}

/// A host that says something else than it means.
struct Liar<'a> {
    offer: GarbledOffer<'a>,
    outline: Option<fn(&mut Outline)>,
    plan: bool,
}

impl Host for Liar<'_> {
    fn card(&self) -> &[u8] {
        self.offer.card()
    }

    fn ways(&self, reveal: Reveal) -> Vec<Offered<'_>> {
        let mut ways = self.offer.ways(reveal);
        for (way, lie) in ways.iter_mut().zip(self.outline) {
            lie(way.way.outline.as_mut().unwrap());
        }
        ways
    }

    fn way(&self, wish: &Wish) -> Result<Option<Offered<'_>>, Refused> {
        self.offer.way(wish)
    }

    fn plan(&self, wish: &Wish) -> Result<[u8; 32], Error> {
        let mut plan = self.offer.plan(wish)?;
        plan[31] ^= u8::from(self.plan);
        Ok(plan)
    }

    fn run(
        &self,
        lane: &mut Lane,
        wish: Wish,
        observer: &mut dyn Observer,
    ) -> Result<Meter, Error> {
        self.offer.run(lane, wish, observer)
    }
}

/// What client and server say of a session with a host that lies so.
fn lied_to(outline: Option<fn(&mut Outline)>, plan: bool) -> (Error, Error) {
    let models = Models::new();
    let server = |mut lane: Lane| {
        let offer =
            GarbledOffer { model: &models.garbled, card: b"card", store: None, limits: LIMITS };
        session::serve(&mut lane, &[&Liar { offer, outline, plan }], &mut Unobserved).map(drop)
    };
    let choose = |_: &Menu, _: &Wish, _: &Network| Ok(Pick { way: 0, wish: common::garbled::WISH });
    let client = |mut lane: Lane| {
        let terms = greet(&mut lane, WISH, &choose)?;
        infer(lane, terms, &inputs(&model(), &[1])[0]).map(drop)
    };
    let (client, server) = both(client, server);
    (client.unwrap_err(), server.unwrap_err())
}

#[test]
fn parties_that_expect_different_messages_do_not_begin() {
    let (client, server) = lied_to(None, true);
    mentions(client, &["aborted"]);
    mentions(server, &["something else than this program does", "same release"]);
    let (client, server) = lied_to(Some(|outline| outline.layers[0].rows += 1), false);
    mentions(client, &["aborted"]);
    mentions(server, &["something else than this program does"]);
}

#[test]
fn a_circuit_is_the_one_that_was_described() {
    // What the plan does not depend on.
    for lie in [
        (|outline: &mut Outline| outline.lambda += 1) as fn(&mut Outline),
        |outline| outline.layers[0].gates += 1,
        |outline| outline.fingerprint[0] ^= 1,
    ] {
        let (client, server) = lied_to(Some(lie), false);
        mentions(client, &["do not make the circuit that it described"]);
        mentions(server, &["closed"]);
    }
    // What no circuit can have is not believed before.
    for lie in [
        (|outline: &mut Outline| outline.layers[0].rows = u64::MAX) as fn(&mut Outline),
        |outline| outline.layers[0].digits = u64::MAX,
        |outline| outline.input_labels = 1 << 41,
        |outline| outline.layers.truncate(1),
    ] {
        let (client, server) = lied_to(Some(lie), false);
        mentions(client, &["a circuit that its graph cannot have"]);
        mentions(server, &["closed"]);
    }
}

#[test]
fn circuits_are_found_by_their_outline() {
    let dir = tempfile::tempdir().unwrap();
    let open = |name| Store::open(&dir.path().join(name)).unwrap();
    let (ours, theirs) = (open("ours"), open("theirs"));
    let models = Models::new();
    let offer = GarbledOffer {
        model: &models.garbled,
        card: b"card",
        store: Some(&theirs),
        limits: LIMITS,
    };
    let client = |lane| {
        let wish = common::garbled::WISH;
        let mut session = GarblerSession::connect(lane, wish, Some(&ours), |_, _| Ok(())).unwrap();
        session.prepare(&mut Silent).unwrap();
        session.finish().unwrap();
    };
    let server = |mut lane: Lane| session::serve(&mut lane, &[&offer], &mut Unobserved).map(drop);
    both(client, server).1.unwrap();
    let mut outline = models.garbled.circuit().outline();
    assert_eq!(prepared_for(&ours, &outline).unwrap(), 1);
    outline.fingerprint[0] ^= 1;
    assert_eq!(prepared_for(&ours, &outline).unwrap(), 0);
}

#[test]
fn a_client_that_refuses_the_menu_says_nothing_of_it() {
    let models = Models::new();
    let choose = |_: &Menu, _: &Wish, _: &Network| Err(Error::Config("not hungry".into()));
    let client = |mut lane: Lane| {
        lane.record();
        let end = greet(&mut lane, WISH, &choose).map(drop);
        (end, lane.transcript())
    };
    let ((end, transcript), server) = both(client, |lane| models.serve(lane));
    mentions(end.unwrap_err(), &["not hungry"]);
    mentions(server.unwrap_err(), &["closed"]);
    let said = transcript.messages().iter().filter(|m| m.dir == Dir::Up);
    assert_eq!(said.map(|m| m.kind.name()).collect::<Vec<_>>(), ["hello"]);
}
