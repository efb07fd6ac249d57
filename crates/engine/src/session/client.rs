//! The data owner's side of the handshake.

use super::messages::{
    ANSWER, Answer, CARD, CONFIRM, Confirm, GRAPH, HELLO, Hello, MAX_CARD, MAX_GRAPH, MAX_GRAPHS,
    MAX_HELLO, MAX_WAYS, MAX_WAYS_BYTES, WAYS, decode, digest, encode, framed, unframe,
};
use super::{Ask, BackendChoice, LeftOpen, Menu, Open, Pick, Way, Wish, plan};
use crate::Error;
use crate::garbled::Outline;
use crate::link::Probe;
use sordino_graph::fixed::FixedGraph;
use sordino_wire::{Lane, Network, Public};

/// What both parties hold after the handshake.
#[derive(Clone, Debug)]
pub struct Terms {
    /// The network.
    pub graph: FixedGraph,
    /// What was agreed.
    pub wish: Wish,
    /// The server's card: opaque here, read by the application.
    pub card: Vec<u8>,
    /// Images that the server takes at once, at most.
    pub images: u32,
    /// The link as the client measured it, if it did.
    pub link: Option<Network>,
    /// What the server says its circuit takes, if there is one.
    pub outline: Option<Outline>,
}

/// Client's side of the handshake: one round plus the confirmation.
///
/// *Cost*: ways, graphs and card down, and 64 KiB to measure the link if something was left open.
///
/// # Errors
/// [`Error::Config`] for a wish that does not exist, a refusal, another version, or when nothing of what is offered is
/// picked; [`Error::Peer`] or [`Error::Graph`] for an offer that is malformed, too large or not what was asked for.
pub fn greet<'a>(lane: &mut Lane, ask: impl Into<Ask<'a>>) -> Result<Terms, Error> {
    let Ask { wish, open } = ask.into();
    wish.check()?;
    let hello = Hello { wish, open: open.map(|o| o.what) };
    let mut probe = Probe::start();
    lane.send(HELLO, Public::new(&framed(&encode(&hello)?)))?;
    let answer = lane.recv_bounded(ANSWER, MAX_HELLO)?;
    probe.answered();
    let said = Said::receive(lane, decode(unframe(&answer)?, "answer")?)?;
    let link = open.map(|_| probe.finish(lane, said.len())).transpose()?;
    let mut menu = said.menu()?;
    let asked = |way: &Way| hello.open == Some(Open::All) || way.backend == wish.backend;
    if !menu.ways.iter().all(asked) {
        return Err(Error::Peer("it offers another backend than was asked for".into()));
    }
    let Pick { way, wish } = match (open, &link) {
        (Some(open), Some(link)) => pick(&open, &menu, &wish, link)?,
        _ => Pick { way: 0, wish },
    };
    if way >= menu.ways.len() {
        return Err(Error::Config("the server offers nothing that could be picked".into()));
    }
    let Way { graph, images, outline, .. } = menu.ways.swap_remove(way);
    let graph = menu.graphs.swap_remove(graph as usize);
    let plan = match hello.open {
        Some(Open::All) => Some(plan::of(&graph, &wish, outline.as_ref())?),
        _ => None,
    };
    let way = way as u32;
    let digest = digest(&said.ways, &said.graphs, &said.card, way, &wish)?;
    lane.send(CONFIRM, Public::new(&encode(&Confirm { way, wish, digest, plan })?))?;
    lane.flush()?;
    Ok(Terms { graph, wish, card: said.card, images, link, outline })
}

/// What is picked, if it leaves alone what was not open.
fn pick(open: &LeftOpen<'_>, menu: &Menu, wish: &Wish, link: &Network) -> Result<Pick, Error> {
    let pick = (open.choose)(menu, wish, link)?;
    pick.wish.check()?;
    let fits = menu.ways.get(pick.way).is_some_and(|way| way.backend == pick.wish.backend);
    if fits && open.what.allows(wish, &pick.wish) {
        return Ok(pick);
    }
    Err(Error::Config("what was picked is not what was left open".into()))
}

/// The server's part of the conversation, as bytes.
struct Said {
    ways: Vec<u8>,
    graphs: Vec<Vec<u8>>,
    card: Vec<u8>,
}

impl Said {
    fn receive(lane: &mut Lane, answer: Answer) -> Result<Self, Error> {
        let (graphs, card, ways) = match answer {
            Answer::Welcome { graphs, card, ways } => (graphs, card as usize, ways as usize),
            Answer::Refused(why) => {
                return Err(Error::Config(format!("the server refuses: {}", why.describe())));
            }
        };
        let graphs: Vec<usize> = graphs.into_iter().map(|len| len as usize).collect();
        if graphs.is_empty() || graphs.len() > MAX_GRAPHS {
            let n = graphs.len();
            return Err(Error::Peer(format!(
                "it announces {n} graphs; 1 to {MAX_GRAPHS} are accepted"
            )));
        }
        let largest = graphs.iter().copied().max().unwrap_or(0);
        if largest > MAX_GRAPH || card > MAX_CARD || ways > MAX_WAYS_BYTES {
            return Err(Error::Peer(format!(
                "it announces a graph of {largest}, a card of {card} and ways of {ways} bytes; \
                 at most {MAX_GRAPH}, {MAX_CARD} and {MAX_WAYS_BYTES} are accepted"
            )));
        }
        let ways = lane.recv(WAYS, ways)?;
        let graph = |len: usize| lane.recv(GRAPH, len);
        let graphs = graphs.into_iter().map(graph).collect::<Result<_, _>>()?;
        Ok(Self { ways, graphs, card: lane.recv(CARD, card)? })
    }

    fn len(&self) -> usize {
        self.ways.len() + self.card.len() + self.graphs.iter().map(Vec::len).sum::<usize>()
    }

    fn menu(&self) -> Result<Menu, Error> {
        let ways: Vec<Way> = decode(&self.ways, "ways")?;
        let graphs = self.graphs.iter().map(|bytes| FixedGraph::from_bytes(bytes));
        let graphs = graphs.collect::<Result<Vec<_>, _>>()?;
        if ways.is_empty() || ways.len() > MAX_WAYS {
            let n = ways.len();
            return Err(Error::Peer(format!(
                "it offers {n} ways to run its network; 1 to {MAX_WAYS} are accepted"
            )));
        }
        for way in &ways {
            let circuit = way.backend == BackendChoice::Garbled;
            if way.images == 0 || way.outline.is_some() != circuit {
                return Err(Error::Peer("it offers a way that makes no sense".into()));
            }
            let Some(graph) = graphs.get(way.graph as usize) else {
                return Err(Error::Peer("it offers a way without a graph".into()));
            };
            way.outline.iter().try_for_each(|outline| outline.check(graph))?;
        }
        Ok(Menu { graphs, ways })
    }
}
