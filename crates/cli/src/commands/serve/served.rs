use sordino_engine::Error;
use sordino_engine::garbled::{EvaluatorModel, GarbledLimits, GarbledOffer, TableMemory};
use sordino_engine::popcorn::{PopcornModel, PopcornOffer};
use sordino_engine::session::{Host, PopcornMode};
use sordino_engine::twoparty::{Offer, ServerModel};
use sordino_store::Store;

/// A network in the form that one backend runs.
pub(super) enum Served {
    TwoParty {
        model: Box<ServerModel>,
        label_only: bool,
        paillier: bool,
        /// Images at once.
        batch: usize,
    },
    Garbled(Box<EvaluatorModel>),
    Popcorn {
        model: Box<PopcornModel>,
        /// Those that clients may choose.
        modes: Vec<PopcornMode>,
    },
}

/// What clients of all backends may use.
pub(super) struct Shared<'a> {
    pub(super) card: &'a [u8],
    pub(super) store: Option<&'a Store>,
    /// Prepared inferences in the store.
    pub(super) prepared: usize,
    /// Inferences of a session.
    pub(super) inferences: u64,
}

impl Served {
    /// What is offered to a client.
    pub(super) fn host<'a>(&'a self, shared: &Shared<'a>) -> Box<dyn Host + 'a> {
        let Shared { card, store, prepared, inferences } = *shared;
        match self {
            Self::TwoParty { model, label_only, paillier, batch } => Box::new(Offer {
                label_only: *label_only,
                paillier: *paillier,
                max_inferences: inferences,
                store,
                max_prepared: prepared,
                max_batch: *batch,
                ..Offer::new(model, card)
            }),
            Self::Garbled(model) => {
                // Without a store, a circuit is made, used and forgotten.
                let circuits = if store.is_some() { prepared } else { 1 };
                let limits = GarbledLimits { inferences, circuits, memory: TableMemory::default() };
                Box::new(GarbledOffer { model, card, store, limits })
            }
            Self::Popcorn { model, modes } => {
                Box::new(PopcornOffer { model, card, modes, max_inferences: inferences })
            }
        }
    }

    /// Stored entries for this network.
    pub(super) fn stored(&self, store: &Store) -> Result<usize, Error> {
        match self {
            Self::TwoParty { model, .. } => model.prepared(store),
            Self::Garbled(model) => {
                let label = model.circuit().fingerprint();
                Ok(store.list()?.iter().filter(|i| i.label == *label).count())
            }
            Self::Popcorn { .. } => Ok(0),
        }
    }
}
