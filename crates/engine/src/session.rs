//! What two parties agree on before a protocol runs: version, network, parameters, disclosures.
//!
//! The client speaks first. Magic and version are the first eight bytes of the first message
//! each way and never move, so that any two versions can tell each other apart. The server
//! answers with the public graph and a card of its own (preprocessing, labels), the client
//! validates the graph and confirms the hash of everything agreed. A client that leaves the supply of
//! transfers open is sent a probe too, by which it knows the link, and names the supply when it confirms.
//!
//! Learned from the handshake: the client learns the architecture, scales and bit widths; the
//! server learns the client's wish; a supply that was left open tells it of the link, or of what the client has stored.

use crate::Error;
use crate::link::{self, Probe};
use serde::{Deserialize, Serialize};
use sordino_graph::fixed::FixedGraph;
use sordino_ot::Supply;
use sordino_wire::{Kind, Lane, Network, Public};
use std::fmt;

/// Version of the protocol; parties of different versions refuse each other, and material prepared under another version
/// is left alone.
pub const VERSION: u32 = 4;

const MAGIC: [u8; 4] = *b"SRDN";
const HELLO: Kind = Kind::new(0x0001, "hello");
const ANSWER: Kind = Kind::new(0x0002, "answer");
const GRAPH: Kind = Kind::new(0x0003, "graph");
const CARD: Kind = Kind::new(0x0004, "card");
const CONFIRM: Kind = Kind::new(0x0005, "confirm");

const MAX_HELLO: usize = 256;
const MAX_CONFIRM: usize = 64;
/// Largest public graph a client accepts.
pub const MAX_GRAPH: usize = sordino_graph::fixed::limits::GRAPH_BYTES;
/// Largest card a client accepts.
pub const MAX_CARD: usize = 1 << 20;

/// What the data owner learns at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reveal {
    /// Every output score.
    Logits,
    /// Only the index of the best class.
    Label,
}

/// Source of correlated transfers, as agreed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum SupplyChoice {
    /// SoftSpoken with this `k`.
    SoftSpoken(u8),
    /// Ferret.
    Ferret,
}

impl fmt::Display for SupplyChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SoftSpoken(k) => write!(f, "softspoken-{k}"),
            Self::Ferret => f.write_str("ferret"),
        }
    }
}

impl From<SupplyChoice> for Supply {
    fn from(choice: SupplyChoice) -> Self {
        match choice {
            SupplyChoice::SoftSpoken(k) => Self::SoftSpoken { k: u32::from(k) },
            SupplyChoice::Ferret => Self::Ferret,
        }
    }
}

impl SupplyChoice {
    /// Parameters of SoftSpoken that may be asked for.
    const FIELDS: [u8; 4] = [1, 2, 4, 8];

    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::FIELDS.map(Self::SoftSpoken).into_iter().chain([Self::Ferret])
    }

    fn check(self) -> Result<Self, Error> {
        match self {
            Self::SoftSpoken(k) if !Self::FIELDS.contains(&k) => {
                Err(Error::Config(format!("SoftSpoken parameter k={k}; use 1, 2, 4 or 8")))
            }
            ok => Ok(ok),
        }
    }
}

/// How the two-party and the popcorn backend drop fraction bits in an activation.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Truncation {
    /// Rounded to nearest, as the graph says: the output equals `clear`'s, bit for bit.
    #[default]
    Exact,
    /// Rounded down or up, up with the probability of the fraction: fewer bits are compared. Every
    /// activation with a shift differs from the exact one by at most one unit of its last place,
    /// for operands within the range that the graph gives them and at least `2^shift` inside their
    /// ring. The coins are low bits of the client's share,
    /// or of the masked value that it sees, which the client knows.
    OneLsb,
}

/// What the two-party backend runs linear layers on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum LinearChoice {
    /// Lattice ciphertexts: bytes grow with inputs and outputs.
    #[default]
    Lattice,
    /// Correlated transfers: no lattice assumption, but bytes that grow with multiplications.
    Transfer,
    /// For each layer what sends fewer bytes.
    Cheapest,
    /// Paillier's encryption, a key of so many bits: fewer bytes than on the lattice where a ciphertext would not
    /// be filled, far more computing; no lattice assumption.
    Paillier(PaillierBits),
}

/// Bits of the modulus n of Paillier's encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PaillierBits {
    /// 2048, rated at 112 bits of security; what the literature uses.
    N2048,
    /// 3072, rated at 128 bits of security.
    N3072,
}

impl LinearChoice {
    const ALL: [Self; 5] = [
        Self::Lattice,
        Self::Transfer,
        Self::Cheapest,
        Self::Paillier(PaillierBits::N2048),
        Self::Paillier(PaillierBits::N3072),
    ];
}

/// The backend, as agreed on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum BackendChoice {
    /// Shares, lattice encryption and oblivious transfer.
    TwoParty,
    /// One garbled circuit; the weights are sent to the client.
    Garbled,
    /// Paillier's encryption alone, of a key of the size that the wish's linear layers name; what the client learns
    /// about the model depends on the mode.
    Popcorn(PopcornMode),
}

