//! Backends, and how the parties run their protocols.

use crate::exit::{Exit, Failure};
use clap::{Args, ValueEnum};
use sordino_engine::Backend;
use sordino_engine::session::{
    BackendChoice, LinearChoice, PaillierBits, PopcornMode, Reveal, SupplyChoice, Terms,
    Truncation, Wish,
};
use sordino_plan::Wanted;

/// How the parties run the protocol.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Protocol")]
pub(super) struct ProtocolArgs {
    /// What the data owner learns: all scores, or only the best class
    #[arg(long, value_enum, default_value = "logits")]
    reveal: RevealArg,
    /// Where oblivious transfers come from (twoparty): SoftSpoken with K = 1, 2, 4, 8, the larger the
    /// fewer bytes and the more computing; Ferret, the fewest bytes; or what is fastest on this
    /// link, which is then measured
    #[arg(long, value_name = "auto|softspoken-K|ferret", default_value = "auto", value_parser = supply)]
    supply: SupplyArg,
    /// How fraction bits are dropped (twoparty, popcorn): as the model says, or with an error of at most one
    /// unit in the last place of each activation, for fewer bytes and less computing
    /// [default: exact; with --backend auto what was accepted]
    #[arg(long, value_enum)]
    truncation: Option<TruncationArg>,
    /// What linear layers run on: lattice ciphertexts, oblivious transfers like everything else, for far more
    /// bytes, for each layer what takes fewer of the two, or Paillier's encryption with a key of 3072 or 2048
    /// bits (112-bit security), for far more computing; popcorn runs on Paillier's only [default: lattice, or
    /// paillier for popcorn]
    #[arg(long, value_enum)]
    linear: Option<LinearArg>,
    /// Do without Winograd's transforms where linear layers run on oblivious transfers
    #[arg(long)]
    no_winograd: bool,
    /// Images that run together (twoparty), as many as the server takes: rounds, kernels and ciphertexts are
    /// shared, for less per image; results come later, and memory grows
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u16).range(1..=4096))]
    batch: u16,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LinearArg {
    Lattice,
    Ot,
    Auto,
    Paillier,
    #[value(name = "paillier-2048")]
    Paillier2048,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum SupplyArg {
    Auto,
    Of(SupplyChoice),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum TruncationArg {
    Exact,
    OneLsb,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum RevealArg {
    Logits,
    Label,
}

impl RevealArg {
    /// # Errors
    /// [`Exit::Usage`] for a choice that the backend does not have.
    pub(super) fn check(self, backend: BackendChoice) -> Result<(), Failure> {
        if self == Self::Label && backend != BackendChoice::TwoParty {
            return Err(lacks(
                backend,
                "--reveal label",
                "the data owner decodes the scores itself",
            ));
        }
        Ok(())
    }
}

/// The error for an option that only the two-party backend has.
pub(super) fn lacks(backend: BackendChoice, option: &str, why: &str) -> Failure {
    let name = backend.backend().name();
    let text =
        format!("{option} is not possible with --backend {name}: {why}; use --backend twoparty");
    Failure::new(Exit::Usage, text)
}

impl From<RevealArg> for Reveal {
    fn from(arg: RevealArg) -> Self {
        match arg {
            RevealArg::Logits => Self::Logits,
            RevealArg::Label => Self::Label,
        }
    }
}

/// What a client wishes for unless it says otherwise.
pub(super) fn wish(backend: BackendChoice) -> Wish {
    let linear = match backend {
        BackendChoice::Popcorn(_) => LinearChoice::Paillier(PaillierBits::N3072),
        _ => LinearChoice::Lattice,
    };
    Wish {
        backend,
        supply: SupplyChoice::Ferret,
        reveal: Reveal::Logits,
        truncation: Truncation::Exact,
        linear,
        winograd: true,
    }
}

fn supply(text: &str) -> Result<SupplyArg, String> {
    match text {
        "auto" => return Ok(SupplyArg::Auto),
        "ferret" => return Ok(SupplyArg::Of(SupplyChoice::Ferret)),
        _ => {}
    }
    match text.strip_prefix("softspoken-").and_then(|k| k.parse().ok()) {
        Some(k @ (1 | 2 | 4 | 8)) => Ok(SupplyArg::Of(SupplyChoice::SoftSpoken(k))),
        _ => Err("use auto, ferret, or softspoken-K with K = 1, 2, 4 or 8".into()),
    }
}

impl ProtocolArgs {
    /// Whether the source of transfers is to be chosen by the link.
    pub(super) fn supply_is_open(&self) -> bool {
        self.supply == SupplyArg::Auto
    }

    /// Images that run together.
    pub(super) fn batch(&self) -> usize {
        self.batch.into()
    }

    /// The same at a server that has said how many it takes.
    ///
    /// # Errors
    /// [`Exit::Protocol`] when it takes fewer.
    pub(super) fn batch_of(&self, terms: &Terms) -> Result<usize, Failure> {
        if u32::from(self.batch) <= terms.images {
            return Ok(self.batch());
        }
        let text = format!(
            "--batch {}: the server takes at most {} images of this network at once",
            self.batch, terms.images
        );
        Err(Failure::new(Exit::Protocol, text))
    }

    /// The wish for a link on which no session runs yet; a supply that was left open is that of [`wish`].
    ///
    /// # Errors
    /// [`Exit::Usage`] for a choice that the backend does not have.
    pub(super) fn wish(&self, backend: BackendChoice) -> Result<Wish, Failure> {
        self.reveal.check(backend)?;
        if self.batch > 1 && backend != BackendChoice::TwoParty {
            let why = match backend {
                BackendChoice::Garbled => {
                    "a circuit is for one input, and several run one after the other"
                }
                _ => "several inputs run one after the other",
            };
            return Err(lacks(backend, "--batch", why));
        }
        let usual = wish(backend);
        let Wanted { reveal, supply, truncation, linear, winograd, .. } = self.wanted();
        let paillier = matches!(linear, None | Some(LinearChoice::Paillier(_)));
        if matches!(backend, BackendChoice::Popcorn(_)) && !paillier {
            let text = format!(
                "--backend {} runs on Paillier's encryption alone: use --linear paillier or paillier-2048",
                backend.backend().name()
            );
            return Err(Failure::new(Exit::Usage, text));
        }
        Ok(Wish {
            backend,
            supply: supply.unwrap_or(usual.supply),
            reveal,
            truncation: truncation.unwrap_or(usual.truncation),
            linear: linear.unwrap_or(usual.linear),
            winograd,
        })
    }

    /// What is asked for; the rest is left open.
    pub(super) fn wanted(&self) -> Wanted {
        let supply = match self.supply {
            SupplyArg::Auto => None,
            SupplyArg::Of(supply) => Some(supply),
        };
        let truncation = self.truncation.map(|t| match t {
            TruncationArg::Exact => Truncation::Exact,
            TruncationArg::OneLsb => Truncation::OneLsb,
        });
        let linear = self.linear.map(|l| match l {
            LinearArg::Lattice => LinearChoice::Lattice,
            LinearArg::Ot => LinearChoice::Transfer,
            LinearArg::Auto => LinearChoice::Cheapest,
            LinearArg::Paillier => LinearChoice::Paillier(PaillierBits::N3072),
            LinearArg::Paillier2048 => LinearChoice::Paillier(PaillierBits::N2048),
        });
        Wanted {
            reveal: self.reveal.into(),
            images: self.batch(),
            supply,
            truncation,
            linear,
            winograd: !self.no_winograd,
            paillier: true,
            paillier_2048: true,
        }
    }
}

/// A private backend.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Private {
    /// Shares, lattice encryption and oblivious transfer: the weights stay with the server
    Twoparty,
    /// One garbled circuit, made by the client: one online round; clients get the weights
    Garbled,
    /// Paillier's encryption alone: the weights stay with the server, but clients learn a little of the sizes of
    /// intermediate values
    Popcorn,
    /// The same as published: clients learn enough to extract the model; for comparison with the literature only
    PopcornPaper,
}

impl Private {
    /// What it promises.
    pub(super) fn backend(self) -> &'static dyn Backend {
        BackendChoice::from(self).backend()
    }

    /// # Errors
    /// [`Exit::Usage`] when `option` names a store and the backend prepares nothing.
    pub(super) fn check_store(self, option: &str) -> Result<(), Failure> {
        match self.into() {
            choice @ BackendChoice::Popcorn(_) => {
                Err(lacks(choice, option, "it prepares nothing ahead of time"))
            }
            _ => Ok(()),
        }
    }
}

impl From<Private> for BackendChoice {
    fn from(arg: Private) -> Self {
        match arg {
            Private::Twoparty => Self::TwoParty,
            Private::Garbled => Self::Garbled,
            Private::Popcorn => Self::Popcorn(PopcornMode::Affine),
            Private::PopcornPaper => Self::Popcorn(PopcornMode::Paper),
        }
    }
}
