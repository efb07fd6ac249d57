//! Predicted and measured time of private inferences: processor seconds of each party and wall seconds over shaped links.
//!
//! ```text
//! cargo bench -p sordino --bench times -- [NAME]... [--backend twoparty|garbled|popcorn]... [--link LINK]...
//!                                         [--profile FILE] [--repeat N] [--choose]
//! ```
//!
//! Networks whose name contains a NAME, or six small ones. LINK is `lan`, `wan` or RTT,BANDWIDTH; without one both. The
//! profile is FILE or what comes with the program: write one with `sordino profile -o FILE` first. Each party has one thread of this
//! process, so processor seconds are its own; only those of `popcorn`, whose parties have helpers, are told together. Of N
//! sessions (5) the median counts. With `--choose`, all candidates that `--backend auto` may choose from are run instead, to see
//! whether it chooses the quickest.
#![allow(clippy::unwrap_used)]

mod choice;
#[path = "../../tests/common/mod.rs"]
mod common;
#[path = "../../tests/common/loopback.rs"]
mod loopback;
mod sessions;

use loopback::{Case, prepare, prepare_residues};
use sessions::{Spent, garbled, popcorn, twoparty};
use sordino::plan::{Profile, Timing};
use sordino::wire::Network;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Backend {
    TwoParty,
    Garbled,
    Popcorn,
}

struct Wanted {
    names: Vec<String>,
    backends: Vec<Backend>,
    links: Vec<Network>,
    profile: Profile,
    repeat: usize,
    choose: bool,
}

impl Wanted {
    fn read(mut arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let profile = Profile::built_in().map_err(|e| e.to_string())?;
        let mut wanted = Self {
            names: Vec::new(),
            backends: Vec::new(),
            links: Vec::new(),
            profile,
            repeat: 5,
            choose: false,
        };
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().unwrap_or_default();
            match argument.as_str() {
                // Cargo says so to every bench.
                "--bench" => {}
                "--backend" => wanted.backends.push(match value().as_str() {
                    "twoparty" => Backend::TwoParty,
                    "garbled" => Backend::Garbled,
                    "popcorn" => Backend::Popcorn,
                    other => return Err(format!("unknown backend '{other}'")),
                }),
                "--link" => wanted.links.push(value().parse().map_err(|e| format!("{e}"))?),
                "--profile" => {
                    let text = std::fs::read_to_string(value()).map_err(|e| e.to_string())?;
                    wanted.profile = Profile::from_toml(&text).map_err(|e| e.to_string())?;
                }
                "--choose" => wanted.choose = true,
                "--repeat" => wanted.repeat = value().parse().map_err(|e| format!("{e}"))?,
                name if !name.starts_with('-') => wanted.names.push(name.to_owned()),
                other => return Err(format!("unknown option {other}")),
            }
        }
        if wanted.backends.is_empty() {
            wanted.backends = vec![Backend::TwoParty, Backend::Garbled, Backend::Popcorn];
        }
        if wanted.links.is_empty() {
            wanted.links = vec![Network::lan(), Network::wan()];
        }
        // The parties of this program have one each.
        wanted.profile = wanted.profile.on_threads(1);
        Ok(wanted)
    }

    fn runs(&self, case: &Case, light: bool) -> bool {
        let named = self.names.iter().any(|name| case.model.contains(name.as_str()));
        named || self.names.is_empty() && light
    }
}

fn cases() -> [(Case, bool); 7] {
    [
        (loopback::digits_cnn(), true),
        (loopback::mnist_mlp_a(), true),
        (loopback::mnist_dash_c(), true),
        (loopback::mnist_network_b(), true),
        (loopback::mnist_cnn_cntk(), true),
        (loopback::cifar10_resnet20(), true),
        (loopback::squeezenet(), false),
    ]
}

/// The middle one by wall time, each of the numbers on its own.
fn median(mut runs: Vec<Spent>) -> Spent {
    let mut middle = |of: fn(&Spent) -> f64| {
        runs.sort_by(|a, b| of(a).total_cmp(&of(b)));
        of(&runs[runs.len() / 2])
    };
    Spent { client: middle(|s| s.client), server: middle(|s| s.server), wall: middle(|s| s.wall) }
}

fn print(name: &str, link: &Network, times: &Timing, got: &Spent, together: bool) {
    let span = times.session();
    let off = |predicted: f64, measured: f64| 100.0 * (predicted / measured - 1.0);
    let pair = |what: &str, predicted: f64, measured: f64| {
        format!("{what} {predicted:>7.3} / {measured:>7.3} s {:>+4.0} %", off(predicted, measured))
    };
    let cpu = span.processor;
    let parties = if together {
        pair("both", cpu.total(), got.client + got.server)
    } else {
        let [client, server] =
            [("client", cpu.client, got.client), ("server", cpu.server, got.server)]
                .map(|(what, predicted, measured)| pair(what, predicted, measured));
        format!("{client} | {server}")
    };
    println!(
        "{name:<46} {link:<22} {parties} | {}",
        pair("wall", span.wall, got.wall),
        link = link.to_string()
    );
}

fn run(wanted: &Wanted, case: &Case, backend: Backend) {
    let name = |what: &str| format!("{} {what}", case.model);
    let show =
        |what: &str, timing: &dyn Fn(&Network) -> Timing, session: &dyn Fn(Network) -> Spent| {
            for link in &wanted.links {
                let runs = (0..wanted.repeat.max(1)).map(|_| session(*link)).collect();
                let together = backend == Backend::Popcorn;
                print(&name(what), link, &timing(link), &median(runs), together);
            }
        };
    let profile = &wanted.profile;
    match backend {
        Backend::TwoParty => {
            let Some(p) = prepare(case, 1) else { return };
            for wish in sessions::wishes() {
                let plan = twoparty::plan(&p.fixed, wish);
                let model = twoparty::model(&p.fixed);
                let session = |link| twoparty::run(&model, wish, &p.words[0], link);
                show(&twoparty::name(&wish), &|link| plan.time(profile, link), &session);
            }
        }
        Backend::Garbled => {
            let Some(p) = prepare_residues(case, 1) else { return };
            let model = garbled::model(&p.fixed);
            let plan = garbled::plan(&model);
            let session = |link| garbled::run(&model, &p.words[0], link);
            show("garbled", &|link| plan.time(profile, link), &session);
        }
        Backend::Popcorn => {
            let Some(p) = prepare(case, 1) else { return };
            let plan = popcorn::plan(&p.fixed);
            let model = popcorn::model(&p.fixed);
            let session = |link| popcorn::run(&model, &p.words[0], link);
            show("popcorn 2048", &|link| plan.time(profile, link), &session);
        }
    }
}

fn main() {
    let wanted = Wanted::read(std::env::args().skip(1)).unwrap_or_else(|why| {
        eprintln!("{why}");
        std::process::exit(2)
    });
    println!("{}", wanted.profile.describe());
    if wanted.choose {
        let (mut right, mut pairs) = (0, 0);
        for (case, _) in cases().iter().filter(|(case, light)| wanted.runs(case, *light)) {
            let (good, all) = choice::check(&wanted, case);
            (right, pairs) = (right + good, pairs + all);
        }
        return println!("the quickest in {right} of {pairs}");
    }
    println!("predicted / measured");
    for (case, light) in cases() {
        for backend in wanted.backends.iter().filter(|_| wanted.runs(&case, light)) {
            // Minutes on Paillier's encryption alone.
            let long = *backend == Backend::Popcorn && case.model.starts_with("cifar10");
            if !long || !wanted.names.is_empty() {
                run(&wanted, &case, *backend);
            }
        }
    }
}
