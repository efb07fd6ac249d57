//! What is asked of the way to run a network.

use crate::exit::{Exit, Failure};
use clap::{Args, ValueEnum};
use sordino_engine::session::{LinearChoice, PaillierBits, Truncation};
use sordino_plan::{Adversary, Concession, Objective, Wanted};

/// Which way to run a network is best.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Choice of the way to run it")]
pub(super) struct AimArgs {
    /// What it has to withstand [default: semi-honest]
    #[arg(long, value_enum)]
    threat: Option<ThreatArg>,
    /// What it may give up
    #[arg(long, value_enum, value_delimiter = ',')]
    accept: Vec<AcceptArg>,
    /// What it makes small: bytes, time and processor time are those of a session with one inference
    /// [default: latency; online for `prepare`]
    #[arg(long, value_enum)]
    minimise: Option<MinimiseArg>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum ThreatArg {
    /// Both parties follow the protocol and try to learn from what they see
    SemiHonest,
    /// The server does what it likes
    MaliciousServer,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum AcceptArg {
    /// Activations may be wrong by one unit in the last place
    OneLsb,
    /// Security of less than 128 bits, 112 at least
    #[value(name = "112-bit")]
    Bits112,
    /// The client learns a little about the sizes of intermediate values
    Leakage,
    /// The client learns the weights
    Weights,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MinimiseArg {
    /// Bytes, both ways
    Bytes,
    /// Time from beginning to end
    Latency,
    /// Processor time of both parties
    Cpu,
    /// Time from having the input to having the result, the rest having been prepared
    Online,
}

impl AimArgs {
    pub(super) fn adversary(&self) -> Adversary {
        match self.threat {
            None | Some(ThreatArg::SemiHonest) => Adversary::SemiHonest,
            Some(ThreatArg::MaliciousServer) => Adversary::MaliciousServer,
        }
    }

    /// What to make small, if it was said.
    pub(super) fn minimised(&self) -> Option<Objective> {
        self.minimise.map(|minimise| match minimise {
            MinimiseArg::Bytes => Objective::Bytes,
            MinimiseArg::Latency => Objective::Latency,
            MinimiseArg::Cpu => Objective::Cpu,
            MinimiseArg::Online => Objective::Online,
        })
    }

    /// What to make small.
    pub(super) fn objective(&self) -> Objective {
        self.minimised().unwrap_or(Objective::Latency)
    }

    /// Refuses any of these where nothing is chosen.
    ///
    /// # Errors
    /// [`Exit::Usage`].
    pub(super) fn refuse(&self, why: &str) -> Result<(), Failure> {
        let given = [
            ("--threat", self.threat.is_some()),
            ("--accept", !self.accept.is_empty()),
            ("--minimise", self.minimise.is_some()),
        ];
        match given.into_iter().find(|(_, given)| *given) {
            Some((name, _)) => Err(Failure::new(Exit::Usage, format!("{name} {why}"))),
            None => Ok(()),
        }
    }

    /// What was accepted, and what was asked for by name, which accepts what it gives up.
    pub(super) fn accepted(&self, wanted: &Wanted) -> Vec<Concession> {
        let mut accepted: Vec<Concession> = self.accept.iter().map(|a| (*a).into()).collect();
        accepted
            .extend((wanted.truncation == Some(Truncation::OneLsb)).then_some(Concession::OneLsb));
        let weak = Some(LinearChoice::Paillier(PaillierBits::N2048));
        accepted.extend((wanted.linear == weak).then_some(Concession::Bits112));
        accepted.sort();
        accepted.dedup();
        accepted
    }
}

impl From<AcceptArg> for Concession {
    fn from(arg: AcceptArg) -> Self {
        match arg {
            AcceptArg::OneLsb => Self::OneLsb,
            AcceptArg::Bits112 => Self::Bits112,
            AcceptArg::Leakage => Self::Leakage,
            AcceptArg::Weights => Self::Weights,
        }
    }
}
