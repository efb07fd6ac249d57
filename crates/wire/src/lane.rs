//! The dialogue with the peer.

use crate::frame::{self, Header, ReadError, encode_header};
use crate::pipe::{CHUNK, PipeWriter};
use crate::{AbortCode, Error, HEADER, Kind, Limits, Meter, Role, Transcript, Wire};
use bytemuck::{AnyBitPattern, NoUninit};
use std::io::{self, Read};
use std::time::{Duration, Instant};

/// How long dropping a lane may take to get the last bytes out.
const LINGER: Duration = Duration::from_secs(10);
/// How long an aborting party goes on reading, so that its abort is not lost in a reset.
const DRAIN: Duration = Duration::from_millis(500);
/// How long a failed send looks for the peer's reason.
const LAST_WORDS: Duration = Duration::from_millis(100);

/// Where a lane's bytes come from.
pub(crate) trait Source: Read + Send {
    /// The longest that the next reads may block.
    fn set_wait(&mut self, wait: Option<Duration>) -> io::Result<()>;
}

/// The socket under a lane, as far as a lane has to know it.
pub(crate) trait Socket: Send {
    /// The longest that a write may block.
    fn set_write_wait(&self, wait: Option<Duration>) -> io::Result<()>;
    /// Breaks the connection, waking whoever is blocked on it.
    fn shut(&self);
}

/// One ordered, reliable, metered dialogue between the two parties.
///
/// Both parties run mirror-image code: what one sends, the other receives with the same kind and
/// length. Sent messages are gathered into chunks of 64 KiB that a second thread (on sockets)
/// writes while this one computes on; a receive first flushes what was sent. Up to 64 MiB may be
/// on their way before a send blocks, so two parties that send at the same time do not dead-lock.
///
/// *Cost.* Each message costs [`HEADER`] bytes besides its payload. A round is counted when a
/// receive directly follows a send.
///
/// *Errors.* The first error poisons the lane: all later calls return [`Error::Poisoned`]. When the
/// peer misbehaved, it is sent [`AbortCode::Protocol`]. Nothing is allocated because the peer says
/// so: a receive allocates what its caller expects.
///
/// Dropping a lane sends what is still buffered, then ends the stream; [`Lane::close`] also says
/// whether that worked.
pub struct Lane {
    role: Role,
    out: Vec<u8>,
    tx: PipeWriter,
    rx: frame::Reader<Timed>,
    socket: Option<Box<dyn Socket>>,
    meter: Meter,
    transcript: Option<Transcript>,
    failed: Option<String>,
    aborted: bool,
    #[cfg(any(test, feature = "testing"))]
    pub(crate) injector: Option<crate::faulty::Injector>,
}

/// A source that observes limits.
struct Timed {
    source: Box<dyn Source>,
    limits: Limits,
    set: Option<Duration>,
    /// How long the latest read took.
    waited: Duration,
}

impl Read for Timed {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let wait = self.limits.wait();
        if wait == Some(Duration::ZERO) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        if wait != self.set {
            self.source.set_wait(wait)?;
            self.set = wait;
        }
        let start = Instant::now();
        let read = self.source.read(buf);
        self.waited = start.elapsed();
        read
    }
}

impl Lane {
    pub(crate) fn new(
        role: Role,
        tx: PipeWriter,
        source: Box<dyn Source>,
        socket: Option<Box<dyn Socket>>,
    ) -> Self {
        let limits = Limits::default();
        let timed = Timed { source, limits, set: None, waited: Duration::ZERO };
        let mut lane = Lane {
            role,
            out: Vec::with_capacity(CHUNK),
            tx,
            rx: frame::Reader::new(timed),
            socket,
            meter: Meter::new(role),
            transcript: None,
            failed: None,
            aborted: false,
            #[cfg(any(test, feature = "testing"))]
            injector: None,
        };
        lane.set_limits(limits);
        lane
    }

    /// Which party this is.
    pub fn role(&self) -> Role {
        self.role
    }

