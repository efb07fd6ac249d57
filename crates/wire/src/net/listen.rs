//! The server's side of a connection.

use super::ServerSecurity;
use super::connect::no_delay;
use super::hello::{Hello, Token, welcome};
use crate::{AbortCode, Error, Lane, Limits, Link};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError, SyncSender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Lanes that a client may ask for.
const MAX_LANES: u16 = 64;

/// Accepts connections.
pub struct Listener {
    socket: TcpListener,
    security: ServerSecurity,
    waiting: Waiting,
}

impl Listener {
    /// Listens at `HOST:PORT`; port 0 lets the system choose one.
    ///
    /// *Errors.* [`Error::Config`] for an address that is in use, not this machine's, or that
    /// `security` forbids; [`Error::Io`] otherwise.
    pub fn bind(addr: &str, security: ServerSecurity) -> Result<Self, Error> {
        let addresses: Vec<SocketAddr> = addr
            .to_socket_addrs()
            .map_err(|e| Error::Config(format!("`{addr}` is no address to listen at: {e}")))?
            .collect();
        for address in &addresses {
            security.check(*address)?;
        }
        let socket = TcpListener::bind(&addresses[..]).map_err(|source| match source.kind() {
            ErrorKind::AddrInUse => Error::Config(format!(
                "{addr} is in use: stop the other server or choose another port"
            )),
            ErrorKind::AddrNotAvailable => {
                Error::Config(format!("{addr} is not an address of this machine"))
            }
            ErrorKind::PermissionDenied => {
                Error::Config(format!("this user may not listen at {addr}: use a port from 1024"))
            }
            _ => Error::Io { what: format!("listening at {addr}"), source },
        })?;
        Ok(Listener { socket, security, waiting: Waiting::default() })
    }

    /// Where it listens.
    pub fn local_addr(&self) -> Result<SocketAddr, Error> {
        self.socket
            .local_addr()
            .map_err(|source| Error::Io { what: "asking for the local address".into(), source })
    }

    /// Waits for the next connection. Nothing has been read from it yet: no client can make this
    /// wait for it.
    ///
    /// *Errors.* [`Error::Io`], of which running out of descriptors passes when sessions end; the
    /// listener stays usable.
    pub fn accept(&self) -> Result<Pending, Error> {
        loop {
            match self.socket.accept() {
                Ok((socket, peer)) => {
                    let (security, waiting) = (self.security.clone(), self.waiting.clone());
                    return Ok(Pending { socket, peer, security, waiting });
                }
                Err(e)
                    if matches!(
                        e.kind(),
                        ErrorKind::ConnectionAborted | ErrorKind::Interrupted
                    ) => {}
                Err(source) => {
                    return Err(Error::Io { what: "accepting a connection".into(), source });
                }
            }
        }
    }
}

/// A connection that has not said anything yet.
pub struct Pending {
    socket: TcpStream,
    peer: SocketAddr,
    security: ServerSecurity,
    waiting: Waiting,
}

impl Pending {
    /// Who connected.
    pub fn peer(&self) -> SocketAddr {
        self.peer
    }

    /// Does the handshakes; call it in the session's own thread. When the connection begins a
    /// session, waits for the session's other lanes and returns all of them; when it is another
    /// lane of a session, hands it over and returns `None`.
    ///
    /// *Errors.* [`Error::Timeout`] when the client takes longer than `timeout` for all of it;
    /// [`Error::Handshake`] when it does not speak TLS or may not come in; [`Error::PeerMisbehaved`]
    /// when it is no client of this version.
    pub fn establish(self, timeout: Duration) -> Result<Option<Link>, Error> {
        let deadline = Instant::now() + timeout;
        self.security.check(self.peer)?;
        no_delay(&self.socket)?;
        let mut lane = self.security.secure(self.socket, deadline)?;
        lane.set_limits(Limits { deadline: Some(deadline), ..Limits::default() });
        let hello = Hello::receive(&mut lane)?;
        match hello {
            Hello { lanes, .. } if lanes > MAX_LANES => {
                lane.abort(AbortCode::Limit);
                Err(Error::PeerMisbehaved {
                    expected: format!("at most {MAX_LANES} lanes"),
                    got: format!("a session of {lanes}"),
                })
            }
            Hello { lanes: 1, .. } => {
                lane.start();
                Ok(Some(Link::new(vec![lane])))
            }
            Hello { index: 0, lanes, token } => {
                self.waiting.gather(lane, lanes, token, deadline, timeout).map(Some)
            }
            Hello { index, token, .. } => self.waiting.join(lane, index, &token).map(|()| None),
        }
    }
}

type Arrival = (u16, Lane);

/// The sessions whose lanes have not all arrived.
#[derive(Clone, Default)]
struct Waiting(Arc<Mutex<HashMap<Token, SyncSender<Arrival>>>>);

impl Waiting {
    fn lock(&self) -> MutexGuard<'_, HashMap<Token, SyncSender<Arrival>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn gather(
        &self,
        mut first: Lane,
        lanes: u16,
        token: Token,
        deadline: Instant,
        timeout: Duration,
    ) -> Result<Link, Error> {
        let (sender, arrivals) = mpsc::sync_channel(lanes.into());
        match self.lock().entry(token.clone()) {
            Entry::Vacant(entry) => entry.insert(sender),
            Entry::Occupied(_) => {
                first.abort(AbortCode::Protocol);
                return Err(Error::PeerMisbehaved {
                    expected: "a fresh session token".into(),
                    got: "one in use".into(),
                });
            }
        };
        let result = welcome(&mut first).and_then(|()| {
            let mut link: Vec<Option<Lane>> = (0..lanes).map(|_| None).collect();
            link[0] = Some(first);
            for _ in 1..lanes {
                let left = deadline.saturating_duration_since(Instant::now());
                let (index, lane) = arrivals.recv_timeout(left).map_err(|e| match e {
                    RecvTimeoutError::Timeout => Error::Timeout {
                        what: "this party waited for the session's other lanes".into(),
                        after: timeout,
                    },
                    RecvTimeoutError::Disconnected => {
                        Error::Closed { what: "the session's lanes gathered".into() }
                    }
                })?;
                // The other lane's hello names its own number of lanes, so the index is checked
                // against this session's.
                match link.get_mut(usize::from(index)) {
                    Some(free @ None) => *free = Some(lane),
                    _ => {
                        return Err(Error::PeerMisbehaved {
                            expected: format!("each of {lanes} lanes once"),
                            got: format!("lane {index}"),
                        });
                    }
                }
            }
            Ok(link)
        });
        self.lock().remove(&token);
        let mut link: Vec<Lane> = result?.into_iter().flatten().collect();
        link.iter_mut().for_each(Lane::start);
        Ok(Link::new(link))
    }

    fn join(&self, mut lane: Lane, index: u16, token: &Token) -> Result<(), Error> {
        let session = self.lock().get(token).cloned();
        // Full or gone means the same as never there: this lane is not expected.
        let refused = match session {
            Some(session) => session.try_send((index, lane)).err().map(|e| match e {
                mpsc::TrySendError::Full((_, lane))
                | mpsc::TrySendError::Disconnected((_, lane)) => lane,
            }),
            None => Some(lane),
        };
        let Some(refused) = refused else { return Ok(()) };
        lane = refused;
        lane.abort(AbortCode::Protocol);
        Err(Error::PeerMisbehaved {
            expected: "a lane of a session that is being set up".into(),
            got: format!("lane {index} of another"),
        })
    }
}
