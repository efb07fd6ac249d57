//! The model owner's side of the handshake, and a session of whichever backend is agreed on.

use super::messages::{
    ANSWER, Answer, CARD, CONFIRM, Confirm, GRAPH, HELLO, Hello, MAX_CARD, MAX_CONFIRM, MAX_GRAPH,
    MAX_GRAPHS, MAX_HELLO, MAX_WAYS, WAYS, decode, digest, encode, framed, unframe,
};
use super::{Open, Refusal, Reveal, Way, Wish, plan};
use crate::twoparty::Observer;
use crate::{Error, link};
use sordino_graph::fixed::FixedGraph;
use sordino_wire::{AbortCode, Lane, Meter, Public};

/// A network on offer by one backend.
pub trait Host {
    /// Sent to clients as it is: preprocessing, labels.
    fn card(&self) -> &[u8];

    /// The ways for clients who are to learn so much.
    fn ways(&self, reveal: Reveal) -> Vec<Offered<'_>>;

    /// The way for a wish, `None` for a wish of another backend.
    ///
    /// # Errors
    /// What the client is told, and what the owner is.
    fn way(&self, wish: &Wish) -> Result<Option<Offered<'_>>, Refused>;

    /// Names what a session with such a wish sends, as the client works it out for itself.
    ///
    /// # Errors
    /// When the wish cannot be fulfilled.
    fn plan(&self, wish: &Wish) -> Result<[u8; 32], Error> {
        match self.way(wish) {
            Ok(Some(Offered { way, graph })) => plan::of(graph, wish, way.outline.as_ref()),
            Ok(None) => Err(Error::Config("the wish is for another backend".into())),
            Err(refused) => Err(refused.why),
        }
    }

    /// Serves the client with whom the wish was agreed to its good-bye. Returns the session's meter.
    ///
    /// # Errors
    /// Anything the peer or the link does wrong.
    fn run(&self, lane: &mut Lane, wish: Wish, observer: &mut dyn Observer)
    -> Result<Meter, Error>;
}

/// A way and its graph; [`Way::graph`] is filled in when it is sent.
pub struct Offered<'a> {
    /// The way.
    pub way: Way,
    /// The network in this backend's integers, with what is revealed.
    pub graph: &'a FixedGraph,
}

/// Why a wish is not fulfilled.
pub struct Refused {
    /// For the client.
    pub tell: Refusal,
    /// For the owner.
    pub why: Error,
}

impl Refused {
    pub(crate) fn new(tell: Refusal, why: &str) -> Self {
        Self { tell, why: Error::Config(why.into()) }
    }
}

/// Serves one client to its good-bye, by the first of these hosts that has what it wishes for, or by the one that it picks.
/// Returns the session's meter.
///
/// # Errors
/// Anything the peer or the link does wrong; the peer is then told of a uniform abort that does not say why.
pub fn serve(
    lane: &mut Lane,
    hosts: &[&dyn Host],
    observer: &mut dyn Observer,
) -> Result<Meter, Error> {
    let session = |lane: &mut Lane, observer: &mut dyn Observer| {
        let (host, wish) = agree(lane, hosts, observer)?;
        hosts[host].run(lane, wish, observer)
    };
    let result = session(lane, observer);
    if result.is_err() {
        lane.abort(AbortCode::Protocol);
    }
    result
}

/// Server's first step: reads what the client asks for. A client of another version is told so.
///
/// # Errors
/// [`Error::Peer`] or [`Error::Config`] for what is no hello of this version.
pub fn listen(lane: &mut Lane) -> Result<Hello, Error> {
    let first = lane.recv_bounded(HELLO, MAX_HELLO)?;
    let body = match unframe(&first) {
        Ok(body) => body,
        Err(e) => {
            refuse(lane, Refusal::Version)?;
            return Err(e);
        }
    };
    let hello: Result<Hello, _> = decode(body, "hello").and_then(|h: Hello| {
        h.wish.check()?;
        Ok(h)
    });
    if hello.is_err() {
        refuse(lane, Refusal::Wish)?;
    }
    hello
}

/// Server's refusal.
///
/// # Errors
/// Those of the link.
pub fn refuse(lane: &mut Lane, why: Refusal) -> Result<(), Error> {
    lane.send(ANSWER, Public::new(&framed(&encode(&Answer::Refused(why))?)))?;
    Ok(lane.flush()?)
}

