//! What each layer takes in one way of running a network.

use super::super::compared::{Compared, Way};
use sordino_plan::{Cost, Forecast, Group, PopcornPlan, Timing, TwoPartyPlan};

/// A layer of one inference.
pub(super) struct Part {
    pub(super) name: String,
    pub(super) group: Group,
    pub(super) method: String,
    pub(super) offline: Cost,
    pub(super) online: Cost,
    /// Processor time of both parties.
    pub(super) processor: f64,
    /// Time from beginning to end.
    pub(super) wall: f64,
}

impl Part {
    pub(super) fn bytes(&self) -> u64 {
        self.offline.up + self.offline.down + self.online.up + self.online.down
    }

    fn is_silent(&self) -> bool {
        self.bytes() == 0 && self.processor == 0.0
    }
}

/// Layers that send or compute anything, in the order of the network.
pub(super) fn parts(compared: &Compared, way: &Way) -> Vec<Part> {
    let plan = &way.candidate.plan;
    let timing = plan.time(&compared.profile, &compared.link);
    let mut parts = match plan {
        Forecast::TwoParty(TwoPartyPlan { plan, .. })
        | Forecast::Popcorn(PopcornPlan { plan, .. }) => {
            let part = |(i, l): (usize, &sordino_plan::LayerCost)| {
                let (processor, wall) = spent(&timing, i);
                Part {
                    name: l.name.clone(),
                    group: l.group,
                    method: l.method.clone().unwrap_or_default(),
                    offline: l.offline,
                    online: l.online,
                    processor,
                    wall,
                }
            };
            plan.layers.iter().enumerate().map(part).collect::<Vec<_>>()
        }
        Forecast::Garbled(plan) => {
            let part = |(i, l): (usize, &sordino_plan::LayerTables)| {
                let (processor, wall) = spent(&timing, i);
                Part {
                    name: l.name.clone(),
                    group: l.group,
                    method: "tables".into(),
                    offline: Cost { up: l.bytes, ..Cost::default() },
                    online: Cost::default(),
                    processor,
                    wall,
                }
            };
            plan.layers.iter().enumerate().map(part).collect()
        }
    };
    parts.retain(|part| !part.is_silent());
    parts
}

fn spent(timing: &Timing, layer: usize) -> (f64, f64) {
    timing.layers.get(layer).map_or((0.0, 0.0), |t| {
        let processor = t.offline.processor.total() + t.online.processor.total();
        (processor, t.offline.wall + t.online.wall)
    })
}

/// A linear layer and what follows until the next.
pub(super) struct Block {
    pub(super) name: String,
    /// By group, in the order of [`Group::ALL`].
    pub(super) bytes: [f64; Group::ALL.len()],
    /// Time from beginning to end.
    pub(super) seconds: [f64; Group::ALL.len()],
}

/// Blocks of a bar chart that are shown on their own.
const SHOWN: usize = 36;

/// Blocks in the order of the network; where there are many, the smaller ones are one.
pub(super) fn blocks(parts: &[Part]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for part in parts {
        if part.group == Group::Linear || blocks.is_empty() {
            let groups = [0.0; Group::ALL.len()];
            blocks.push(Block { name: part.name.clone(), bytes: groups, seconds: groups });
        }
        let group = Group::ALL.iter().position(|g| *g == part.group);
        if let (Some(block), Some(group)) = (blocks.last_mut(), group) {
            block.bytes[group] += part.bytes() as f64;
            block.seconds[group] += part.wall;
        }
    }
    merged(blocks)
}

fn merged(blocks: Vec<Block>) -> Vec<Block> {
    if blocks.len() <= SHOWN {
        return blocks;
    }
    let size = |b: &Block| b.bytes.iter().sum::<f64>();
    let mut sizes: Vec<f64> = blocks.iter().map(size).collect();
    sizes.sort_by(|a, b| b.total_cmp(a));
    let least = sizes[SHOWN - 2];
    let (mut shown, hidden): (Vec<_>, Vec<_>) = blocks.into_iter().partition(|b| size(b) >= least);
    let mut rest = Block {
        name: format!("{} smaller blocks", hidden.len()),
        bytes: [0.0; Group::ALL.len()],
        seconds: [0.0; Group::ALL.len()],
    };
    for block in &hidden {
        for group in 0..Group::ALL.len() {
            rest.bytes[group] += block.bytes[group];
            rest.seconds[group] += block.seconds[group];
        }
    }
    shown.push(rest);
    shown
}
