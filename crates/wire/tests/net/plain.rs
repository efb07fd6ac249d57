//! Plain TCP, on loopback only.

use super::*;

#[test]
fn plain_lanes_talk() {
    let (client, server) =
        meet(&ClientSecurity::plaintext_loopback(), ServerSecurity::plaintext_loopback());
    talk_both(client.unwrap(), server.unwrap());
}

#[test]
fn plaintext_is_refused_off_loopback() {
    let e = Listener::bind("0.0.0.0:0", ServerSecurity::plaintext_loopback()).err().unwrap();
    assert!(matches!(&e, Error::Config(text) if text.contains("use TLS")), "{e}");
    let e = connect("192.0.2.1:9", &ClientSecurity::plaintext_loopback(), SOON).err().unwrap();
    assert!(matches!(&e, Error::Config(text) if text.contains("192.0.2.1")), "{e}");
}

#[test]
fn addresses_that_cannot_work_say_why() {
    let (_listener, addr) = listen(ServerSecurity::plaintext_loopback());
    let e = Listener::bind(&addr, ServerSecurity::plaintext_loopback()).err().unwrap();
    assert!(matches!(&e, Error::Config(text) if text.contains("in use")), "{e}");
    let e = Listener::bind("127.0.0.1", ServerSecurity::plaintext_loopback()).err().unwrap();
    assert!(matches!(&e, Error::Config(text) if text.contains("127.0.0.1")), "{e}");
    let e = connect("127.0.0.1", &ClientSecurity::plaintext_loopback(), SOON).err().unwrap();
    assert!(matches!(&e, Error::Config(text) if text.contains("HOST:PORT")), "{e}");
}

#[test]
fn nobody_listening_is_an_io_error() {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    drop(listener);
    let e = connect(&addr, &ClientSecurity::plaintext_loopback(), SOON).err().unwrap();
    assert!(matches!(&e, Error::Io { what, .. } if what.contains("is the server running")), "{e}");
}

#[test]
fn the_lanes_of_two_sessions_find_their_own() {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    let security = ClientSecurity::plaintext_loopback();
    thread::scope(|scope| {
        let (sessions, arrived) = std::sync::mpsc::channel();
        scope.spawn(move || {
            thread::scope(|scope| {
                for _ in 0..6 {
                    let pending = listener.accept().unwrap();
                    let sessions = sessions.clone();
                    scope.spawn(move || {
                        if let Some(link) = pending.establish(SOON).unwrap() {
                            sessions.send(link).unwrap();
                        }
                    });
                }
            });
        });
        for tag in [1u8, 2] {
            let (addr, security) = (&addr, &security);
            scope.spawn(move || {
                let mut link = connect_link(addr, security, 3, SOON).unwrap();
                let items = (0..6).map(|i| tag * 10 + i).collect();
                link.context()
                    .map(items, |ctx, i: u8| ctx.lane().send(A, Public::new(&[i])).unwrap());
                assert_eq!(link.meter().total().messages, 6);
                link.close().unwrap();
            });
        }
        for mut link in arrived.iter().take(2) {
            assert_eq!(link.width(), 3);
            let got = link.context().map(vec![(); 6], |ctx, ()| ctx.lane().recv(A, 1).unwrap()[0]);
            let first = got[0];
            assert_eq!(first % 10, 0);
            assert_eq!(got, (first..first + 6).collect::<Vec<_>>());
        }
    });
}

#[test]
fn too_many_lanes_are_refused() {
    let (listener, addr) = listen(ServerSecurity::plaintext_loopback());
    thread::scope(|scope| {
        scope.spawn(move || {
            let e = listener.accept().unwrap().establish(SOON).err().unwrap();
            assert!(matches!(e, Error::PeerMisbehaved { .. }), "{e}");
        });
        let security = ClientSecurity::plaintext_loopback();
        let e = connect_link(&addr, &security, 1000, SOON).err().unwrap();
        assert!(matches!(e, Error::PeerAborted(AbortCode::Limit)), "{e}");
    });
}

#[test]
fn a_closed_lane_has_delivered_everything() {
    let (client, server) =
        meet(&ClientSecurity::plaintext_loopback(), ServerSecurity::plaintext_loopback());
    let (mut client, mut server) = (client.unwrap(), server.unwrap());
    let data = vec![5; 8 << 20];
    thread::scope(|scope| {
        scope.spawn(move || {
            client.send(A, Public::new(&data)).unwrap();
            client.close().unwrap();
        });
        assert_eq!(server.recv(A, 8 << 20).unwrap().len(), 8 << 20);
        assert!(matches!(server.recv(A, 1), Err(Error::Closed { .. })));
    });
}
