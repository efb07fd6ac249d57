//! TLS configurations and handshakes.

use super::handshake::handshake;
use super::identity::Identity;
use super::provider::provider;
use super::stream::TlsSink;
use super::trust::{Kind, PinVerifier, Trust};
use crate::Error;
use crate::lane::Source;
use rustls::client::{Resumption, WebPkiServerVerifier};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::version::TLS13;
use rustls::{ClientConnection, RootCertStore, ServerConnection};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Instant;

/// The application protocol that both ends insist on.
pub(super) const ALPN: &[u8] = b"sordino/1";

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

#[cfg(all(test, feature = "tls"))]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rustls::{CipherSuite, Connection, NamedGroup, ProtocolVersion};

    #[test]
    fn the_post_quantum_hybrid_is_negotiated() {
        let identity = Identity::self_signed(["localhost"]).unwrap();
        let trust = Trust::pinned([identity.fingerprint().unwrap()]).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let client = ClientConfig::new(&trust, None).unwrap().0;
        let server = ServerConfig::new(&identity, None).unwrap().0;
        let mut client: Connection = ClientConnection::new(client, name).unwrap().into();
        let mut server: Connection = ServerConnection::new(server).unwrap().into();
        let carry = |from: &mut Connection, to: &mut Connection| {
            let mut flight = Vec::new();
            while from.wants_write() {
                from.write_tls(&mut flight).unwrap();
            }
            let mut rest = &flight[..];
            while !rest.is_empty() {
                to.read_tls(&mut rest).unwrap();
                to.process_new_packets().unwrap();
            }
        };
        while client.is_handshaking() || server.is_handshaking() {
            carry(&mut client, &mut server);
            carry(&mut server, &mut client);
        }
        assert_eq!(client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
        let group = client.negotiated_key_exchange_group().unwrap().name();
        assert_eq!(group, NamedGroup::X25519MLKEM768);
        let suite = client.negotiated_cipher_suite().unwrap().suite();
        assert_eq!(suite, CipherSuite::TLS13_AES_128_GCM_SHA256);
    }
}
