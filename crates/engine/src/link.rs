//! Round trip and rate of the link, measured by the client during the handshake.
//!
//! The round trip is the time from the hello to the answer, which the server gives without computing anything but
//! the graph's bytes. The rate is that of what follows the answer, a probe at its end. A connection that has just begun
//! sends slowly over a long link, so the rate is rather too low than too high there.
//!
//! *Security*: whoever delays messages, the server or the network, has a say in what is chosen of what was left open (the supply, or
//! any way that both parties accept), and in nothing else: all of it is secure, under assumptions of its own.

use crate::Error;
use sordino_wire::{Kind, Lane, Network, Public};
use std::time::{Duration, Instant};

const PROBE: Kind = Kind::new(0x0006, "probe of the link");
/// Bytes that the server sends to be timed.
const PROBE_LEN: usize = 1 << 16;

/// A measurement under way.
pub(crate) struct Probe {
    start: Instant,
    rtt: Duration,
}

impl Probe {
    /// Just before the hello.
    pub(crate) fn start() -> Self {
        Self { start: Instant::now(), rtt: Duration::ZERO }
    }

    /// When the answer is there.
    pub(crate) fn answered(&mut self) {
        self.rtt = self.start.elapsed();
    }

    /// Receives the probe, `before` bytes having arrived since the answer.
    pub(crate) fn finish(self, lane: &mut Lane, before: usize) -> Result<Network, Error> {
        lane.recv(PROBE, PROBE_LEN)?;
        let took = self.start.elapsed().saturating_sub(self.rtt).max(Duration::from_micros(1));
        let bits = 8.0 * (before + PROBE_LEN) as f64;
        Ok(Network { rtt: self.rtt, bandwidth: ((bits / took.as_secs_f64()) as u64).max(1) })
    }
}

/// Server: sends what is timed.
pub(crate) fn send_probe(lane: &mut Lane) -> Result<(), Error> {
    Ok(lane.send(PROBE, Public::new(&[0u8; PROBE_LEN]))?)
}
