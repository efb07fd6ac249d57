//! Parties that do not fit together, or do not mean it, learn why before anything private is sent.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Builder, WISH, both, conv, input, inputs, mentions};
use sordino_engine::session::{
    self, Ask, Choose, LeftOpen, LinearChoice, MAX_CARD, MAX_GRAPH, Menu, Open, PaillierBits, Pick,
    Refusal, Reveal, SupplyChoice, Terms, VERSION, Wish,
};
use sordino_engine::twoparty::{
    ClientSession, Offer, ServerModel, TwoPartyBackend, Unobserved, serve,
};
use sordino_engine::{Backend, Error, Silent, run_clear};
use sordino_graph::fixed::*;
use sordino_wire::{Dir, Fault, Kind, Lane, Limits, Network, Public, shaped_pair};
use std::time::Duration;

// The first messages of every version have these kinds.
const HELLO: Kind = Kind::new(0x0001, "hello");
const ANSWER: Kind = Kind::new(0x0002, "answer");
const GRAPH: Kind = Kind::new(0x0003, "graph");
const CARD: Kind = Kind::new(0x0004, "card");
const CONFIRM: Kind = Kind::new(0x0005, "confirm");
const PROBE: Kind = Kind::new(0x0006, "probe of the link");
const WAYS: Kind = Kind::new(0x0007, "ways");

/// One way: the two-party backend, the first graph, 16 images, Paillier's encryption, no circuit.
const ONE_WAY: &[u8] = &[1, 0, 0, 16, 1, 0];
/// [`WISH`] on the wire.
const WISHED: [u8; 7] = [0, 0, 4, 0, 0, 0, 1];

fn model() -> FixedModel {
    let mut b = Builder::new(&[1, 2, 3, 3], 20, 1);
    let x = b.linear(EdgeId(0), conv(2, 3, 3, 2, 3, 1, 0), 20);
    b.activate(x, 6, Function::Relu, 14);
    b.done()
}

fn first(version: u32, body: &[u8]) -> Vec<u8> {
    [b"SRDN", &version.to_le_bytes()[..], body].concat()
}

/// Unsigned LEB128, as the messages' integers are encoded.
fn varint(mut n: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    while n >= 0x80 {
        bytes.push(n as u8 | 0x80);
        n >>= 7;
    }
    bytes.push(n as u8);
    bytes
}

fn welcome(graph: usize, card: usize) -> Vec<u8> {
    announce(&[graph], card, ONE_WAY.len())
}

fn announce(graphs: &[usize], card: usize, ways: usize) -> Vec<u8> {
    let n = |n: usize| varint(n as u32);
    let count = graphs.len();
    let graphs = graphs.iter().map(|len| n(*len)).collect::<Vec<_>>().concat();
    let body = [vec![0], n(count), graphs, n(card), n(ways)];
    first(VERSION, &body.concat())
}

fn send(lane: &mut Lane, kind: Kind, bytes: &[u8]) {
    lane.send(kind, Public::new(bytes)).unwrap();
    lane.flush().unwrap();
}

fn serve_with(mut lane: Lane, label_only: bool, max_inferences: u64) -> Result<(), Error> {
    let model = ServerModel::new(model()).unwrap();
    let offer = Offer { label_only, max_inferences, ..Offer::new(&model, b"card") };
    serve(&mut lane, &offer, &mut Unobserved).map(drop)
}

fn honest_server(lane: Lane) -> Result<(), Error> {
    serve_with(lane, false, u64::MAX)
}

fn connect(lane: Lane) -> Result<ClientSession<'static>, Error> {
    ClientSession::connect(lane, WISH, None, |_| Ok(()))
}

/// A client that asks for an inference: the handshake itself does not wait for the confirmation.
fn ask(lane: Lane) -> Result<(), Error> {
    let mut session = connect(lane)?;
    session.infer(&inputs(&model(), &[1])[0], &mut Silent).map(drop)
}

/// What a server makes of a first message, and what it answers.
fn server_hears(hello: &[u8]) -> (Vec<u8>, String) {
    let client = |mut lane: Lane| {
        send(&mut lane, HELLO, hello);
        lane.recv_bounded(ANSWER, 256).unwrap()
    };
    let (answer, end) = both(client, honest_server);
    (answer, end.unwrap_err().to_string())
}

