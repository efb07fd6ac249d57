use sordino_wire::Phase;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Wall time of a party, per phase and layer as its meter counts bytes.
#[derive(Default)]
pub struct Clock {
    running: Option<((Phase, Option<u32>), Instant)>,
    spent: BTreeMap<(Phase, Option<u32>), Duration>,
}

impl Clock {
    /// From now on time belongs to this phase and layer.
    pub(crate) fn enter(&mut self, phase: Phase, layer: Option<u32>) {
        self.stop();
        self.running = Some(((phase, layer), Instant::now()));
    }

    /// From now on time belongs to nothing.
    pub(crate) fn stop(&mut self) {
        if let Some((at, since)) = self.running.take() {
            *self.spent.entry(at).or_default() += since.elapsed();
        }
    }

    /// What was spent so far.
    pub fn spent(&self) -> &BTreeMap<(Phase, Option<u32>), Duration> {
        &self.spent
    }
}
