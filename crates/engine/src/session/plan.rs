//! What a session sends, as a hash that both parties can compare.

use super::{BackendChoice, Wish};
use crate::garbled::{GarbledCost, Outline};
use crate::popcorn::PopcornCost;
use crate::twoparty::CostModel;
use crate::{Count, Error, Meter, Role};
use sordino_graph::fixed::FixedGraph;

/// Of a session with one inference, as the client works it out.
pub(super) fn of(
    graph: &FixedGraph,
    wish: &Wish,
    outline: Option<&Outline>,
) -> Result<[u8; 32], Error> {
    match (wish.backend, outline) {
        (BackendChoice::TwoParty, _) => {
            let mut model = CostModel::new(graph, &(*wish).into(), Role::Client)?;
            model.infer()?;
            Ok(digest(model.meter(), model.methods()))
        }
        (BackendChoice::Popcorn(_), _) => {
            let mut model = PopcornCost::new(graph, wish, Role::Client)?;
            model.infer()?;
            Ok(digest(model.meter(), []))
        }
        (BackendChoice::Garbled, Some(outline)) => {
            let mut model = GarbledCost::new(graph, outline, Role::Client);
            model.prepare();
            model.infer();
            Ok(digest(model.meter(), []))
        }
        (BackendChoice::Garbled, None) => {
            Err(Error::Peer("it offers a circuit without saying what that takes".into()))
        }
    }
}

/// Of what a client's meter counts and how linear layers are computed, by layer.
pub(crate) fn digest(meter: &Meter, methods: impl IntoIterator<Item = (u32, String)>) -> [u8; 32] {
    let mut h = blake3::Hasher::new_derive_key("sordino session plan v1");
    for (&(phase, layer), &Count { up, down, messages, rounds }) in meter.counts() {
        let place = [phase as u64, layer.map_or(0, |l| u64::from(l) + 1)];
        for n in place.into_iter().chain([up, down, messages, rounds]) {
            h.update(&n.to_le_bytes());
        }
    }
    for (layer, method) in methods {
        h.update(&layer.to_le_bytes());
        h.update(&(method.len() as u64).to_le_bytes());
        h.update(method.as_bytes());
    }
    *h.finalize().as_bytes()
}
