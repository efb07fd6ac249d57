//! How a connection is protected.

#[cfg(any(feature = "tls", feature = "tls-ring"))]
use crate::tls::{self, Identity, Trust};
use crate::{Error, Lane, Role, net::tcp};
use std::net::{SocketAddr, TcpStream};
use std::time::Instant;

/// How a client protects its connections and whom it trusts.
#[derive(Clone)]
pub struct ClientSecurity(Client);

#[derive(Clone)]
enum Client {
    Plaintext,
    #[cfg(any(feature = "tls", feature = "tls-ring"))]
    Tls(tls::ClientConfig),
}

impl ClientSecurity {
    /// No protection at all, for experiments within one machine: any address that is not loopback
    /// is refused.
    pub fn plaintext_loopback() -> Self {
        ClientSecurity(Client::Plaintext)
    }

    /// TLS 1.3 to a server that `server` vouches for, showing `identity` to servers that ask for a
    /// client certificate.
    ///
    /// *Security.* The protocols run inside protect the parties from each other; TLS protects both
    /// from everyone else, and pins who the other one is. The key exchange is the hybrid of X25519
    /// and ML-KEM-768 with feature `tls`, X25519 with `tls-ring` alone.
    ///
    /// *Errors.* [`Error::Config`] for a certificate or key that cannot be used.
    #[cfg(any(feature = "tls", feature = "tls-ring"))]
    pub fn tls(server: &Trust, identity: Option<&Identity>) -> Result<Self, Error> {
        Ok(ClientSecurity(Client::Tls(tls::ClientConfig::new(server, identity)?)))
    }

    pub(super) fn check(&self, addr: SocketAddr) -> Result<(), Error> {
        match self.0 {
            Client::Plaintext => loopback(addr),
            #[cfg(any(feature = "tls", feature = "tls-ring"))]
            Client::Tls(_) => Ok(()),
        }
    }

    #[cfg_attr(not(any(feature = "tls", feature = "tls-ring")), expect(unused_variables))]
    pub(super) fn secure(
        &self,
        socket: TcpStream,
        host: &str,
        deadline: Instant,
    ) -> Result<Lane, Error> {
        match &self.0 {
            Client::Plaintext => plain(Role::Client, socket),
            #[cfg(any(feature = "tls", feature = "tls-ring"))]
            Client::Tls(config) => {
                let (source, sink) = config.handshake(&socket, host, deadline)?;
                tcp::lane(Role::Client, socket, source, sink)
            }
        }
    }
}

/// How a server protects its connections and whom it lets in.
#[derive(Clone)]
pub struct ServerSecurity(Server);

#[derive(Clone)]
enum Server {
    Plaintext,
    #[cfg(any(feature = "tls", feature = "tls-ring"))]
    Tls(tls::ServerConfig),
}

impl ServerSecurity {
    /// No protection at all, for experiments within one machine: any address that is not loopback
    /// is refused.
    pub fn plaintext_loopback() -> Self {
        ServerSecurity(Server::Plaintext)
    }

    /// TLS 1.3 as `identity`. With `clients`, only those that it vouches for get in; without,
    /// everybody does.
    ///
    /// *Errors.* [`Error::Config`] for a certificate or key that cannot be used.
    #[cfg(any(feature = "tls", feature = "tls-ring"))]
    pub fn tls(identity: &Identity, clients: Option<&Trust>) -> Result<Self, Error> {
        Ok(ServerSecurity(Server::Tls(tls::ServerConfig::new(identity, clients)?)))
    }

    pub(super) fn check(&self, addr: SocketAddr) -> Result<(), Error> {
        match self.0 {
            Server::Plaintext => loopback(addr),
            #[cfg(any(feature = "tls", feature = "tls-ring"))]
            Server::Tls(_) => Ok(()),
        }
    }

    #[cfg_attr(not(any(feature = "tls", feature = "tls-ring")), expect(unused_variables))]
    pub(super) fn secure(&self, socket: TcpStream, deadline: Instant) -> Result<Lane, Error> {
        match &self.0 {
            Server::Plaintext => plain(Role::Server, socket),
            #[cfg(any(feature = "tls", feature = "tls-ring"))]
            Server::Tls(config) => {
                let (source, sink) = config.handshake(&socket, deadline)?;
                tcp::lane(Role::Server, socket, source, sink)
            }
        }
    }
}

fn loopback(addr: SocketAddr) -> Result<(), Error> {
    if addr.ip().is_loopback() {
        return Ok(());
    }
    Err(Error::Config(format!(
        "{addr} is not a loopback address, and plaintext never leaves this machine: use TLS \
         (`sordino keygen` makes a certificate)"
    )))
}

fn plain(role: Role, socket: TcpStream) -> Result<Lane, Error> {
    let clone = || {
        socket.try_clone().map_err(|source| Error::Io { what: "cloning a socket".into(), source })
    };
    let (source, sink) = (clone()?, clone()?);
    tcp::lane(role, socket, Box::new(source), sink)
}
