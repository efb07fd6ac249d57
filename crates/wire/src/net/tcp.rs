//! Lanes over a TCP connection, and the thread that writes for them.

use crate::lane::{Socket, Source};
use crate::pipe::{PipeReader, pipe};
use crate::{Error, Lane, Role};
use std::io::{self, Write};
use std::net::{Shutdown, TcpStream};
use std::thread;
use std::time::Duration;

/// Where a writer thread puts a lane's bytes.
pub(crate) trait Sink: Send + 'static {
    /// Writes all of a chunk.
    fn write(&mut self, chunk: &[u8]) -> io::Result<()>;
    /// Ends the stream, so that the peer can tell its end from a cut. It fails when the peer, having
    /// all it wanted, closed first, and then nobody cares.
    fn finish(&mut self);
}

/// A lane over an established connection.
pub(super) fn lane(
    role: Role,
    socket: TcpStream,
    source: Box<dyn Source>,
    mut sink: impl Sink,
) -> Result<Lane, Error> {
    let (tx, mut chunks) = pipe(None);
    thread::Builder::new()
        .name("sordino-writer".into())
        .spawn(move || match write_all(&mut chunks, &mut sink) {
            Ok(()) => {
                sink.finish();
                chunks.done();
            }
            Err(e) => chunks.fail(&e),
        })
        .map_err(|source| Error::Io { what: "starting a writer thread".into(), source })?;
    Ok(Lane::new(role, tx, source, Some(Box::new(socket))))
}

fn write_all(chunks: &mut PipeReader, sink: &mut impl Sink) -> io::Result<()> {
    while let Some(chunk) = chunks.pop(None)? {
        sink.write(&chunk)?;
        chunks.recycle(chunk);
    }
    Ok(())
}

impl Sink for TcpStream {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.write_all(chunk)
    }

    fn finish(&mut self) {
        let _ = self.shutdown(Shutdown::Write);
    }
}

impl Source for TcpStream {
    fn set_wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        self.set_read_timeout(wait)
    }
}

impl Socket for TcpStream {
    fn set_write_wait(&self, wait: Option<Duration>) -> io::Result<()> {
        self.set_write_timeout(wait.map(|wait| wait.max(Duration::from_millis(1))))
    }

    fn shut(&self) {
        // It fails when the peer was faster, which is as good.
        let _ = self.shutdown(Shutdown::Both);
    }
}