/// What a client makes of an answer and of what follows it.
fn client_hears(answer: &[u8], more: &[(Kind, &[u8])]) -> Error {
    let server = |mut lane: Lane| {
        lane.recv_bounded(HELLO, 256).unwrap();
        send(&mut lane, ANSWER, answer);
        // The client may be gone at any of these; what it says of them is what counts.
        let tell = |(kind, bytes): &(Kind, &[u8])| lane.send(*kind, Public::new(bytes));
        let _ = more.iter().try_for_each(tell).and_then(|()| lane.recv(CONFIRM, 32));
    };
    both(|lane| connect(lane).map(drop), server).0.unwrap_err()
}

#[test]
fn the_first_bytes_are_magic_version_and_wish() {
    let hello = |mut lane: Lane| lane.recv_bounded(HELLO, 256).unwrap();
    let (_, seen) = both(|lane| connect(lane).map(drop), hello);
    assert_eq!(seen, first(VERSION, &[&WISHED[..], &[0]].concat()));
}

#[test]
fn a_server_of_another_version_is_told_apart() {
    for other in [0, VERSION + 1, u32::MAX] {
        let e = client_hears(&first(other, b"whatever that version says"), &[]);
        assert!(matches!(e, Error::Config(_)), "{e:?}");
        mentions(e, &[&format!("version {other}"), &format!("version {VERSION}"), "same release"]);
    }
}

#[test]
fn a_client_of_another_version_is_told_so() {
    for other in [0, VERSION + 1, u32::MAX] {
        let (answer, e) = server_hears(&first(other, &[9; 40]));
        mentions(e, &[&format!("version {other}"), &format!("version {VERSION}")]);
        assert_eq!(answer, first(VERSION, &[1, 0]));
    }
    mentions(client_hears(&first(VERSION, &[1, 0]), &[]), &["refuses", "another version"]);
}

#[test]
fn what_is_not_sordino_is_refused() {
    for bytes in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"srdn\x01\0\0\0\0\x04\0"] {
        mentions(client_hears(bytes, &[]), &["does not speak the Sordino protocol"]);
        mentions(server_hears(bytes).1, &["does not speak the Sordino protocol"]);
    }
    for short in [&b""[..], b"SRDN", b"SRDN\x01\0\0"] {
        mentions(client_hears(short, &[]), &["too short to be Sordino's"]);
        mentions(server_hears(short).1, &["too short to be Sordino's"]);
    }
}

#[test]
fn an_overlong_first_message_is_refused() {
    let long = first(VERSION, &[0; 300]);
    mentions(client_hears(&long, &[]), &["misbehaved", "at most 256"]);
    let client = |mut lane: Lane| {
        send(&mut lane, HELLO, &long);
        lane.recv_bounded(ANSWER, 256).unwrap_err()
    };
    let (told, end) = both(client, honest_server);
    mentions(told, &["aborted"]);
    mentions(end.unwrap_err(), &["misbehaved", "at most 256"]);
}

#[test]
fn a_malformed_answer_is_refused() {
    // Nothing, an unknown answer, an unknown reason, half a welcome, a welcome and more.
    for body in [&[][..], &[2], &[1, 9], &[0, 1, 5, 5], &[0, 1, 5, 5, 5, 5], &[0, 2, 5, 5, 5]] {
        mentions(client_hears(&first(VERSION, body), &[]), &["answer message is malformed"]);
    }
}

