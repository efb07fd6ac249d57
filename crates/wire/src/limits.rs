//! What a session may take at most.

use std::time::{Duration, Instant};

/// What a lane may use before it fails. `None` means unlimited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// How long a receive waits for the next byte, or a send for room, before
    /// [`Error::Timeout`](crate::Error::Timeout). It must cover the time the peer computes.
    pub idle: Option<Duration>,
    /// When the session has to be over, however lively it is: a peer that drips bytes stays below
    /// the idle limit for ever.
    pub deadline: Option<Instant>,
    /// Bytes both ways, headers included, before
    /// [`Error::LimitReached`](crate::Error::LimitReached).
    pub bytes: Option<u64>,
}

impl Default for Limits {
    /// Five idle minutes, nothing else.
    fn default() -> Self {
        Limits { idle: Some(Duration::from_secs(300)), deadline: None, bytes: None }
    }
}

impl Limits {
    /// How long to wait for the next byte from now on.
    pub(crate) fn wait(&self) -> Option<Duration> {
        let left = self.deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        match (self.idle, left) {
            (Some(idle), Some(left)) => Some(idle.min(left)),
            (idle, left) => idle.or(left),
        }
    }
}
