//! Lanes in memory: framing, metering, transcripts, limits, aborts.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;
use sordino_wire::*;
use std::thread;
use std::time::{Duration, Instant};

const A: Kind = Kind::new(1, "alpha");
const B: Kind = Kind::new(2, "beta");

fn quick(lane: &mut Lane) {
    lane.set_limits(Limits { idle: Some(Duration::from_millis(50)), ..Limits::default() });
}

#[test]
fn messages_arrive_in_order_and_whole() {
    let (mut client, mut server) = memory_pair();
    client.send(A, Public::new(b"one")).unwrap();
    client.send(B, Masked::pod(&[1u64, 2])).unwrap();
    client.send(A, Cipher::new(&[])).unwrap();
    client.send(B, Garbled::new(&[7; 200_000])).unwrap();
    client.flush().unwrap();
    assert_eq!(server.recv(A, 3).unwrap(), b"one");
    assert_eq!(server.recv_pod::<u64>(B, 2).unwrap(), [1, 2]);
    assert_eq!(server.recv_bounded(A, 10).unwrap(), []);
    let mut large = vec![0; 200_000];
    server.recv_into(B, &mut large).unwrap();
    assert!(large.iter().all(|x| *x == 7));
    assert_eq!(client.meter().total().up, 3 + 16 + 200_000 + 4 * HEADER);
    assert_eq!(client.meter().total(), server.meter().total());
}

#[test]
fn a_receive_flushes_first() {
    let (mut client, mut server) = memory_pair();
    let answer = thread::spawn(move || {
        let got = server.recv(A, 1).unwrap();
        server.send(B, Public::new(&got)).unwrap();
        server.close().unwrap();
    });
    client.send(A, Public::new(&[9])).unwrap();
    assert_eq!(client.recv(B, 1).unwrap(), [9]);
    answer.join().unwrap();
}

#[test]
fn dropping_a_lane_delivers_what_it_sent() {
    let (mut client, mut server) = memory_pair();
    client.send(A, Public::new(&[1])).unwrap();
    drop(client);
    assert_eq!(server.recv(A, 1).unwrap(), [1]);
    let e = server.recv(A, 1).unwrap_err();
    assert!(matches!(&e, Error::Closed { what } if what.contains("alpha")), "{e}");
}

#[test]
fn the_wrong_kind_or_length_poisons_and_tells_the_peer() {
    type Receive = fn(&mut Lane) -> Result<Vec<u8>, Error>;
    let wrong: [(Receive, &str); 4] = [
        (|lane| lane.recv(B, 4), "`beta` (kind 0x0002) of 4 bytes"),
        (|lane| lane.recv(A, 5), "`alpha` (kind 0x0001) of 5 bytes"),
        (|lane| lane.recv(A, 3), "of 3 bytes"),
        (|lane| lane.recv_bounded(A, 3), "of at most 3 bytes"),
    ];
    for (receive, expectation) in wrong {
        let (mut client, mut server) = memory_pair();
        client.send(A, Public::new(&[0; 4])).unwrap();
        client.flush().unwrap();
        match receive(&mut server).unwrap_err() {
            Error::PeerMisbehaved { expected, got } => {
                assert!(expected.contains(expectation), "{expected}");
                assert_eq!(got, "kind 0x0001 of 4 bytes");
            }
            other => panic!("{other}"),
        }
        let again = server.send(A, Public::new(&[])).unwrap_err();
        assert!(matches!(&again, Error::Poisoned { first } if first.contains("misbehaved")));
        assert!(matches!(server.recv(A, 1), Err(Error::Poisoned { .. })));
        let told = client.recv(B, 1).unwrap_err();
        assert!(matches!(told, Error::PeerAborted(AbortCode::Protocol)), "{told}");
    }
}

