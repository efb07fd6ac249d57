//! A garbler that speaks the messages by hand and need not keep to the protocol.

use crate::common::garbled::{LIMITS, WISH};
use sordino_engine::garbled::{Circuit, EvaluatorModel, GarbledOffer};
use sordino_engine::session::{self, Host, Offered, Refused, Reveal, Wish};
use sordino_engine::twoparty::{Observer, Unobserved};
use sordino_garble::{Labels, Secret};
use sordino_graph::fixed::FixedModel;
use sordino_kernels::Block;
use sordino_secret::SecretRng;
use sordino_store::Id;
use sordino_wire::{Error, Garbled, Kind, Lane, Meter, Public};

pub(crate) const WEIGHTS: Kind = Kind::new(0x0400, "weights");
pub(crate) const FINGERPRINT: Kind = Kind::new(0x0401, "fingerprint");
pub(crate) const REQUEST: Kind = Kind::new(0x0010, "request");
pub(crate) const STATUS: Kind = Kind::new(0x0011, "status");
pub(crate) const TABLES: Kind = Kind::new(0x0404, "tables");
pub(crate) const INPUT: Kind = Kind::new(0x0405, "input");
pub(crate) const OUTPUT: Kind = Kind::new(0x0406, "output");

pub(crate) const BYE: u8 = 0;
pub(crate) const STORE: u8 = 1;
pub(crate) const USE: u8 = 2;

pub(crate) const OK: u8 = 1;
pub(crate) const ABSENT: u8 = 2;
pub(crate) const FULL: u8 = 3;
pub(crate) const SPENT: u8 = 4;

pub(crate) struct Raw<'a> {
    pub(crate) lane: Lane,
    circuit: &'a Circuit,
}

impl<'a> Raw<'a> {
    pub(crate) fn connect(lane: Lane, circuit: &'a Circuit) -> Self {
        let mut raw = Self::greet(lane, circuit);
        assert_eq!(raw.confirm(circuit.fingerprint()).unwrap(), OK);
        raw
    }

    /// As far as the weights, which are small.
    pub(crate) fn greet(mut lane: Lane, circuit: &'a Circuit) -> Self {
        session::greet(&mut lane, WISH).unwrap();
        lane.recv_bounded(WEIGHTS, 1 << 20).unwrap();
        Self { lane, circuit }
    }

    pub(crate) fn confirm(&mut self, fingerprint: &[u8; 32]) -> Result<u8, Error> {
        self.lane.send(FINGERPRINT, Public::new(fingerprint))?;
        self.status()
    }

    pub(crate) fn ask(&mut self, what: u8, id: Id) -> Result<u8, Error> {
        self.ask_for(1, what, id)
    }

    /// The same for so many inputs at once.
    pub(crate) fn ask_for(&mut self, inputs: u32, what: u8, id: Id) -> Result<u8, Error> {
        let request = [&[what][..], &inputs.to_le_bytes(), &id.to_bytes()].concat();
        self.lane.send(REQUEST, Public::new(&request))?;
        self.status()
    }

    fn status(&mut self) -> Result<u8, Error> {
        Ok(self.lane.recv(STATUS, 1)?[0])
    }

    /// Makes a circuit, here only.
    pub(crate) fn garble(&self, id: Id) -> (Vec<Block>, Secret) {
        let mut rng = SecretRng::from_os().unwrap();
        let id = Block(u128::from_le_bytes(id.to_bytes()));
        self.circuit.garble(id, &mut rng, Vec::new(), &mut sordino_engine::Silent).unwrap()
    }

    pub(crate) fn store(&mut self, id: Id, rows: &[Block]) -> Result<u8, Error> {
        match self.ask(STORE, id)? {
            OK => {
                self.lane.send(TABLES, Garbled::pod(rows))?;
                self.status()
            }
            refused => Ok(refused),
        }
    }

    pub(crate) fn evaluate(
        &mut self,
        secret: Secret,
        x: &[u64],
    ) -> Result<Vec<u64>, sordino_engine::Error> {
        let (labels, decoder) = self.circuit.encode(secret, x)?;
        let blocks: Vec<Block> = labels.iter().flat_map(Labels::pack).collect();
        self.lane.send(INPUT, Garbled::pod(&blocks))?;
        let base = self.circuit.output();
        let blocks: Vec<Block> = self
            .lane
            .recv_pod(OUTPUT, self.circuit.output_labels())?
            .into_iter()
            .map(|bytes: [u8; 16]| Block(u128::from_le_bytes(bytes)))
            .collect();
        let tensors = blocks.chunks_exact(decoder.len()).zip(base.primes());
        let output: Vec<Labels> = tensors.map(|(b, &p)| Labels::unpack(p, b)).collect();
        self.circuit.decode(decoder, &output)
    }

    pub(crate) fn bye(mut self) {
        self.lane.send(REQUEST, Public::new(&[BYE; 21])).unwrap();
        self.lane.close().unwrap();
    }
}

/// A server that keeps to the handshake and to nothing else.
struct Scripted<'a> {
    offer: GarbledOffer<'a>,
    then: &'a dyn Fn(&mut Lane),
}

impl Host for Scripted<'_> {
    fn card(&self) -> &[u8] {
        self.offer.card()
    }

    fn ways(&self, reveal: Reveal) -> Vec<Offered<'_>> {
        self.offer.ways(reveal)
    }

    fn way(&self, wish: &Wish) -> Result<Option<Offered<'_>>, Refused> {
        self.offer.way(wish)
    }

    fn plan(&self, wish: &Wish) -> Result<[u8; 32], sordino_engine::Error> {
        self.offer.plan(wish)
    }

    fn run(
        &self,
        lane: &mut Lane,
        _: Wish,
        _: &mut dyn Observer,
    ) -> Result<Meter, sordino_engine::Error> {
        (self.then)(lane);
        Ok(lane.meter().clone())
    }
}

/// Offers the garbled network, then does as it is told.
pub(crate) fn scripted(lane: &mut Lane, model: &FixedModel, then: &dyn Fn(&mut Lane)) {
    let model = EvaluatorModel::new(model).unwrap();
    let offer = GarbledOffer { model: &model, card: b"card", store: None, limits: LIMITS };
    session::serve(lane, &[&Scripted { offer, then }], &mut Unobserved).unwrap();
}