    /// Sends a message. It may stay in this party's buffer until the next receive or
    /// [`Lane::flush`].
    ///
    /// *Security.* The payload's type states why the peer may see it.
    ///
    /// *Errors.* [`Error::Config`] from 4 GiB of payload, without poisoning; otherwise whatever
    /// ended the connection.
    pub fn send(&mut self, kind: Kind, payload: impl Wire) -> Result<(), Error> {
        let payload = payload.bytes();
        self.usable()?;
        let Ok(len) = u32::try_from(payload.len()) else {
            return Err(Error::Config(format!(
                "`{kind}` has {} bytes; a message holds less than 4 GiB: send it in parts",
                payload.len()
            )));
        };
        self.charge(kind, payload.len())?;
        #[cfg(any(test, feature = "testing"))]
        if let Some(mut injector) = self.injector.take() {
            let sent = injector.send(self, kind, payload);
            self.injector = Some(injector);
            self.count_sent(kind, payload.len());
            return sent;
        }
        self.put(kind, &encode_header(kind, len))?;
        self.put(kind, payload)?;
        self.count_sent(kind, payload.len());
        Ok(())
    }

    /// Receives a message of exactly `len` bytes.
    ///
    /// *Errors.* [`Error::PeerMisbehaved`] for any other kind or length; [`Error::PeerAborted`],
    /// [`Error::Closed`] or [`Error::Timeout`] when it does not come; [`Error::LimitReached`].
    pub fn recv(&mut self, kind: Kind, len: usize) -> Result<Vec<u8>, Error> {
        self.expect(kind, Length::Exactly(len))?;
        let mut payload = vec![0; len];
        self.fill(kind, &mut payload)?;
        Ok(payload)
    }

    /// Receives a message of exactly `out.len()` bytes into `out`. Errors as [`Lane::recv`].
    pub fn recv_into(&mut self, kind: Kind, out: &mut [u8]) -> Result<(), Error> {
        self.expect(kind, Length::Exactly(out.len()))?;
        self.fill(kind, out)
    }

    /// Receives `n` plain values that the peer sent with `pod`. Errors as [`Lane::recv`].
    pub fn recv_pod<T>(&mut self, kind: Kind, n: usize) -> Result<Vec<T>, Error>
    where
        T: NoUninit + AnyBitPattern,
    {
        self.expect(kind, Length::Exactly(n.saturating_mul(size_of::<T>())))?;
        let mut values = vec![T::zeroed(); n];
        self.fill(kind, bytemuck::cast_slice_mut(&mut values))?;
        Ok(values)
    }

    /// Receives a message of at most `max` bytes; memory grows with the bytes that arrive. Errors
    /// as [`Lane::recv`].
    pub fn recv_bounded(&mut self, kind: Kind, max: usize) -> Result<Vec<u8>, Error> {
        let len = self.expect(kind, Length::AtMost(max))?;
        match self.rx.payload(len) {
            Ok(payload) => {
                self.count_received(kind, len);
                Ok(payload)
            }
            Err(e) => Err(self.broken(e, kind)),
        }
    }

