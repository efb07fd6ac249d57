use sordino_engine::session::{SupplyChoice, Wish};
use sordino_engine::twoparty::{CostModel, Settings};
use sordino_engine::{Error, Network, Role};
use sordino_graph::fixed::FixedGraph;

/// What transfers take to make.
struct Rate {
    supply: SupplyChoice,
    /// Seconds of a session before the first.
    setup: f64,
    /// Seconds each, of the slower party.
    each: f64,
}

/// Measured by `cargo bench -p sordino-ot --bench cot` on a core of 2.5 GHz with AVX-512 and AES-NI. Only what
/// they are to each other and to the link matters.
const RATES: [Rate; 4] = [
    Rate { supply: SupplyChoice::SoftSpoken(2), setup: 0.0, each: 1.0 / 71e6 },
    Rate { supply: SupplyChoice::SoftSpoken(4), setup: 0.0, each: 1.0 / 47e6 },
    Rate { supply: SupplyChoice::SoftSpoken(8), setup: 0.0, each: 1.0 / 7.2e6 },
    Rate { supply: SupplyChoice::Ferret, setup: 0.05, each: 1.0 / 25e6 },
];

/// The supply of transfers with which one inference over this link takes the least time: bytes over
/// the rate, rounds over the round trip, and the computing that depends on the supply.
///
/// # Errors
/// When the two-party backend cannot run the network.
pub fn supply(graph: &FixedGraph, wish: &Wish, link: &Network) -> Result<SupplyChoice, Error> {
    let any = CostModel::new(graph, &Settings::from(*wish), Role::Client)?;
    let mut best = (wish.supply, f64::INFINITY);
    for Rate { supply, setup, each } in RATES {
        let mut model = any.on_supply(supply)?;
        model.infer()?;
        let (sent, made) = (model.meter().total(), model.transfers());
        let time =
            link.time(sent.rounds, sent.up + sent.down).as_secs_f64() + setup + made as f64 * each;
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
    use sordino_engine::session::{BackendChoice, LinearChoice, Reveal, Truncation};
    use sordino_graph::fixed::{Edge, EdgeId, Finish, FixedNode, FixedOp, Function};

    fn relus(n: u32) -> FixedGraph {
        let edge = |name: &str| Edge {
            name: name.into(),
            shape: vec![1, n],
            frac: 4,
            divisor: 1,
            ring: 24,
            lo: -100,
            hi: 100,
        };
        FixedGraph {
            name: "relus".into(),
            edges: vec![edge("x"), edge("y")],
            nodes: vec![FixedNode {
                name: "relu".into(),
                op: FixedOp::Activate { shift: 0, function: Function::Relu, flips: None },
                inputs: vec![EdgeId(0)],
                output: EdgeId(1),
            }],
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
        let on = |n, link: &str| supply(&relus(n), &wish, &link.parse().unwrap()).unwrap();
        let soft_spoken = SupplyChoice::SoftSpoken;
        assert_eq!(on(1_000_000, "50us,40gbit"), soft_spoken(2));
        assert_eq!(on(1_000_000, "300us,3gbit"), soft_spoken(4));
        assert_eq!(on(1_000_000, "40ms,100mbit"), SupplyChoice::Ferret);
        // Ferret's set-up does not pay for a few.
        assert_eq!(on(1000, "300us,1gbit"), soft_spoken(4));
        assert_eq!(on(1000, "40ms,1mbit"), soft_spoken(8));
    }
}
