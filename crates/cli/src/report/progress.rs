use indicatif::{ProgressBar, ProgressStyle};
use sordino_engine::Progress;
use std::time::{Duration, Instant};

/// Shows which layer runs, on the terminal if there is one, and remembers how long each took.
pub struct Watch {
    bar: ProgressBar,
    times: Vec<Duration>,
    running: Option<(usize, Instant)>,
}

impl Watch {
    /// Shows progress on stderr unless `quiet`; never where stderr is no terminal.
    pub fn new(quiet: bool) -> Self {
        let bar = if quiet { ProgressBar::hidden() } else { ProgressBar::new(0) };
        if let Ok(style) =
            ProgressStyle::with_template("{pos:>4}/{len} {bar:24} {elapsed:>4} {msg}")
        {
            bar.set_style(style);
        }
        Self { bar, times: Vec::new(), running: None }
    }

    /// Counts items that are not layers.
    pub fn step(&mut self, done: u64, of: u64, what: &str) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
    }

    /// Ends the current layer and clears the line.
    pub fn stop(&mut self) {
        self.lap();
        self.bar.finish_and_clear();
    }

    /// Time in each layer, summed over runs.
    pub fn times(&self) -> &[Duration] {
        &self.times
    }

    fn lap(&mut self) {
        if let Some((index, since)) = self.running.take() {
            if self.times.len() <= index {
                self.times.resize(index + 1, Duration::ZERO);
            }
            self.times[index] += since.elapsed();
        }
    }
}

impl Progress for Watch {
    fn layer(&mut self, index: usize, of: usize, name: &str) {
        self.lap();
        self.running = Some((index, Instant::now()));
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.step(index as u64, of as u64, name);
    }
}