/// How the popcorn backend hides values from the client that answers for their signs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum PopcornMode {
    /// A random sign, a log-uniform factor and an offset: leaks little, see [`crate::popcorn`].
    #[default]
    Affine,
    /// A random factor, random order and dummies: as published, leaks much.
    Paper,
}

/// What a client asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Wish {
    /// How the network is run.
    pub backend: BackendChoice,
    /// Source of correlated transfers.
    pub supply: SupplyChoice,
    /// What is revealed.
    pub reveal: Reveal,
    /// How fraction bits are dropped.
    pub truncation: Truncation,
    /// What linear layers run on.
    pub linear: LinearChoice,
    /// Whether layers on transfers may use Winograd's transforms, where they save bytes.
    pub winograd: bool,
}

/// Names a supply for a network, what is wished of it, and a link between the parties.
pub type Choose<'a> = dyn Fn(&FixedGraph, &Wish, &Network) -> Result<SupplyChoice, Error> + 'a;

/// What a client asks for, and how it settles what it leaves open.
#[derive(Clone, Copy)]
pub struct Ask<'a> {
    /// The wish; its supply is what holds if nothing chooses another.
    pub wish: Wish,
    /// Chooses the supply once graph and link are known.
    pub choose: Option<&'a Choose<'a>>,
}

impl From<Wish> for Ask<'_> {
    fn from(wish: Wish) -> Self {
        Self { wish, choose: None }
    }
}

/// A client's first message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// What it asks for.
    pub wish: Wish,
    /// Whether it wants to measure the link.
    pub probe: bool,
}

impl Wish {
    /// Everything that a client may wish for with this backend.
    pub(crate) fn all(backend: BackendChoice) -> impl Iterator<Item = Self> {
        SupplyChoice::all().flat_map(move |supply| {
            [Reveal::Logits, Reveal::Label].into_iter().flat_map(move |reveal| {
                [Truncation::Exact, Truncation::OneLsb].into_iter().flat_map(move |truncation| {
                    LinearChoice::ALL.into_iter().flat_map(move |linear| {
                        [false, true].map(|winograd| Self {
                            backend,
                            supply,
                            reveal,
                            truncation,
                            linear,
                            winograd,
                        })
                    })
                })
            })
        })
    }
}

/// Why a server refuses a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The server speaks another version.
    Version,
    /// The server reveals labels only.
    LabelOnly,
    /// The server has no room for another session.
    Busy,
    /// The client's wish is not one this server understands.
    Wish,
    /// The server runs its network with another backend.
    Backend,
    /// The server does not run linear layers on Paillier's encryption.
    Paillier,
}

impl Refusal {
    fn describe(self) -> &'static str {
        match self {
            Self::Version => "it speaks another version of the protocol",
            Self::LabelOnly => "it reveals the label only; ask with --reveal label",
            Self::Busy => "it serves as many clients as it can; try again later",
            Self::Wish => "it does not understand the requested settings",
            Self::Backend => "it serves this network with another --backend",
            Self::Paillier => {
                "it does not compute on Paillier's encryption, which takes much of its time: its owner has to start it \
                 with --paillier"
            }
        }
    }
}

#[derive(Serialize, Deserialize)]
enum Answer {
    Welcome { graph: u32, card: u32, images: u32 },
    Refused(Refusal),
}

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
}

#[derive(Serialize, Deserialize)]
struct Confirm {
    supply: SupplyChoice,
    digest: [u8; 32],
}

fn framed(body: &[u8]) -> Vec<u8> {
    [&MAGIC[..], &VERSION.to_le_bytes(), body].concat()
}

/// Body after magic and version, or what is wrong with them.
fn unframe(bytes: &[u8]) -> Result<&[u8], Error> {
    let Some((head, body)) = bytes.split_at_checked(8) else {
        return Err(Error::Peer("its first message is too short to be Sordino's".into()));
    };
    if head[..4] != MAGIC {
        return Err(Error::Peer("it does not speak the Sordino protocol".into()));
    }
    let version = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    if version != VERSION {
        return Err(Error::Config(format!(
            "the peer speaks protocol version {version}, this program version {VERSION}; \
             use the same release on both sides"
        )));
    }
    Ok(body)
}

fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, Error> {
    postcard::to_allocvec(value).map_err(|e| Error::Config(format!("cannot encode a message: {e}")))
}

fn decode<'a, T: Deserialize<'a>>(bytes: &'a [u8], what: &str) -> Result<T, Error> {
    match postcard::take_from_bytes(bytes) {
        Ok((value, [])) => Ok(value),
        _ => Err(Error::Peer(format!("its {what} message is malformed"))),
    }
}

