//! What a client asks for, and how it chooses what it leaves open.

use super::aim::AimArgs;
use super::protocol::{Private, ProtocolArgs};
use crate::exit::Failure;
use crate::report::Watch;
use clap::ValueEnum;
use clap::builder::PossibleValue;
use sordino_engine::session::{
    Ask, BackendChoice, Choose, LeftOpen, Menu, Open, Pick, SupplyChoice, Truncation, Wish,
};
use sordino_engine::{Error, Network, garbled, twoparty};
use sordino_plan::{Adversary, Aim, Candidate, Concession, Objective, Offers, Profile, Wanted};
use sordino_store::Store;

/// A private backend, or whichever is best.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BackendArg {
    Auto,
    Of(Private),
}

impl ValueEnum for BackendArg {
    fn value_variants<'a>() -> &'a [Self] {
        &[
            Self::Of(Private::Twoparty),
            Self::Of(Private::Garbled),
            Self::Of(Private::Popcorn),
            Self::Of(Private::PopcornPaper),
            Self::Auto,
        ]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        match self {
            Self::Of(private) => private.to_possible_value(),
            Self::Auto => Some(PossibleValue::new("auto").help(
                "Clients choose, by network, link and machine, from what the server offers and they accept",
            )),
        }
    }
}

impl BackendArg {
    /// The backend, if one is named.
    pub(super) fn named(self) -> Option<Private> {
        match self {
            Self::Auto => None,
            Self::Of(private) => Some(private),
        }
    }
}

/// What is asked of a server.
pub(super) struct Asking<'a> {
    wish: Wish,
    open: Option<(Open, Box<Choose<'a>>)>,
}

impl<'a> Asking<'a> {
    /// A way that the options name, or a choice for these purposes.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::exit::Exit::Usage) for options that do not go together.
    pub(super) fn new(
        backend: BackendArg,
        protocol: &ProtocolArgs,
        aim: &AimArgs,
        store: Option<&'a Store>,
        purpose: Purpose,
    ) -> Result<Self, Failure> {
        match backend {
            BackendArg::Of(private) => {
                aim.refuse("only makes sense with --backend auto")?;
                Self::named(private.into(), protocol, store)
            }
            BackendArg::Auto => {
                let mut wanted = protocol.wanted();
                let accepted = aim.accepted(&wanted);
                if wanted.truncation.is_none() && !accepted.contains(&Concession::OneLsb) {
                    wanted.truncation = Some(Truncation::Exact);
                }
                let objective = aim.minimised().unwrap_or(purpose.objective());
                let chooser = Chooser {
                    wanted,
                    accepted,
                    adversary: aim.adversary(),
                    objective,
                    purpose,
                    store,
                };
                let choose = move |menu: &Menu, _: &Wish, link: &Network| chooser.pick(menu, link);
                let wish = protocol.wish(BackendChoice::TwoParty)?;
                Ok(Self { wish, open: Some((Open::All, Box::new(choose))) })
            }
        }
    }

    /// A way that the options name; the source of transfers may be left open.
    ///
    /// # Errors
    /// [`Exit::Usage`](crate::exit::Exit::Usage) for a choice that the backend does not have.
    pub(super) fn named(
        backend: BackendChoice,
        protocol: &ProtocolArgs,
        store: Option<&'a Store>,
    ) -> Result<Self, Failure> {
        let wish = protocol.wish(backend)?;
        let images = protocol.batch();
        let choose =
            move |menu: &Menu, wish: &Wish, link: &Network| supply(menu, wish, images, link, store);
        let open = protocol.supply_is_open() && backend == BackendChoice::TwoParty;
        let open = open.then(|| (Open::Supply, Box::new(choose) as Box<Choose<'a>>));
        Ok(Self { wish, open })
    }

    /// For a handshake.
    pub(super) fn ask(&self) -> Ask<'_> {
        let open = self.open.as_ref();
        let open = open.map(|(what, choose)| LeftOpen { what: *what, choose: &**choose });
        Ask { wish: self.wish, open }
    }
}

/// What a session is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    Infer,
    Prepare,
}

impl Purpose {
    /// What is to be small unless said otherwise.
    fn objective(self) -> Objective {
        match self {
            Self::Infer => Objective::Latency,
            Self::Prepare => Objective::Online,
        }
    }
}

/// Chooses among everything that a server offers.
struct Chooser<'a> {
    wanted: Wanted,
    accepted: Vec<Concession>,
    adversary: Adversary,
    objective: Objective,
    purpose: Purpose,
    store: Option<&'a Store>,
}

