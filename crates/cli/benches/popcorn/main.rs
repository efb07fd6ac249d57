//! Networks on Paillier's encryption: per mode, key and weights, bytes each way, rounds, CPU seconds of each party and
//! wall time of one private inference between two processes over TCP and TLS, key generation included; beside it
//! figures of the literature and `fast-paillier` computing the same linear layers.
//!
//! ```text
//! cargo bench -p sordino --bench popcorn -- [NAME]... [--all] [--forecast] [--mode MODE]... [--bits 2048|3072]...
//!                                           [--weights WEIGHTS]...
//! ```
//!
//! Networks whose name contains a NAME; without one the small ones, or `--all`. MODE is `paper`, `affine`,
//! `affine-one-lsb` or `twoparty` (`--linear paillier`, transfers from Ferret). WEIGHTS are `dense`, `pruned` (the smallest half of
//! each layer set to zero) or `quantised` (pruned, and the rest of 4 bits). Without `--bits` 2048, as in the literature; with `--all`
//! both. `--forecast` only says what would be sent. Needs the data folder, but for the digit network.
//!
//! Outputs are asserted to equal the fixed-point reference; with `one-lsb` the class, and the largest difference is
//! shown. The server is a process of its own, this program again.
#![allow(clippy::unwrap_used)]

#[path = "../../tests/common/mod.rs"]
mod common;
mod literature;
#[path = "../../tests/common/loopback.rs"]
mod loopback;
mod parties;
#[path = "../../tests/common/popcorn.rs"]
mod popcorn;
mod weights;

use loopback::{Case, WISH};
use parties::Peer;
use popcorn::{name, predicted};
use sordino::engine::run_clear;
use sordino::engine::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, SupplyChoice, Truncation, Wish,
};
use sordino::graph::fixed::decode_output;
use sordino::graph::float;
use sordino::wire::{Identity, Role};
use weights::{Variant, prepared};

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Paper,
    Affine,
    AffineOneLsb,
    TwoParty,
}

impl Mode {
    const ALL: [(&'static str, Self); 4] = [
        ("paper", Self::Paper),
        ("affine", Self::Affine),
        ("affine-one-lsb", Self::AffineOneLsb),
        ("twoparty", Self::TwoParty),
    ];

    fn wish(self, bits: PaillierBits) -> Wish {
        let wish = Wish { linear: LinearChoice::Paillier(bits), ..WISH };
        let popcorn = |mode| Wish { backend: BackendChoice::Popcorn(mode), ..wish };
        match self {
            Self::Paper => popcorn(PopcornMode::Paper),
            Self::Affine => popcorn(PopcornMode::Affine),
            Self::AffineOneLsb => {
                Wish { truncation: Truncation::OneLsb, ..popcorn(PopcornMode::Affine) }
            }
            Self::TwoParty => Wish { supply: SupplyChoice::Ferret, ..wish },
        }
    }
}

/// Every network, and whether it is run without being named.
fn cases() -> Vec<(Case, bool)> {
    vec![
        (loopback::mnist_mlp_a(), true),
        (loopback::mnist_dash_c(), true),
        (loopback::mnist_network_b(), true),
        (loopback::mnist_cnn_cntk(), true),
        (loopback::digits_cnn(), true),
        (loopback::cifar10_minionn(), false),
        (loopback::cifar10_resnet20(), false),
        (loopback::squeezenet(), false),
    ]
}

#[derive(Default)]
struct Wanted {
    names: Vec<String>,
    all: bool,
    forecast: bool,
    modes: Vec<Mode>,
    bits: Vec<PaillierBits>,
    weights: Vec<Variant>,
}

impl Wanted {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut wanted = Self::default();
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                // Cargo says so to every bench.
                "--bench" => {}
                "--all" => wanted.all = true,
                "--forecast" => wanted.forecast = true,
                "--mode" => wanted.modes.push(one_of(&Mode::ALL, &value())?),
                "--bits" => wanted.bits.push(one_of(&BITS, &value())?),
                "--weights" => wanted.weights.push(one_of(&Variant::ALL, &value())?),
                name if !name.starts_with('-') => wanted.names.push(name.to_owned()),
                other => return Err(format!("unknown option {other}")),
            }
        }
        if wanted.modes.is_empty() {
            wanted.modes = Mode::ALL.map(|(_, mode)| mode).into();
        }
        if wanted.bits.is_empty() {
            wanted.bits = BITS.map(|(_, bits)| bits).into();
            wanted.bits.truncate(if wanted.all { 2 } else { 1 });
        }
        if wanted.weights.is_empty() {
            wanted.weights = vec![Variant::Dense, Variant::Pruned];
        }
        Ok(wanted)
    }

    fn runs(&self, case: &Case, light: bool) -> bool {
        let named = self.names.iter().any(|name| case.model.contains(name.as_str()));
        named || self.names.is_empty() && (light || self.all)
    }

    fn wishes(&self) -> Vec<Wish> {
        let of = |bits: &PaillierBits| {
            let bits = *bits;
            self.modes.iter().map(move |mode| mode.wish(bits))
        };
        self.bits.iter().flat_map(of).collect()
    }
}

