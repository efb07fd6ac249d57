use indicatif::{ProgressBar, ProgressStyle};
use sordino_engine::Progress;

/// Shows which layer runs, on the terminal if there is one.
pub struct Watch {
    bar: ProgressBar,
    /// The layer that runs.
    layer: String,
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
        Self { bar, layer: String::new() }
    }

    /// Counts items that are not layers.
    pub fn step(&mut self, done: u64, of: u64, what: &str) {
        self.bar.set_length(of);
        self.bar.set_position(done);
        self.bar.set_message(what.to_owned());
    }

    /// Prints a line to stderr that stays.
    pub fn say(&self, text: &str) {
        self.bar.suspend(|| eprintln!("{text}"));
    }

    /// Clears the line.
    pub fn stop(&mut self) {
        self.bar.finish_and_clear();
    }
}

impl Progress for Watch {
    fn layer(&mut self, index: usize, of: usize, name: &str) {
        if self.bar.is_finished() {
            self.bar.reset();
        }
        self.step(index as u64, of as u64, name);
        name.clone_into(&mut self.layer);
    }

    fn part(&mut self, done: usize, of: usize) {
        self.bar.set_message(format!("{} {done}/{of}", self.layer));
    }
}

/// Shows which layer of which circuit is garbled, and counts circuits.
pub struct Garbling<'a> {
    watch: &'a mut Watch,
    circuits: u64,
    of: Option<u64>,
}

impl<'a> Garbling<'a> {
    /// Shows on `watch` circuits after the first `done`, of so many altogether if that is known.
    pub fn new(watch: &'a mut Watch, done: u64, of: Option<u64>) -> Self {
        Self { watch, circuits: done, of }
    }

    /// Circuits so far.
    pub fn circuits(&self) -> u64 {
        self.circuits
    }
}

impl Progress for Garbling<'_> {
    fn layer(&mut self, index: usize, of: usize, name: &str) {
        self.circuits += u64::from(index == 0);
        let circuits = self.of.map(|n| format!(" of {n}")).unwrap_or_default();
        self.watch.layer(index, of, &format!("circuit {}{circuits}: {name}", self.circuits));
    }
}