/// The whole handshake: which of the hosts runs the session, and the client's wish.
pub(crate) fn agree(
    lane: &mut Lane,
    hosts: &[&dyn Host],
    observer: &mut dyn Observer,
) -> Result<(usize, Wish), Error> {
    let hello = listen(lane)?;
    let offered = match find(hosts, &hello) {
        Ok(offered) => offered,
        Err(Refused { tell, why }) => {
            refuse(lane, tell)?;
            return Err(why);
        }
    };
    let card = hosts.first().map_or(&[][..], |host| host.card());
    let (by, ways): (Vec<usize>, Vec<Offered<'_>>) = offered.into_iter().unzip();
    let Confirmed { way, wish, plan } = welcome(lane, ways, card, &hello)?;
    let other = || Error::Peer("it confirms a way that was not offered".into());
    let host = by.get(way as usize).copied().ok_or_else(other)?;
    // The wish has to be one for this way, and one that its owner accepts.
    match hosts[host].way(&wish) {
        Ok(offered) => drop(offered.ok_or_else(other)?),
        Err(refused) => return Err(refused.why),
    }
    if let Some(plan) = plan
        && plan != hosts[host].plan(&wish)?
    {
        return Err(Error::Peer(
            "it expects the session to send something else than this program does; use the same release on both sides"
                .into(),
        ));
    }
    observer.agreed(wish);
    *lane.meter_mut() = Meter::new(lane.role());
    Ok((host, wish))
}

/// What is offered to the client, with the numbers of the hosts.
fn find<'a>(hosts: &[&'a dyn Host], hello: &Hello) -> Result<Vec<(usize, Offered<'a>)>, Refused> {
    let numbered = hosts.iter().enumerate();
    if hello.open == Some(Open::All) {
        let ways = |(i, host): (usize, &&'a dyn Host)| {
            host.ways(hello.wish.reveal).into_iter().map(move |way| (i, way))
        };
        let all: Vec<_> = numbered.flat_map(ways).collect();
        return match (all.is_empty(), hello.wish.reveal) {
            (false, _) => Ok(all),
            (true, Reveal::Logits) => Err(labels_only()),
            (true, Reveal::Label) => {
                Err(Refused::new(Refusal::Label, "no backend on offer reveals labels alone"))
            }
        };
    }
    let mut first = None;
    for (i, host) in numbered {
        match host.way(&hello.wish) {
            Ok(None) => {}
            Ok(Some(way)) => return Ok(vec![(i, way)]),
            Err(refused) => first = first.or(Some(refused)),
        }
    }
    let why = "the client asked for another backend or mode";
    Err(first.unwrap_or_else(|| Refused::new(Refusal::Backend, why)))
}

/// The refusal of scores.
pub(crate) fn labels_only() -> Refused {
    let why = "the client asked for scores; this server reveals labels only";
    Refused::new(Refusal::LabelOnly, why)
}

/// What the client settled on.
struct Confirmed {
    way: u32,
    wish: Wish,
    plan: Option<[u8; 32]>,
}

/// Sends what is on offer, checks the confirmation.
fn welcome(
    lane: &mut Lane,
    offered: Vec<Offered<'_>>,
    card: &[u8],
    hello: &Hello,
) -> Result<Confirmed, Error> {
    let (mut ways, mut graphs) = (Vec::new(), Vec::<&FixedGraph>::new());
    for Offered { mut way, graph } in offered {
        let known = graphs.iter().position(|g| *g == graph);
        way.graph = known.unwrap_or(graphs.len()) as u32;
        if known.is_none() {
            graphs.push(graph);
        }
        ways.push(way);
    }
    if ways.len() > MAX_WAYS || graphs.len() > MAX_GRAPHS {
        let (ways, graphs) = (ways.len(), graphs.len());
        return Err(Error::Config(format!(
            "{ways} ways with {graphs} graphs are more than a client accepts ({MAX_WAYS}, {MAX_GRAPHS})"
        )));
    }
    let ways = encode(&ways)?;
    let graphs = graphs.into_iter().map(FixedGraph::to_bytes).collect::<Result<Vec<_>, _>>()?;
    if graphs.iter().any(|g| g.len() > MAX_GRAPH) || card.len() > MAX_CARD {
        return Err(Error::Config("the graph or the card is too large to be sent".into()));
    }
    let answer = Answer::Welcome {
        graphs: graphs.iter().map(|g| g.len() as u32).collect(),
        card: card.len() as u32,
        ways: ways.len() as u32,
    };
    lane.send(ANSWER, Public::new(&framed(&encode(&answer)?)))?;
    if hello.open.is_some() {
        // What is timed must not travel with what starts the time.
        lane.flush()?;
    }
    lane.send(WAYS, Public::new(&ways))?;
    graphs.iter().try_for_each(|graph| lane.send(GRAPH, Public::new(graph)))?;
    lane.send(CARD, Public::new(card))?;
    if hello.open.is_some() {
        link::send_probe(lane)?;
    }
    let Confirm { way, wish, digest: confirmed, plan } =
        decode(&lane.recv_bounded(CONFIRM, MAX_CONFIRM)?, "confirmation")?;
    wish.check()?;
    let same = hello.open.map_or(wish == hello.wish, |open| open.allows(&hello.wish, &wish));
    if !same {
        return Err(Error::Peer("it confirms another wish than it came with".into()));
    }
    if plan.is_some() != (hello.open == Some(Open::All)) {
        return Err(Error::Peer("its confirmation message is malformed".into()));
    }
    if confirmed != digest(&ways, &graphs, card, way, &wish)? {
        return Err(Error::Peer("it confirms other terms than were offered".into()));
    }
    Ok(Confirmed { way, wish, plan })
}
