//! All ways side by side, for people and for machines.

use super::flags::Commands;
use super::survey::{LayerShape, Survey};
use crate::commands::aim::AimArgs;
use crate::commands::output;
use crate::report::{bytes, counted, seconds};
use anyhow::Result;
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use sordino_plan::{
    Adversary, Aim, Candidate, Concession, Estimate, Forecast, Objective, Profile, Ranking,
    Refused, Wanted, rank,
};
use sordino_wire::Network;

/// Ways of each backend that people are shown.
const SHOWN: usize = 3;

/// Every way to run a network, and which one is recommended.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Compared {
    /// Name of the network.
    pub(super) name: String,
    /// On what it was calibrated.
    pub(super) calibrated_on: &'static str,
    /// Images that run together.
    pub(super) images: usize,
    /// Seconds from sending to the answer.
    pub(super) round_trip: f64,
    /// Bits per second each way.
    pub(super) bandwidth: u64,
    /// Whose processor times these are.
    pub(super) machine: String,
    /// What the recommendation withstands.
    pub(super) threat: Adversary,
    /// What it may give up.
    pub(super) accepted: Vec<Concession>,
    /// What it makes small.
    pub(super) minimise: Objective,
    /// Layers of the network.
    pub(super) layers: Vec<LayerShape>,
    /// Every way, the smallest first.
    pub(super) candidates: Vec<Way>,
    /// The place of the one that is recommended.
    pub(super) recommended: Option<usize>,
    /// Places of those that would be if they gave up less.
    pub(super) tempting: Vec<usize>,
    /// What is not possible.
    pub(super) refused: Vec<Refused>,
    /// What the literature's protocols would send, by a model of them.
    pub(super) baseline: Option<Baseline>,
    #[serde(skip)]
    pub(super) link: Network,
    #[serde(skip)]
    pub(super) profile: Profile,
}

/// A system of the literature.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Baseline {
    /// Its name.
    pub(super) system: &'static str,
    /// Bits of its ring.
    pub(super) ring_bits: u32,
    /// Fraction bits.
    pub(super) scale: u32,
    /// Bytes of one inference, both ways.
    pub(super) bytes: u64,
    /// Waits of one party for the other.
    pub(super) rounds: u64,
}

impl Baseline {
    /// In a sentence.
    pub(super) fn describe(&self) -> String {
        format!(
            "{} would send {} in {}, with a ring of {} bits and {} fraction bits, by a model of its published protocols",
            self.system,
            bytes(self.bytes),
            counted(self.rounds, "round"),
            self.ring_bits,
            self.scale
        )
    }
}

/// One of them.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Way {
    /// What it is and sends.
    #[serde(flatten)]
    pub(super) candidate: Candidate,
    /// How long it takes.
    pub(super) seconds: Estimate,
    /// How to run it.
    pub(super) commands: Commands,
}

impl Way {
    /// Bytes of a session with one inference, both ways.
    pub(super) fn bytes(&self) -> u64 {
        let sent = self.candidate.totals.session();
        sent.up + sent.down
    }

    /// What blinded values tell the data owner, where it gets any.
    pub(super) fn seen(&self) -> Option<String> {
        match &self.candidate.plan {
            Forecast::Popcorn(plan) => Some(output::sees(plan.exposed.as_ref())),
            Forecast::TwoParty(_) | Forecast::Garbled(_) => None,
        }
    }

    /// Backend and settings.
    pub(super) fn title(&self) -> String {
        format!("{}: {}", self.candidate.backend, self.candidate.settings.describe())
    }
}

impl Compared {
    /// Sorts what was found.
    pub(super) fn new(
        name: String,
        wanted: &Wanted,
        survey: Survey,
        aim: &AimArgs,
        link: Network,
        profile: Profile,
        commands: impl Fn(&Candidate) -> Commands,
    ) -> Self {
        let accepted = aim.accepted(wanted);
        let asked = Aim {
            adversary: aim.adversary(),
            accepted: &accepted,
            objective: aim.objective(),
            link,
            profile: &profile,
        };
        let Ranking { order, estimates, recommended, tempting } =
            rank(&survey.candidates.possible, &asked);
        let place = |i: &usize| order.iter().position(|o| o == i);
        let (recommended, tempting) =
            (recommended.as_ref().and_then(place), tempting.iter().filter_map(place).collect());
        let mut possible: Vec<Option<Candidate>> =
            survey.candidates.possible.into_iter().map(Some).collect();
        let way = |i: usize| {
            let candidate = possible[i].take()?;
            let commands = commands(&candidate);
            Some(Way { candidate, seconds: estimates[i], commands })
        };
        Self {
            name,
            calibrated_on: survey.calibrated_on,
            images: wanted.images,
            round_trip: link.rtt.as_secs_f64(),
            bandwidth: link.bandwidth,
            machine: profile.describe(),
            threat: aim.adversary(),
            minimise: aim.objective(),
            accepted,
            layers: survey.layers,
            candidates: order.iter().copied().filter_map(way).collect(),
            recommended,
            tempting,
            refused: survey.candidates.refused,
            baseline: survey.baseline,
            link,
            profile,
        }
    }