const BITS: [(&str, PaillierBits); 2] =
    [("2048", PaillierBits::N2048), ("3072", PaillierBits::N3072)];

fn one_of<T: Copy>(all: &[(&str, T)], text: &str) -> Result<T, String> {
    let found = all.iter().find(|(name, _)| *name == text);
    found.map(|(_, value)| *value).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|(name, _)| *name).collect();
        format!("'{text}' is none of {}", names.join(", "))
    })
}

fn forecast(case: &Case, variant: Variant, wishes: &[Wish]) {
    let Some(p) = prepared(case, variant) else { return };
    for wish in wishes {
        let total = predicted(&p.fixed.graph, *wish, Role::Client, 1).total();
        println!(
            "{:<22} {:<9} {} {:>8.2} MB up {:>8.2} MB down {:>5} rounds",
            case.model,
            variant.name(),
            name(wish),
            total.up as f64 / 1e6,
            total.down as f64 / 1e6,
            total.rounds
        );
    }
}

fn best(scores: &[f32]) -> usize {
    (0..scores.len()).fold(0, |b, i| if scores[i] > scores[b] { i } else { b })
}

fn measure(case: &Case, variant: Variant, wishes: &[Wish]) {
    // Seeds the generator of the TLS library, as a process does once.
    Identity::self_signed(["localhost"]).unwrap();
    let mut peer = Peer::start(case.model, variant, wishes);
    let Some(p) = prepared(case, variant) else { return };
    let want = run_clear(&p.fixed, &p.words[0]).unwrap();
    let scores = |words: &[u64]| decode_output(&p.fixed.graph, words).unwrap();
    let float = float::run(&p.model.graph, &[p.model.tensor(&p.samples[0]).unwrap()]).unwrap();
    let float = best(float[0].as_f32().unwrap());
    for wish in wishes {
        let run = peer.infer(*wish, &p.words[0]);
        let (got, exact) = (scores(&run.output), scores(&want));
        assert_eq!(best(&got), best(&exact), "{} {}", case.model, name(wish));
        let mut note = format!("class {} (float {float})", best(&got));
        if wish.truncation == Truncation::Exact {
            assert_eq!(run.output, want, "{} {}", case.model, name(wish));
        } else {
            let off = got.iter().zip(&exact).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            note += &format!(", scores off by {off:.4} at most");
        }
        let total = run.meter.total();
        assert_eq!(total, predicted(&p.fixed.graph, *wish, Role::Client, 1).total());
        println!(
            "{:<22} {:<9} {} {:>8.2} MB up {:>8.2} MB down {:>5} rounds | client {:>7.2} CPU-s, server {:>7.2} (+{:.2} to \
             load) | {:>7.2} s | {:.0} and {:.0} MB held | {note}",
            case.model,
            variant.name(),
            name(wish),
            total.up as f64 / 1e6,
            total.down as f64 / 1e6,
            total.rounds,
            run.client,
            run.server.spent,
            run.server.load,
            run.wall,
            run.held,
            run.server.held,
        );
    }
    literature::beside(case.model, &p.fixed, wishes);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    if std::env::var_os(parties::SERVER).is_some() {
        parties::serve();
        return;
    }
    let wanted = Wanted::read(&mut arguments).unwrap_or_else(|why| {
        eprintln!("{why}");
        std::process::exit(2)
    });
    let wishes = wanted.wishes();
    for (case, light) in cases() {
        if wanted.runs(&case, light) {
            for variant in &wanted.weights {
                if wanted.forecast {
                    forecast(&case, *variant, &wishes);
                } else {
                    measure(&case, *variant, &wishes);
                }
            }
        }
    }
}
