//! TLS configurations and handshakes.

use super::identity::Identity;
use super::provider::provider;
use super::stream::{TlsSink, halves};
use super::trust::{Kind, PinVerifier, Trust};
use crate::Error;
use crate::lane::Source;
use crate::net::Deadlined;
use rustls::AlertDescription::*;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{
    CertificateError, ClientConnection, Connection, InvalidMessage, RootCertStore, ServerConnection,
};
use std::io::{self, ErrorKind};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

/// The application protocol that both ends insist on.
const ALPN: &[u8] = b"sordino/1";

/// A client's checked configuration.
#[derive(Clone)]
pub(crate) struct ClientConfig(Arc<rustls::ClientConfig>);

impl ClientConfig {
    pub(crate) fn new(server: &Trust, identity: Option<&Identity>) -> Result<Self, Error> {
        let provider = provider();
        let builder = rustls::ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?;
        let builder = match &server.0 {
            Kind::Pinned(pins) => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(PinVerifier::new(pins, &provider))),
            Kind::Authority(authorities) => builder.with_webpki_verifier(
                WebPkiServerVerifier::builder_with_provider(roots(authorities)?, provider)
                    .build()
                    .map_err(unusable)?,
            ),
        };
        let mut config = match identity {
            None => builder.with_no_client_auth(),
            Some(identity) => builder
                .with_client_auth_cert(identity.chain()?, identity.private_key()?)
                .map_err(unusable)?,
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.resumption = Resumption::disabled();
        Ok(ClientConfig(Arc::new(config)))
    }

    pub(crate) fn handshake(
        &self,
        socket: &TcpStream,
        host: &str,
        deadline: Instant,
    ) -> Result<(Box<dyn Source>, TlsSink), Error> {
        let name = ServerName::try_from(host.to_owned()).map_err(|_| {
            Error::Config(format!("`{host}` is neither a host name nor an IP address"))
        })?;
        let connection = ClientConnection::new(self.0.clone(), name).map_err(unusable)?;
        handshake(connection.into(), socket, deadline)
    }
}

/// A server's checked configuration.
#[derive(Clone)]
pub(crate) struct ServerConfig(Arc<rustls::ServerConfig>);

impl ServerConfig {
    pub(crate) fn new(identity: &Identity, clients: Option<&Trust>) -> Result<Self, Error> {
        let provider = provider();
        let builder = rustls::ServerConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?;
        let builder = match clients.map(|clients| &clients.0) {
            None => builder.with_no_client_auth(),
            Some(Kind::Pinned(pins)) => {
                builder.with_client_cert_verifier(Arc::new(PinVerifier::new(pins, &provider)))
            }
            Some(Kind::Authority(authorities)) => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(roots(authorities)?, provider)
                    .build()
                    .map_err(unusable)?,
            ),
        };
        let mut config = builder
            .with_single_cert(identity.chain()?, identity.private_key()?)
            .map_err(unusable)?;
        config.alpn_protocols = vec![ALPN.to_vec()];
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
        Ok(ServerConfig(Arc::new(config)))
    }

    pub(crate) fn handshake(
        &self,
        socket: &TcpStream,
        deadline: Instant,
    ) -> Result<(Box<dyn Source>, TlsSink), Error> {
        let connection = ServerConnection::new(self.0.clone()).map_err(unusable)?;
        handshake(connection.into(), socket, deadline)
    }
}

fn roots(authorities: &[CertificateDer<'static>]) -> Result<Arc<RootCertStore>, Error> {
    let mut roots = RootCertStore::empty();
    for authority in authorities {
        roots.add(authority.clone()).map_err(unusable)?;
    }
    Ok(Arc::new(roots))
}

fn unusable(e: impl std::fmt::Display) -> Error {
    Error::Config(format!("this certificate, key or authority cannot be used: {e}"))
}

fn handshake(
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
