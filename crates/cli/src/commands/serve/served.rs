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
            Self::TwoParty { model, label_only } => {
                let label_only = *label_only;
                let offer = Offer { model, card, label_only, max_inferences: inferences };
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
        let Self::Garbled { model, store: Some(store), .. } = self else { return Ok(None) };
        let list = store.list()?;
        let own = |label: &[u8; 32]| label == model.circuit().fingerprint();
        let count = list.iter().filter(|i| own(&i.label)).count();
        Ok(Some((count, list.len() - count)))
    }
}