impl Chooser<'_> {
    fn pick(&self, menu: &Menu, link: &Network) -> Result<Pick, Error> {
        let profile = machine()?;
        let aim = Aim {
            adversary: self.adversary,
            accepted: &self.accepted,
            objective: self.objective,
            link: *link,
            profile: &profile,
        };
        let mut watch = Watch::new(false);
        let mut on = |done: usize, of: usize, what: &str| {
            watch.step(done as u64, of as u64, &format!("comparing ways: {what}"));
        };
        let offers = Offers::new(menu, &self.wanted, &self.accepted, &mut on);
        watch.stop();
        // What is prepared costs least, by what is left of it to do.
        if let (Purpose::Infer, Some(store)) = (self.purpose, self.store) {
            let mut fault = None;
            let keep = |pick: Pick, _: &Candidate| {
                prepared(store, menu, &pick, self.wanted.images).unwrap_or_else(|e| {
                    fault = Some(e);
                    false
                })
            };
            let online = Aim { objective: Objective::Online, ..aim };
            let chosen = offers.choose(&online, keep).map(|(pick, _)| pick);
            if let Some(fault) = fault {
                return Err(fault);
            }
            if let Some(pick) = chosen {
                return Ok(pick);
            }
        }
        let useful = |c: &Candidate| self.purpose == Purpose::Infer || c.prepared.is_some();
        match offers.choose(&aim, |_, candidate| useful(candidate)) {
            Some((pick, _)) => Ok(pick),
            None => Err(Error::Config(self.none(&offers, &aim))),
        }
    }

    /// Why nothing was chosen, and what would help.
    fn none(&self, offers: &Offers, aim: &Aim<'_>) -> String {
        let mut why = Vec::new();
        for candidate in &offers.candidates.possible {
            let reason = if !candidate.withstands(aim.adversary) {
                "does not withstand a malicious server".to_owned()
            } else if self.purpose == Purpose::Prepare && candidate.prepared.is_none() {
                "prepares nothing ahead of time".to_owned()
            } else {
                let gives: Vec<_> = candidate.objections(aim).iter().map(|c| c.name()).collect();
                format!("needs --accept {}", gives.join(","))
            };
            let reason = format!("{} {reason}", candidate.backend);
            if !why.contains(&reason) {
                why.push(reason);
            }
        }
        let refused = offers.candidates.refused.iter();
        why.extend(refused.map(|r| {
            let space = if r.settings.is_empty() { "" } else { " " };
            format!("{}{space}{}: {}", r.backend, r.settings, r.why)
        }));
        format!("the server offers nothing that is accepted here: {}", why.join("; "))
    }
}

/// Whether a client's store has material for what is picked.
fn prepared(store: &Store, menu: &Menu, pick: &Pick, images: usize) -> Result<bool, Error> {
    let way = &menu.ways[pick.way];
    let graph = &menu.graphs[way.graph as usize];
    let count = match (pick.wish.backend, &way.outline) {
        (BackendChoice::TwoParty, _) => twoparty::prepared_for(store, graph, &pick.wish, images)?,
        (BackendChoice::Garbled, Some(outline)) => garbled::prepared_for(store, outline)?,
        _ => 0,
    };
    Ok(count > 0)
}

/// The source of transfers for which there is material, or else with which this machine takes the least time over a link.
fn supply(
    menu: &Menu,
    wish: &Wish,
    images: usize,
    link: &Network,
    store: Option<&Store>,
) -> Result<Pick, Error> {
    let pick = |supply| Pick { way: 0, wish: Wish { supply, ..*wish } };
    if let Some(store) = store {
        for supply in SupplyChoice::all() {
            if prepared(store, menu, &pick(supply), images)? {
                return Ok(pick(supply));
            }
        }
    }
    let way = &menu.ways[0];
    // More than the server takes is refused when the terms are known.
    let images = images.min(way.images as usize);
    let graph = &menu.graphs[way.graph as usize];
    Ok(pick(sordino_plan::supply(graph, wish, images, link, &machine()?)?))
}

/// The profile of this machine.
fn machine() -> Result<Profile, Error> {
    super::profile::current().or_else(|why| {
        eprintln!("warning: {why:#}; choosing by the built-in profile");
        Profile::built_in().map_err(|e| Error::Config(e.to_string()))
    })
}