fn digest(graph: &[u8], card: &[u8], images: u32, wish: &Wish) -> Result<[u8; 32], Error> {
    let mut h = blake3::Hasher::new_derive_key("sordino session terms v1");
    for part in [graph, card, &images.to_le_bytes(), &encode(wish)?] {
        h.update(&(part.len() as u64).to_le_bytes());
        h.update(part);
    }
    Ok(*h.finalize().as_bytes())
}

/// What material that is stored between sessions belongs to: the network and the settings, and at
/// the server (`weights`) the weights.
pub(crate) fn material_label(
    graph: &FixedGraph,
    wish: &Wish,
    weights: &[u8],
) -> Result<[u8; 32], Error> {
    let mut h = blake3::Hasher::new_derive_key("sordino prepared material v1");
    h.update(&VERSION.to_le_bytes());
    for part in [&graph.to_bytes()?, weights, &encode(wish)?] {
        h.update(&(part.len() as u64).to_le_bytes());
        h.update(part);
    }
    Ok(*h.finalize().as_bytes())
}

/// Client's side of the handshake: one round plus the confirmation.
///
/// *Cost*: graph and card down, and 64 KiB to measure the link if `ask` chooses by it.
pub fn greet<'a>(lane: &mut Lane, ask: impl Into<Ask<'a>>) -> Result<Terms, Error> {
    let Ask { mut wish, choose } = ask.into();
    wish.supply.check()?;
    let hello = Hello { wish, probe: choose.is_some() };
    let mut probe = Probe::start();
    lane.send(HELLO, Public::new(&framed(&encode(&hello)?)))?;
    let answer = lane.recv_bounded(ANSWER, MAX_HELLO)?;
    probe.answered();
    let (graph_len, card_len, images) = match decode(unframe(&answer)?, "answer")? {
        Answer::Welcome { graph, card, images } => (graph as usize, card as usize, images),
        Answer::Refused(why) => {
            return Err(Error::Config(format!("the server refuses: {}", why.describe())));
        }
    };
    if graph_len > MAX_GRAPH || card_len > MAX_CARD {
        return Err(Error::Peer(format!(
            "it announces a graph of {graph_len} and a card of {card_len} bytes; \
             at most {MAX_GRAPH} and {MAX_CARD} are accepted"
        )));
    }
    let bytes = lane.recv(GRAPH, graph_len)?;
    let card = lane.recv(CARD, card_len)?;
    let link = choose.map(|_| probe.finish(lane, graph_len + card_len)).transpose()?;
    let graph = FixedGraph::from_bytes(&bytes)?;
    if let (Some(choose), Some(link)) = (choose, &link) {
        wish.supply = choose(&graph, &wish, link)?.check()?;
    }
    let confirm = Confirm { supply: wish.supply, digest: digest(&bytes, &card, images, &wish)? };
    lane.send(CONFIRM, Public::new(&encode(&confirm)?))?;
    lane.flush()?;
    Ok(Terms { graph, wish, card, images, link })
}

/// Server's first step: reads what the client asks for. A client of another version is told so.
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
        h.wish.supply.check()?;
        Ok(h)
    });
    if hello.is_err() {
        refuse(lane, Refusal::Wish)?;
    }
    hello
}

/// Server's refusal.
pub fn refuse(lane: &mut Lane, why: Refusal) -> Result<(), Error> {
    lane.send(ANSWER, Public::new(&framed(&encode(&Answer::Refused(why))?)))?;
    Ok(lane.flush()?)
}

/// Server's second step: sends graph, card and how many images it takes at once, checks the confirmation. The wish comes back with
/// the supply that the client settled on.
pub fn welcome(
    lane: &mut Lane,
    graph: &FixedGraph,
    card: &[u8],
    images: u32,
    hello: Hello,
) -> Result<Wish, Error> {
    let bytes = graph.to_bytes()?;
    if bytes.len() > MAX_GRAPH || card.len() > MAX_CARD {
        return Err(Error::Config("the graph or the card is too large to be sent".into()));
    }
    let answer = Answer::Welcome { graph: bytes.len() as u32, card: card.len() as u32, images };
    lane.send(ANSWER, Public::new(&framed(&encode(&answer)?)))?;
    if hello.probe {
        // What is timed must not travel with what starts the time.
        lane.flush()?;
    }
    lane.send(GRAPH, Public::new(&bytes))?;
    lane.send(CARD, Public::new(card))?;
    if hello.probe {
        link::send_probe(lane)?;
    }
    let confirm: Confirm = decode(&lane.recv_bounded(CONFIRM, MAX_CONFIRM)?, "confirmation")?;
    let wish = Wish { supply: confirm.supply.check()?, ..hello.wish };
    if wish.supply != hello.wish.supply && !hello.probe {
        return Err(Error::Peer(
            "it confirms another supply of transfers than it asked for".into(),
        ));
    }
    if confirm.digest != digest(&bytes, card, images, &wish)? {
        return Err(Error::Peer("it confirms other terms than were offered".into()));
    }
    Ok(wish)
}
