use sordino_engine::Error;
use sordino_engine::garbled::{self, EvaluatorModel, GarbledLimits, GarbledOffer, TableMemory};
use sordino_engine::popcorn::{self, PopcornModel, PopcornOffer};
use sordino_engine::session::PopcornMode;
use sordino_engine::twoparty::{self, Observer, Offer, ServerModel};
use sordino_store::Store;
use sordino_wire::{Lane, Meter};

/// A network, and how it is run for clients.
pub(super) enum Served {
    TwoParty {
        model: Box<ServerModel>,
        label_only: bool,
        paillier: bool,
        store: Option<Store>,
        /// Most prepared inferences kept.
        prepared: usize,
        /// Most images at once.
        batch: usize,
    },
    Garbled {
        model: Box<EvaluatorModel>,
        store: Option<Store>,
        /// Most circuits kept.
        circuits: usize,
    },
    Popcorn {
        model: Box<PopcornModel>,
        /// Those that clients may choose.
        modes: Vec<PopcornMode>,
    },
}

impl Served {
    /// Serves one client to its good-bye.
    pub(super) fn run(
        &self,
        lane: &mut Lane,
        card: &[u8],
        inferences: u64,
        observer: &mut dyn Observer,
    ) -> Result<Meter, Error> {
        match self {
            Self::TwoParty { model, label_only, paillier, store, prepared, batch } => {
                let offer = Offer {
                    label_only: *label_only,
                    paillier: *paillier,
                    max_inferences: inferences,
                    store: store.as_ref(),
                    max_prepared: *prepared,
                    max_batch: *batch,
                    ..Offer::new(model, card)
                };
                twoparty::serve(lane, &offer, observer).map(|(meter, _)| meter)
            }
            Self::Garbled { model, store, circuits } => {
                let memory = TableMemory::default();
                let limits = GarbledLimits { inferences, circuits: *circuits, memory };
                let offer = GarbledOffer { model, card, store: store.as_ref(), limits };
                garbled::serve(lane, &offer, observer)
            }
            Self::Popcorn { model, modes } => {
                let offer = PopcornOffer { model, card, modes, max_inferences: inferences };
                popcorn::serve(lane, &offer, observer)
            }
        }
    }

    /// Stored entries for this network, and others; `None` where nothing is stored.
    pub(super) fn stored(&self) -> Result<Option<(usize, usize)>, Error> {
        let (count, all) = match self {
            Self::TwoParty { model, store: Some(store), .. } => {
                (model.prepared(store)?, store.list()?.len())
            }
            Self::Garbled { model, store: Some(store), .. } => {
                let (list, label) = (store.list()?, model.circuit().fingerprint());
                (list.iter().filter(|i| i.label == *label).count(), list.len())
            }
            _ => return Ok(None),
        };
        // Another session may have used some in between.
        Ok(Some((count, all.saturating_sub(count))))
    }
}
