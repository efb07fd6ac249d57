//! What is asked of a recommendation.

use clap::{Args, ValueEnum};
use sordino_engine::session::{LinearChoice, PaillierBits, Truncation};
use sordino_plan::{Adversary, Concession, Objective, Wanted};
use sordino_wire::Network;

/// Which way to recommend.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Recommendation")]
pub(super) struct AimArgs {
    /// What the recommended way has to withstand
    #[arg(long, value_enum, default_value = "semi-honest", conflicts_with_all = ["backend", "beside"])]
    threat: ThreatArg,
    /// What it may give up
    #[arg(long, value_enum, value_delimiter = ',', conflicts_with_all = ["backend", "beside"])]
    accept: Vec<AcceptArg>,
    /// What it makes small: bytes, time and processor time are those of a session with one inference
    #[arg(long, value_enum, default_value = "latency", conflicts_with_all = ["backend", "beside"])]
    minimise: MinimiseArg,
    /// The link between the parties: lan, wan, or round trip and rate such as 20ms,100mbit
    #[arg(long, value_name = "lan|wan|RTT,BW", default_value = "lan", conflicts_with_all = ["backend", "beside"])]
    pub(super) network: Network,
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
            ThreatArg::SemiHonest => Adversary::SemiHonest,
            ThreatArg::MaliciousServer => Adversary::MaliciousServer,
        }
    }

    pub(super) fn objective(&self) -> Objective {
        match self.minimise {
            MinimiseArg::Bytes => Objective::Bytes,
            MinimiseArg::Latency => Objective::Latency,
            MinimiseArg::Cpu => Objective::Cpu,
            MinimiseArg::Online => Objective::Online,
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