#[test]
fn an_unsupported_wish_is_refused_on_both_sides() {
    for k in [0, 3, 16, 255] {
        let wish = Wish { supply: SupplyChoice::SoftSpoken(k), ..WISH };
        let client = |lane| ClientSession::connect(lane, wish, None, |_| Ok(())).map(drop);
        let silence = |mut lane: Lane| lane.recv_bounded(HELLO, 256).unwrap_err();
        let (end, heard) = both(client, silence);
        mentions(end.unwrap_err(), &[&format!("k={k}"), "use 1, 2, 4 or 8"]);
        mentions(heard, &["closed"]);

        let (answer, e) = server_hears(&first(VERSION, &[0, 0, k, 0, 0, 0, 1, 0]));
        mentions(e, &[&format!("k={k}")]);
        assert_eq!(answer, first(VERSION, &[1, 3]));
    }
    // An unknown backend, supply, disclosure, truncation or kind of linear layers, neither Winograd nor
    // none, neither something open nor nothing, half a hello, a hello and more.
    let unknown = [
        &[2, 0, 4, 0, 0, 0, 1, 0][..],
        &[0, 2, 0, 0, 0, 1, 0],
        &[0, 0, 4, 2, 0, 0, 1, 0],
        &[0, 0, 4, 0, 2, 0, 1, 0],
        &[0, 0, 4, 0, 0, 3, 1, 0],
        &[0, 0, 4, 0, 0, 0, 2, 0],
        &[0, 0, 4, 0, 0, 0, 1, 2],
        &[0, 0, 4, 0, 0, 0, 1, 1, 2],
    ];
    for body in
        unknown.into_iter().chain([&[0, 0, 4, 0, 0, 0, 1][..], &[0, 0, 4, 0, 0, 0, 1, 0, 0]])
    {
        let (answer, e) = server_hears(&first(VERSION, body));
        mentions(e, &["hello message is malformed"]);
        assert_eq!(answer, first(VERSION, &[1, 3]));
    }
    mentions(client_hears(&first(VERSION, &[1, 3]), &[]), &["refuses", "requested settings"]);
}

#[test]
fn a_server_without_paillier_says_so() {
    let client = |lane| {
        let wish = Wish { linear: LinearChoice::Paillier(PaillierBits::N3072), ..WISH };
        ClientSession::connect(lane, wish, None, |_| Ok(())).map(drop)
    };
    let server = |mut lane: Lane| {
        let model = ServerModel::new(model()).unwrap();
        let offer = Offer { paillier: false, ..Offer::new(&model, b"card") };
        serve(&mut lane, &offer, &mut Unobserved).map(drop)
    };
    let (client, server) = both(client, server);
    mentions(client.unwrap_err(), &["refuses", "--paillier"]);
    mentions(server.unwrap_err(), &["does not offer"]);
}

#[test]
fn a_server_of_labels_says_so() {
    let (client, server) = both(|lane| connect(lane).map(drop), |lane| serve_with(lane, true, 9));
    mentions(client.unwrap_err(), &["refuses", "label only", "--reveal label"]);
    mentions(server.unwrap_err(), &["asked for scores", "labels only"]);

    let wish = Wish { reveal: Reveal::Label, ..WISH };
    let client = |lane| {
        let mut session = ClientSession::connect(lane, wish, None, |_| Ok(())).unwrap();
        let label = session.infer(&input(&model(), 1), &mut Silent).unwrap();
        session.finish().unwrap();
        label
    };
    let (label, server) = both(client, |lane| serve_with(lane, true, 9));
    server.unwrap();
    assert!(label[0] < 2);
}

#[test]
fn a_busy_server_says_so() {
    let server = |mut lane: Lane| {
        session::listen(&mut lane).unwrap();
        session::refuse(&mut lane, Refusal::Busy).unwrap();
    };
    let (client, ()) = both(|lane| connect(lane).map(drop), server);
    mentions(client.unwrap_err(), &["refuses", "try again later"]);
}

#[test]
fn an_oversized_announcement_is_refused_before_anything_follows_it() {
    let top = u32::MAX as usize;
    for (graph, card) in [(top, 4), (100, top), (top, top), (MAX_GRAPH + 1, 0), (0, MAX_CARD + 1)] {
        let e = client_hears(&welcome(graph, card), &[]);
        assert!(matches!(e, Error::Peer(_)), "{e:?}");
        let both = [graph.to_string(), card.to_string()];
        mentions(e, &["announces", &both[0], &both[1], &MAX_GRAPH.to_string()]);
    }
}

#[test]
fn a_graph_or_card_of_another_length_than_announced_is_refused() {
    let graph = model().graph.to_bytes().unwrap();
    let n = graph.len();
    for (announced, card) in [(n - 1, 4), (n + 1, 4), (MAX_GRAPH, 4), (n, 3), (n, MAX_CARD)] {
        let more = [(WAYS, ONE_WAY), (GRAPH, &graph[..]), (CARD, b"card")];
        let e = client_hears(&welcome(announced, card), &more);
        mentions(e, &["misbehaved"]);
    }
}

