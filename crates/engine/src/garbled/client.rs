use super::messages::{
    BLOCK, FINGERPRINT, INPUT, OUTPUT, WEIGHTS, number, pack, receive_public, unpack,
};
use super::tables::LaneSink;
use super::{Circuit, Outline, weights};
use crate::request::{Request, Status};
use crate::session::{self, Terms, Wish};
use crate::walk::Progress;
use crate::{Clock, Error};
use sordino_garble::Secret;
use sordino_secret::{Disclosure, Ledger, SecretRng};
use sordino_store::{Id, Store};
use sordino_wire::{Garbled, Lane, Meter, Phase, Public};
use zeroize::Zeroizing;

/// Kind of the entries that hold a garbler's secrets.
const SECRET: &str = "garbler-secret";
/// Bytes of one chunk of such an entry that are accepted.
const MAX_SECRET: usize = 1 << 30;
/// Circuits of the store that one inference gives up because the server lacks their tables.
const MAX_LOST: u32 = 3;

/// The data owner's side of a garbled session.
pub struct GarblerSession<'a> {
    lane: Lane,
    terms: Terms,
    circuit: Circuit,
    store: Option<&'a Store>,
    /// Circuits made in this session without a store.
    ready: Vec<(Id, Secret)>,
    rng: SecretRng,
    ledger: Ledger,
    clock: Clock,
}

impl<'a> GarblerSession<'a> {
    /// Handshake; receives the weights. `consent` sees the terms and the circuit before anything is
    /// garbled, and may refuse. Secrets of circuits are kept in `store`, or in memory for this
    /// session.
    ///
    /// *Cost*: the graph and card down, then what [`super::GarbledCost::new`] predicts.
    pub fn connect(
        mut lane: Lane,
        wish: Wish,
        store: Option<&'a Store>,
        consent: impl FnOnce(&Terms, &Circuit) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        let terms = session::greet(&mut lane, wish)?;
        Self::start(lane, terms, store, consent)
    }

    /// The same after the handshake.
    ///
    /// # Errors
    /// [`Error::Peer`] when the weights make another circuit than the server described; what `consent` says.
    pub fn start(
        mut lane: Lane,
        terms: Terms,
        store: Option<&'a Store>,
        consent: impl FnOnce(&Terms, &Circuit) -> Result<(), Error>,
    ) -> Result<Self, Error> {
        *lane.meter_mut() = Meter::new(lane.role());
        lane.meter_mut().set(Phase::Setup, None);
        let len = weights::len(&terms.graph);
        let bytes = receive_public(&mut lane, WEIGHTS, len)?;
        let circuit = Circuit::new(&weights::from_bytes(terms.graph.clone(), &bytes)?)?;
        if terms.outline != Some(circuit.outline()) {
            return Err(Error::Peer(
                "its weights do not make the circuit that it described".into(),
            ));
        }
        lane.send(FINGERPRINT, Public::new(circuit.fingerprint()))?;
        lane.flush()?;
        Status::receive(&mut lane)?.expect_ok("agree on the circuit")?;
        consent(&terms, &circuit)?;
        Ok(Self {
            lane,
            terms,
            circuit,
            store,
            ready: Vec::new(),
            rng: SecretRng::from_os()?,
            ledger: Ledger::default(),
            clock: Clock::default(),
        })
    }

    /// What was agreed.
    pub fn terms(&self) -> &Terms {
        &self.terms
    }

    /// The circuit.
    pub fn circuit(&self) -> &Circuit {
        &self.circuit
    }

    /// Bytes and rounds since the handshake.
    pub fn meter(&self) -> &Meter {
        self.lane.meter()
    }

    /// Wall time since the handshake.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// What was revealed so far.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Circuits of this network whose secrets are at hand.
    pub fn prepared(&self) -> Result<usize, Error> {
        Ok(self.ready.len() + self.stored()?.len())
    }

    fn stored(&self) -> Result<Vec<Id>, Error> {
        self.store.map_or(Ok(Vec::new()), |store| stored(store, self.circuit.fingerprint()))
    }

