use super::{Report, Traffic};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, Table};

/// A number of bytes for people: three significant digits, decimal units.
pub fn bytes(n: u64) -> String {
    let units = ["B", "kB", "MB", "GB", "TB"];
    let mut value = n as f64;
    let mut unit = 0;
    while value >= 999.5 && unit + 1 < units.len() {
        value /= 1000.0;
        unit += 1;
    }
    let digits = if unit == 0 || value >= 99.95 { 0 } else { usize::from(value < 9.995) + 1 };
    format!("{value:.digits$} {}", units[unit])
}

/// A time for people.
pub fn seconds(s: f64) -> String {
    match s {
        s if s >= 99.95 => format!("{s:.0} s"),
        s if s >= 0.9995 => format!("{s:.2} s"),
        s => format!("{:.1} ms", s * 1e3),
    }
}

/// A number of things for people.
pub fn counted(n: u64, thing: &str) -> String {
    format!("{n} {thing}{}", if n == 1 { "" } else { "s" })
}

impl Report {
    /// A table for people.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "",
            "layers",
            "up offline",
            "up online",
            "down offline",
            "down online",
            "rounds",
            "time offline",
            "time online",
        ]);
        let row = |name: &str, layers: String, off: &Traffic, on: &Traffic, times: [f64; 2]| {
            let [before, during] = times.map(|t| if t > 0.0 { seconds(t) } else { String::new() });
            let rounds = (off.rounds + on.rounds).to_string();
            [
                name.to_owned(),
                layers,
                bytes(off.up),
                bytes(on.up),
                bytes(off.down),
                bytes(on.down),
                rounds,
                before,
                during,
            ]
        };
        let none = Traffic::default();
        table.add_row(row("set-up", String::new(), &self.setup, &none, [self.setup_seconds, 0.0]));
        for r in &self.rows {
            let layers = if r.layers > 0 { r.layers.to_string() } else { String::new() };
            table.add_row(row(
                &r.kind,
                layers,
                &r.offline,
                &r.online,
                [r.offline_seconds, r.online_seconds],
            ));
        }
        for column in table.column_iter_mut().skip(1) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        let phase = |name: &str, t: &Traffic, time: f64| {
            let rounds = counted(t.rounds, "round");
            format!(
                "{name} {} up, {} down, {rounds}, {}",
                bytes(t.up),
                bytes(t.down),
                seconds(time)
            )
        };
        let total = format!(
            "{}; {}; {} in all",
            phase("offline", &self.offline, self.offline_seconds),
            phase("online", &self.online, self.online_seconds),
            counted(self.inferences, "inference"),
        );
        let cpu =
            self.cpu_seconds.map(|t| format!("; processor {}", seconds(t))).unwrap_or_default();
        let memory =
            self.peak_memory.map(|m| format!("; peak memory {}", bytes(m))).unwrap_or_default();
        let each = match self.each {
            Some(each) if self.inferences > 1 => format!(
                "\nper inference {}, {:.1} rounds; {:.2} inferences per second",
                bytes(each.bytes),
                each.rounds,
                each.per_second
            ),
            _ => String::new(),
        };
        format!("{table}\n{total}{cpu}{memory}{each}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_times_read_well() {
        for (n, text) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.00 kB"),
            (12_345, "12.3 kB"),
            (999_499, "999 kB"),
            (999_500, "1.00 MB"),
            (37_512_000_000, "37.5 GB"),
        ] {
            assert_eq!(bytes(n), text);
        }
        assert_eq!(seconds(0.0123), "12.3 ms");
        assert_eq!(seconds(1.5), "1.50 s");
        assert_eq!(seconds(123.0), "123 s");
    }
}
