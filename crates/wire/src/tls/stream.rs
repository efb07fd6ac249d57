//! One TLS connection, read by one thread and written by another.

use super::handshake::after_handshake;
use crate::lane::Source;
use crate::net::Sink;
use rustls::Connection;
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Ciphertext read from the socket at once: four full records.
const RAW: usize = 4 * (16384 + 256);

/// The connection's state. Whoever holds the lock computes; nobody blocks on the socket with it.
///
/// Only the writing half writes to the socket, so records leave in the order in which they were
/// made. What the reading half has to say (alerts, key updates) leaves with the next chunk.
type Shared = Arc<Mutex<Connection>>;

fn lock(shared: &Shared) -> MutexGuard<'_, Connection> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The two halves of an established connection.
pub(super) fn halves(
    connection: Connection,
    socket: &TcpStream,
    peer: &str,
) -> io::Result<(Box<dyn Source>, TlsSink)> {
    let shared = Arc::new(Mutex::new(connection));
    let source = TlsSource {
        shared: shared.clone(),
        socket: socket.try_clone()?,
        peer: peer.into(),
        raw: vec![0; RAW],
        at: 0,
        end: 0,
    };
    Ok((Box::new(source), TlsSink { shared, socket: socket.try_clone()?, records: Vec::new() }))
}

/// The reading half.
pub(super) struct TlsSource {
    shared: Shared,
    socket: TcpStream,
    peer: String,
    raw: Vec<u8>,
    at: usize,
    end: usize,
}

impl Read for TlsSource {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        loop {
            if let Some(n) = self.decrypt(buf)? {
                return Ok(n);
            }
            self.at = 0;
            self.end = 0;
            self.end = self.socket.read(&mut self.raw)?;
            if self.end == 0 {
                // Rustls tells an end that the peer announced from a cut connection.
                lock(&self.shared).read_tls(&mut io::empty())?;
                return match self.decrypt(buf)? {
                    Some(n) => Ok(n),
                    None => Err(ErrorKind::UnexpectedEof.into()),
                };
            }
        }
    }
}

impl TlsSource {
    /// Fills `buf` as far as the bytes already read go; `None` when they do not even begin to.
    fn decrypt(&mut self, buf: &mut [u8]) -> io::Result<Option<usize>> {
        let mut connection = lock(&self.shared);
        let mut filled = 0;
        loop {
            while filled < buf.len() {
                match connection.reader().read(&mut buf[filled..]) {
                    Ok(0) => return Ok(Some(filled)),
                    Ok(n) => filled += n,
                    Err(e) if e.kind() == ErrorKind::WouldBlock => break,
                    Err(_) if filled > 0 => return Ok(Some(filled)),
                    Err(e) => return Err(e),
                }
            }
            if filled == buf.len() || self.at == self.end {
                return Ok((filled > 0).then_some(filled));
            }
            self.at += connection.read_tls(&mut &self.raw[self.at..self.end])?;
            connection
                .process_new_packets()
                .map_err(|e| io::Error::other(after_handshake(&e, &self.peer)))?;
        }
    }
}

impl Source for TlsSource {
    fn set_wait(&mut self, wait: Option<Duration>) -> io::Result<()> {
        self.socket.set_read_timeout(wait)
    }
}

/// The writing half.
pub(crate) struct TlsSink {
    shared: Shared,
    socket: TcpStream,
    records: Vec<u8>,
}

impl TlsSink {
    /// Writes the records that `make` leaves in the connection.
    fn write_records(
        &mut self,
        make: impl FnOnce(&mut Connection) -> io::Result<()>,
    ) -> io::Result<()> {
        self.records.clear();
        let mut connection = lock(&self.shared);
        make(&mut connection)?;
        while connection.wants_write() {
            connection.write_tls(&mut self.records)?;
        }
        drop(connection);
        self.socket.write_all(&self.records)
    }
}

impl Sink for TlsSink {
    fn write(&mut self, chunk: &[u8]) -> io::Result<()> {
        self.write_records(|connection| connection.writer().write_all(chunk))
    }

    fn finish(&mut self) {
        let _ = self.write_records(|connection| {
            connection.send_close_notify();
            Ok(())
        });
        let _ = self.socket.shutdown(Shutdown::Write);
    }
}
