//! A bounded queue of byte chunks: the whole of an in-memory link, and the queue between a lane
//! and its socket's writer thread.

use crate::shaped::Shaper;
use std::collections::VecDeque;
use std::io::{self, Read};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Bytes per chunk: four full TLS records.
pub(crate) const CHUNK: usize = 64 << 10;
/// Bytes a pipe holds before the writer has to wait.
pub(crate) const CAPACITY: usize = 64 << 20;
/// Empty buffers kept for reuse.
const SPARES: usize = 16;

struct Chunk {
    bytes: Vec<u8>,
    due: Option<Instant>,
}

#[derive(Default)]
struct State {
    chunks: VecDeque<Chunk>,
    held: usize,
    spares: Vec<Vec<u8>>,
    /// No more chunks will come.
    ended: bool,
    /// The last chunk was dealt with.
    done: bool,
    /// Nobody takes chunks any more, and why.
    broken: Option<(io::ErrorKind, String)>,
}

struct Pipe {
    state: Mutex<State>,
    changed: Condvar,
    shaper: Option<Arc<Shaper>>,
}

impl Pipe {
    /// A panic elsewhere leaves the state consistent: every critical section is a few moves.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for a change, at most until `until`; false when that has passed.
    fn wait<'a>(
        &self,
        state: MutexGuard<'a, State>,
        until: Option<Instant>,
    ) -> (MutexGuard<'a, State>, bool) {
        match until {
            None => (self.changed.wait(state).unwrap_or_else(PoisonError::into_inner), true),
            Some(until) => {
                let now = Instant::now();
                if now >= until {
                    return (state, false);
                }
                let (state, _) = self
                    .changed
                    .wait_timeout(state, until - now)
                    .unwrap_or_else(PoisonError::into_inner);
                (state, true)
            }
        }
    }
}

/// A pipe, optionally with the delays of a network.
pub(crate) fn pipe(shaper: Option<Arc<Shaper>>) -> (PipeWriter, PipeReader) {
    let pipe = Arc::new(Pipe { state: Mutex::default(), changed: Condvar::new(), shaper });
    let reader = PipeReader { pipe: pipe.clone(), current: Vec::new(), at: 0, wait: None };
    (PipeWriter { pipe }, reader)
}

/// The end that chunks go into. Dropping it ends the stream after what it holds.
pub(crate) struct PipeWriter {
    pipe: Arc<Pipe>,
}

impl PipeWriter {
    /// Queues a chunk and leaves an empty buffer in its place. Waits at most `wait` for room; with
    /// `urgent`, never.
    pub(crate) fn push(
        &self,
        bytes: &mut Vec<u8>,
        wait: Option<Duration>,
        urgent: bool,
    ) -> io::Result<()> {
        let until = wait.map(|wait| Instant::now() + wait);
        let mut state = self.pipe.lock();
        loop {
            if let Some((kind, text)) = &state.broken {
                return Err(io::Error::new(*kind, text.clone()));
            }
            if urgent || state.held == 0 || state.held + bytes.len() <= CAPACITY {
                break;
            }
            let in_time;
            (state, in_time) = self.pipe.wait(state, until);
            if !in_time {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        let empty = state.spares.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK));
        let bytes = std::mem::replace(bytes, empty);
        state.held += bytes.len();
        let due = self.pipe.shaper.as_ref().map(|shaper| shaper.due(bytes.len()));
        state.chunks.push_back(Chunk { bytes, due });
        drop(state);
        self.pipe.changed.notify_all();
        Ok(())
    }

    /// Waits until the other end said that it is done with all of the stream, or failed.
    pub(crate) fn finished(&self, wait: Duration) -> io::Result<()> {
        let until = Some(Instant::now() + wait);
        let mut state = self.pipe.lock();
        loop {
            if state.done {
                return Ok(());
            }
            if let Some((kind, text)) = &state.broken {
                return Err(io::Error::new(*kind, text.clone()));
            }
            let in_time;
            (state, in_time) = self.pipe.wait(state, until);
            if !in_time {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
    }

    /// Ends the stream after what it holds.
    pub(crate) fn end(&self) {
        self.pipe.lock().ended = true;
        self.pipe.changed.notify_all();
    }
}

impl Drop for PipeWriter {
    fn drop(&mut self) {
        self.end();
    }
}

/// The end that chunks come out of. Dropping it makes further pushes fail.
pub(crate) struct PipeReader {
    pipe: Arc<Pipe>,
    current: Vec<u8>,
    at: usize,
    wait: Option<Duration>,
}

impl PipeReader {
    /// The next chunk; `None` at the end. Waits at most `wait`.
    pub(crate) fn pop(&mut self, wait: Option<Duration>) -> io::Result<Option<Vec<u8>>> {
        let until = wait.map(|wait| Instant::now() + wait);
        let mut state = self.pipe.lock();
        loop {
            let wake = match state.chunks.front() {
                Some(Chunk { due, .. }) => match *due {
                    Some(due) if due > Instant::now() => {
                        Some(until.map_or(due, |until| until.min(due)))
                    }
                    _ => break,
                },
                None if state.ended => return Ok(None),
                None => until,
            };
            (state, _) = self.pipe.wait(state, wake);
            if until.is_some_and(|until| Instant::now() >= until) {
                return Err(io::ErrorKind::TimedOut.into());
            }
        }
        let Some(chunk) = state.chunks.pop_front() else { return Ok(None) };
        state.held -= chunk.bytes.len();
        drop(state);
        self.pipe.changed.notify_all();
        Ok(Some(chunk.bytes))
    }

    /// Gives a used buffer back for the next chunk.
    pub(crate) fn recycle(&self, mut bytes: Vec<u8>) {
        bytes.clear();
        let mut state = self.pipe.lock();
        if state.spares.len() < SPARES && bytes.capacity() <= 2 * CHUNK {
            state.spares.push(bytes);
        }
    }

    /// Says that the whole stream was dealt with.
    pub(crate) fn done(&self) {
        self.pipe.lock().done = true;
        self.pipe.changed.notify_all();
    }

    /// Says why nobody takes chunks any more.
    pub(crate) fn fail(&self, error: &io::Error) {
        let mut state = self.pipe.lock();
        state.broken.get_or_insert((error.kind(), error.to_string()));
        drop(state);
        self.pipe.changed.notify_all();
    }

    /// The longest that a read may wait.
    pub(crate) fn set_wait(&mut self, wait: Option<Duration>) {
        self.wait = wait;
    }
}

impl Read for PipeReader {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if self.at == self.current.len() {
            let used = std::mem::take(&mut self.current);
            if used.capacity() > 0 {
                self.recycle(used);
            }
            self.at = 0;
            match self.pop(self.wait)? {
                Some(chunk) => self.current = chunk,
                None => return Ok(0),
            }
        }
        let n = buf.len().min(self.current.len() - self.at);
        buf[..n].copy_from_slice(&self.current[self.at..self.at + n]);
        self.at += n;
        Ok(n)
    }
}

impl Drop for PipeReader {
    fn drop(&mut self) {
        self.fail(&io::ErrorKind::BrokenPipe.into());
    }
}