    /// Hands everything sent so far to the connection, without waiting until it has left. A receive
    /// does this by itself; a party that computes for long after a send should do it.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.usable()?;
        if self.out.is_empty() { Ok(()) } else { self.push() }
    }

    /// Tells the peer that this party gives up, and poisons the lane. Best effort: the peer may be
    /// gone already. The message is not metered.
    pub fn abort(&mut self, code: AbortCode) {
        if !self.aborted {
            self.aborted = true;
            self.out.extend_from_slice(&encode_header(Kind::ABORT, 2));
            self.out.extend_from_slice(&code.to_u16().to_le_bytes());
            // The outcome changes nothing: the lane is given up either way.
            let _ = self.tx.push(&mut self.out, None, true);
        }
        self.failed.get_or_insert_with(|| format!("this party aborted: {code}"));
    }

    /// Sends what is buffered, ends the stream, and waits (ten seconds at most) until the
    /// connection has taken everything.
    pub fn close(mut self) -> Result<(), Error> {
        self.flush()?;
        self.tx.end();
        match self.socket {
            None => Ok(()),
            Some(_) => self
                .tx
                .finished(LINGER)
                .map_err(|e| Error::from_io(e, "sending the last messages", LINGER)),
        }
    }

    /// What this lane sent and received.
    pub fn meter(&self) -> &Meter {
        &self.meter
    }

    /// The same, to say what the next messages belong to.
    pub fn meter_mut(&mut self) -> &mut Meter {
        &mut self.meter
    }

    /// Sets what this lane may use from now on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.rx.get_mut().limits = limits;
        if let Some(socket) = &self.socket {
            // A socket that cannot take a limit is broken, which the next read or write will tell.
            let _ = socket.set_write_wait(limits.wait());
        }
    }

    /// What this lane may use.
    pub fn limits(&self) -> Limits {
        self.rx.get_ref().limits
    }

    /// Starts to record (again), from an empty transcript.
    pub fn record(&mut self) {
        self.transcript = Some(Transcript::default());
    }

    /// What was said since [`Lane::record`]; empty without it.
    pub fn transcript(&self) -> Transcript {
        self.transcript.clone().unwrap_or_default()
    }

    /// Begins the metered part, after the connection was set up.
    pub(crate) fn start(&mut self) {
        self.meter = Meter::new(self.role);
        self.set_limits(Limits::default());
    }

    fn usable(&self) -> Result<(), Error> {
        match &self.failed {
            None => Ok(()),
            Some(first) => Err(Error::Poisoned { first: first.clone() }),
        }
    }

    /// Refuses a message that would exceed the byte limit.
    fn charge(&mut self, kind: Kind, len: usize) -> Result<(), Error> {
        let Some(limit) = self.limits().bytes else { return Ok(()) };
        if self.meter.total().bytes() + HEADER + len as u64 <= limit {
            return Ok(());
        }
        self.abort(AbortCode::Limit);
        Err(self.fail(Error::LimitReached { what: format!("`{kind}` of {len} bytes"), limit }))
    }

    /// Appends to the buffer, and hands over what fills it.
    pub(crate) fn put(&mut self, kind: Kind, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let (now, later) = bytes.split_at(bytes.len().min(CHUNK - self.out.len()));
            self.out.extend_from_slice(now);
            bytes = later;
            if self.out.len() == CHUNK {
                self.push().map_err(|e| match e {
                    Error::Closed { .. } => Error::Closed { what: format!("sending `{kind}`") },
                    other => other,
                })?;
            }
        }
        Ok(())
    }

    fn push(&mut self) -> Result<(), Error> {
        let wait = self.limits().wait();
        match self.tx.push(&mut self.out, wait, false) {
            Ok(()) => Ok(()),
            Err(e) => {
                let e = match self.last_words() {
                    Some(code) => Error::PeerAborted(code),
                    None => Error::from_io(e, "sending", wait.unwrap_or_default()),
                };
                Err(self.fail(e))
            }
        }
    }

    /// The abort that a peer who stopped reading may have sent.
    fn last_words(&mut self) -> Option<AbortCode> {
        let limits = self.limits();
        self.rx.get_mut().limits = Limits { deadline: Some(Instant::now() + LAST_WORDS), ..limits };
        loop {
            let Ok(Some(header)) = self.rx.header() else { return None };
            if header.kind == Kind::ABORT.code() {
                return Some(self.abort_code(header));
            }
            let mut left = header.len as usize;
            let mut discard = [0; 4096];
            while left > 0 {
                let n = left.min(discard.len());
                self.rx.payload_into(&mut discard[..n]).ok()?;
                left -= n;
            }
        }
    }

    fn abort_code(&mut self, header: Header) -> AbortCode {
        let mut code = [0; 2];
        let complete = header.len == 2 && self.rx.payload_into(&mut code).is_ok();
        // The peer is gone: it needs no abort in return.
        self.aborted = true;
        if complete { AbortCode::from_u16(u16::from_le_bytes(code)) } else { AbortCode::Protocol }
    }

    /// Waits for a message of this kind and length.
    fn expect(&mut self, kind: Kind, length: Length) -> Result<usize, Error> {
        self.flush()?;
        let header = match self.rx.header() {
            Ok(Some(header)) => header,
            Ok(None) => {
                let e = Error::Closed { what: format!("this party waited for `{kind}`") };
                return Err(self.fail(e));
            }
            Err(e) => return Err(self.broken(e, kind)),
        };
        if header.kind == Kind::ABORT.code() {
            let code = self.abort_code(header);
            return Err(self.fail(Error::PeerAborted(code)));
        }
        let len = header.len as usize;
        if header.kind != kind.code() || !length.allows(len) {
            return Err(self.fail(Error::PeerMisbehaved {
                expected: format!("`{kind}` (kind {:#06x}) of {length} bytes", kind.code()),
                got: format!("kind {:#06x} of {len} bytes", header.kind),
            }));
        }
        self.charge(kind, len)?;
        Ok(len)
    }

    fn fill(&mut self, kind: Kind, out: &mut [u8]) -> Result<(), Error> {
        match self.rx.payload_into(out) {
            Ok(()) => {
                self.count_received(kind, out.len());
                Ok(())
            }
            Err(e) => Err(self.broken(e, kind)),
        }
    }

    fn count_sent(&mut self, kind: Kind, len: usize) {
        let dir = self.role.sends();
        self.meter.message(dir, len);
        if let Some(transcript) = &mut self.transcript {
            transcript.push(dir, kind, len);
        }
    }

    fn count_received(&mut self, kind: Kind, len: usize) {
        let dir = self.role.peer().sends();
        self.meter.message(dir, len);
        if let Some(transcript) = &mut self.transcript {
            transcript.push(dir, kind, len);
        }
    }

    fn broken(&mut self, e: ReadError, kind: Kind) -> Error {
        let e = match e {
            ReadError::Stream(e) => {
                let after = self.rx.get_ref().waited;
                Error::from_io(e, format!("this party waited for `{kind}`"), after)
            }
            ReadError::Frame(e) => e,
        };
        self.fail(e)
    }

    /// Ends the stream at once, after what was put.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn vanish(&mut self) -> Error {
        let _ = self.tx.push(&mut self.out, None, true);
        self.tx.end();
        self.fail(Error::Closed { what: "vanishing, as the test wants".into() })
    }

    /// Poisons the lane.
    fn fail(&mut self, e: Error) -> Error {
        if matches!(e, Error::PeerMisbehaved { .. }) {
            self.abort(AbortCode::Protocol);
        }
        self.failed = Some(e.to_string());
        e
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        if self.failed.is_none() && !self.out.is_empty() {
            // Nobody is left to hear about a failure; `close` is for those who want to.
            let _ = self.tx.push(&mut self.out, Some(LINGER), false);
        }
        self.tx.end();
        let Some(socket) = &self.socket else { return };
        let linger = if self.failed.is_none() { LINGER } else { DRAIN };
        if self.tx.finished(linger).is_ok() && self.aborted {
            let deadline = Some(Instant::now() + DRAIN);
            let timed = self.rx.get_mut();
            timed.limits = Limits { deadline, ..Limits::default() };
            let mut discard = [0; 4096];
            while timed.read(&mut discard).is_ok_and(|n| n > 0) {}
        }
        socket.shut();
    }
}

enum Length {
    Exactly(usize),
    AtMost(usize),
}

impl Length {
    fn allows(&self, len: usize) -> bool {
        match *self {
            Length::Exactly(want) => len == want,
            Length::AtMost(max) => len <= max,
        }
    }
}

impl std::fmt::Display for Length {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Length::Exactly(want) => write!(f, "{want}"),
            Length::AtMost(max) => write!(f, "at most {max}"),
        }
    }
}
