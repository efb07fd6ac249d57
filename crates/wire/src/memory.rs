//! Both parties in one process.

use crate::pipe::{PipeReader, pipe};
use crate::shaped::{Network, Shaper};
use crate::{Lane, Role};
use std::io;
use std::sync::Arc;
use std::time::Duration;

/// A lane between two threads of this process: (client, server).
///
/// Each direction holds 64 MiB before a send has to wait for the peer to receive.
pub fn memory_pair() -> (Lane, Lane) {
    pair(None)
}

/// A [`memory_pair`] with the latency and bandwidth of a network.
pub fn shaped_pair(network: Network) -> (Lane, Lane) {
    pair(Some(&directions(network)))
}

/// The two directions of a network, shared by the lanes of a link.
pub(crate) fn directions(network: Network) -> [Arc<Shaper>; 2] {
    [0, 1].map(|_| Arc::new(Shaper::new(network)))
}

pub(crate) fn pair(shapers: Option<&[Arc<Shaper>; 2]>) -> (Lane, Lane) {
    let (up_in, up_out) = pipe(shapers.map(|[up, _]| up.clone()));
    let (down_in, down_out) = pipe(shapers.map(|[_, down]| down.clone()));
    let client = Lane::new(Role::Client, up_in, Box::new(down_out), None);
    let server = Lane::new(Role::Server, down_in, Box::new(up_out), None);
    (client, server)
}

impl crate::lane::Source for PipeReader {
    fn set_wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        PipeReader::set_wait(self, wait);
        Ok(())
    }
}
