use sordino_engine::Error;
use sordino_engine::garbled::{self, EvaluatorModel, GarbledLimits, GarbledOffer, TableMemory};
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
        }
    }

    /// Stored entries for this network, and others; `None` where nothing is stored.
    pub(super) fn stored(&self) -> Result<Option<(usize, usize)>, Error> {
        let (Self::TwoParty { store, .. } | Self::Garbled { store, .. }) = self;
        let Some(store) = store else { return Ok(None) };
        let list = store.list()?;
        let count = match self {
            Self::TwoParty { model, .. } => model.prepared(store)?,
            Self::Garbled { model, .. } => {
                list.iter().filter(|i| i.label == *model.circuit().fingerprint()).count()
            }
        };
        Ok(Some((count, list.len() - count)))
    }
}
