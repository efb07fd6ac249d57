//! TLS handshakes, and what their failures mean.

use super::config::ALPN;
use super::stream::{TlsSink, halves};
use crate::Error;
use crate::lane::Source;
use rustls::AlertDescription::*;
use rustls::{CertificateError, Connection, InvalidMessage};
use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// Does the handshake, however the peer drips, before the deadline.
pub(super) fn handshake(
    mut connection: Connection,
    socket: &TcpStream,
    deadline: Instant,
) -> Result<(Box<dyn Source>, TlsSink), Error> {
    let start = Instant::now();
    let peer = socket.peer_addr().map_or_else(|_| "the peer".into(), |peer| peer.to_string());
    let mut io = Deadlined { socket, deadline };
    while connection.is_handshaking() {
        connection.complete_io(&mut io).map_err(|e| explain(e, &peer, start))?;
    }
    if connection.alpn_protocol() != Some(ALPN) {
        let why = "it speaks TLS but not this protocol".into();
        return Err(Error::Handshake { peer, why });
    }
    connection.set_buffer_limit(None);
    halves(connection, socket, &peer)
        .map_err(|source| Error::Io { what: "cloning a socket".into(), source })
}

fn explain(e: io::Error, peer: &str, start: Instant) -> Error {
    let tls = e.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let why = match tls {
        Some(e) => why(e),
        None if e.kind() == ErrorKind::UnexpectedEof => {
            "it closed the connection during the handshake (is it in plaintext mode?)".into()
        }
        None => {
            let what = format!("shaking hands with {peer}");
            return Error::from_io(e, what, start.elapsed());
        }
    };
    Error::Handshake { peer: peer.into(), why }
}

/// What a TLS error means to the user.
fn why(e: &rustls::Error) -> String {
    match e {
        rustls::Error::InvalidCertificate(CertificateError::Other(other)) => other.to_string(),
        rustls::Error::AlertReceived(CertificateRequired) => {
            "it asks for a client certificate and this party shows none".into()
        }
        rustls::Error::AlertReceived(
            BadCertificate | CertificateUnknown | UnknownCA | AccessDenied | CertificateExpired
            | DecryptError,
        ) => "it does not accept this party's certificate".into(),
        rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType) => {
            "it does not speak TLS (is it in plaintext mode?)".into()
        }
        e => e.to_string(),
    }
}

/// A TLS error after the handshake. A server judges the client's certificate after the client
/// believes the handshake is done, so the verdict arrives here.
pub(super) fn after_handshake(e: &rustls::Error, peer: &str) -> Error {
    let why = why(e);
    match e {
        rustls::Error::AlertReceived(
            CertificateRequired | BadCertificate | CertificateUnknown | UnknownCA | AccessDenied
            | CertificateExpired | DecryptError,
        ) => Error::Handshake { peer: peer.into(), why },
        _ => Error::PeerMisbehaved { expected: "an intact TLS connection".into(), got: why },
    }
}

/// A socket whose reads and writes fail once a deadline has passed, however the peer drips.
struct Deadlined<'a> {
    socket: &'a TcpStream,
    deadline: Instant,
}

impl Deadlined<'_> {
    fn left(&self) -> io::Result<Option<Duration>> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(Some(left)) }
    }
}

impl Read for Deadlined<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.socket.set_read_timeout(self.left()?)?;
        self.socket.read(buf)
    }
}

impl Write for Deadlined<'_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.socket.set_write_timeout(self.left()?)?;
        self.socket.write(buf)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