    /// The way that is recommended.
    pub(super) fn best(&self) -> Option<&Way> {
        self.recommended.and_then(|i| self.candidates.get(i))
    }

    /// What is made small, of a way, for people.
    pub(super) fn value(&self, way: &Way) -> String {
        self.value_of(way, &way.seconds).1
    }

    /// What is made small, where the way takes so long: a number, and how it reads.
    fn value_of(&self, way: &Way, estimate: &Estimate) -> (f64, String) {
        let time = |s: f64| (s, seconds(s));
        match self.minimise {
            Objective::Bytes => (way.bytes() as f64, bytes(way.bytes())),
            Objective::Latency => time(estimate.wall),
            Objective::Cpu => time(estimate.processor.total()),
            Objective::Online => time(estimate.online),
        }
    }

    /// What is recommended over another link, and what is made small there.
    pub(super) fn over(&self, link: Network) -> Option<(&Way, (f64, String))> {
        let aim = Aim {
            adversary: self.threat,
            accepted: &self.accepted,
            objective: self.minimise,
            link,
            profile: &self.profile,
        };
        let ranking = rank(self.candidates.iter().map(|way| &way.candidate), &aim);
        let best = ranking.recommended?;
        let way = self.candidates.get(best)?;
        Some((way, self.value_of(way, ranking.estimates.get(best)?)))
    }

    /// What is made small, at the head of a column.
    pub(super) fn column(&self) -> &'static str {
        match self.minimise {
            Objective::Bytes => "bytes",
            Objective::Latency => "wall",
            Objective::Cpu => "processor",
            Objective::Online => "online",
        }
    }

    /// What is made small, in words.
    pub(super) fn goal(&self) -> &'static str {
        match self.minimise {
            Objective::Bytes => "bytes",
            Objective::Latency => "time from beginning to end",
            Objective::Cpu => "processor time of both parties",
            Objective::Online => "time with the input at hand",
        }
    }

    pub(super) fn print(&self) -> Result<()> {
        output::line(format!("{}, calibrated on {}", self.name, self.calibrated_on))?;
        let together = if self.images == 1 {
            "one input".into()
        } else {
            counted(self.images as u64, "input")
        };
        output::line(format!(
            "a session with {together} over {}, by {}; {}",
            self.link,
            self.goal(),
            self.machine
        ))?;
        output::line("")?;
        output::line(self.table())?;
        output::line("")?;
        self.print_best()?;
        if let Some(baseline) = &self.baseline {
            output::line(format!("literature      {}", baseline.describe()))?;
        }
        for &i in &self.tempting {
            let way = &self.candidates[i];
            let gives = way.candidate.concessions.iter().filter(|c| !self.accepted.contains(c));
            let gives: Vec<_> = gives.map(|c| c.name()).collect();
            output::line(format!(
                "with --accept {}: {} by {}",
                gives.join(","),
                self.value(way),
                way.title()
            ))?;
        }
        self.refused.iter().try_for_each(|r| {
            let settings =
                if r.settings.is_empty() { String::new() } else { format!(" ({})", r.settings) };
            output::line(format!("not possible    {}{settings}: {}", r.backend, r.why))
        })
    }

    fn print_best(&self) -> Result<()> {
        let Some(way) = self.best() else {
            return output::line(
                "No way withstands that and gives up nothing more than what was accepted: see the last column.",
            );
        };
        output::line(format!("Recommended: {}", way.title()))?;
        output::line(format!("  model owner   {}", way.commands.serve))?;
        if let Some(prepare) = &way.commands.prepare {
            output::line(format!("  ahead of time {prepare}"))?;
        }
        output::line(format!("  data owner    {}", way.commands.infer))?;
        output::line(output::memory(&way.candidate.plan))?;
        output::promised(&way.candidate.promise).iter().try_for_each(output::line)?;
        if let Some(seen) = way.seen() {
            output::line(format!("client sees     {seen}"))?;
        }
        way.candidate.concessions.iter().try_for_each(|c| {
            output::line(format!("given up        {}: {}", c.name(), c.describe()))
        })
    }

    /// The first few of each backend.
    fn table(&self) -> Table {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "",
            "backend",
            "choice",
            "up",
            "down",
            "rounds",
            "processor",
            "wall",
            "online",
            "gives up",
        ]);
        for (i, way) in self.candidates.iter().enumerate() {
            let backend = way.candidate.backend;
            let better = self.candidates[..i].iter().filter(|w| w.candidate.backend == backend);
            if better.count() >= SHOWN && self.recommended != Some(i) && !self.tempting.contains(&i)
            {
                continue;
            }
            let sent = way.candidate.totals.session();
            let gives: Vec<_> = way.candidate.concessions.iter().map(|c| c.name()).collect();
            table.add_row([
                if self.recommended == Some(i) { "*".to_owned() } else { String::new() },
                backend.to_owned(),
                way.candidate.settings.describe(),
                bytes(sent.up),
                bytes(sent.down),
                sent.rounds.to_string(),
                seconds(way.seconds.processor.total()),
                seconds(way.seconds.wall),
                seconds(way.seconds.online),
                gives.join(", "),
            ]);
        }
        for column in table.column_iter_mut().skip(3).take(6) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        table
    }
}