#[test]
fn an_abort_reaches_a_peer_that_receives_and_one_that_sends() {
    let (mut client, mut server) = memory_pair();
    server.send(A, Public::new(&[1])).unwrap();
    server.abort(AbortCode::Busy);
    assert!(matches!(server.recv(A, 1), Err(Error::Poisoned { .. })));
    assert_eq!(client.recv(A, 1).unwrap(), [1]);
    let e = client.recv(A, 1).unwrap_err();
    assert!(matches!(e, Error::PeerAborted(AbortCode::Busy)), "{e}");

    let (mut client, mut server) = memory_pair();
    server.abort(AbortCode::Limit);
    drop(server);
    let e = client.send(A, Public::new(&[0; 1 << 20])).unwrap_err();
    assert!(matches!(e, Error::PeerAborted(AbortCode::Limit)), "{e}");
}

#[test]
fn silence_and_the_deadline_time_out() {
    let (mut client, _server) = memory_pair();
    quick(&mut client);
    let e = client.recv(A, 1).unwrap_err();
    assert!(matches!(&e, Error::Timeout { what, .. } if what.contains("alpha")), "{e}");

    let (mut client, _server) = memory_pair();
    client.set_limits(Limits { deadline: Some(Instant::now()), ..Limits::default() });
    assert!(matches!(client.recv(A, 1), Err(Error::Timeout { .. })));
}

#[test]
fn a_peer_that_never_receives_stops_the_sender_in_the_end() {
    let (mut client, _server) = memory_pair();
    quick(&mut client);
    let megabyte = vec![0; 1 << 20];
    let sent = (0..100).take_while(|_| client.send(A, Public::new(&megabyte)).is_ok()).count();
    // 64 MiB in the pipe, the 64 headers in the lane's own buffer.
    assert_eq!(sent, 64);
}

#[test]
fn simultaneous_large_sends_do_not_dead_lock() {
    let (client, server) = memory_pair();
    let party = |mut lane: Lane| {
        move || {
            let data = vec![lane.role() as u8; 32 << 20];
            lane.send(A, Public::new(&data)).unwrap();
            lane.recv(A, 32 << 20).unwrap()[0]
        }
    };
    let other = thread::spawn(party(server));
    assert_eq!(party(client)(), Role::Server as u8);
    assert_eq!(other.join().unwrap(), Role::Client as u8);
}

#[test]
fn the_byte_limit_counts_both_directions() {
    let (mut client, mut server) = memory_pair();
    server.set_limits(Limits { bytes: Some(40), ..Limits::default() });
    client.send(A, Public::new(&[0; 10])).unwrap();
    client.flush().unwrap();
    server.recv(A, 10).unwrap();
    server.send(B, Public::new(&[0; 14])).unwrap();
    let e = server.send(B, Public::new(&[])).unwrap_err();
    assert!(matches!(e, Error::LimitReached { limit: 40, .. }), "{e}");
    client.recv(B, 14).unwrap();
    assert!(matches!(client.recv(B, 0), Err(Error::PeerAborted(AbortCode::Limit))));
}

#[test]
fn transcripts_print_runs() {
    let (mut client, mut server) = memory_pair();
    client.record();
    for _ in 0..3 {
        client.send(A, Public::new(&[0; 5])).unwrap();
    }
    server.send(B, Public::new(&[])).unwrap();
    server.flush().unwrap();
    client.recv(B, 0).unwrap();
    assert_eq!(client.transcript().to_string(), "up   alpha 5 x3\ndown beta 0\n");
    assert_eq!(client.transcript().messages().len(), 4);
}

#[test]
fn shaped_links_delay() {
    let network: Network = "20ms,80mbit".parse().unwrap();
    let (mut client, mut server) = shaped_pair(network);
    let echo = thread::spawn(move || {
        for _ in 0..3 {
            let got = server.recv(A, 100_000).unwrap();
            server.send(A, Public::new(&got)).unwrap();
        }
        server.close().unwrap();
    });
    let start = Instant::now();
    for _ in 0..3 {
        client.send(A, Public::new(&[0; 100_000])).unwrap();
        client.recv(A, 100_000).unwrap();
    }
    // 3 x (20 ms + 2 x 10 ms); only the lower bound is the network's promise.
    assert!(start.elapsed() >= Duration::from_millis(115), "{:?}", start.elapsed());
    echo.join().unwrap();
}

