use super::table::{bytes, counted, seconds};
use super::{Traffic, peak_bytes};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};
use serde::Serialize;
use sordino_engine::Clock;
use sordino_wire::{Meter, Phase};

/// Cost of a garbled session, all inferences together.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct GarbledReport {
    /// Inferences in the session.
    pub inferences: u64,
    /// Circuits garbled in the session.
    pub garbled: u64,
    /// The weights, for the client.
    pub setup: Traffic,
    /// Circuits, which do not depend on inputs.
    pub offline: Traffic,
    /// Labels there and back.
    pub online: Traffic,
    /// Everything.
    pub total: Traffic,
    /// Wall time from connecting until the circuit was agreed on.
    pub setup_seconds: f64,
    /// Wall time of garbling.
    pub offline_seconds: f64,
    /// Wall time with the input at hand.
    pub online_seconds: f64,
    /// Largest resident memory of this process, where the system tells.
    pub peak_memory: Option<u64>,
}

impl GarbledReport {
    /// From what a lane metered and how long the phases took.
    pub fn new(meter: &Meter, clock: &Clock, setup: f64, inferences: u64, garbled: u64) -> Self {
        let mut report = Self {
            inferences,
            garbled,
            setup_seconds: setup,
            peak_memory: peak_bytes(),
            ..Self::default()
        };
        for ((phase, _), count) in meter.counts() {
            report.total.add(count);
            match phase {
                Phase::Setup => report.setup.add(count),
                Phase::Offline => report.offline.add(count),
                Phase::Online => report.online.add(count),
            }
        }
        for ((phase, _), spent) in clock.spent() {
            match phase {
                Phase::Setup => report.setup_seconds += spent.as_secs_f64(),
                Phase::Offline => report.offline_seconds += spent.as_secs_f64(),
                Phase::Online => report.online_seconds += spent.as_secs_f64(),
            }
        }
        report
    }

    /// A table for people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header(["", "up", "down", "rounds", "time"]);
        for (name, t, time) in [
            ("set-up", &self.setup, self.setup_seconds),
            ("offline", &self.offline, self.offline_seconds),
            ("online", &self.online, self.online_seconds),
        ] {
            let cells = [bytes(t.up), bytes(t.down), t.rounds.to_string(), seconds(time)];
            table.add_row([name.to_owned()].into_iter().chain(cells));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let memory =
            self.peak_memory.map(|m| format!("; peak memory {}", bytes(m))).unwrap_or_default();
        format!(
            "{table}\n{}, {} garbled here{memory}",
            counted(self.inferences, "inference"),
            counted(self.garbled, "circuit")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn phases_are_kept_apart() {
        let report = GarbledReport {
            inferences: 2,
            garbled: 1,
            offline: Traffic { up: 42_000_000, down: 4, messages: 50, rounds: 4 },
            online: Traffic { up: 12_345, down: 160, messages: 4, rounds: 2 },
            offline_seconds: 1.5,
            ..GarbledReport::default()
        };
        let text = report.table();
        for part in ["42.0 MB", "12.3 kB", "1.50 s", "2 inferences, 1 circuit garbled here"] {
            assert!(text.contains(part), "'{part}' is not in {text}");
        }
    }
}
