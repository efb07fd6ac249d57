//! Peers that are no party of the protocol: each gives a clear error in bounded time.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Instant;

const TOKEN: [u8; 16] = [7; 16];

fn hello(lanes: u16, index: u16) -> Vec<u8> {
    let mut bytes = vec![0xf0, 0xff, 0, 0, 32, 0, 0, 0];
    bytes.extend(b"sordino\x01");
    bytes.extend(lanes.to_le_bytes());
    bytes.extend(index.to_le_bytes());
    bytes.extend([0; 4]);
    bytes.extend(TOKEN);
    bytes
}

/// What a server that waits for `alpha` of four bytes makes of a client that writes `bytes` and
/// then, if `stays`, says nothing more.
fn server_sees(bytes: &[u8], stays: bool) -> Error {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    let mut client = TcpStream::connect(addr).unwrap();
    client.write_all(bytes).unwrap();
    if !stays {
        client.shutdown(std::net::Shutdown::Both).unwrap();
    }
    let mut link = match listener.accept().unwrap().establish(Duration::from_millis(300)) {
        Ok(link) => link.unwrap(),
        Err(e) => return e,
    };
    let idle = Some(Duration::from_millis(100));
    link.set_limits(Limits { idle, ..Limits::default() });
    link.lane().recv(A, 4).unwrap_err()
}

fn after_hello(bytes: &[u8], stays: bool) -> Error {
    server_sees(&[&hello(1, 0), bytes].concat(), stays)
}

fn misbehaved(e: &Error) -> &str {
    match e {
        Error::PeerMisbehaved { got, .. } => got,
        other => panic!("{other}"),
    }
}

#[test]
fn silence_times_out() {
    assert!(matches!(server_sees(&[], true), Error::Timeout { .. }));
    assert!(matches!(server_sees(&hello(1, 0)[..10], true), Error::Timeout { .. }));
    assert!(matches!(after_hello(&[], true), Error::Timeout { .. }));
    assert!(matches!(after_hello(&[1, 0, 0, 0, 4, 0, 0, 0, 9], true), Error::Timeout { .. }));
}

#[test]
fn vanishing_is_closed() {
    assert!(matches!(server_sees(&[], false), Error::Closed { .. }));
    assert!(matches!(server_sees(&hello(1, 0)[..30], false), Error::Closed { .. }));
    assert!(matches!(after_hello(&[1, 0, 0], false), Error::Closed { .. }));
    assert!(matches!(after_hello(&[1, 0, 0, 0, 4, 0, 0, 0, 9, 9], false), Error::Closed { .. }));
}

#[test]
fn other_protocols_are_named_so() {
    let e = server_sees(b"GET / HTTP/1.1\r\n\r\n", true);
    assert!(misbehaved(&e).contains("another protocol"), "{e}");
    let e = server_sees(&hello(1, 1), true);
    assert!(misbehaved(&e).contains("hello"), "{e}");
    let mut newer = hello(1, 0);
    newer[15] = 2;
    let e = server_sees(&newer, true);
    assert!(misbehaved(&e).contains("version 2"), "{e}");
    let e = server_sees(&hello(2, 1), true);
    assert!(misbehaved(&e).contains("lane 1 of another"), "{e}");
}

#[test]
fn wrong_frames_are_refused_unread() {
    let e = after_hello(&[1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], true);
    assert!(misbehaved(&e).contains("4294967295"), "{e}");
    let e = after_hello(&[2, 0, 0, 0, 4, 0, 0, 0], true);
    assert!(misbehaved(&e).contains("kind 0x0002 of 4"), "{e}");
    let e = after_hello(&[1, 0, 1, 0, 4, 0, 0, 0], true);
    assert!(misbehaved(&e).contains("another protocol"), "{e}");
    let e = after_hello(&[0xff, 0xff, 0, 0, 0xff, 0xff, 0xff, 0xff], true);
    assert!(matches!(e, Error::PeerAborted(_)), "{e}");
}

#[test]
fn a_second_lane_that_never_comes_times_out() {
    let e = server_sees(&hello(2, 0), true);
    assert!(matches!(&e, Error::Timeout { what, .. } if what.contains("other lanes")), "{e}");
}

#[test]
fn a_dripping_client_meets_the_deadline() {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut client = TcpStream::connect(addr).unwrap();
            for byte in hello(1, 0) {
                if client.write_all(&[byte]).is_err() {
                    break;
                }
                thread::sleep(Duration::from_millis(60));
            }
        });
        let e = listener.accept().unwrap().establish(Duration::from_millis(300)).err().unwrap();
        assert!(matches!(e, Error::Timeout { .. }), "{e}");
    });
    assert!(start.elapsed() < SOON);
}

#[test]
fn an_abort_survives_unread_data() {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut lane = listener.accept().unwrap().establish(SOON).unwrap().unwrap().into_lane();
            assert!(matches!(lane.recv(B, 4), Err(Error::PeerMisbehaved { .. })));
        });
        let mut client = TcpStream::connect(addr).unwrap();
        client.write_all(&hello(1, 0)).unwrap();
        client.write_all(&[1, 0, 0, 0, 0, 0, 1, 0]).unwrap();
        client.write_all(&[0; 1 << 16]).unwrap();
        let mut answer = Vec::new();
        client.read_to_end(&mut answer).unwrap();
        assert_eq!(answer, [0xff, 0xff, 0, 0, 2, 0, 0, 0, 0, 0]);
    });
}

#[test]
fn a_peer_that_never_reads_stops_the_sender_in_the_end() {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    let mut client = TcpStream::connect(addr).unwrap();
    client.write_all(&hello(1, 0)).unwrap();
    let mut lane = listener.accept().unwrap().establish(SOON).unwrap().unwrap().into_lane();
    let idle = Some(Duration::from_millis(100));
    lane.set_limits(Limits { idle, ..Limits::default() });
    let data = vec![0; 1 << 20];
    let e = (0..200).find_map(|_| lane.send(A, Public::new(&data)).err()).unwrap();
    assert!(matches!(e, Error::Timeout { .. }), "{e}");
}
