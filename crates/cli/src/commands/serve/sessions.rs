//! Accepting clients and running their sessions, each in a thread of its own: what one client does
//! or stops doing does not reach the others.

use super::served::{Served, Shared};
use crate::exit::{Exit, Failure};
use crate::report::{bytes, seconds};
use anyhow::Result;
use sordino_engine::session::{self, Host, Refusal, Wish};
use sordino_engine::twoparty::Observer;
use sordino_engine::{Error, Progress};
use sordino_store::Store;
use sordino_wire::{Lane, Listener, Meter, Pending};
use std::cell::Cell;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

/// Handshakes, TLS and ours, have to be over within this.
const HANDSHAKE: Duration = Duration::from_secs(20);
/// How long sessions may go on after an interrupt.
const GRACE: Duration = Duration::from_secs(10);
/// Connections that are only told that the server is busy.
const REFUSALS: usize = 16;

pub(super) struct Limits {
    pub(super) sessions: usize,
    pub(super) inferences: u64,
    pub(super) bytes: u64,
    pub(super) time: Duration,
    pub(super) idle: Duration,
}

/// What is served.
pub(super) struct Service {
    /// By each backend that clients may choose.
    pub(super) served: Vec<Served>,
    pub(super) card: Vec<u8>,
    pub(super) store: Option<Store>,
    /// Most prepared inferences kept.
    pub(super) prepared: usize,
    pub(super) limits: Limits,
}

impl Service {
    /// Stored entries for this network, and others; `None` where nothing is stored.
    pub(super) fn stored(&self) -> Result<Option<(usize, usize)>, Error> {
        let Some(store) = &self.store else { return Ok(None) };
        let own = self.served.iter().map(|served| served.stored(store));
        let own: usize = own.sum::<Result<_, _>>()?;
        // Another session may have used some in between.
        Ok(Some((own, store.list()?.len().saturating_sub(own))))
    }
}

