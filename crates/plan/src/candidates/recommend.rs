use super::{Adversary, Candidate, Concession};
use crate::{Profile, Seconds, Timing};
use serde::Serialize;
use sordino_engine::Network;
use std::cmp::Ordering;

/// What a choice is to make small.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Objective {
    /// Bytes of a session with one inference, both ways.
    Bytes,
    /// Its time from beginning to end.
    Latency,
    /// Processor time of both parties.
    Cpu,
    /// Time from having the input to having the result, where everything that can be is prepared before.
    Online,
}

/// What is asked of a recommendation.
#[derive(Clone, Copy, Debug)]
pub struct Aim<'a> {
    /// What to withstand.
    pub adversary: Adversary,
    /// What may be given up.
    pub accepted: &'a [Concession],
    /// What to make small.
    pub objective: Objective,
    /// The link between the parties.
    pub link: Network,
    /// Their machines.
    pub profile: &'a Profile,
}

/// How long a candidate takes: seconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Processor time of a session with one inference.
    pub processor: Seconds,
    /// Its time from beginning to end.
    pub wall: f64,
    /// Time from having the input to having the result, with everything prepared that can be.
    pub online: f64,
}

/// Candidates in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Ranking {
    /// All candidates by what is to be small, as indices.
    pub order: Vec<usize>,
    /// How long each takes, in the order of the candidates.
    pub estimates: Vec<Estimate>,
    /// The first in order that withstands the adversary and gives up nothing else than what may be.
    pub recommended: Option<usize>,
    /// Whatever is smaller and was left out for what it gives up: each such candidate that would be recommended if one
    /// more concession or more were accepted.
    pub tempting: Vec<usize>,
}

impl Candidate {
    /// How long it takes.
    pub fn estimate(&self, profile: &Profile, link: &Network) -> Estimate {
        let timing = self.plan.time(profile, link);
        let session = timing.session();
        let prepared = self.prepared.as_ref().map(|plan| plan.time(profile, link));
        let online = |t: &Timing| t.online.wall;
        Estimate {
            processor: session.processor,
            wall: session.wall,
            online: prepared.as_ref().map_or_else(|| timing.inference().wall, online),
        }
    }

    /// What it gives up that may not be given up.
    pub fn objections(&self, aim: &Aim<'_>) -> Vec<Concession> {
        let acceptable = |c: &Concession| *c != Concession::Extraction && aim.accepted.contains(c);
        self.concessions.iter().copied().filter(|c| !acceptable(c)).collect()
    }

    /// Whether it withstands the adversary.
    pub fn withstands(&self, adversary: Adversary) -> bool {
        self.withstands >= adversary
    }
}

impl Estimate {
    fn value(&self, bytes: u64, objective: Objective) -> f64 {
        match objective {
            Objective::Bytes => bytes as f64,
            Objective::Latency => self.wall,
            Objective::Cpu => self.processor.total(),
            Objective::Online => self.online,
        }
    }
}

/// Sorts candidates, and says which to choose.
pub fn rank<'c>(candidates: impl IntoIterator<Item = &'c Candidate>, aim: &Aim<'_>) -> Ranking {
    let all: Vec<&Candidate> = candidates.into_iter().collect();
    let estimates: Vec<Estimate> = all.iter().map(|c| c.estimate(aim.profile, &aim.link)).collect();
    let value = |i: usize| {
        let sent = all[i].totals.session();
        let bytes = sent.up + sent.down;
        (estimates[i].value(bytes, aim.objective), bytes, sent.rounds)
    };
    let compare = |a: &usize, b: &usize| -> Ordering {
        let ((va, ba, ra), (vb, bb, rb)) = (value(*a), value(*b));
        va.total_cmp(&vb).then(ba.cmp(&bb)).then(ra.cmp(&rb))
    };
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by(compare);
    let strong: Vec<usize> =
        order.iter().copied().filter(|i| all[*i].withstands(aim.adversary)).collect();
    let recommended = strong.iter().copied().find(|i| all[*i].objections(aim).is_empty());
    let mut tempting: Vec<usize> = Vec::new();
    for &i in strong.iter().take_while(|i| Some(**i) != recommended) {
        let gives = all[i].objections(aim);
        let less = |j: &usize| all[*j].objections(aim).iter().all(|c| gives.contains(c));
        if !gives.contains(&Concession::Extraction) && !tempting.iter().any(less) {
            tempting.push(i);
        }
    }
    Ranking { order, estimates, recommended, tempting }
}