#[test]
fn the_lanes_of_a_shaped_link_share_its_rate() {
    let (client, server) = shaped_link(4, Network { rtt: Duration::ZERO, bandwidth: 80_000_000 });
    let (mut client, mut server) = (client, server);
    let start = Instant::now();
    client.context().map(vec![(); 4], |ctx, ()| {
        ctx.lane().send(A, Public::new(&[0; 250_000])).unwrap();
        ctx.lane().flush().unwrap();
    });
    server.context().map(vec![(); 4], |ctx, ()| ctx.lane().recv(A, 250_000).unwrap().len());
    assert!(start.elapsed() >= Duration::from_millis(95), "{:?}", start.elapsed());
}

/// A random dialogue: who sends how much, and what it belongs to.
type Script = Vec<(bool, usize, Phase, Option<u32>)>;

fn script() -> impl Strategy<Value = Script> {
    let phase = prop::sample::select(vec![Phase::Setup, Phase::Offline, Phase::Online]);
    let step = (any::<bool>(), 0usize..5000, phase, prop::option::of(0u32..3));
    prop::collection::vec(step, 0..40)
}

fn play(mut lane: Lane, script: &Script) -> Meter {
    for (up, len, phase, layer) in script {
        lane.meter_mut().set(*phase, *layer);
        if *up == (lane.role() == Role::Client) {
            lane.send(A, Public::new(&vec![0; *len])).unwrap();
        } else {
            lane.recv(A, *len).unwrap();
        }
    }
    let meter = lane.meter().clone();
    lane.close().unwrap();
    meter
}

fn replay(role: Role, script: &Script) -> Meter {
    let mut meter = Meter::new(role);
    for (up, len, phase, layer) in script {
        meter.set(*phase, *layer);
        meter.message(if *up { Dir::Up } else { Dir::Down }, *len);
    }
    meter
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn metered_is_what_a_replay_predicts(script in script()) {
        let (client, server) = memory_pair();
        let (client, server) = thread::scope(|scope| {
            let server = scope.spawn(|| play(server, &script));
            (play(client, &script), server.join().unwrap())
        });
        let replayed = [Role::Client, Role::Server].map(|role| replay(role, &script));
        prop_assert_eq!(client.counts(), replayed[0].counts());
        prop_assert_eq!(server.counts(), replayed[1].counts());
        prop_assert_eq!(client.total().bytes(), server.total().bytes());
    }
}

#[test]
fn strands_run_on_the_same_lanes_at_both_ends() {
    for width in [1, 2, 3, 5] {
        let (mut client, mut server) = memory_link(width);
        let send = |ctx: &mut Context<'_>| {
            let (a, b) = ctx.join(
                |ctx| ctx.lane().send(A, Public::new(&[1])),
                |ctx| {
                    let items = (10..17).collect();
                    ctx.map(items, |ctx, i: u8| ctx.lane().send(B, Public::new(&[i]))).len()
                },
            );
            a.unwrap();
            b
        };
        let receive = |ctx: &mut Context<'_>| {
            ctx.join(
                |ctx| ctx.lane().recv(A, 1).unwrap()[0],
                |ctx| {
                    let items = (10..17).collect();
                    ctx.map(items, |ctx, i: u8| (i, ctx.lane().recv(B, 1).unwrap()[0]))
                },
            )
        };
        let (one, many) = thread::scope(|scope| {
            scope.spawn(|| {
                assert_eq!(send(&mut client.context()), 7);
                client.close().unwrap();
            });
            receive(&mut server.context())
        });
        assert_eq!(one, 1);
        assert_eq!(many, (10..17).map(|i| (i, i)).collect::<Vec<_>>());
        assert_eq!(server.meter().total().messages, 8);
    }
}
