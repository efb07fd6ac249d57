//! TLS: who gets in, and what cut or foreign connections look like.

use super::*;
use std::io::{Read, Write};
use std::net::TcpStream;

fn identity() -> Identity {
    Identity::self_signed(["localhost", "127.0.0.1"]).unwrap()
}

fn pin(identity: &Identity) -> Trust {
    Trust::pinned([identity.fingerprint().unwrap()]).unwrap()
}

fn handshake_error(e: Error) -> String {
    match e {
        Error::Handshake { why, .. } => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn tls_lanes_talk_with_and_without_client_certificate() {
    let (ours, theirs) = (identity(), identity());
    let (client, server) = meet(
        &ClientSecurity::tls(&pin(&ours), None).unwrap(),
        ServerSecurity::tls(&ours, None).unwrap(),
    );
    talk_both(client.unwrap(), server.unwrap());
    let (client, server) = meet(
        &ClientSecurity::tls(&Trust::certificates(ours.certificate_pem()).unwrap(), Some(&theirs))
            .unwrap(),
        ServerSecurity::tls(&ours, Some(&pin(&theirs))).unwrap(),
    );
    talk_both(client.unwrap(), server.unwrap());
}

#[test]
fn a_server_that_is_not_the_pinned_one_is_refused() {
    let (ours, other) = (identity(), identity());
    let (client, server) = meet(
        &ClientSecurity::tls(&pin(&other), None).unwrap(),
        ServerSecurity::tls(&ours, None).unwrap(),
    );
    let why = handshake_error(client.err().unwrap());
    assert!(why.contains(&ours.fingerprint().unwrap().to_string()), "{why}");
    handshake_error(server.err().unwrap());
}

#[test]
fn a_client_that_is_not_let_in_is_told() {
    let (ours, theirs) = (identity(), identity());
    let with = |identity: Option<&Identity>| {
        let (client, server) = meet(
            &ClientSecurity::tls(&pin(&ours), identity).unwrap(),
            ServerSecurity::tls(&ours, Some(&pin(&theirs))).unwrap(),
        );
        handshake_error(server.err().unwrap());
        // TLS 1.3 ends the client's handshake before the server has judged its certificate.
        handshake_error(client.and_then(|mut lane| lane.recv(A, 1)).err().unwrap())
    };
    assert!(with(None).contains("asks for a client certificate"));
    assert!(with(Some(&identity())).contains("does not accept this party's certificate"));
}

/// A certificate authority and a server certificate from it, as an operator would make them.
fn authority() -> (String, Identity) {
    use rcgen::*;
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let root = params.self_signed(&key).unwrap().pem();
    let issuer = Issuer::new(params, key);
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
    let cert = params.signed_by(&key, &issuer).unwrap();
    (root, Identity::from_pem(&cert.pem(), &key.serialize_pem()).unwrap())
}

#[test]
fn an_authority_vouches_for_names_it_issued() {
    let (root, ours) = authority();
    let trust = Trust::authority(&root).unwrap();
    let (listener, addr) = listen(ServerSecurity::tls(&ours, Some(&trust)).unwrap());
    let port = addr.rsplit_once(':').unwrap().1.to_owned();
    thread::scope(|scope| {
        scope.spawn(move || {
            for _ in 0..2 {
                let _ = listener.accept().unwrap().establish(SOON).map(|link| {
                    let mut lane = link.unwrap().into_lane();
                    lane.send(A, Public::new(&[1])).unwrap();
                });
            }
        });
        let security = ClientSecurity::tls(&trust, Some(&ours)).unwrap();
        let mut lane = connect(&format!("localhost:{port}"), &security, SOON).unwrap();
        assert_eq!(lane.recv(A, 1).unwrap(), [1]);
        let e = connect(&format!("127.0.0.1:{port}"), &security, SOON).err().unwrap();
        assert!(handshake_error(e).contains("not valid for name"));
    });
    // Issued by nobody the client knows.
    let (client, _) = meet(
        &ClientSecurity::tls(&trust, None).unwrap(),
        ServerSecurity::tls(&identity(), None).unwrap(),
    );
    handshake_error(client.err().unwrap());
}

#[test]
fn plaintext_and_tls_do_not_mix() {
    let ours = identity();
    let (client, server) =
        meet(&ClientSecurity::plaintext_loopback(), ServerSecurity::tls(&ours, None).unwrap());
    assert!(handshake_error(server.err().unwrap()).contains("plaintext"));
    let e = client.and_then(|mut lane| lane.recv(A, 1)).err().unwrap();
    assert!(matches!(&e, Error::PeerMisbehaved { got, .. } if got.contains("another protocol")));
    let (client, server) = meet(
        &ClientSecurity::tls(&pin(&ours), None).unwrap(),
        ServerSecurity::plaintext_loopback(),
    );
    assert!(matches!(server.err().unwrap(), Error::PeerMisbehaved { .. }));
    handshake_error(client.err().unwrap());
}

#[test]
fn a_silent_client_does_not_hold_the_handshake() {
    let (listener, addr) = listen(ServerSecurity::tls(&identity(), None).unwrap());
    let _client = TcpStream::connect(addr).unwrap();
    let e = listener.accept().unwrap().establish(Duration::from_millis(100)).err().unwrap();
    assert!(matches!(e, Error::Timeout { .. }), "{e}");
}

/// Relays between a client and a server, letting `tamper` change or cut what the client sends
/// after `clean` bytes.
fn relay(
    listener: std::net::TcpListener,
    server: String,
    clean: usize,
    tamper: fn(&mut [u8]) -> bool,
) {
    let (mut client, _) = listener.accept().unwrap();
    let mut server = TcpStream::connect(server).unwrap();
    let (mut back_from, mut back_to) = (server.try_clone().unwrap(), client.try_clone().unwrap());
    thread::spawn(move || std::io::copy(&mut back_from, &mut back_to));
    let mut buf = [0; 4096];
    let mut seen = 0;
    while let Ok(n @ 1..) = client.read(&mut buf) {
        let tampered = seen > clean && !tamper(&mut buf[..n]);
        if tampered || server.write_all(&buf[..n]).is_err() {
            break;
        }
        seen += n;
    }
    let _ = server.shutdown(std::net::Shutdown::Both);
    let _ = client.shutdown(std::net::Shutdown::Both);
}

fn through_relay(tamper: fn(&mut [u8]) -> bool) -> Error {
    let ours = identity();
    let (listener, addr) = listen(ServerSecurity::tls(&ours, None).unwrap());
    let middle = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let middle_addr = middle.local_addr().unwrap().to_string();
    thread::scope(|scope| {
        scope.spawn(move || relay(middle, addr, 100_000, tamper));
        let server = scope.spawn(move || {
            let mut lane = listener.accept()?.establish(SOON)?.unwrap().into_lane();
            (0..50).try_for_each(|_| lane.recv(A, 10_000).map(|_| ()))
        });
        let security = ClientSecurity::tls(&pin(&ours), None).unwrap();
        let mut lane = connect(&middle_addr, &security, SOON).unwrap();
        for _ in 0..50 {
            if lane.send(A, Public::new(&[3; 10_000])).is_err() {
                break;
            }
        }
        drop(lane);
        server.join().unwrap().unwrap_err()
    })
}

#[test]
fn a_changed_byte_on_the_way_is_found() {
    let e = through_relay(|bytes| {
        bytes[0] ^= 1;
        true
    });
    assert!(
        matches!(&e, Error::PeerMisbehaved { expected, .. } if expected.contains("TLS")),
        "{e}"
    );
}

#[test]
fn a_cut_on_the_way_is_found() {
    let e = through_relay(|_| false);
    assert!(matches!(e, Error::Closed { .. }), "{e}");
}

#[test]
fn identities_are_kept_in_files_for_this_user_alone() {
    let dir = std::env::temp_dir().join(format!("sordino-wire-{}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    let (cert, key) = (dir.join("cert.pem"), dir.join("key.pem"));
    let ours = identity();
    ours.write(&cert, &key).unwrap();
    let read = Identity::read(&cert, &key).unwrap();
    assert_eq!(read.fingerprint().unwrap(), ours.fingerprint().unwrap());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let e = ours.write(&cert, &key).unwrap_err();
    assert!(matches!(&e, Error::Io { what, .. } if what.contains("key.pem")), "{e}");
    let e = Identity::read(&key, &cert).err().unwrap();
    assert!(matches!(e, Error::Config(_)), "{e}");
    std::fs::remove_dir_all(&dir).unwrap();
}

#[test]
fn fingerprints_are_read_as_openssl_prints_them() {
    let fingerprint = identity().fingerprint().unwrap();
    let text = fingerprint.to_string();
    assert_eq!(text.parse::<Fingerprint>().unwrap(), fingerprint);
    let hex = text.strip_prefix("sha256:").unwrap().to_uppercase();
    let colons: Vec<&str> = (0..32).map(|i| &hex[2 * i..2 * i + 2]).collect();
    assert_eq!(colons.join(":").parse::<Fingerprint>().unwrap(), fingerprint);
    for bad in ["", "sha256:00", "zz", &text[..70]] {
        assert!(matches!(bad.parse::<Fingerprint>(), Err(Error::Config(_))));
    }
}