/// What a client makes of these bytes as a graph.
fn client_reads(graph: &[u8]) -> Error {
    client_hears(&welcome(graph.len(), 4), &[(WAYS, ONE_WAY), (GRAPH, graph), (CARD, b"card")])
}

#[test]
fn a_malformed_graph_is_refused() {
    let graph = model().graph.to_bytes().unwrap();
    let longer = [&graph[..], &[0]].concat();
    let cut = &graph[..graph.len() - 1];
    for bytes in [&[][..], &[0xff; 64], &[0; 64], cut, &longer] {
        let e = client_reads(bytes);
        assert!(matches!(e, Error::Graph(_)), "{e:?}");
    }
    let mut invalid = model().graph;
    invalid.output = EdgeId(99);
    assert!(matches!(client_reads(&invalid.to_bytes().unwrap()), Error::Graph(_)));
}

/// Reads and plans what a client reads and plans; an error is as good as a graph.
#[test]
fn no_damaged_graph_makes_a_client_panic() {
    let graph = model().graph.to_bytes().unwrap();
    let mut refused = 0;
    for bit in 0..8 * graph.len() {
        let mut bytes = graph.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let read = FixedGraph::from_bytes(&bytes).map_err(Error::from);
        refused += usize::from(read.and_then(|g| TwoPartyBackend.supports(&g)).is_err());
    }
    assert!(refused > 4 * graph.len(), "{refused} of {} refused", 8 * graph.len());
}

#[test]
fn ways_that_were_not_asked_for_are_refused() {
    let graph = model().graph.to_bytes().unwrap();
    let hears = |ways: &[u8]| {
        let answer = announce(&[graph.len()], 4, ways.len());
        client_hears(&answer, &[(WAYS, ways), (GRAPH, &graph), (CARD, b"card")])
    };
    mentions(hears(&[0]), &["offers 0 ways"]);
    let many = [&[9][..], &[0, 0, 16, 1, 0].repeat(9)].concat();
    mentions(hears(&many), &["offers 9 ways", "1 to 8"]);
    mentions(hears(&[1, 0, 0, 0, 1, 0]), &["makes no sense"]);
    mentions(hears(&[1, 0, 1, 16, 1, 0]), &["without a graph"]);
    mentions(hears(&[1, 2, 0, 0, 16, 1, 0]), &["another backend than was asked for"]);
    for malformed in [&[][..], &[1, 9, 0, 16, 1, 0], &[1, 0, 0, 16, 2, 0], &[2, 0, 0, 16, 1, 0]] {
        mentions(hears(malformed), &["ways message is malformed"]);
    }
    // A circuit where there is none.
    let outline = [&[0, 1, 1, 112][..], &[7; 32]].concat();
    mentions(hears(&[&[1, 0, 0, 16, 1, 1][..], &outline].concat()), &["makes no sense"]);
    for graphs in [&[][..], &[9, 9, 9]] {
        mentions(client_hears(&announce(graphs, 4, 6), &[]), &["1 to 2 are accepted"]);
    }
    mentions(client_hears(&announce(&[9], 4, 1 << 23), &[]), &["announces", "ways of 8388608"]);
}