    /// Garbles one circuit and has the server store it. The secret is stored, durably, after the
    /// server has confirmed the tables and before this returns.
    ///
    /// *Cost*: as [`super::GarbledCost::prepare`] predicts, exactly.
    pub fn prepare(&mut self, progress: &mut dyn Progress) -> Result<Id, Error> {
        self.clock.enter(Phase::Offline, None);
        self.lane.meter_mut().set(Phase::Offline, None);
        let id = Id::random()?;
        Request::Prepare(id, 1).send(&mut self.lane)?;
        Status::receive(&mut self.lane)?.expect_ok("take a circuit")?;
        let sink = LaneSink::new(&mut self.lane);
        let (sink, secret) = self.circuit.garble(number(id), &mut self.rng, sink, progress)?;
        sink.finish()?;
        Status::receive(&mut self.lane)?.expect_ok("store the circuit")?;
        match self.store {
            Some(store) => {
                let mut writer = store.create(id, SECRET, *self.circuit.fingerprint())?;
                writer.append(&secret.to_bytes())?;
                writer.commit()?;
            }
            None => self.ready.push((id, secret)),
        }
        self.clock.stop();
        Ok(id)
    }

    /// One private inference: encoded input words in, output words out. Takes a prepared circuit,
    /// or makes one when there is none.
    ///
    /// *Cost*: as [`super::GarbledCost::infer`] predicts; online one round.
    ///
    /// *Security*: the circuit's secret is claimed durably before the server is asked for its
    /// tables; it is lost when the server does not have them or the session ends there.
    ///
    /// *Errors*: [`Error::Config`] for an input of another length or range, which costs nothing;
    /// [`Error::Garble`] when the returned labels are forged.
    pub fn infer(&mut self, input: &[u64], progress: &mut dyn Progress) -> Result<Vec<u64>, Error> {
        // Before a circuit is claimed, on both sides, for an input that does not fit.
        self.circuit.values(input)?;
        let secret = loop {
            if let Some(secret) = self.claim()? {
                break secret;
            }
            self.prepare(progress)?;
        };
        let (labels, decoder) = self.circuit.encode(secret, input)?;
        self.clock.enter(Phase::Online, None);
        self.lane.meter_mut().set(Phase::Online, None);
        self.lane.send(INPUT, Garbled::pod(&pack(&labels)))?;
        self.lane.flush()?;
        let bytes = self.lane.recv(OUTPUT, self.circuit.output_labels() * BLOCK)?;
        let base = self.circuit.output();
        let output = unpack(base, decoder.len(), &bytes);
        let words = self.circuit.decode(decoder, &output)?;
        self.ledger.note(Disclosure::Logits, words.len() as u64);
        self.clock.stop();
        Ok(words)
    }

    /// A circuit that the server has too: claimed on both sides.
    fn claim(&mut self) -> Result<Option<Secret>, Error> {
        self.lane.meter_mut().set(Phase::Offline, None);
        while let Some((id, secret)) = self.ready.pop() {
            if self.agreed(id)? {
                return Ok(Some(secret));
            }
        }
        let Some(store) = self.store else { return Ok(None) };
        let mut lost = 0;
        for id in self.stored()? {
            // First here, so that of several sessions only one asks for a circuit.
            let mut entry = match store.claim(&id) {
                Err(sordino_store::Error::Consumed(_) | sordino_store::Error::Unknown(_)) => {
                    continue;
                }
                claimed => claimed?,
            };
            let bytes = Zeroizing::new(entry.next_chunk(MAX_SECRET)?.unwrap_or_default());
            let secret = Secret::from_bytes(&bytes)?;
            entry.finish()?;
            // Where the server has lost or used the tables, the secret is good for nothing.
            if self.agreed(id)? {
                return Ok(Some(secret));
            }
            lost += 1;
            if lost == MAX_LOST {
                break;
            }
        }
        Ok(None)
    }

    fn agreed(&mut self, id: Id) -> Result<bool, Error> {
        Request::Use(id, 1).send(&mut self.lane)?;
        match Status::receive(&mut self.lane)? {
            Status::Absent => Ok(false),
            status => status.expect_ok("evaluate a circuit").map(|()| true),
        }
    }

    /// Says good-bye, so that the server does not take the end for a failure.
    pub fn finish(mut self) -> Result<Meter, Error> {
        let meter = self.lane.meter().clone();
        Request::Bye.send(&mut self.lane)?;
        Ok(meter)
    }
}

/// Circuits of a network in a garbler's store.
///
/// # Errors
/// Those of the store.
pub fn prepared_for(store: &Store, outline: &Outline) -> Result<usize, Error> {
    Ok(stored(store, &outline.fingerprint)?.len())
}

fn stored(store: &Store, fingerprint: &[u8; 32]) -> Result<Vec<Id>, Error> {
    let ours = |i: &sordino_store::Info| i.kind == SECRET && i.label == *fingerprint;
    Ok(store.list()?.into_iter().filter(ours).map(|i| i.id).collect())
}
