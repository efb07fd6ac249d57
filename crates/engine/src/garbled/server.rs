use super::messages::{
    BLOCK, CHUNK, FINGERPRINT, INPUT, OUTPUT, TABLES, WEIGHTS, number, pack, send_public, unpack,
};
use super::tables::{Ready, TableMemory};
use super::{Circuit, weights};
use crate::Error;
use crate::request::{Request, Status};
use crate::session::{self, BackendChoice, Host, Offered, Refusal, Refused, Reveal, Way, Wish};
use crate::twoparty::Observer;
use sordino_garble::Tables;
use sordino_graph::fixed::FixedModel;
use sordino_kernels::Block;
use sordino_store::{Id, Store};
use sordino_wire::{Garbled, Lane, Meter, Phase};
use std::collections::BTreeMap;

/// Kind of the entries that hold tables.
const CIRCUIT: &str = "garbled-circuit";

/// A model made ready to be evaluated.
pub struct EvaluatorModel {
    circuit: Circuit,
    weights: Vec<u8>,
}

impl EvaluatorModel {
    /// Checks that every layer can be garbled.
    pub fn new(model: &FixedModel) -> Result<Self, Error> {
        Ok(Self { circuit: Circuit::new(model)?, weights: weights::to_bytes(model) })
    }

    /// The circuit.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }
}

/// What a client may use.
#[derive(Clone, Copy, Debug)]
pub struct GarbledLimits {
    /// Inferences per session.
    pub inferences: u64,
    /// Circuits in the store, of all clients, or in memory of one session.
    pub circuits: usize,
    /// Tables in memory.
    pub memory: TableMemory,
}

/// What a server offers to every client.
pub struct GarbledOffer<'a> {
    /// The model.
    pub model: &'a EvaluatorModel,
    /// Sent to clients as it is: preprocessing, labels.
    pub card: &'a [u8],
    /// Where circuits are kept between sessions; without it they are kept for one session.
    pub store: Option<&'a Store>,
    /// Limits.
    pub limits: GarbledLimits,
}

/// Serves one client until it says good-bye. Returns the session's meter.
///
/// *Errors*: anything the peer or the link does wrong; the peer is then told of a uniform abort.
pub fn serve(
    lane: &mut Lane,
    offer: &GarbledOffer<'_>,
    observer: &mut dyn Observer,
) -> Result<Meter, Error> {
    session::serve(lane, &[offer], observer)
}

impl Host for GarbledOffer<'_> {
    fn card(&self) -> &[u8] {
        self.card
    }

    fn ways(&self, reveal: Reveal) -> Vec<Offered<'_>> {
        if reveal == Reveal::Logits { vec![self.offered()] } else { Vec::new() }
    }

    fn way(&self, wish: &Wish) -> Result<Option<Offered<'_>>, Refused> {
        if wish.backend != BackendChoice::Garbled {
            return Ok(None);
        }
        if wish.reveal != Reveal::Logits {
            let why = "a garbled circuit reveals the scores to its garbler";
            return Err(Refused::new(Refusal::Wish, why));
        }
        Ok(Some(self.offered()))
    }

    fn run(&self, lane: &mut Lane, _: Wish, observer: &mut dyn Observer) -> Result<Meter, Error> {
        Session { lane, offer: self, kept: BTreeMap::new() }.run(observer)
    }
}

impl GarbledOffer<'_> {
    fn offered(&self) -> Offered<'_> {
        let circuit = &self.model.circuit;
        let way = Way {
            backend: BackendChoice::Garbled,
            graph: 0,
            images: 1,
            paillier: false,
            outline: Some(circuit.outline()),
        };
        Offered { way, graph: circuit.graph() }
    }
}

struct Session<'a> {
    lane: &'a mut Lane,
    offer: &'a GarbledOffer<'a>,
    /// Tables of this session's circuits, when there is no store.
    kept: BTreeMap<Id, Vec<Block>>,
}

