use crate::{Forecast, Profile};
use sordino_engine::session::{SupplyChoice, Wish};
use sordino_engine::twoparty::{CostModel, Settings};
use sordino_engine::{Error, Network, Role};
use sordino_graph::fixed::FixedGraph;

/// Supplies that pay on some link: SoftSpoken with k = 1 computes as much as with k = 2, and sends twice as much.
const SUPPLIES: [SupplyChoice; 4] = [
    SupplyChoice::SoftSpoken(2),
    SupplyChoice::SoftSpoken(4),
    SupplyChoice::SoftSpoken(8),
    SupplyChoice::Ferret,
];

/// The supply of transfers with which one session with one inference, on so many images, takes the least time over this
/// link, between machines with this profile.
///
/// # Errors
/// When the two-party backend cannot run the network.
pub fn supply(
    graph: &FixedGraph,
    wish: &Wish,
    images: usize,
    link: &Network,
    profile: &Profile,
) -> Result<SupplyChoice, Error> {
    let any = CostModel::new(graph, &Settings::from(*wish), Role::Client)?;
    let mut best = (wish.supply, f64::INFINITY);
    for supply in SUPPLIES {
        let mut model = any.on_supply(supply)?;
        model.infer_batch(images)?;
        let time = Forecast::metered(graph, wish, &model).time(profile, link).session().wall;
        if time < best.1 {
            best = (supply, time);
        }
    }
    Ok(best.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::fixture::{edge, node};
    use sordino_engine::session::{BackendChoice, LinearChoice, Reveal, Truncation};
    use sordino_graph::fixed::{EdgeId, Finish, FixedOp, Function};

    fn relus(n: u32) -> FixedGraph {
        let edge = |name| edge(name, &[1, n], 4, 24);
        let relu = FixedOp::Activate { shift: 0, function: Function::Relu, flips: None };
        FixedGraph {
            name: "relus".into(),
            edges: vec![edge("x"), edge("y")],
            nodes: vec![node("relu", relu, 0, 1)],
            input: EdgeId(0),
            output: EdgeId(1),
            finish: Finish::None,
        }
    }

    #[test]
    fn the_faster_the_link_the_less_computing() {
        let wish = Wish {
            backend: BackendChoice::TwoParty,
            supply: SupplyChoice::Ferret,
            reveal: Reveal::Logits,
            truncation: Truncation::Exact,
            linear: LinearChoice::Lattice,
            winograd: true,
        };
        let profile = Profile::built_in().unwrap();
        let on = |n, link: &str| {
            let link = link.parse().unwrap();
            supply(&relus(n), &wish, 1, &link, &profile).unwrap()
        };
        let soft_spoken = SupplyChoice::SoftSpoken;
        assert_eq!(on(1_000_000, "50us,40gbit"), soft_spoken(2));
        assert_eq!(on(1_000_000, "300us,3gbit"), soft_spoken(4));
        assert_eq!(on(1_000_000, "40ms,100mbit"), SupplyChoice::Ferret);
        // Ferret's set-up does not pay for a few.
        assert_eq!(on(1000, "300us,1gbit"), soft_spoken(4));
        assert_eq!(on(1000, "40ms,1mbit"), soft_spoken(8));
    }
}