#[test]
fn a_wrong_confirmation_is_refused() {
    let confirm = |open: &[u8], confirmation: &[u8], text: &str| {
        let client = |mut lane: Lane| {
            send(&mut lane, HELLO, &first(VERSION, &[&WISHED[..], open].concat()));
            let n = model().graph.to_bytes().unwrap().len();
            assert_eq!(lane.recv_bounded(ANSWER, 256).unwrap(), welcome(n, 4));
            lane.recv(WAYS, ONE_WAY.len()).unwrap();
            lane.recv(GRAPH, n).unwrap();
            lane.recv(CARD, 4).unwrap();
            if open[0] == 1 {
                lane.recv(PROBE, 1 << 16).unwrap();
            }
            send(&mut lane, CONFIRM, confirmation);
            lane.recv(Kind::new(0x0100, "anything"), 1).unwrap_err()
        };
        let (told, end) = both(client, honest_server);
        mentions(told, &["aborted"]);
        mentions(end.unwrap_err(), &[text]);
    };
    let with = |wish: [u8; 7], plan: &[u8]| [&[0], &wish[..], &[7; 32], plan].concat();
    let (nothing, supply, all) = (&[0][..], &[1, 0][..], &[1, 1][..]);
    let ferret = |at: usize, value| {
        let mut wish = [0, 1, 0, 0, 0, 1, 0];
        wish[at] = value;
        [&[0], &wish[..6], &[7; 32], &[0]].concat()
    };
    let planned = [&[1][..], &[9; 32]].concat();
    confirm(nothing, &with(WISHED, &[0]), "confirms other terms");
    confirm(supply, &ferret(0, 0), "confirms other terms");
    confirm(all, &with(WISHED, &planned), "confirms other terms");
    confirm(nothing, &ferret(0, 0), "another wish");
    confirm(supply, &ferret(3, 1), "another wish");
    confirm(all, &[&ferret(2, 1)[..39], &planned].concat(), "another wish");
    confirm(all, &with(WISHED, &[0]), "confirmation message is malformed");
    confirm(nothing, &with(WISHED, &planned), "confirmation message is malformed");
    confirm(supply, &with([0, 0, 3, 0, 0, 0, 1], &[0]), "k=3");
    confirm(supply, &with([0, 2, 0, 0, 0, 1, 0], &[0]), "confirmation message is malformed");
    confirm(nothing, &[7; 32], "confirmation message is malformed");
    confirm(nothing, &[], "confirmation message is malformed");
}

fn open<'a>(what: Open, choose: &'a Choose<'a>) -> Ask<'a> {
    Ask { wish: WISH, open: Some(LeftOpen { what, choose }) }
}

#[test]
fn a_supply_that_was_left_open_is_chosen_by_the_link() {
    let network = Network { rtt: Duration::from_millis(30), bandwidth: 80_000_000 };
    let want = run_clear(&model(), &input(&model(), 1)).unwrap();
    for chosen in SupplyChoice::all() {
        let choose = |menu: &Menu, wish: &Wish, link: &Network| {
            assert_eq!((&menu.graphs[..], wish), (&[model().graph][..], &WISH));
            assert!(link.rtt >= network.rtt, "{link}");
            Ok(Pick { way: 0, wish: Wish { supply: chosen, ..*wish } })
        };
        let (near, far) = shaped_pair(network);
        std::thread::scope(|s| {
            let server = s.spawn(|| honest_server(far));
            let ask = open(Open::Supply, &choose);
            let mut session = ClientSession::connect(near, ask, None, |_| Ok(())).unwrap();
            assert_eq!(session.terms().wish, Wish { supply: chosen, ..WISH });
            assert!(session.terms().link.is_some());
            let got = session.infer(&input(&model(), 1), &mut Silent).unwrap();
            assert_eq!(got, want);
            session.finish().unwrap();
            server.join().unwrap().unwrap();
        });
    }

    // Nobody is left with a supply that does not exist. The probe takes a quarter of a second on this link, which a
    // busy machine that reads the answer late can make look shorter, but not ten times.
    let (near, far) = shaped_pair(Network { rtt: Duration::ZERO, bandwidth: 2_000_000 });
    std::thread::scope(|s| {
        let server = s.spawn(|| honest_server(far));
        let choose = |_: &Menu, wish: &Wish, link: &Network| {
            assert!(link.bandwidth < 20_000_000, "{link}");
            Ok(Pick { way: 0, wish: Wish { supply: SupplyChoice::SoftSpoken(5), ..*wish } })
        };
        let ask = open(Open::Supply, &choose);
        let client = ClientSession::connect(near, ask, None, |_| Ok(())).map(drop);
        mentions(client.unwrap_err(), &["k=5"]);
        mentions(server.join().unwrap().unwrap_err(), &["closed"]);
    });
}

#[test]
fn what_was_changed_on_the_way_is_not_confirmed() {
    // Of the hello, the last byte: the server hears of a client that wants a label.
    let hello = |mut lane: Lane| {
        lane.inject(0, Fault::Flip { bit: 8 * 11 });
        ask(lane)
    };
    let (client, server) = both(hello, honest_server);
    assert!(client.is_err());
    mentions(server.unwrap_err(), &["another wish than it came with"]);

    // Of the card, the first byte.
    let card = |mut lane: Lane| {
        lane.inject(3, Fault::Flip { bit: 0 });
        honest_server(lane)
    };
    let (client, server) = both(ask, card);
    assert!(client.is_err());
    mentions(server.unwrap_err(), &["confirms other terms"]);
}

