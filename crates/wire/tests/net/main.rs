//! Lanes over sockets, with peers that behave and peers that do not.
#![allow(clippy::unwrap_used)]

mod misbehaviour;
mod plain;
#[cfg(any(feature = "tls", feature = "tls-ring"))]
mod tls;

use sordino_wire::*;
use std::thread;
use std::time::Duration;

const A: Kind = Kind::new(1, "alpha");
const B: Kind = Kind::new(2, "beta");
const SOON: Duration = Duration::from_secs(20);

fn listen(security: ServerSecurity) -> (Listener, String) {
    let listener = Listener::bind("127.0.0.1:0", security).unwrap();
    let addr = listener.local_addr().unwrap().to_string();
    (listener, addr)
}

/// What the two ends get when they meet.
fn meet(
    client: &ClientSecurity,
    server: ServerSecurity,
) -> (Result<Lane, Error>, Result<Lane, Error>) {
    let (listener, addr) = listen(server);
    thread::scope(|scope| {
        let accepted = scope.spawn(move || {
            let link = listener.accept()?.establish(SOON)?;
            Ok(link.unwrap().into_lane())
        });
        let connected = connect(&addr, client, SOON);
        (connected, accepted.join().unwrap())
    })
}

/// A dialogue of small and large messages, the same at both ends.
fn talk(mut lane: Lane) {
    let mine = vec![lane.role() as u8; 32 << 20];
    for _ in 0..5 {
        lane.send(A, Public::new(&mine[..100])).unwrap();
        assert_eq!(lane.recv(A, 100).unwrap(), [lane.role().peer() as u8; 100]);
    }
    // Both at once, more than any socket buffers.
    lane.send(B, Public::new(&mine)).unwrap();
    let theirs = lane.recv(B, mine.len()).unwrap();
    assert!(theirs.iter().all(|x| *x == lane.role().peer() as u8));
    let total = lane.meter().total();
    assert_eq!(total.up, 5 * 108 + (32 << 20) + 8);
    assert_eq!((total.up, total.messages, total.rounds), (total.down, 12, 6));
    lane.close().unwrap();
}

fn talk_both(client: Lane, server: Lane) {
    thread::scope(|scope| {
        scope.spawn(|| talk(server));
        talk(client);
    });
}
