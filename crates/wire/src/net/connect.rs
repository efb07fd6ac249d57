//! The client's side of a connection.

use super::ClientSecurity;
use super::hello::{Hello, Token, welcomed};
use crate::{Error, Lane, Limits, Link};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::{Duration, Instant};

/// Connects to a server at `HOST:PORT`: one lane.
///
/// *Cost.* One TCP and one TLS handshake, and 40 bytes that the meter does not count.
///
/// *Errors.* [`Error::Config`] for an address that does not resolve or that `security` forbids;
/// [`Error::Io`] when nobody listens there; [`Error::Timeout`] after `timeout`;
/// [`Error::Handshake`] when the server is not the one that `security` trusts.
pub fn connect(addr: &str, security: &ClientSecurity, timeout: Duration) -> Result<Lane, Error> {
    Ok(connect_link(addr, security, 1, timeout)?.into_lane())
}

/// Connects to a server at `HOST:PORT`: `lanes` connections of one session.
///
/// The first connection announces a random token of 128 bits, the others show it; the server
/// confirms the first before the others are opened, which costs one round trip.
///
/// *Errors.* As [`connect`]; [`Error::PeerAborted`] when the server does not want so many lanes.
pub fn connect_link(
    addr: &str,
    security: &ClientSecurity,
    lanes: u16,
    timeout: Duration,
) -> Result<Link, Error> {
    if lanes == 0 {
        return Err(Error::Config("a session needs at least one lane".into()));
    }
    let deadline = Instant::now() + timeout;
    let token = Token::random()?;
    let mut link = Vec::with_capacity(lanes.into());
    for index in 0..lanes {
        let mut lane = open(addr, security, timeout, deadline)?;
        lane.set_limits(Limits { deadline: Some(deadline), ..Limits::default() });
        Hello { lanes, index, token: token.clone() }.send(&mut lane)?;
        if lanes > 1 && index == 0 {
            welcomed(&mut lane)?;
        }
        lane.start();
        link.push(lane);
    }
    Ok(Link::new(link))
}

fn open(
    addr: &str,
    security: &ClientSecurity,
    timeout: Duration,
    deadline: Instant,
) -> Result<Lane, Error> {
    let resolved = addr.to_socket_addrs().map_err(|e| {
        Error::Config(format!("`{addr}` is no address of a server (HOST:PORT is): {e}"))
    })?;
    let mut refused = None;
    for address in resolved {
        security.check(address)?;
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        match TcpStream::connect_timeout(&address, left) {
            Ok(socket) => {
                no_delay(&socket)?;
                let host = addr.rsplit_once(':').map_or(addr, |(host, _)| host);
                let host = host.trim_start_matches('[').trim_end_matches(']');
                return security.secure(socket, host, deadline);
            }
            Err(e) => refused = Some(e),
        }
    }
    Err(match refused {
        Some(e) if e.kind() != std::io::ErrorKind::TimedOut => Error::Io {
            what: format!("cannot connect to {addr} (is the server running there?)"),
            source: e,
        },
        _ => Error::Timeout { what: format!("connecting to {addr}"), after: timeout },
    })
}

/// Messages leave when they are flushed, not when the peer acknowledged the previous ones.
pub(super) fn no_delay(socket: &TcpStream) -> Result<(), Error> {
    socket
        .set_nodelay(true)
        .map_err(|source| Error::Io { what: "setting TCP_NODELAY".into(), source })
}