#[test]
fn a_client_that_does_not_consent_says_nothing_private() {
    let client = |lane| {
        let refuse = |terms: &Terms| {
            assert_eq!((&terms.card[..], terms.wish), (&b"card"[..], WISH));
            Err(Error::Config("not with me".into()))
        };
        ClientSession::connect(lane, WISH, None, refuse).map(drop)
    };
    let server = |mut lane: Lane| {
        lane.record();
        let model = ServerModel::new(model()).unwrap();
        let offer = Offer { max_inferences: 1, ..Offer::new(&model, b"card") };
        let end = serve(&mut lane, &offer, &mut Unobserved).map(drop);
        (end, lane.transcript())
    };
    let (client, (end, transcript)) = both(client, server);
    mentions(client.unwrap_err(), &["not with me"]);
    mentions(end.unwrap_err(), &["closed"]);
    let heard = transcript.messages().iter().filter(|m| m.dir == Dir::Up);
    assert_eq!(heard.map(|m| m.kind).collect::<Vec<_>>(), [HELLO, CONFIRM]);
}

#[test]
fn a_session_ends_with_its_last_inference() {
    let model = model();
    let x = input(&model, 1);
    let client = |lane| {
        let mut session = connect(lane).unwrap();
        let outputs = [(); 2].map(|()| session.infer(&x, &mut Silent).unwrap());
        (outputs, session.infer(&x, &mut Silent).unwrap_err())
    };
    let ((outputs, told), server) = both(client, |lane| serve_with(lane, false, 2));
    let y = run_clear(&model, &x).unwrap();
    assert_eq!(outputs, [y.clone(), y]);
    mentions(told, &["aborted"]);
    mentions(server.unwrap_err(), &["used its 2 inferences"]);
}

#[test]
fn an_input_of_the_wrong_length_is_never_sent() {
    let model = model();
    let x = input(&model, 1);
    let client = |lane| {
        let mut session = connect(lane).unwrap();
        let before = session.meter().total();
        for wrong in [&[][..], &x[1..], &[0; 19]] {
            let e = session.infer(wrong, &mut Silent).unwrap_err();
            mentions(e, &["takes 18 input values", &format!("{} were given", wrong.len())]);
        }
        assert_eq!(session.meter().total(), before);
        // The session is as good as before.
        let y = session.infer(&x, &mut Silent).unwrap();
        session.finish().unwrap();
        y
    };
    let (y, server) = both(client, honest_server);
    server.unwrap();
    assert_eq!(y, run_clear(&model, &x).unwrap());
}

/// Number of the first message that a client sends after asking for an inference.
fn first_of_inference() -> usize {
    let server = |mut lane: Lane| {
        lane.record();
        let model = ServerModel::new(model()).unwrap();
        let offer = Offer { max_inferences: 1, ..Offer::new(&model, b"card") };
        serve(&mut lane, &offer, &mut Unobserved).unwrap();
        lane.transcript()
    };
    let client = |lane| {
        let mut session = connect(lane).unwrap();
        session.infer(&input(&model(), 1), &mut Silent).unwrap();
        session.finish().unwrap();
    };
    let ((), transcript) = both(client, server);
    let mut up = transcript.messages().iter().filter(|m| m.dir == Dir::Up);
    up.position(|m| m.kind.name() == "request").unwrap() + 1
}

#[test]
fn a_client_that_vanishes_within_a_layer_is_noticed_at_once() {
    let first = first_of_inference();
    for after in [0, 5, 8, 1000] {
        let client = |mut lane: Lane| {
            lane.inject(first, Fault::Vanish { after });
            let mut session = connect(lane).unwrap();
            session.infer(&input(&model(), 1), &mut Silent).unwrap_err()
        };
        // Without an idle limit: it is the end of the stream that ends the session.
        let server = |mut lane: Lane| {
            lane.set_limits(Limits { idle: None, ..Limits::default() });
            honest_server(lane)
        };
        let (_, server) = both(client, server);
        mentions(server.unwrap_err(), &["closed the connection"]);
    }
}