enum Event {
    Connection(Pending),
    /// A session or a refusal ended, and whether terms were agreed in it.
    Ended(Slot, bool),
    Interrupt,
    /// The listener cannot accept at all.
    Deaf(sordino_wire::Error),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Slot {
    Session,
    Refusal,
}

/// Tells the main thread that a slot is free, however its thread ends.
struct Occupied {
    slot: Slot,
    /// Whether the session came as far as terms.
    agreed: Cell<bool>,
    events: Sender<Event>,
}

impl Occupied {
    fn new(slot: Slot, events: &Sender<Event>) -> Self {
        Self { slot, agreed: Cell::new(false), events: events.clone() }
    }
}

impl Drop for Occupied {
    fn drop(&mut self) {
        // Nobody listens any more when the server is ending.
        let _ = self.events.send(Event::Ended(self.slot, self.agreed.get()));
    }
}

/// Where threads report to the main one. From its making on, an interrupt is an event.
pub(super) struct Inbox {
    events: Sender<Event>,
    inbox: Receiver<Event>,
}

impl Inbox {
    pub(super) fn new() -> Result<Self> {
        let (events, inbox) = mpsc::channel();
        let interrupts = events.clone();
        ctrlc::set_handler(move || {
            let _ = interrupts.send(Event::Interrupt);
        })
        .map_err(|e| Failure::new(Exit::Other, format!("cannot listen for interrupts: {e}")))?;
        Ok(Self { events, inbox })
    }
}

/// Serves until interrupted, or one session when `once`.
pub(super) fn serve(
    inbox: Inbox,
    listener: Listener,
    service: Arc<Service>,
    once: bool,
) -> Result<()> {
    let Inbox { events, inbox } = inbox;
    let acceptor = events.clone();
    thread::spawn(move || accept(&listener, &acceptor));

    let (mut sessions, mut refusals) = (0usize, 0usize);
    let mut number = 0u64;
    loop {
        match inbox.recv().map_err(|_| Failure::new(Exit::Other, "the listener ended"))? {
            Event::Connection(pending) if sessions < service.limits.sessions => {
                let occupied = Occupied::new(Slot::Session, &events);
                number += 1;
                let service = service.clone();
                sessions += 1;
                spawn(move || run(pending, &service, number, &occupied));
            }
            Event::Connection(pending) if refusals < REFUSALS => {
                let occupied = Occupied::new(Slot::Refusal, &events);
                refusals += 1;
                spawn(move || {
                    eprintln!("{}: refused, all {sessions} sessions are taken", pending.peer());
                    let _ = refuse(pending);
                    drop(occupied);
                });
            }
            Event::Connection(pending) => eprintln!("{}: dropped, too busy", pending.peer()),
            Event::Ended(Slot::Refusal, _) => refusals -= 1,
            Event::Ended(Slot::Session, agreed) => {
                sessions -= 1;
                // A stranger who merely knocked does not count.
                if once && agreed {
                    return Ok(());
                }
            }
            Event::Deaf(e) => return Err(Failure::new(Exit::Network, e).into()),
            Event::Interrupt => break,
        }
    }
    if sessions > 0 {
        eprintln!("interrupted: waiting for {sessions} sessions; interrupt again to end at once");
    }
    let end = Instant::now() + GRACE;
    while sessions > 0 {
        match inbox.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(Event::Ended(Slot::Session, _)) => sessions -= 1,
            Ok(Event::Interrupt) | Err(RecvTimeoutError::Timeout) => break,
            Ok(_) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    eprintln!("stopped");
    Ok(())
}

fn accept(listener: &Listener, events: &Sender<Event>) {
    let mut failures = 0;
    loop {
        let event = match listener.accept() {
            Ok(pending) => {
                failures = 0;
                Event::Connection(pending)
            }
            // Running out of descriptors passes when sessions end.
            Err(_) if failures < 100 => {
                failures += 1;
                thread::sleep(Duration::from_millis(100));
                continue;
            }
            Err(e) => Event::Deaf(e),
        };
        let deaf = matches!(event, Event::Deaf(_));
        if events.send(event).is_err() || deaf {
            return;
        }
    }
}

/// A thread that cannot be started drops what it was to do, which frees its slot.
fn spawn(work: impl FnOnce() + Send + 'static) {
    if let Err(e) = thread::Builder::new().name("session".into()).spawn(work) {
        eprintln!("cannot start a thread: {e}");
    }
}

fn run(pending: Pending, service: &Service, number: u64, occupied: &Occupied) {
    let peer = pending.peer();
    let start = Instant::now();
    let mut log = Log { number, peer, agreed: false, inferences: 0, stored: None, start };
    let result = session(pending, service, &mut log);
    occupied.agreed.set(log.agreed);
    match result {
        Ok(Some(meter)) => log.done(&meter),
        Ok(None) => {}
        Err(e) => eprintln!("session {number} {peer}: ended: {e}"),
    }
}

/// `None` when the connection did not begin a session.
fn session(pending: Pending, service: &Service, log: &mut Log) -> Result<Option<Meter>, Error> {
    let patience = HANDSHAKE.min(service.limits.idle);
    let Some(link) = pending.establish(patience)? else { return Ok(None) };
    let mut lane: Lane = link.into_lane();
    lane.set_limits(sordino_wire::Limits {
        idle: Some(service.limits.idle),
        deadline: Some(Instant::now() + service.limits.time),
        bytes: Some(service.limits.bytes),
    });
    let shared = Shared {
        card: &service.card,
        store: service.store.as_ref(),
        prepared: service.prepared,
        inferences: service.limits.inferences,
    };
    let hosts: Vec<_> = service.served.iter().map(|served| served.host(&shared)).collect();
    let hosts: Vec<&dyn Host> = hosts.iter().map(|host| &**host).collect();
    let meter = session::serve(&mut lane, &hosts, log)?;
    if let Some((own, _)) = service.stored()? {
        log.stored = Some(own);
    }
    Ok(Some(meter))
}

fn refuse(pending: Pending) -> Result<(), Error> {
    let Some(link) = pending.establish(HANDSHAKE)? else { return Ok(()) };
    let mut lane = link.into_lane();
    lane.set_limits(sordino_wire::Limits {
        idle: Some(HANDSHAKE),
        deadline: Some(Instant::now() + HANDSHAKE),
        bytes: Some(1 << 16),
    });
    session::listen(&mut lane)?;
    session::refuse(&mut lane, Refusal::Busy)
}

/// One line per session on stderr.
struct Log {
    number: u64,
    peer: SocketAddr,
    agreed: bool,
    inferences: u64,
    /// Circuits that are left in the store.
    stored: Option<usize>,
    start: Instant,
}

impl Log {
    fn done(&self, meter: &Meter) {
        let total = meter.total();
        let stored = self.stored.map(|n| format!(", circuits left: {n}")).unwrap_or_default();
        eprintln!(
            "session {} {}: done, inferences: {}{stored}, {} up, {} down, {}",
            self.number,
            self.peer,
            self.inferences,
            bytes(total.up),
            bytes(total.down),
            seconds(self.start.elapsed().as_secs_f64())
        );
    }
}

impl Progress for Log {
    fn layer(&mut self, _: usize, _: usize, _: &str) {}
}

impl Observer for Log {
    fn agreed(&mut self, _: Wish) {
        self.agreed = true;
    }

    fn inferred(&mut self, count: u64, _: &Meter) {
        self.inferences = count;
    }
}
