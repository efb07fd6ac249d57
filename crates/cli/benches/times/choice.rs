//! Whether what is chosen for a link is what takes the least time on it.

use crate::loopback::{Case, prepare, prepare_residues};
use crate::sessions::{Spent, garbled, twoparty};
use crate::{Wanted, median};
use sordino::engine::session::{BackendChoice, Menu, Way};
use sordino::plan::{Adversary, Aim, Candidate, Concession, Objective, Offers, rank};
use sordino::wire::Network;

/// What takes so much longer than what is chosen is not run: it is not what would have been better.
const HOPELESS: f64 = 1.5;
/// A choice this much slower than the best counts as the best: as much as runs differ from each other.
const EQUAL: f64 = 1.1;

/// What may be given up: nothing, and all that leaves inputs private and outputs right.
const ACCEPTED: [&[Concession]; 2] =
    [&[], &[Concession::OneLsb, Concession::Bits112, Concession::Weights]];

/// Runs every candidate of a network that may be the quickest; in how many of how many pairs of link and concessions the
/// one that is chosen is.
pub(crate) fn check(wanted: &Wanted, case: &Case) -> (usize, usize) {
    let Some(p) = prepare(case, 1) else { return (0, 0) };
    let residues = prepare_residues(case, 1);
    let evaluator = residues.as_ref().map(|r| garbled::model(&r.fixed));
    let two_party = twoparty::model(&p.fixed);
    let way = |backend, graph, outline| Way { backend, graph, images: 1, paillier: true, outline };
    let mut menu = Menu {
        graphs: vec![p.fixed.graph.clone()],
        ways: vec![way(BackendChoice::TwoParty, 0, None)],
    };
    if let Some(model) = &evaluator {
        menu.graphs.push(model.circuit().graph().clone());
        menu.ways.push(way(BackendChoice::Garbled, 1, Some(model.circuit().outline())));
    }
    let wanted_ways = sordino::plan::Wanted::default();
    let offers = Offers::new(&menu, &wanted_ways, ACCEPTED[1], &mut |_, _, _| {});
    let run = |candidate: &Candidate, link: Network| -> Spent {
        match (candidate.wish.backend, &evaluator, &residues) {
            (BackendChoice::Garbled, Some(model), Some(r)) => {
                garbled::run(model, &r.words[0], link)
            }
            _ => twoparty::run(&two_party, candidate.wish, &p.words[0], link),
        }
    };
    let name = |c: &Candidate| format!("{} {}", c.backend, c.settings.describe());
    let (mut right, mut pairs) = (0, 0);
    for link in &wanted.links {
        for accepted in ACCEPTED {
            let aim = Aim {
                adversary: Adversary::SemiHonest,
                accepted,
                objective: Objective::Latency,
                link: *link,
                profile: &wanted.profile,
            };
            let possible = &offers.candidates.possible;
            let ranking = rank(possible, &aim);
            let Some(chosen) = ranking.recommended else { continue };
            let bound = HOPELESS * ranking.estimates[chosen].wall;
            let likely = |i: &usize| {
                possible[*i].objections(&aim).is_empty() && ranking.estimates[*i].wall <= bound
            };
            let tried: Vec<usize> = ranking.order.iter().copied().filter(likely).collect();
            // In turns: a machine that is slower for a while is slower for all.
            let mut spent: Vec<Vec<Spent>> = tried.iter().map(|_| Vec::new()).collect();
            for _ in 0..wanted.repeat.max(1) {
                for (i, spent) in tried.iter().zip(&mut spent) {
                    spent.push(run(&possible[*i], *link));
                }
            }
            let walls: Vec<(usize, f64)> =
                tried.into_iter().zip(spent.into_iter().map(|s| median(s).wall)).collect();
            let got = walls.iter().find(|(i, _)| *i == chosen).map_or(f64::NAN, |(_, wall)| *wall);
            let (best, least) =
                walls.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap_or((chosen, got));
            let good = got <= EQUAL * least;
            pairs += 1;
            right += usize::from(good);
            println!(
                "{:<28} {:<22} {:<3} of {:>2}: chose {} at {got:.3} s{}",
                case.model,
                link.to_string(),
                if good { "ok" } else { "NOT" },
                walls.len(),
                name(&possible[chosen]),
                if best == chosen {
                    String::new()
                } else {
                    format!("; {} took {least:.3} s", name(&possible[best]))
                }
            );
        }
    }
    (right, pairs)
}