impl Session<'_> {
    fn run(&mut self, observer: &mut dyn Observer) -> Result<Meter, Error> {
        let circuit = &self.offer.model.circuit;
        self.lane.meter_mut().set(Phase::Setup, None);
        send_public(self.lane, WEIGHTS, &self.offer.model.weights)?;
        if self.lane.recv(FINGERPRINT, circuit.fingerprint().len())? != circuit.fingerprint() {
            return Err(Error::Peer("it plans another circuit; use the same release".into()));
        }
        Status::Ok.send(self.lane)?;
        let mut count = 0;
        loop {
            self.lane.meter_mut().set(Phase::Offline, None);
            match Request::receive(self.lane)? {
                Request::Bye => return Ok(self.lane.meter().clone()),
                Request::Prepare(_, images) | Request::Use(_, images) if images != 1 => {
                    return Err(Error::Peer(format!(
                        "it asks for {images} inputs at once; a circuit is for one"
                    )));
                }
                Request::Prepare(id, _) => self.store(id)?,
                Request::Infer(_) => {
                    let text = "it asks for an inference without naming a circuit";
                    return Err(Error::Peer(text.into()));
                }
                Request::Use(..) if count >= self.offer.limits.inferences => {
                    Status::Spent.send(self.lane)?;
                }
                Request::Use(id, _) => {
                    let Some(ready) = self.claim(id)? else {
                        Status::Absent.send(self.lane)?;
                        continue;
                    };
                    Status::Ok.send(self.lane)?;
                    self.evaluate(id, ready, observer)?;
                    count += 1;
                    observer.inferred(count, self.lane.meter());
                }
            }
        }
    }

    /// Receives a circuit; it is on the disk before the garbler hears of it.
    fn store(&mut self, id: Id) -> Result<(), Error> {
        let circuit = &self.offer.model.circuit;
        let held = match self.offer.store {
            Some(store) => store.list()?.iter().filter(|i| i.kind == CIRCUIT).count(),
            None => self.kept.len(),
        };
        if held >= self.offer.limits.circuits {
            return Status::Full.send(self.lane);
        }
        let bytes = circuit.rows() as usize * BLOCK;
        let mut rows = Vec::new();
        if self.offer.store.is_none() && rows.try_reserve_exact(bytes / BLOCK).is_err() {
            return Status::Full.send(self.lane);
        }
        Status::Ok.send(self.lane)?;
        match self.offer.store {
            Some(store) => {
                let mut writer = store.create(id, CIRCUIT, *circuit.fingerprint())?;
                self.receive(bytes, |chunk| Ok(writer.append(chunk)?))?;
                writer.commit()?;
            }
            None => {
                self.receive(bytes, |chunk| {
                    let chunk = chunk.as_chunks().0.iter();
                    rows.extend(chunk.map(|c| Block(u128::from_le_bytes(*c))));
                    Ok(())
                })?;
                self.kept.insert(id, rows);
            }
        }
        Status::Ok.send(self.lane)
    }

    fn receive(
        &mut self,
        len: usize,
        mut take: impl FnMut(&[u8]) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let mut chunk = vec![0; CHUNK.min(len)];
        for n in super::messages::chunks(len) {
            self.lane.recv_into(TABLES, &mut chunk[..n])?;
            take(&chunk[..n])?;
        }
        Ok(())
    }

    /// Takes a circuit out for good. From here on no other session can evaluate it.
    fn claim(&mut self, id: Id) -> Result<Option<Ready>, Error> {
        let circuit = &self.offer.model.circuit;
        if let Some(rows) = self.kept.remove(&id) {
            return Ok(Some(Ready::Resident(Tables::new(rows))));
        }
        let Some(store) = self.offer.store else { return Ok(None) };
        match store.claim(&id) {
            Ok(entry) if entry.info().kind != CIRCUIT => Ok(None),
            Ok(entry) if entry.info().label != *circuit.fingerprint() => Ok(None),
            Ok(entry) => {
                Ok(Some(Ready::from_store(entry, circuit.rows(), self.offer.limits.memory)?))
            }
            Err(sordino_store::Error::Consumed(_) | sordino_store::Error::Unknown(_)) => Ok(None),
            Err(e) => {
                // Or the garbler would ask for what is damaged in every session.
                if matches!(e, sordino_store::Error::Corrupt { .. }) {
                    store.remove(&id)?;
                }
                Err(e.into())
            }
        }
    }

    fn evaluate(&mut self, id: Id, ready: Ready, observer: &mut dyn Observer) -> Result<(), Error> {
        let circuit = &self.offer.model.circuit;
        self.lane.meter_mut().set(Phase::Online, None);
        let bytes = self.lane.recv(INPUT, circuit.input_labels() * BLOCK)?;
        let len = circuit.input_labels() / circuit.input().primes().len().max(1);
        let labels = unpack(circuit.input(), len, &bytes);
        let output = circuit.evaluate(number(id), ready, labels, observer)?;
        self.lane.send(OUTPUT, Garbled::pod(&pack(&output)))?;
        Ok(self.lane.flush()?)
    }
}
