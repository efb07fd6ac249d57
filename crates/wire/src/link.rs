//! Several lanes of one session, and the concurrency built on them.

use crate::shaped::Network;
use crate::{AbortCode, Error, Lane, Limits, Meter, Phase, memory};
use std::panic::resume_unwind;
use std::thread::{self, ScopedJoinHandle};

/// The lanes of one session, at least one. Lane i of one party is lane i of the other.
pub struct Link {
    lanes: Vec<Lane>,
}

impl From<Lane> for Link {
    fn from(lane: Lane) -> Self {
        Link::new(vec![lane])
    }
}

impl Link {
    /// `lanes` is not empty.
    pub(crate) fn new(lanes: Vec<Lane>) -> Self {
        Link { lanes }
    }

    /// How many lanes there are.
    pub fn width(&self) -> usize {
        self.lanes.len()
    }

    /// The first lane, which sequential protocols use.
    pub fn lane(&mut self) -> &mut Lane {
        &mut self.lanes[0]
    }

    /// The first lane alone; the others are closed.
    pub fn into_lane(mut self) -> Lane {
        self.lanes.swap_remove(0)
    }

    /// All lanes, to run protocols on.
    pub fn context(&mut self) -> Context<'_> {
        Context { lanes: &mut self.lanes }
    }

    /// The sum of all lanes' meters.
    pub fn meter(&self) -> Meter {
        let mut sum = self.lanes[0].meter().clone();
        for lane in &self.lanes[1..] {
            sum.merge(lane.meter());
        }
        sum
    }

    /// Sets the limits of each lane; the byte limit, too, is per lane.
    pub fn set_limits(&mut self, limits: Limits) {
        self.lanes.iter_mut().for_each(|lane| lane.set_limits(limits));
    }

    /// Aborts all lanes.
    pub fn abort(&mut self, code: AbortCode) {
        self.lanes.iter_mut().for_each(|lane| lane.abort(code));
    }

    /// Closes all lanes; the first error wins.
    pub fn close(self) -> Result<(), Error> {
        self.lanes.into_iter().map(Lane::close).fold(Ok(()), Result::and)
    }
}

/// A link between two threads of this process: (client, server).
pub fn memory_link(width: u16) -> (Link, Link) {
    pair(width, None)
}

/// A [`memory_link`] with the latency and bandwidth of a network, which the lanes share.
pub fn shaped_link(width: u16, network: Network) -> (Link, Link) {
    pair(width, Some(network))
}

fn pair(width: u16, network: Option<Network>) -> (Link, Link) {
    let shapers = network.map(memory::directions);
    let pairs = (0..width.max(1)).map(|_| memory::pair(shapers.as_ref()));
    let (clients, servers) = pairs.unzip();
    (Link::new(clients), Link::new(servers))
}

/// Some lanes of a session, at least one, on which one strand of a protocol runs.
///
/// [`Context::join`] and [`Context::map`] fork strands. Which lanes a strand gets depends only on
/// the number of lanes, so the two parties, who call the same functions in the same order, agree on
/// it without a message. With one lane the strands run one after the other.
pub struct Context<'a> {
    lanes: &'a mut [Lane],
}

impl Context<'_> {
    /// The lane of this strand.
    pub fn lane(&mut self) -> &mut Lane {
        &mut self.lanes[0]
    }

    /// How many strands can run at the same time.
    pub fn width(&self) -> usize {
        self.lanes.len()
    }

    /// Says on all lanes what the messages from now on belong to.
    pub fn set(&mut self, phase: Phase, layer: Option<u32>) {
        self.lanes.iter_mut().for_each(|lane| lane.meter_mut().set(phase, layer));
    }

    /// Runs two strands at the same time, on half of the lanes each.
    ///
    /// *Panics* when a strand does.
    pub fn join<A: Send, B: Send>(
        &mut self,
        a: impl FnOnce(&mut Context<'_>) -> A + Send,
        b: impl FnOnce(&mut Context<'_>) -> B + Send,
    ) -> (A, B) {
        if self.lanes.len() == 1 {
            return (a(self), b(self));
        }
        let (left, right) = self.lanes.split_at_mut(self.lanes.len().div_ceil(2));
        thread::scope(|scope| {
            let b = scope.spawn(|| b(&mut Context { lanes: right }));
            (a(&mut Context { lanes: left }), finish(b))
        })
    }

    /// Applies `f` to each item, the i-th on lane i modulo the number of lanes, and returns the
    /// results in the items' order.
    ///
    /// *Panics* when `f` does.
    pub fn map<T: Send, R: Send>(
        &mut self,
        items: Vec<T>,
        f: impl Fn(&mut Context<'_>, T) -> R + Sync,
    ) -> Vec<R> {
        let (n, width) = (items.len(), self.lanes.len());
        let mut batches: Vec<Vec<T>> = (0..width).map(|_| Vec::new()).collect();
        for (i, item) in items.into_iter().enumerate() {
            batches[i % width].push(item);
        }
        let f = &f;
        let mut results: Vec<_> = thread::scope(|scope| {
            let strand = |lane: &mut Lane, batch: Vec<T>| -> Vec<R> {
                let mut context = Context { lanes: std::slice::from_mut(lane) };
                batch.into_iter().map(|item| f(&mut context, item)).collect()
            };
            let mut work = self.lanes.iter_mut().zip(batches);
            let first = work.next();
            let others: Vec<_> =
                work.map(|(lane, batch)| scope.spawn(move || strand(lane, batch))).collect();
            let first = first.map(|(lane, batch)| strand(lane, batch));
            first.into_iter().chain(others.into_iter().map(finish)).map(Vec::into_iter).collect()
        });
        (0..n).filter_map(|i| results[i % width].next()).collect()
    }
}

/// A strand's result, or its panic.
fn finish<T>(strand: ScopedJoinHandle<'_, T>) -> T {
    strand.join().unwrap_or_else(|panic| resume_unwind(panic))
}
