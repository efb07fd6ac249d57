//! Processor time of the thread that asks.

use crate::report::thread_seconds;
use anyhow::{Context, Result};
use std::time::Instant;

/// Runs `f` on a thread of its own, on which all of its parallel work stays; gives its result and processor seconds.
pub(super) fn alone<T: Send>(f: impl FnOnce() -> Result<T> + Send) -> Result<(T, f64)> {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    let pool = pool.context("starting a thread to measure on")?;
    pool.install(|| {
        let watch = Stopwatch::start();
        let result = f()?;
        Ok((result, watch.seconds()))
    })
}

/// Where the system does not tell processor time, wall time stands for it.
struct Stopwatch {
    processor: Option<f64>,
    wall: Instant,
}

impl Stopwatch {
    fn start() -> Self {
        Self { processor: thread_seconds(), wall: Instant::now() }
    }

    fn seconds(&self) -> f64 {
        match self.processor.zip(thread_seconds()) {
            Some((before, after)) => after - before,
            None => self.wall.elapsed().as_secs_f64(),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use rayon::prelude::*;

    #[test]
    fn parallel_work_stays_on_the_thread() {
        let here = || std::thread::current().id();
        let ((own, threads), seconds) = alone(|| {
            let threads: Vec<_> = (0..100).into_par_iter().map(|_| here()).collect();
            Ok((here(), threads))
        })
        .unwrap();
        assert!(own != here() && threads.iter().all(|t| *t == own));
        assert!(seconds >= 0.0);
        assert!(alone(|| -> Result<()> { anyhow::bail!("no") }).is_err());
    }
}
